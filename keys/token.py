"""
Owns the form of a key: minting, parsing, and the tag by which what was not issued here is refused at once.

    kd_<public id: 16>_<secret: 32><tag: 10>        letters and digits throughout, 62 characters with the prefix kd

The secret has 32 characters of 62, 190.5 bits. The tag is HMAC-SHA-256 (RFC 2104) under a key derived from the server
key, over everything before it, reduced to 10 characters: 59.5 bits.
"""

import hmac
import secrets
import string
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NoReturn

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PUBLIC_ID_LENGTH = 16
SECRET_LENGTH = 32
TAG_LENGTH = 10
TAIL_LENGTH = SECRET_LENGTH + TAG_LENGTH
HINT_BEGINNING = 6
PREFIX_LENGTH_AT_MOST = 12
PROGRAM_TOKEN_KINDS = ("s", "o")
"""Added to the prefix of API keys, they make the prefixes of service tokens and operator tokens: kds_…, kdo_…."""
PATTERN = (
    rf"[a-z][a-z0-9]{{0,{PREFIX_LENGTH_AT_MOST - 1}}}_[0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}}_[0-9A-Za-z]{{{TAIL_LENGTH}}}"
)
"""Every key, whatever its prefix; with the prefix as it comes: kd_[0-9A-Za-z]{16}_[0-9A-Za-z]{42}."""
LIKE_A_KEY = rf"([A-Za-z][0-9A-Za-z]{{0,{PREFIX_LENGTH_AT_MOST}}})_([0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}})_"
"""How a key or a program's token begins, in capitals too: what follows is secret, however little of it is there."""

_CHARACTERS = frozenset(ALPHABET)
_TAG_RANGE = len(ALPHABET) ** TAG_LENGTH


class Secret:
    """A text that prints as nothing: not in a log, an error, a debugger's dump or a pickle."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Every call of this is a place where a secret leaves its type."""
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
    """The operator's server keys: the first signs, all verify. Printed, they show ids alone."""

    __slots__ = ("_keys", "_tag_keys", "ids")

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        if not keys or any(len(key) < 32 for key in keys):
            raise ValueError("a server key has at least 32 bytes, and there is at least one")
        self._keys = keys
        self._tag_keys = self.derive("api key tag")
        self.ids = tuple(derived.hex()[:16] for derived in self.derive("server key id"))

    @property
    def signing_id(self) -> str:
        """The id of the key that signs."""
        return self.ids[0]

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """A key of 32 bytes for this purpose alone from each server key, in their order."""
        return tuple(hmac.digest(key, b"keydesk " + purpose.encode(), "sha256") for key in self._keys)

    def tag(self, text: str) -> str:
        """The signing key's tag over the text."""
        return _tag(self._tag_keys[0], text)

    def tagged_by(self, text: str, tag: str) -> str | None:
        """The id of the server key that made this tag over the text, or None. Takes the same time whichever it is."""
        found = None
        for key_id, key in zip(self.ids, self._tag_keys, strict=True):
            if hmac.compare_digest(_tag(key, text), tag):
                found = key_id
        return found

    def __repr__(self) -> str:
        return f"ServerKeys(ids={self.ids})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("server keys are not written anywhere")


@dataclass(frozen=True, slots=True)
class Minted:
    """A new key: `token` is the whole, `secret` the part that is hashed."""

    prefix: str
    public_id: str
    token: Secret
    secret: Secret
    last_four: str
    server_key_id: str


@dataclass(frozen=True, slots=True)
class Token:
    """What was presented, in the form of a key. Whether it was issued here is for `verify_tag` to say."""

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
    """A new key or, with a `public_id`, a new secret for the key that has it. `choose` is the randomness."""
    public_id = public_id or "".join(choose(ALPHABET) for _ in range(PUBLIC_ID_LENGTH))
    secret = "".join(choose(ALPHABET) for _ in range(SECRET_LENGTH))
    body = f"{prefix}_{public_id}_{secret}"
    token = body + server_keys.tag(body)
    return Minted(prefix, public_id, Secret(token), Secret(secret), token[-4:], server_keys.signing_id)


def parse(text: str, prefixes: Collection[str]) -> Token | None:
    """The parts of a key, or None where the text can't be one by its form."""
    prefix, _, rest = text.partition("_")
    public_id, _, tail = rest.partition("_")
    if (
        prefix not in prefixes
        or len(public_id) != PUBLIC_ID_LENGTH
        or len(tail) != TAIL_LENGTH
        or not _CHARACTERS.issuperset(public_id)
        or not _CHARACTERS.issuperset(tail)
    ):
        return None
    return Token(prefix, public_id, Secret(tail[:SECRET_LENGTH]), Secret(tail[SECRET_LENGTH:]))


def verify_tag(server_keys: ServerKeys, token: Token) -> str | None:
    """The id of the server key that tagged it, or None where it was not issued here as it stands."""
    return server_keys.tagged_by(f"{token.prefix}_{token.public_id}_{token.secret.reveal()}", token.tag.reveal())


def hint(prefix: str, public_id: str, last_four: str) -> str:
    """Enough of a key to recognise it by, such as kd_Ab3dEf…x9Qz."""
    return f"{prefix}_{public_id[:HINT_BEGINNING]}…{last_four}"


def valid_prefix(text: str) -> bool:
    """1 to 12 small letters and digits, a letter first."""
    return (
        1 <= len(text) <= PREFIX_LENGTH_AT_MOST
        and text.isascii()
        and text.isalnum()
        and text == text.lower()
        and text[0].isalpha()
    )


def _tag(key: bytes, text: str) -> str:
    number = int.from_bytes(hmac.digest(key, text.encode(), "sha256")) % _TAG_RANGE
    characters = []
    for _ in range(TAG_LENGTH):
        number, index = divmod(number, len(ALPHABET))
        characters.append(ALPHABET[index])
    return "".join(characters)
