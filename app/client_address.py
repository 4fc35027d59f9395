"""
Finds the address that a request came from: the peer's, or the one that trusted proxies report.

Each trusted proxy appends the address that it saw to `X-Forwarded-For` or `Forwarded` (RFC 7239). So these headers are
read from right to left, past the addresses of trusted proxies, to the first other address. Anything further left may
have been invented by the client and is never read, however long it is.
"""

import ipaddress
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from itertools import islice

logger = logging.getLogger("keydesk.addresses")

Headers = Iterable[tuple[bytes, bytes]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FORWARDED = b"forwarded"
X_FORWARDED_FOR = b"x-forwarded-for"
HOPS_AT_MOST = 12
"""More trusted proxies than any request goes through. Further addresses are not read."""
_HOP_BYTES_AT_MOST = 128
"""For an address in X-Forwarded-For. An IPv6 address with brackets, zone and port has half this length."""
_ELEMENT_BYTES_AT_MOST, _QUOTES_AT_MOST, _BACKSLASHES_AT_MOST, _PAIRS_AT_MOST = 16 * 1024, 64, 64, 16
"""For one element of Forwarded. RFC 7239 defines four pairs; the longest is the host, which the client chooses."""
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PAIR = re.compile(rf"\s*({_WORD})=({_WORD}|{_QUOTED})\s*")
_WITH_PORT = re.compile(r"(?:\[([^\[\]]*)\]|([0-9.]+))(?::[0-9A-Za-z._-]+)?")


class ForwardedHeader(StrEnum):
    """The header that the trusted proxies write, if the operator has set it. The other header is then ignored."""

    X_FORWARDED_FOR = "x-forwarded-for"
    FORWARDED = "forwarded"


class Addresses:
    """
    Finds the addresses of requests.

    A proxy that writes one of the two headers passes the other on as the client sent it, and the request does not show
    which is which. Nearly all proxies write X-Forwarded-For, so it is used if both headers are there. After a trusted
    proxy has sent Forwarded without X-Forwarded-For, that is no longer safe: from then on, if the two disagree, both
    are ignored. None of this applies if the operator has set the header that the proxies write.
    """

    def __init__(self, trusted_proxies: Sequence[Network], header: ForwardedHeader | None = None) -> None:
        self._trusted_proxies = tuple(trusted_proxies)
        self._header = header
        self._has_warned = False
        self._forwarded_came_alone = False

    def of(self, headers: Headers, peer: str | None, *, gateway: bool = False) -> str | None:
        """
        Return the address, or None if there is none, as with a Unix socket.

        `gateway` says that the request has the right gateway token: its sender is trusted, whatever its address is.
        """
        forwarded: list[bytes] = []
        x_forwarded_for: list[bytes] = []
        for name, value in headers:
            # An empty header counts as absent.
            if name == FORWARDED and value.strip():
                forwarded.append(value)
            elif name == X_FORWARDED_FOR and value.strip():
                x_forwarded_for.append(value)
        return self.caller_address(peer, forwarded, x_forwarded_for, gateway=gateway)

    def caller_address(
        self, peer: str | None, forwarded: Sequence[bytes], x_forwarded_for: Sequence[bytes], *, gateway: bool = False
    ) -> str | None:
        """Return the address as `of` does, but take the non-empty values of the two headers."""
        here = _normalized_peer(peer)
        if not forwarded and not x_forwarded_for:
            return here
        if not gateway and not is_trusted(here, self._trusted_proxies):
            self._warn(here)
            return here
        if self._header is None:
            return self._of_either(here, forwarded, x_forwarded_for)
        by_name = x_forwarded_for if self._header is ForwardedHeader.X_FORWARDED_FOR else forwarded
        return self._walk(here, _HOPS[self._header](by_name))

    def _of_either(self, here: str | None, forwarded: Sequence[bytes], x_forwarded_for: Sequence[bytes]) -> str | None:
        if not x_forwarded_for:
            self._note_forwarded_alone(here)
            return self._walk(here, _forwarded_hops(forwarded))
        address = self._walk(here, _x_forwarded_hops(x_forwarded_for))
        if not forwarded or not self._forwarded_came_alone:
            return address
        return address if address == self._walk(here, _forwarded_hops(forwarded)) else here

    def _walk(self, here: str | None, hops: Iterable[str | None]) -> str | None:
        """
        Follow the hops from the peer, which is trusted, back to the first address that is not trusted.

        Stops at the last address before a malformed hop. `here` is the peer's address.
        """
        for hop in islice(hops, HOPS_AT_MOST):
            if hop is None:
                return here
            here = hop
            if not is_trusted(hop, self._trusted_proxies):
                return here
        return here

    def _note_forwarded_alone(self, here: str | None) -> None:
        if not self._forwarded_came_alone:
            self._forwarded_came_alone = True
            logger.warning(
                "%s sent Forwarded without X-Forwarded-For. If your proxies write only Forwarded, set "
                "KEYDESK_FORWARDED_HEADER=forwarded; if they write X-Forwarded-For, set it to x-forwarded-for. Until "
                "then, requests in which the two disagree are recorded with the proxy's address. This message is "
                "logged once.",
                here or "A peer without an address",
            )

    def _warn(self, here: str | None) -> None:
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "Forwarding headers came from %s, which is not in KEYDESK_TRUSTED_PROXIES, and are ignored. If that is "
                "your proxy, add it there. This message is logged once.",
                here or "a peer without an address",
            )


# Only peers' addresses are cached: they come from the operating system. Texts from headers could be of any length.
@lru_cache(maxsize=1024)
def _normalized_peer(peer: str | None) -> str | None:
    return normalized(peer)


def normalized(text: str | None) -> str | None:
    """
    Return an address in its shortest form, without a zone; None if the text is not an address.

    An IPv4 address that is mapped to IPv6 (::ffff:192.0.2.1) becomes IPv4.
    """
    try:
        address = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach the host."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_trusted(address: str | None, trusted_proxies: Sequence[Network]) -> bool:
    """Return whether the address, which must be `normalized`, belongs to one of these proxies."""
    if address is None:
        return False
    parsed = ipaddress.ip_address(address)
    return any(parsed in network for network in trusted_proxies)


def _x_forwarded_hops(values: Sequence[bytes]) -> Iterator[str | None]:
    """Yield the addresses in X-Forwarded-For from right to left; None for an element without a valid address."""
    for value in reversed(values):
        end = len(value)
        while end >= 0:
            # Search no further back than the longest address.
            nearest = max(0, end - _HOP_BYTES_AT_MOST)
            comma = value.rfind(b",", nearest, end)
            if comma < 0 and nearest:
                yield None
                return
            yield _address(value[comma + 1 : end].decode("latin-1").strip())
            end = comma


def _forwarded_hops(values: Sequence[bytes]) -> Iterator[str | None]:
    """
    Yield the addresses in Forwarded from right to left; None for an element without a valid address.

    Elements are split from the right, so that an unclosed quotation mark from the client can't swallow the elements
    that proxies have appended.
    """
    for value in reversed(values):
        end = len(value)
        while end >= 0:
            comma = _comma_before(value, end)
            if comma is None or end - comma > _ELEMENT_BYTES_AT_MOST:
                yield None
                return
            yield _for(value[comma + 1 : end].decode("latin-1"))
            end = comma


def _comma_before(value: bytes, end: int) -> int | None:
    """
    Return the position of the last comma before `end` that is not inside quotes.

    -1 if there is none, None if quotes are not closed.
    """
    position, is_quoted = end, False
    for _ in range(_QUOTES_AT_MOST):
        quote = value.rfind(b'"', 0, position)
        if not is_quoted:
            comma = value.rfind(b",", quote + 1, position)
            if comma >= 0 or quote < 0:
                return comma
            is_quoted = True
        elif quote < 0:
            return None
        else:
            is_quoted = _is_escaped(value, quote)
        position = quote
    return None


def _is_escaped(value: bytes, position: int) -> bool:
    """Return whether an odd number of backslashes precedes the position."""
    before = value[max(0, position - _BACKSLASHES_AT_MOST) : position]
    return (len(before) - len(before.rstrip(b"\\"))) % 2 == 1


def _for(element: str) -> str | None:
    """Return the address in the `for` pair of an element; None if there is none or the element is malformed."""
    address, position = None, 0
    for _ in range(_PAIRS_AT_MOST):
        found = _PAIR.match(element, position)
        if found is None:
            return None
        name, text, position = found[1].lower(), found[2], found.end()
        if name == "for":
            address = _address(re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text)
        if position == len(element):
            return address
        if element[position] != ";":
            return None
        position += 1
    return None


def _address(text: str) -> str | None:
    """Parse an address that may have a port, and brackets around IPv6. Return it normalized, or None."""
    with_port = _WITH_PORT.fullmatch(text)
    return normalized(text if with_port is None else with_port[1] or with_port[2])


_HOPS = {ForwardedHeader.X_FORWARDED_FOR: _x_forwarded_hops, ForwardedHeader.FORWARDED: _forwarded_hops}
