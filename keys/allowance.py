"""Owns the slots: how many are left, what a key may be called, and which key to free a slot with."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar
from uuid import UUID

from keys.refusals import InvalidInput

NAME_LENGTH_AT_MOST = 64
DECOMPOSED_LENGTH_AT_MOST = 4 * NAME_LENGTH_AT_MOST
"""No character of a name is composed of more than four."""
_NEVER = datetime.min.replace(tzinfo=UTC)
_NOT_IN_A_NAME = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: control, format, surrogate, private, unassigned, and line and paragraph separators."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many of an organization's slots are taken, of how many; after a limit was lowered it may be more."""

    used: int
    limit: int

    @property
    def remaining(self) -> int:
        """Slots that are free."""
        return max(0, self.limit - self.used)


def valid_name(text: str, *, field: str = "name") -> str:
    """
    The name as it is kept: without white space around it, in Unicode's NFC; 1 to 64 characters.

    Raises InvalidInput of the field, saying what is wrong.
    """
    name = text.strip()
    if len(name) <= DECOMPOSED_LENGTH_AT_MOST:  # composing takes time with the square of the length
        name = unicodedata.normalize("NFC", name)
    if not name:
        raise InvalidInput(field, "Give it a name of 1 to 64 characters.")
    if len(name) > NAME_LENGTH_AT_MOST:
        raise InvalidInput(field, f"The name has {len(name)} characters; use at most {NAME_LENGTH_AT_MOST}.")
    for character in name:
        if unicodedata.category(character) in _NOT_IN_A_NAME:
            code = f"U+{ord(character):04X}"
            raise InvalidInput(field, f"The name has a character that can't be seen ({code}); leave it out.")
    return name


class Freeable(Protocol):
    """What is known of a key that could be deleted to free its slot."""

    @property
    def id(self) -> UUID: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def last_used_at(self) -> datetime | None: ...


Key = TypeVar("Key", bound=Freeable)


def candidates_to_free(keys: Iterable[Key]) -> list[Key]:
    """In the order in which to think of deleting them: never used first, then the longest unused, then the oldest."""
    return sorted(keys, key=lambda key: (key.last_used_at or _NEVER, key.created_at, key.id))
