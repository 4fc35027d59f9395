"""A message as it reaches the assistant (`Inquiry`), and as it is understood (`Question`)."""

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
    A redacted message with its context: the secrets that were removed, and what the person was looking at.

    `may_look_up` are the public ids of pasted keys that may be looked up; `suggestion_id` is the suggestion that was
    clicked. `language` is set if the person chose the language of the answer.
    """

    text: str
    pieces: Sequence[Piece] = ()
    may_look_up: Collection[str] = ()
    looking_at: str | None = None
    request_id: str | None = None
    suggestion_id: str | None = None
    state: ConversationState | None = None
    has_ticket: bool = False
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A redacted message with its interpretation, and the state of the conversation before it."""

    text: str
    understood: Understood
    bare: str = ""
    """The text with the word *key* in place of the name of the key that it refers to."""
    meant: KeyReference = field(default_factory=KeyReference)
    state: ConversationState | None = None
    suggested: Topic | None = None
    """The topic of the suggestion that was clicked or typed."""
    chosen: Topic | None = None
    """The topic that the operator's model chose of those that the message may be about."""
    request_id: str | None = None
    request_is_attached: bool = False
    """Whether `request_id` comes from the page that the person was looking at, and not from the text."""
