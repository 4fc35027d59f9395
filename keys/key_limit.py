"""Decides how many key slots are left, what a key may be called, and which key to delete first to free a slot."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar
from uuid import UUID

from keys.looks_like_a_key import is_like_a_key
from keys.refusals import InvalidInput
from keys.text import is_unprintable, visible

NAME_LENGTH_AT_MOST = 64
DECOMPOSED_LENGTH_AT_MOST = 4 * NAME_LENGTH_AT_MOST
"""A name in decomposed form may be this long: no character decomposes into more than four."""
KEY_AS_NAME = (
    "This is an API key, not a name. Names are stored and shown unencrypted, so nothing was stored. "
    "Choose another name; if others may have seen this key, rotate it."
)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many slots an organization uses (`used`) and has (`limit`). `used` exceeds `limit` after it was lowered."""

    used: int
    limit: int

    @property
    def remaining(self) -> int:
        """The number of free slots, never negative."""
        return max(0, self.limit - self.used)


def valid_name(text: str, *, field: str = "name") -> str:
    """
    Returns the name as it is stored: without white space around it, in Unicode's NFC.

    A name has 1 to 64 characters, at least one of them visible, and is not an API key, because names are stored and
    shown in clear text. Raises InvalidInput for `field`; its message says what is wrong without repeating the name.
    """
    name = text.strip()
    if is_like_a_key(name):
        raise InvalidInput(field, KEY_AS_NAME)
    if len(name) <= DECOMPOSED_LENGTH_AT_MOST:  # composing takes time with the square of the length
        name = unicodedata.normalize("NFC", name)
    if not name:
        raise InvalidInput(field, "Enter a name of 1 to 64 characters.")
    if len(name) > NAME_LENGTH_AT_MOST:
        raise InvalidInput(field, f"The name has {len(name)} characters; use at most {NAME_LENGTH_AT_MOST}.")
    for character in name:
        if is_unprintable(character):
            code = f"U+{ord(character):04X}"
            raise InvalidInput(field, f"The name contains an invisible character ({code}); remove it.")
    if not visible(name).strip():
        raise InvalidInput(field, "The name has only invisible characters. Use letters, digits or symbols.")
    return name


def folded_name(name: str) -> str:
    """The form in which names are compared: those that differ only in case or in composition have the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


class Freeable(Protocol):
    """The facts about a key that decide how soon to delete it."""

    @property
    def id(self) -> UUID: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def last_used_at(self) -> datetime | None: ...


Key = TypeVar("Key", bound=Freeable)


def candidates_to_free(keys: Iterable[Key]) -> list[Key]:
    """Sorts keys by how soon to delete them: never used first, then longest unused, then oldest."""
    return sorted(keys, key=lambda key: (key.last_used_at or _NEVER, key.created_at, key.id))
