"""A message to the assistant before it is redacted and stored, and the values that identify a repeated message."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

import msgspec

from assistant.explain.suggestions import parse_suggestion_id
from assistant.language.languages import language_of_tag
from assistant.redaction.redact import LENGTH_AT_MOST
from keys.refusals import InvalidInput
from models.engine.ids import Prefix, parse_external_id
from resolvers.conversations import no_such_conversation


@dataclass(frozen=True, slots=True)
class AskRequest:
    """A message with its context. The message is not redacted yet, and the ids are not checked yet."""

    message: str
    conversation_id: UUID | None = None
    has_unreadable_conversation: bool = False
    client_message_id: str | None = None
    api_key_id: str | None = None
    request_id: str | None = None
    suggestion_id: str | None = None
    language: str | None = None
    """The tag of the language that the person chose for answers."""


class _Context(msgspec.Struct, frozen=True, omit_defaults=True):
    """The context of a question. A text that is not a valid id is stored as a digest, because it may be a secret."""

    key: str | None = None
    request: str | None = None
    suggestion: str | None = None


def check(request: AskRequest) -> None:
    """Raises InvalidInput if the message is empty or too long, or if an id or the language is not valid."""
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
    chosen_language(request.language)


def chosen_language(tag: str | None) -> str | None:
    """The short name of the language with this tag of BCP 47. Raises InvalidInput if it is no such tag."""
    try:
        return None if tag is None else language_of_tag(tag)
    except ValueError:
        raise InvalidInput("language", "Give the tag of a language, such as de, pt-BR or zh-Hans.") from None


def not_suggested() -> InvalidInput:
    """The refusal of a suggestion that this conversation was not offered."""
    return InvalidInput(
        "suggestionId", "This was not suggested in this conversation. Send the message without suggestionId."
    )


def stored_client_id(request: AskRequest) -> str | None:
    """The digest of the client's id: the id may be of any length and is only compared."""
    given = request.client_message_id
    return None if not given else hashlib.sha256(given.encode(errors="surrogatepass")).hexdigest()


def stored_context(request: AskRequest) -> str | None:
    """The context of the question in the form in which it is stored."""
    key, refused = _stored_id(Prefix.API_KEY, request.api_key_id), _stored_id(Prefix.REQUEST, request.request_id)
    context = _Context(key, refused, request.suggestion_id)
    return None if context == _Context() else msgspec.json.encode(context).decode()


def _stored_id(prefix: Prefix, given: str | None) -> str | None:
    if given is None or parse_external_id(prefix, given) is not None:
        return given
    return hashlib.sha256(given.encode(errors="surrogatepass")).hexdigest()[:32]
