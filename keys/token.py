"""Keys as strings: minted, taken apart, and their tag checked; and `Secret`, the type for what must never be printed.

A key is `kd_<public id>_<secret><tag>`, fixed in length. The public id finds the row and may be logged. The secret has
190 bits from the operating system's generator. The tag is a MAC over everything before it: a key that was not issued
here, or was altered on the way, is refused without a look at the database and without a password hash.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, NoReturn, final

from keys.form import PATTERN as PATTERN
from keys.form import PUBLIC_ID_LENGTH, SECRET_LENGTH, TAG_LENGTH, Malformed, find_fault

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(first + second for first in _BASE62 for second in _BASE62)
_PREFIX = re.compile(r"[a-z][a-z0-9]{0,11}", re.ASCII)
_TAG_SPACE = 62**TAG_LENGTH
_HINT_LENGTH = 6
_SERVER_KEY_BYTES = 32

RandBelow = Callable[[int], int]
"""A source of randomness: a uniform whole number in [0, n), as `secrets.randbelow` gives."""


@final
class Secret:
    """A text that nothing prints: not repr, str or format, no pickle, no copy. `reveal()` is the one way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __format__(self, specification: str) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(
            self._text.encode("utf-8", "surrogatepass"), other._text.encode("utf-8", "surrogatepass")
        )

    __hash__ = None  # type: ignore[assignment]  # a hash would be a place where the secret is looked up and leaks

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret can't be pickled or copied")


@final
class ServerKeys:
    """The server's own keys: the first signs, all verify; what they are used for, each use has derived keys of its own.

    `ids` are fingerprints that may be stored and shown: each living secret knows by them which server key tagged it.
    """

    __slots__ = ("_derived", "_raw", "ids", "signing_id")

    def __init__(self, raw: Sequence[bytes]) -> None:
        """Raises ValueError for none, for one shorter than 32 bytes, and for the same one twice."""
        if not raw:
            raise ValueError("at least one server key is needed")
        if any(len(key) < _SERVER_KEY_BYTES for key in raw):
            raise ValueError(f"a server key has at least {_SERVER_KEY_BYTES} bytes")
        self._raw = tuple(bytes(key) for key in raw)
        self._derived: dict[str, tuple[bytes, ...]] = {}
        self.ids: tuple[str, ...] = tuple(key.hex()[:16] for key in self.derive("fingerprint"))
        self.signing_id: str = self.ids[0]
        if len(set(self.ids)) < len(self.ids):
            raise ValueError("the same server key is there twice")

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """32 bytes for this purpose from each server key, in their order: sign with the first, verify with all."""
        if (known := self._derived.get(purpose)) is not None:
            return known
        label = b"keydesk: " + purpose.encode()
        derived = tuple(hmac.digest(key, label, hashlib.sha256) for key in self._raw)
        self._derived[purpose] = derived
        return derived

    def __repr__(self) -> str:
        return f"ServerKeys(ids={self.ids!r})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("server keys can't be pickled or copied")


@dataclass(frozen=True, slots=True)
class Minted:
    """A key just made: `token` is what its owner is given, `secret` the part that is hashed and stored."""

    public_id: str
    token: Secret
    secret: Secret
    prefix: str
    last_four: str
    server_key_id: str


class Token(NamedTuple):
    """A text that has the form of a key, taken apart. Whether it was issued here, `verify_tag` tells."""

    prefix: str
    public_id: str
    secret: Secret
    tag: Secret


def is_prefix(text: str) -> bool:
    """Whether keys may begin with this: 1 to 12 lowercase letters and digits, a letter first."""
    return _PREFIX.fullmatch(text) is not None


def mint(
    server_keys: ServerKeys, prefix: str, *, public_id: str | None = None, randbelow: RandBelow = secrets.randbelow
) -> Minted:
    """A new key; with `public_id`, a new secret for the key that has it. Raises ValueError for a prefix that isn't one."""
    if not is_prefix(prefix):
        raise ValueError("a key's prefix has 1 to 12 lowercase letters and digits and begins with a letter")
    public_id = public_id or _random_text(PUBLIC_ID_LENGTH, randbelow)
    secret = _random_text(SECRET_LENGTH, randbelow)
    body = f"{prefix}_{public_id}_{secret}"
    tag = _tag(server_keys.derive("key tag")[0], body)
    return Minted(public_id, Secret(body + tag), Secret(secret), prefix, tag[-4:], server_keys.signing_id)


def parse(text: str, prefixes: Sequence[str]) -> Token | Malformed:
    """Take a key apart, or say what is wrong with its form. Never looks at the tag."""
    if PATTERN.fullmatch(text) is None:
        return find_fault(text, prefixes)
    prefix, public_id, rest = text.split("_")
    if prefix not in prefixes:
        return find_fault(text, prefixes)
    return Token(prefix, public_id, Secret(rest[:SECRET_LENGTH]), Secret(rest[SECRET_LENGTH:]))


def verify_tag(server_keys: ServerKeys, token: Token) -> str | None:
    """The id of the server key that tagged this key, None when none of them did: it was not issued here as it stands."""
    body = f"{token.prefix}_{token.public_id}_{token.secret.reveal()}"
    presented = token.tag.reveal()
    for key, server_key_id in zip(server_keys.derive("key tag"), server_keys.ids, strict=True):
        if hmac.compare_digest(_tag(key, body), presented):
            return server_key_id
    return None


def hint(prefix: str, public_id: str, last_four: str) -> str:
    """Enough of a key to recognise it by, never enough to use it: `kd_Ab3dEf…x9Qz`."""
    return f"{prefix}_{public_id[:_HINT_LENGTH]}…{last_four}"


def _random_text(length: int, randbelow: RandBelow) -> str:
    return _in_base62(randbelow(62**length), length)


def _tag(key: bytes, body: str) -> str:
    digest = hmac.digest(key, body.encode(), "sha256")
    # 16 bytes into 59.5 bits: the remainder's bias is 2 to the -68, so every tag is as likely as another.
    return _in_base62(int.from_bytes(digest[:16], "big") % _TAG_SPACE, TAG_LENGTH)


def _in_base62(number: int, length: int) -> str:
    pairs = []
    for _ in range(length // 2):
        number, pair = divmod(number, 3844)
        pairs.append(_PAIRS[pair])
    return "".join(reversed(pairs))
