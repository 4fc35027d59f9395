"""
Reads and writes the device cookie: a signed list of the accounts that have signed in from this browser before.

    <id>.<tag>.<id>.<tag>…          the newest first, at most five

An id is random, and a browser has a different id for each account. The tag is HMAC-SHA-256 over the id and the
account's e-mail address, with a key derived from the server key. So only the server can make it, and the cookie does
not reveal which accounts they are.
"""

import hmac
import re
import secrets
from collections.abc import Callable, Iterator

ACCOUNTS_AT_MOST = 5
ID_BYTES = 16
_PAIR = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})(?:\.|\Z)")
_PAIR_LENGTH = 32 + 1 + 64 + 1


class DeviceCookies:
    """Reads and writes the cookie. The first of the keys signs; all of them verify."""

    __slots__ = ("_keys", "_random_bytes")

    def __init__(self, keys: tuple[bytes, ...], *, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._keys = keys
        self._random_bytes = random_bytes

    def device_of(self, cookie: str | None, email: str) -> str | None:
        """The browser's id for this account, or None if this account has not signed in from this browser."""
        for device, tag in _pairs(cookie):
            if any(hmac.compare_digest(_tag(key, device, email), tag) for key in self._keys):
                return device
        return None

    def remember(self, cookie: str | None, email: str) -> str:
        """
        Returns the cookie's new value, with this account first.

        The other accounts stay; if there are more than five, the oldest is dropped.
        """
        device = self.device_of(cookie, email)
        others = [pair for pair in _pairs(cookie) if pair[0] != device]
        device = device or self._random_bytes(ID_BYTES).hex()
        pairs = [(device, _tag(self._keys[0], device, email)), *others][:ACCOUNTS_AT_MOST]
        return ".".join(f"{device}.{tag}" for device, tag in pairs)


def _pairs(cookie: str | None) -> Iterator[tuple[str, str]]:
    """
    Yields the id and tag of each pair, up to the first text that is not a pair.

    Anything after it, or beyond the length of five pairs, is never sent back to a browser.
    """
    text = (cookie or "")[: ACCOUNTS_AT_MOST * _PAIR_LENGTH]
    position = 0
    while (found := _PAIR.match(text, position)) is not None:
        yield found[1], found[2]
        position = found.end()


def _tag(key: bytes, device: str, email: str) -> str:
    return hmac.digest(key, f"{device} {email}".encode(), "sha256").hex()
