"""
Makes the tokens of links, of which the database keeps only a digest.

The token of a link in a mail is made of the id and the random nonce of its row, and of a key derived from the server
key (HMAC-SHA-256, RFC 2104). So a mail that is sent again has the same link, and a copy of the database makes no links.
A token has 160 bits. The code in a link that a host product asks for is random, because it is shown only once.
"""

import hashlib
import hmac
import re
import secrets
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from keys.token import Secret, ServerKeys

TOKEN_LENGTH = 40
NONCE_BYTES = 16
_FORM = re.compile(rf"[0-9a-f]{{{TOKEN_LENGTH}}}")


class Page(StrEnum):
    """The pages that links lead to. A token is good for one of them only."""

    INVITATION = "/invitation"
    RESET_PASSWORD = "/reset-password"  # noqa: S105 - a path
    ENTER = "/enter"


class Link(NamedTuple):
    """A token with what is stored of it: its nonce, and its digest."""

    token: Secret
    nonce: str
    digest: str


class Links:
    """Makes and finds again the tokens of this installation's links."""

    def __init__(self, server_keys: ServerKeys, public_url: str) -> None:
        self._keys = server_keys.derive("link")
        self._public_url = public_url

    def make(self, page: Page, row_id: UUID) -> Link:
        """A new token for the row with this id."""
        nonce = secrets.token_hex(NONCE_BYTES)
        token = _token(self._keys[0], page, row_id, nonce)
        return Link(Secret(token), nonce, _digest(token))

    def find(self, page: Page, row_id: UUID, nonce: str, digest: str) -> Secret | None:
        """The token of a stored link; None if it was made with a server key that is gone."""
        for key in self._keys:
            token = _token(key, page, row_id, nonce)
            if hmac.compare_digest(_digest(token), digest):
                return Secret(token)
        return None

    def address(self, page: Page, token: Secret) -> Secret:
        """The link. Its token is in the fragment, so that it reaches no server's log and no `Referer`."""
        return Secret(f"{self._public_url}{page}#{token.reveal()}")


def link_digest(token: str) -> str | None:
    """The digest under which a token is stored, or None if the text does not have the form of one."""
    return _digest(token) if _FORM.fullmatch(token) else None


def _token(key: bytes, page: Page, row_id: UUID, nonce: str) -> str:
    return hmac.digest(key, f"{page} {row_id.hex} {nonce}".encode(), "sha256").hex()[:TOKEN_LENGTH]


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
