"""What is stored of a conversation between two messages, so that the next message can refer to it."""

import re
from uuid import UUID

import msgspec

from assistant.intents.topics import Topic


class ConversationState(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    What the last answer was about.

    `offered` are the keys that the answer named, in order. `replies` are the ids of its suggestions; an older version
    stored their sentences.
    """

    topic: Topic
    key_id: UUID | None = None
    offered: tuple[UUID, ...] = ()
    replies: tuple[str, ...] = ()
    request_id: str | None = None
    language: str | None = None
    """The language of the answer. None if an older version gave it."""


_ORDINALS = tuple(
    re.compile(rf"^(?:the |option |number |no\.? |#)?(?:{words})(?: (?:one|option|reply))?[.!]?$", re.IGNORECASE)
    for words in ("1|first|1st|one|former", "2|second|2nd|two", "3|third|3rd|three")
)
_LAST = re.compile(r"^(?:the )?(?:last|latter)(?: (?:one|option))?[.!]?$", re.IGNORECASE)


def to_json(state: ConversationState) -> str:
    """The form in which a state is stored."""
    return msgspec.json.encode(state).decode()


def from_json(stored: str | None) -> ConversationState | None:
    """Reads a stored state. None if there is none, or if this version can't read it."""
    if stored is None:
        return None
    try:
        return msgspec.json.decode(stored, type=ConversationState)
    except msgspec.MsgspecError:
        return None


def chosen(text: str, state: ConversationState | None) -> str | None:
    """The reply that a message such as *the second one* chooses, or None."""
    replies = () if state is None else state.replies
    said = text.strip()
    for place, ordinal in enumerate(_ORDINALS[: len(replies)]):
        if ordinal.match(said):
            return replies[place]
    return replies[-1] if replies and _LAST.match(said) else None
