"""
Makes and recognizes the tokens of programs: service tokens (kds_…) and operator tokens (kdo_…).

A token has the form of an API key (`keys/token.py`), with a prefix of its own: that of API keys, and a letter for the
kind. Its secret has 190.5 random bits, so no password hash is needed. The database stores only a keyed digest of the
whole token (HMAC-SHA-256, RFC 2104, with a key derived from a server key), by which the token is found.
"""

import hmac
from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from keys.token import PROGRAM_TOKEN_KINDS, Secret, ServerKeys, mint, parse, verify_tag


class Kind(StrEnum):
    """The kinds of tokens. The values are stored."""

    SERVICE = "service"
    """Acts with a role in one organization, whose admins make it."""
    OPERATOR = "operator"
    """Does what its rights name, in all organizations. The operator makes it on the command line."""


LETTERS = dict(zip(Kind, PROGRAM_TOKEN_KINDS, strict=True))
"""The letter of each kind, which follows the prefix of API keys."""


class NewToken(NamedTuple):
    """A new token, with what is stored of it: everything but `token` itself."""

    token: Secret
    prefix: str
    public_id: str
    last_four: str
    digest: str
    server_key_id: str


class ProgramTokens:
    """Makes this installation's tokens, and the digests by which presented ones are found."""

    __slots__ = ("_keys", "_prefix", "_prefixes", "_server_keys")

    def __init__(self, server_keys: ServerKeys, prefixes: Collection[str]) -> None:
        """`prefixes` are those of API keys, the current one first. Tokens with the earlier ones go on working."""
        self._server_keys = server_keys
        self._keys = dict(zip(server_keys.ids, server_keys.derive("program token digest"), strict=True))
        self._prefix = next(iter(prefixes))
        self._prefixes = frozenset(prefix + letter for prefix in prefixes for letter in PROGRAM_TOKEN_KINDS)

    def make(self, kind: Kind) -> NewToken:
        """A new token of this kind."""
        minted = mint(self._server_keys, self._prefix + LETTERS[kind])
        return NewToken(
            minted.token,
            minted.prefix,
            minted.public_id,
            minted.last_four,
            self._digest(minted.server_key_id, minted.token.reveal()),
            minted.server_key_id,
        )

    def digest(self, text: str) -> str | None:
        """
        The digest under which a presented token is stored; None if this text was not made here.

        A token that was made with a server key that is gone was not made here, as far as can be told.
        """
        token = parse(text, self._prefixes)
        key_id = None if token is None else verify_tag(self._server_keys, token)
        return None if key_id is None else self._digest(key_id, text)

    def _digest(self, server_key_id: str, token: str) -> str:
        return hmac.digest(self._keys[server_key_id], token.encode(), "sha256").hex()
