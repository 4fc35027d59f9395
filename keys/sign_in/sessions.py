"""Defines how long a sign-in session lasts, and makes and reads the token in its cookie."""

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from keys.token import Secret

IDLE_AT_MOST = timedelta(hours=12)
LIFETIME = timedelta(days=7)
SEEN_EVERY = timedelta(minutes=1)
"""A session's last use is stored at most this often."""

TOKEN_BYTES = 32
VISIT_TOKEN_BYTES = 33
"""
Of a session that a host product's link began. Servers of the version before take it for no token: they would show all
organizations of the person.
"""
_LENGTHS = frozenset({2 * TOKEN_BYTES, 2 * VISIT_TOKEN_BYTES})
_HEXADECIMAL = frozenset("0123456789abcdef")


def new_token(
    *, is_visit: bool = False, random_bytes: Callable[[int], bytes] = secrets.token_bytes
) -> tuple[Secret, str]:
    """
    Makes a session token, at least 256 random bits in hexadecimal. Returns it and the digest that is stored instead.
    """
    text = random_bytes(VISIT_TOKEN_BYTES if is_visit else TOKEN_BYTES).hex()
    return Secret(text), _digest(text)


def token_digest(text: str) -> str | None:
    """The digest of a session token, or None if the text does not have the form of one."""
    return _digest(text) if len(text) in _LENGTHS and _HEXADECIMAL.issuperset(text) else None


def is_over(created_at: datetime, last_seen_at: datetime, now: datetime) -> bool:
    """Whether the session has expired: after 12 hours without use, or 7 days after it was created."""
    return now - last_seen_at >= IDLE_AT_MOST or now - created_at >= LIFETIME


def is_to_be_noted(last_seen_at: datetime, now: datetime) -> bool:
    """Whether the session's last use should be stored again."""
    return now - last_seen_at >= SEEN_EVERY


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
