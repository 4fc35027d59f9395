"""What redaction finds in a pasted text: the kinds of secrets, their positions, and the markers that replace them."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from keys.token import HINT_BEGINNING, PUBLIC_ID_LENGTH, TAIL_LENGTH, Secret, hint

SHOWN_OF_PUBLIC_ID = 4
"""How many characters of a public id a marker shows. Not more than the hint shows."""


class Kind(StrEnum):
    """The kinds of secrets. If two overlap, the kind that comes first here decides the marker."""

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
"""The markers that replace secrets in the text. Markers of keys and of vendors' credentials are more specific."""


@dataclass(frozen=True, slots=True)
class LikeAKey:
    """
    A text that looks like a Keydesk key or a part of one. Parts that are missing are empty.

    `tail` is everything after the public id, `ending` the last four characters if they are known. `masked` says that a
    part was replaced by stars or dots.
    """

    prefix: str = ""
    public_id: str = ""
    tail: Secret = field(default_factory=partial(Secret, ""))
    ending: str = ""
    masked: bool = False

    @property
    def whole(self) -> Secret:
        """The key from its prefix to its tail, as far as they are known."""
        return Secret(f"{self.prefix}_{self.public_id}_{self.tail.reveal()}")

    @property
    def ended(self) -> bool:
        """Whether the tail has its full length and nothing is masked."""
        return not self.masked and len(self.tail.reveal()) == TAIL_LENGTH

    @property
    def complete(self) -> bool:
        """Whether all parts of a key have their full length."""
        return self.ended and bool(self.prefix) and len(self.public_id) == PUBLIC_ID_LENGTH

    @property
    def missing(self) -> int:
        """How many characters are missing at the end; 0 if that is not known."""
        if self.masked or not self.prefix or len(self.public_id) != PUBLIC_ID_LENGTH:
            return 0
        return TAIL_LENGTH - len(self.tail.reveal())

    @property
    def hint(self) -> str | None:
        """The hint, or the known part of it: kd_Ab3dEf… without the end, …x9Qz without the beginning; or None."""
        if not self.prefix:
            return f"…{self.ending}" if self.ending else None
        return hint(self.prefix, self.public_id, self.ending)


@dataclass(frozen=True, slots=True)
class Found:
    """
    A secret in the text from `start` to `end`, and the marker that replaces it.

    `is_shown` says that the key was found in a dump or a list of bytes. Its form is then judged by the decoded key, not
    by the text of the dump.
    """

    start: int
    end: int
    kind: Kind
    marker: str
    key: LikeAKey | None = None
    is_shown: bool = False

    @property
    def discreet(self) -> bool:
        """Whether it shows no more than a hint, so that it may stay in the text."""
        key = self.key
        return key is not None and key.masked and not key.tail.reveal() and len(key.public_id) <= HINT_BEGINNING


def found_key(span: tuple[int, int], key: LikeAKey) -> Found:
    """A finding of something like a Keydesk key, with a marker such as [key kd_ab12…]."""
    beginning = f" {key.prefix}_{key.public_id[:SHOWN_OF_PUBLIC_ID]}…" if key.prefix else ""
    return Found(*span, Kind.KEY, f"[key{beginning}]", key)
