"""Owns what may be found in a pasted text: its kinds, and where one stands."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from keys.token import HINT_BEGINNING, PUBLIC_ID_LENGTH, TAIL_LENGTH, Secret, hint

SHOWN_OF_PUBLIC_ID = 4
"""Characters of a public id that stand in the text: no more than the hint has."""


class Kind(StrEnum):
    """What was pasted. Where two overlap, the earlier of these tells what stands in the text instead."""

    PRIVATE_KEY = "private key"
    KEY = "key"
    VENDOR = "vendor"
    COOKIE = "cookie"
    PASSWORD = "password"  # noqa: S105 - a kind of one
    TOKEN = "token"  # noqa: S105 - a kind of one
    SECRET = "secret"  # noqa: S105 - a kind of one


MARKERS = {
    Kind.COOKIE: "[cookie]",
    Kind.PASSWORD: "[password]",
    Kind.TOKEN: "[token]",
    Kind.SECRET: "[secret]",
    Kind.PRIVATE_KEY: "[private key]",
}
"""What the text has in place of them; a key's and a vendor's says more."""


@dataclass(frozen=True, slots=True)
class LikeAKey:
    """What is left of something like a key of ours. `masked` where a part of it was replaced by stars or dots."""

    prefix: str = ""
    public_id: str = ""
    tail: Secret = field(default_factory=partial(Secret, ""))
    ending: str = ""
    masked: bool = False

    @property
    def whole(self) -> Secret:
        """The key, as far as it is there."""
        return Secret(f"{self.prefix}_{self.public_id}_{self.tail.reveal()}")

    @property
    def ended(self) -> bool:
        """Its last part is all there."""
        return not self.masked and len(self.tail.reveal()) == TAIL_LENGTH

    @property
    def complete(self) -> bool:
        """It has all characters of a key."""
        return self.ended and bool(self.prefix) and len(self.public_id) == PUBLIC_ID_LENGTH

    @property
    def missing(self) -> int:
        """How many characters it lacks at its end, as far as can be told."""
        if self.masked or not self.prefix or len(self.public_id) != PUBLIC_ID_LENGTH:
            return 0
        return TAIL_LENGTH - len(self.tail.reveal())

    @property
    def hint(self) -> str | None:
        """The hint, or as much of it as is known: kd_Ab3dEf… without the end, …x9Qz without the beginning."""
        if not self.prefix:
            return f"…{self.ending}" if self.ending else None
        return hint(self.prefix, self.public_id, self.ending)


@dataclass(frozen=True, slots=True)
class Found:
    """
    A piece of the text from `start` to `end`, and what is said in its place.

    `is_shown` where the text is a dump or a list of bytes, by which somebody looks at a key: what is wrong with the
    key's form is then judged by the key itself, and not by how it is shown.
    """

    start: int
    end: int
    kind: Kind
    marker: str
    key: LikeAKey | None = None
    is_shown: bool = False

    @property
    def discreet(self) -> bool:
        """It shows no more than a hint does, so it may stay."""
        key = self.key
        return key is not None and key.masked and not key.tail.reveal() and len(key.public_id) <= HINT_BEGINNING


def found_key(span: tuple[int, int], key: LikeAKey) -> Found:
    """Something like a key of ours, with the marker for it: [key kd_ab12…]."""
    beginning = f" {key.prefix}_{key.public_id[:SHOWN_OF_PUBLIC_ID]}…" if key.prefix else ""
    return Found(*span, Kind.KEY, f"[key{beginning}]", key)
