"""A message as it comes to the assistant, and as it is understood."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from assistant.facts.conversation_state import ConversationState
from assistant.facts.key_reference import KeyReference
from assistant.intents.topics import Topic
from assistant.intents.understand import Understood
from assistant.redaction.redact import Piece


@dataclass(frozen=True, slots=True)
class Inquiry:
    """
    A redacted message with what came with it: what was taken out of it, and what the person was looking at.

    `may_look_up` are the public ids of pasted keys that may be looked up; `suggestion_id` is the suggestion that was
    clicked.
    """

    text: str
    pieces: Sequence[Piece] = ()
    may_look_up: Collection[str] = ()
    looking_at: str | None = None
    request_id: str | None = None
    suggestion_id: str | None = None
    subject: ConversationState | None = None
    has_ticket: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A redacted message with what was understood of it, and what the conversation was about before."""

    text: str
    understood: Understood
    bare: str = ""
    """The text with the word *key* in place of the name of the key that is meant."""
    meant: KeyReference = field(default_factory=KeyReference)
    subject: ConversationState | None = None
    suggested: Topic | None = None
    """The topic of the suggestion that was clicked, or whose sentence was typed."""
    request_id: str | None = None
    request_is_attached: bool = False
    """Whether the request comes from the page that the person was looking at, and not from the text."""
