"""
Mints and parses API keys, and makes and verifies their tags. A key that was not issued here fails the tag check.

    kd_<public id: 16>_<secret: 32><tag: 10>        62 characters with the prefix kd

The three parts consist of ASCII letters and digits. The secret has 32 of them, 190.5 bits. The tag is HMAC-SHA-256 (RFC
2104) over everything before it, with a key derived from the server key, reduced to 10 characters: 59.5 bits.
"""

import hmac
import re
import secrets
import string
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING:  # minting and parsing keys must not load the database's libraries
    from models.key_queries import ApiKeyRecord

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PUBLIC_ID_LENGTH = 16
SECRET_LENGTH = 32
TAG_LENGTH = 10
TAIL_LENGTH = SECRET_LENGTH + TAG_LENGTH
HINT_BEGINNING = 6
PREFIX_LENGTH_AT_MOST = 12
PROGRAM_TOKEN_KINDS = ("s", "o")
"""Appended to the prefix of API keys, these make the prefixes of service tokens and operator tokens: kds_…, kdo_…."""
PATTERN = (
    rf"[a-z][a-z0-9]{{0,{PREFIX_LENGTH_AT_MOST - 1}}}_[0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}}_[0-9A-Za-z]{{{TAIL_LENGTH}}}"
)
"""Matches every key with any prefix. With the default prefix: kd_[0-9A-Za-z]{16}_[0-9A-Za-z]{42}."""
LIKE_A_KEY = rf"([A-Za-z][0-9A-Za-z]{{0,{PREFIX_LENGTH_AT_MOST}}})_([0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}})_"
"""Matches how a key or a program's token begins, in capitals too. Whatever follows is part of a secret."""

_KEY = re.compile(
    rf"([a-z][a-z0-9]*)_([0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH}}})([0-9A-Za-z]{{{TAG_LENGTH}}})"
)
_PAIRS = tuple(first + second for second in ALPHABET for first in ALPHABET)
"""Two characters of a tag for each number below 62 squared, the lower digit first."""
_TWO_DIGITS, _FOUR_DIGITS = len(ALPHABET) ** 2, len(ALPHABET) ** 4
_TAG_RANGE = len(ALPHABET) ** TAG_LENGTH


class Secret:
    """A text that is never printed: logs, errors and debuggers show nothing of it, and it can't be pickled."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Returns the text itself. Call it only where the secret is needed, so that the calls can be reviewed."""
        return self._text

    def __repr__(self) -> str:
        return "Secret()"

    def __str__(self) -> str:
        return ""

    def __format__(self, specification: str) -> str:
        return ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


class ServerKeys:
    """The operator's server keys: the first signs, all verify. Printing them shows only their ids."""

    __slots__ = ("_keys", "_tag_macs", "ids")

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        if not keys or any(len(key) < 32 for key in keys):
            raise ValueError("a server key has at least 32 bytes, and there is at least one")
        self._keys = keys
        # Ready to be copied, which takes half the time of starting from the key.
        self._tag_macs = tuple(hmac.new(key, digestmod="sha256") for key in self.derive("api key tag"))
        self.ids = tuple(derived.hex()[:16] for derived in self.derive("server key id"))

    @property
    def signing_id(self) -> str:
        """The id of the key that signs."""
        return self.ids[0]

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """Derives a 32-byte key for this purpose from each server key, in the same order (HMAC-SHA-256)."""
        return tuple(hmac.digest(key, b"keydesk " + purpose.encode(), "sha256") for key in self._keys)

    def tag(self, text: str) -> str:
        """The tag over the text, made with the signing key."""
        return _tag(self._tag_macs[0], text)

    def tagged_by(self, text: str, tag: str) -> str | None:
        """
        The id of the server key that made this tag over the text, or None.

        Always tries all keys, so that the time does not depend on which one matches.
        """
        found = None
        for key_id, mac in zip(self.ids, self._tag_macs, strict=True):
            if hmac.compare_digest(_tag(mac, text), tag):
                found = key_id
        return found

    def __repr__(self) -> str:
        return f"ServerKeys(ids={self.ids})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("server keys are not written anywhere")


@dataclass(frozen=True, slots=True)
class Minted:
    """A new key: `token` is the whole key, `secret` the part of it that is hashed."""

    prefix: str
    public_id: str
    token: Secret
    secret: Secret
    last_four: str
    server_key_id: str


class Token(NamedTuple):
    """A presented text that has the form of a key. `verify_tag` checks whether it was issued here."""

    prefix: str
    public_id: str
    secret: Secret
    tag: Secret


def mint(
    server_keys: ServerKeys,
    prefix: str,
    *,
    public_id: str | None = None,
    choose: Callable[[str], str] = secrets.choice,
) -> Minted:
    """
    Makes a new key or, with a `public_id`, a new secret for the key that has it.

    `choose` picks a random character out of a text; tests replace it.
    """
    public_id = public_id or "".join(choose(ALPHABET) for _ in range(PUBLIC_ID_LENGTH))
    secret = "".join(choose(ALPHABET) for _ in range(SECRET_LENGTH))
    body = f"{prefix}_{public_id}_{secret}"
    token = body + server_keys.tag(body)
    return Minted(prefix, public_id, Secret(token), Secret(secret), token[-4:], server_keys.signing_id)


def parse(text: str, prefixes: Collection[str]) -> Token | None:
    """Splits a key into its parts; None if the text does not have the form of a key with one of these prefixes."""
    found = _KEY.fullmatch(text)
    if found is None:
        return None
    prefix, public_id, secret, tag = found.groups()
    return Token(prefix, public_id, Secret(secret), Secret(tag)) if prefix in prefixes else None


def verify_tag(server_keys: ServerKeys, token: Token) -> str | None:
    """The id of the server key that made the token's tag, or None if the token was not issued here or was altered."""
    return server_keys.tagged_by(f"{token.prefix}_{token.public_id}_{token.secret.reveal()}", token.tag.reveal())


def hint(prefix: str, public_id: str, last_four: str) -> str:
    """The key's hint, such as kd_Ab3dEf…x9Qz, by which people recognize it."""
    return f"{prefix}_{public_id[:HINT_BEGINNING]}…{last_four}"


def hint_of(key: "ApiKeyRecord") -> str:
    """The key's hint, such as kd_Ab3dEf…x9Qz, by which people recognize it."""
    return hint(key.prefix, key.public_id, key.last_four)


def valid_prefix(text: str) -> bool:
    """Whether the text is 1 to 12 lower-case ASCII letters and digits, a letter first."""
    return (
        1 <= len(text) <= PREFIX_LENGTH_AT_MOST
        and text.isascii()
        and text.isalnum()
        and text == text.lower()
        and text[0].isalpha()
    )


def _tag(mac: hmac.HMAC, text: str) -> str:
    mac = mac.copy()
    mac.update(text.encode())
    number = int.from_bytes(mac.digest()) % _TAG_RANGE
    # Five pairs, without a loop: this runs for every verification.
    lower, upper = number % _FOUR_DIGITS, number // _FOUR_DIGITS
    return (
        f"{_PAIRS[lower % _TWO_DIGITS]}{_PAIRS[lower // _TWO_DIGITS]}{_PAIRS[upper % _TWO_DIGITS]}"
        f"{_PAIRS[upper // _TWO_DIGITS % _TWO_DIGITS]}{_PAIRS[upper // _FOUR_DIGITS]}"
    )
