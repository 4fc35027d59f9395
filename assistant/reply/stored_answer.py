"""
Owns the form in which an answer is kept: what was found, without a row of anything, so that it can be read years later.

Keys are kept by id: who reads the answer later sees of them what they may see then.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from assistant.explain.diagnosis import ActionKind, Case


class StoredFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that was looked at, what was found, and when that happened."""

    label: str
    value: str
    at: datetime | None = None


class StoredAction(msgspec.Struct, frozen=True, omit_defaults=True):
    """An action that the person could take."""

    kind: ActionKind
    label: str
    key_id: UUID | None = None


class StoredReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the person could send with one click."""

    label: str
    message: str
    id: str = ""
    """Empty in answers from before suggestions had ids."""


class StoredCitation(msgspec.Struct, frozen=True):
    """A passage of the documentation: its title, and a path on this server."""

    title: str
    url: str


class StoredAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A diagnosis as it is kept, with what was offered beside it."""

    case: Case
    summary: str
    evidence: tuple[StoredFact, ...] = ()
    steps: tuple[str, ...] = ()
    key_id: UUID | None = None
    offers: tuple[StoredAction, ...] = ()
    replies: tuple[StoredReply, ...] = ()
    citations: tuple[StoredCitation, ...] = ()


def to_json(answer: StoredAnswer) -> str:
    """How it is kept."""
    return msgspec.json.encode(answer).decode()


def read(stored: str | None) -> StoredAnswer | None:
    """
    A message's stored answer; None where it has none.

    None as well for an answer that another version stored in a form that this version can't read: the message's text,
    which holds the same words, is shown instead.
    """
    if stored is None:
        return None
    try:
        return msgspec.json.decode(stored, type=StoredAnswer)
    except msgspec.DecodeError:
        return None
