"""Owns how long a sign-in session lasts, and the form of the cookie value that names it."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from keys.token import Secret

IDLE_AT_MOST = timedelta(hours=12)
LIFETIME = timedelta(days=7)
SEEN_EVERY = timedelta(minutes=1)
"""How often a session's use is written down, at most."""

TOKEN_BYTES = 32
_HEXADECIMAL = frozenset("0123456789abcdef")


def new_token(*, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> tuple[Secret, str]:
    """A value for the cookie, 256 random bits in hexadecimal, and the digest that its session is kept under."""
    text = random_bytes(TOKEN_BYTES).hex()
    return Secret(text), _digest(text)


def token_digest(text: str) -> str | None:
    """The digest of a cookie's value, or None for what can't be a value of ours."""
    return _digest(text) if len(text) == 2 * TOKEN_BYTES and _HEXADECIMAL.issuperset(text) else None


def is_over(created_at: datetime, last_seen_at: datetime, now: datetime) -> bool:
    """Whether the session ended by itself."""
    return now - last_seen_at >= IDLE_AT_MOST or now - created_at >= LIFETIME


def is_to_be_noted(last_seen_at: datetime, now: datetime) -> bool:
    """Whether it is time to write down that the session is in use."""
    return now - last_seen_at >= SEEN_EVERY


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
