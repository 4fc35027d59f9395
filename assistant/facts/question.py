"""A message as it was understood: the words, what they may be about, and the key that they refer to."""

from dataclasses import dataclass, field

from assistant.facts.conversation_state import ConversationState
from assistant.facts.key_reference import KeyReference
from assistant.intents.understand import Understood


@dataclass(frozen=True, slots=True)
class Question:
    """A redacted message with what was understood of it, and what the conversation was about before."""

    text: str
    understood: Understood
    bare: str = ""
    """The text with the word *key* in place of the name of the key that is meant."""
    meant: KeyReference = field(default_factory=KeyReference)
    subject: ConversationState | None = None
    request_is_attached: bool = False
    """Whether the request comes from the page that the person was looking at, and not from the text."""
