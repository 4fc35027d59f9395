"""
The form in which answers are stored as JSON. Answers of older versions must stay readable.

Keys are stored by id, so that a person who reads the answer later sees only keys that they may see at that time.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from assistant.explain.diagnosis import ActionKind, Case
from assistant.intents.language import ENGLISH


class StoredFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of evidence."""

    label: str
    value: str
    at: datetime | None = None


class StoredAction(msgspec.Struct, frozen=True, omit_defaults=True):
    """An action that was suggested."""

    kind: ActionKind
    label: str
    key_id: UUID | None = None


class StoredReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question that was suggested."""

    label: str
    message: str
    id: str = ""
    """The id of the suggestion. Empty in answers of older versions."""


class StoredCitation(msgspec.Struct, frozen=True):
    """A section of the documentation: its title, and its path on this server."""

    title: str
    url: str


class ForSupport(msgspec.Struct, frozen=True, omit_defaults=True):
    """The summary and the evidence of an answer in English, in which tickets are written."""

    summary: str
    evidence: tuple[StoredFact, ...] = ()


class StoredAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A diagnosis with its suggestions and citations."""

    case: Case
    summary: str
    evidence: tuple[StoredFact, ...] = ()
    steps: tuple[str, ...] = ()
    key_id: UUID | None = None
    offers: tuple[StoredAction, ...] = ()
    replies: tuple[StoredReply, ...] = ()
    citations: tuple[StoredCitation, ...] = ()
    language: str = ENGLISH
    """The language of the words, by its short name. Older versions answered only in English."""
    for_support: ForSupport | None = None
    """Set if the words are not in English: what support reads of the answer."""
    reading: str | None = None
    """How the question was read, if the answer is tentative."""


def to_json(answer: StoredAnswer) -> str:
    """The form in which an answer is stored."""
    return msgspec.json.encode(answer).decode()


def read(stored: str | None) -> StoredAnswer | None:
    """
    Reads a message's stored answer. None if the message has none.

    Also None if another version stored the answer in a form that this version can't read. The message's text, which
    says the same, is shown then.
    """
    if stored is None:
        return None
    try:
        return msgspec.json.decode(stored, type=StoredAnswer)
    except msgspec.DecodeError:
        return None
