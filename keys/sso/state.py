"""
Makes and reads the `state` of a sign-in at the identity provider (RFC 6749, 10.12), which no server has to store.

    state = <content in base64url>.<tag>

The content says when the sign-in began, where it leads, and which invitation it accepts, if any. The tag is
HMAC-SHA-256 over the content and the browser's cookie, with a key derived from the server key: so a state works only in
the browser in which the sign-in began. The nonce and PKCE's verifier (RFC 7636) are made of the state and the cookie in
the same way.
"""

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from keys.sso.tokens import LEEWAY
from keys.token import Secret, ServerKeys

LIFETIME = timedelta(minutes=10)
COOKIE_BYTES = 32
STATE_CHARACTERS_AT_MOST = 2_000
RETURN_CHARACTERS_AT_MOST = 500
DEFAULT_RETURN = "/"
_COOKIE = re.compile(r"[0-9a-f]{64}")
_CONSOLE = re.compile(r"(/|/graphiql|/organizations/[A-Za-z0-9_\-/]+)(\?[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*)?")
"""The console's pages, perhaps with a query. No other path is returned to, and no other host."""


class _Content(msgspec.Struct, array_like=True):
    id: str
    began: int
    back: str
    invitation: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """
    A sign-in that has begun: `back` is the path to which it leads, `invitation` the digest of the link that it accepts.

    `digest` identifies it, so that it is completed once only.
    """

    state: str
    nonce: str
    verifier: Secret
    began: datetime
    back: str
    invitation: str | None

    @property
    def challenge(self) -> str:
        """PKCE's challenge of the method S256."""
        return _text(hashlib.sha256(self.verifier.reveal().encode()).digest())

    @property
    def digest(self) -> str:
        """SHA-256 of the state."""
        return hashlib.sha256(self.state.encode()).hexdigest()

    @property
    def expires_at(self) -> datetime:
        """After this moment it can't be completed."""
        return self.began + LIFETIME


def browser_cookie(presented: str | None) -> Secret:
    """The cookie that binds a sign-in to its browser: the one that it has, for a second tab, or a new one."""
    if presented is not None and _COOKIE.fullmatch(presented):
        return Secret(presented)
    return Secret(secrets.token_hex(COOKIE_BYTES))


def safe_return(path: str | None) -> str:
    """The page of the console that a sign-in leads to. Anything else, such as another server's address, becomes /."""
    if path is None or len(path) > RETURN_CHARACTERS_AT_MOST or not _CONSOLE.fullmatch(path):
        return DEFAULT_RETURN
    return path


class States:
    """Makes and reads states. The first of the server keys signs; all verify."""

    def __init__(self, server_keys: ServerKeys) -> None:
        self._keys = server_keys.derive("single sign-on state")

    def begin(self, cookie: Secret, *, back: str | None, invitation: str | None, now: datetime) -> Begun:
        """A new sign-in in the browser with this cookie."""
        content = _Content(secrets.token_urlsafe(16), int(now.timestamp()), safe_return(back), invitation)
        packed = _text(msgspec.json.encode(content))
        return _begun(self._keys[0], cookie, f"{packed}.{_made(self._keys[0], 'state', cookie, packed)}", content)

    def find(self, state: str, cookie: str | None, *, now: datetime) -> Begun | None:
        """The sign-in with this state; None if it is over, was begun in another browser, or never was."""
        packed, _, tag = state.partition(".")
        if len(state) > STATE_CHARACTERS_AT_MOST or cookie is None or not _COOKIE.fullmatch(cookie):
            return None
        for key in self._keys:
            expected = _made(key, "state", Secret(cookie), packed)
            if hmac.compare_digest(expected.encode(), tag.encode("utf-8", "replace")):
                content = msgspec.json.decode(urlsafe_b64decode(packed + "=" * (-len(packed) % 4)), type=_Content)
                begun = _begun(key, Secret(cookie), state, content)
                return begun if begun.began - LEEWAY <= now < begun.expires_at else None
        return None


def _begun(key: bytes, cookie: Secret, state: str, content: _Content) -> Begun:
    return Begun(
        state=state,
        nonce=_made(key, "nonce", cookie, state),
        verifier=Secret(_made(key, "verifier", cookie, state)),
        began=datetime.fromisoformat("1970-01-01T00:00:00+00:00") + timedelta(seconds=content.began),
        back=content.back,
        invitation=content.invitation,
    )


def _made(key: bytes, purpose: str, cookie: Secret, text: str) -> str:
    """256 bits in base64url: 43 characters, which PKCE's verifier needs at least."""
    message = f"{purpose} {cookie.reveal()} {text}".encode("utf-8", "replace")
    return _text(hmac.digest(key, message, "sha256"))


def _text(some: bytes) -> str:
    return urlsafe_b64encode(some).decode().rstrip("=")
