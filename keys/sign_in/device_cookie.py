"""
Owns the device cookie: which accounts this browser was signed in on before, in a form that nobody else can make.

    <id>.<tag>.<id>.<tag>…          the newest first, at most five

An id is random, and one browser has another for each account. The tag is HMAC-SHA-256 over the id and the account's
address, under a key derived from the server key, so the cookie does not tell which accounts they are.
"""

import hmac
import re
import secrets
from collections.abc import Callable, Iterator

ACCOUNTS_AT_MOST = 5
ID_BYTES = 16
_PAIR = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})(?:\.|\Z)")
_PAIR_LENGTH = 32 + 1 + 64 + 1


class Devices:
    """Reads and writes the cookie. The first key signs, all verify."""

    __slots__ = ("_keys", "_random_bytes")

    def __init__(self, keys: tuple[bytes, ...], *, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._keys = keys
        self._random_bytes = random_bytes

    def device_of(self, cookie: str | None, email: str) -> str | None:
        """The id that the browser has for this account, or None where it was never signed in on this browser."""
        for device, tag in _pairs(cookie):
            if any(hmac.compare_digest(_tag(key, device, email), tag) for key in self._keys):
                return device
        return None

    def remember(self, cookie: str | None, email: str) -> str:
        """The cookie with this account in front; the other accounts of the browser stay, the oldest goes."""
        device = self.device_of(cookie, email)
        others = [pair for pair in _pairs(cookie) if pair[0] != device]
        device = device or self._random_bytes(ID_BYTES).hex()
        pairs = [(device, _tag(self._keys[0], device, email)), *others][:ACCOUNTS_AT_MOST]
        return ".".join(f"{device}.{tag}" for device, tag in pairs)


def _pairs(cookie: str | None) -> Iterator[tuple[str, str]]:
    """What has the form of a pair, up to the first that has not. Only this much is ever given back to a browser."""
    text = (cookie or "")[: ACCOUNTS_AT_MOST * _PAIR_LENGTH]
    position = 0
    while (found := _PAIR.match(text, position)) is not None:
        yield found[1], found[2]
        position = found.end()


def _tag(key: bytes, device: str, email: str) -> str:
    return hmac.digest(key, f"{device} {email}".encode(), "sha256").hex()
