"""
Owns where a request came from: the peer, or what proxies that the operator trusts say of it.

Each trusted proxy adds the address that it saw, on the right, to `Forwarded` (RFC 7239) or `X-Forwarded-For`. So these
are read from the right, past addresses that are trusted proxies too, to the first that is not. What is further left may
be anybody's invention.
"""

import ipaddress
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

logger = logging.getLogger("keydesk.addresses")

Headers = Iterable[tuple[bytes, bytes]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FORWARDED = b"forwarded"
X_FORWARDED_FOR = b"x-forwarded-for"
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PAIR = re.compile(rf"\s*({_WORD})=({_WORD}|{_QUOTED})\s*")
_WITH_PORT = re.compile(r"(?:\[([^\[\]]*)\]|([0-9.]+))(?::[0-9A-Za-z._-]+)?")


class Addresses:
    """Reads requests' addresses, and says once in the log when forwarding headers come from who is not trusted."""

    def __init__(self, trusted_proxies: Sequence[Network]) -> None:
        self._trusted_proxies = tuple(trusted_proxies)
        self._has_warned = False

    def of(self, headers: Headers, peer: str | None, *, gateway: bool = False) -> str | None:
        """
        The address, or None where there is none, such as by a Unix socket.

        `gateway` is for a request with the right gateway token: whoever sent it is trusted, whatever its address.
        """
        forwarded: list[bytes] = []
        x_forwarded_for: list[bytes] = []
        for name, value in headers:
            if name == FORWARDED:
                forwarded.append(value)
            elif name == X_FORWARDED_FOR:
                x_forwarded_for.append(value)
        return self.told(peer, forwarded, x_forwarded_for, gateway=gateway)

    def told(
        self, peer: str | None, forwarded: Sequence[bytes], x_forwarded_for: Sequence[bytes], *, gateway: bool = False
    ) -> str | None:
        """The same from the values of the two headers."""
        here = _normalized_peer(peer)
        if not forwarded and not x_forwarded_for:
            return here
        if not gateway and not is_trusted(here, self._trusted_proxies):
            self._warn(here)
            return here
        return told_address(
            here,
            [value.decode("latin-1") for value in forwarded],
            [value.decode("latin-1") for value in x_forwarded_for],
            self._trusted_proxies,
        )

    def _warn(self, here: str | None) -> None:
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "Forwarding headers came from %s, which is not in KEYDESK_TRUSTED_PROXIES, and are ignored. If that is "
                "your proxy, add it there. This is said once.",
                here or "a peer without an address",
            )


def told_address(
    here: str | None, forwarded: Sequence[str], x_forwarded_for: Sequence[str], trusted_proxies: Sequence[Network]
) -> str | None:
    """
    The last address that can be believed of what a trusted peer, which is `here`, says in the headers' values.

    A proxy that writes one of the two headers passes the other on as the client sent it. So where both are there and
    don't say the same, neither is believed.
    """
    told = {
        _walk(here, hops, trusted_proxies)
        for hops in (_forwarded_hops(forwarded), _x_forwarded_hops(x_forwarded_for))
        if hops is not None
    }
    return told.pop() if len(told) == 1 else here


# A peer's address comes from the operating system. What headers say is not remembered: it is as long as anybody likes.
@lru_cache(maxsize=1024)
def _normalized_peer(peer: str | None) -> str | None:
    return normalized(peer)


def normalized(text: str | None) -> str | None:
    """An address in its shortest form, IPv4 where IPv6 only carries it, without a zone; None for what is none."""
    try:
        address = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)


def is_trusted(address: str | None, trusted_proxies: Sequence[Network]) -> bool:
    """Whether the address, in its normal form, is one of these proxies'."""
    if address is None:
        return False
    parsed = ipaddress.ip_address(address)
    return any(parsed in network for network in trusted_proxies)


def _walk(here: str | None, hops: Sequence[str | None], trusted_proxies: Sequence[Network]) -> str | None:
    """From the peer, which is trusted, leftwards: to the first that is not, or before the first that is no address."""
    for hop in reversed(hops):
        if hop is None:
            return here
        here = hop
        if not is_trusted(hop, trusted_proxies):
            return here
    return here


def _x_forwarded_hops(values: Sequence[str]) -> list[str | None] | None:
    """From left to right; None for an element that is no address. None at all where there is no header."""
    if not values:
        return None
    return [_address(element.strip()) for value in values for element in value.split(",")]


def _forwarded_hops(values: Sequence[str]) -> list[str | None] | None:
    """
    The same of Forwarded.

    A line that is not well-formed to its end says nothing: whoever opens a quotation mark could otherwise swallow what
    a proxy wrote after it.
    """
    if not values:
        return None
    return [hop for value in values for hop in (_elements(value) or [None])]


def _elements(value: str) -> list[str | None]:
    """The `for` of each element, or nothing where the line is malformed."""
    hops: list[str | None] = []
    hop: str | None = None
    position = 0
    for found in _pairs(value):
        name, text, position = found[1].lower(), found[2], found.end()
        if name == "for":
            hop = _address(re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text)
        if value[position : position + 1] != ";":
            hops.append(hop)
            hop = None
    return hops if position == len(value) else []


def _pairs(value: str) -> Iterator[re.Match[str]]:
    """The pairs of a line of Forwarded, each followed by a semicolon, a comma or the end."""
    position = 0
    while (found := _PAIR.match(value, position)) is not None:
        yield found
        position = found.end() + 1
        if value[found.end() : position] not in {";", ","}:
            return


def _address(text: str) -> str | None:
    """The address in an element, which may have a port, and brackets around IPv6."""
    with_port = _WITH_PORT.fullmatch(text)
    return normalized(text if with_port is None else with_port[1] or with_port[2])
