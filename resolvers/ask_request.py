"""What a person sends to the assistant, before anything of it is redacted or stored, and what identifies it."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

import msgspec

from assistant.explain.suggestions import parse_suggestion_id
from assistant.redaction.redact import LENGTH_AT_MOST
from keys.refusals import InvalidInput
from models.engine.ids import Prefix, parse_external_id
from resolvers.conversations import no_such_conversation


@dataclass(frozen=True, slots=True)
class AskRequest:
    """What a person sends. The message is not redacted yet; the ids are as they came."""

    message: str
    conversation_id: UUID | None = None
    has_unreadable_conversation: bool = False
    client_message_id: str | None = None
    api_key_id: str | None = None
    request_id: str | None = None
    suggestion_id: str | None = None


class _Context(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was looked at: ids that have the form of one, and a digest of anything else, so that no secret is kept."""

    key: str | None = None
    request: str | None = None
    suggestion: str | None = None


def check(request: AskRequest) -> None:
    """Raises InvalidInput if the message is empty or too long, or if the conversation's id can't be read."""
    length = len(request.message)
    if not request.message.strip():
        raise InvalidInput("message", f"Write a message of 1 to {LENGTH_AT_MOST:,} characters.")
    if length > LENGTH_AT_MOST:
        raise InvalidInput(
            "message",
            f"The message has {length:,} characters; send at most {LENGTH_AT_MOST:,}. Leave out what is alike.",
        )
    if request.has_unreadable_conversation:
        raise no_such_conversation()
    if request.suggestion_id is not None and parse_suggestion_id(request.suggestion_id) is None:
        raise not_suggested()


def not_suggested() -> InvalidInput:
    """What is said of a suggestion that the conversation was not offered."""
    return InvalidInput(
        "suggestionId", "This was not suggested in this conversation. Send the message without suggestionId."
    )


def stored_client_id(request: AskRequest) -> str | None:
    """The digest of the client's id, which comes from outside, may be of any length, and is only ever compared."""
    given = request.client_message_id
    return None if not given else hashlib.sha256(given.encode(errors="surrogatepass")).hexdigest()


def stored_context(request: AskRequest) -> str | None:
    """What the person was looking at, as it is stored with the question."""
    key, refused = _stored_id(Prefix.API_KEY, request.api_key_id), _stored_id(Prefix.REQUEST, request.request_id)
    context = _Context(key, refused, request.suggestion_id)
    return None if context == _Context() else msgspec.json.encode(context).decode()


def _stored_id(prefix: Prefix, given: str | None) -> str | None:
    if given is None or parse_external_id(prefix, given) is not None:
        return given
    return hashlib.sha256(given.encode(errors="surrogatepass")).hexdigest()[:32]
