"""
Sends HTTP requests to other servers. Every request that Keydesk makes goes through `Outbound`, so one policy holds:

- Redirects are not followed. Cookies, `.netrc` and the proxies of the environment are not used.
- Certificates are verified by the system's store.
- A request has an end: `seconds` for everything together, and a limit for the size of the answer.
- The host's name is resolved here. The connection goes to an address that the rule has allowed, and to no other, so a
  name that resolves differently the next time changes nothing.
"""

import asyncio
import socket
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from ipaddress import IPv4Address, IPv6Address, ip_address
from ssl import SSLCertVerificationError
from typing import cast

import httpcore2
from httpcore2 import AnyIOBackend, AsyncConnectionPool, AsyncNetworkBackend, AsyncNetworkStream

SECONDS = 10.0
CONNECT_SECONDS = 5.0
BYTES_AT_MOST = 1_000_000
CONNECTIONS_AT_MOST = 20
"""More requests at the same time wait, within their `seconds`."""

Address = IPv4Address | IPv6Address
AddressRule = Callable[[Address], bool]


class OutboundFailure(Exception):
    """There is no answer that can be used. The message says why, in words for the operator's log."""


class OutboundTimeout(OutboundFailure):
    """There was no whole answer in time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whatever its status. Names of headers are in lower case; of a repeated one, the first is kept."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def any_address(_address: Address) -> bool:
    """The rule for servers that the operator has configured: they may be in a private network."""
    return True


def loopback_only(address: Address) -> bool:
    """The rule for http without TLS: nothing leaves this machine."""
    return address.is_loopback


class Outbound:
    """Sends requests. `close` it at the end."""

    def __init__(
        self,
        *,
        allows: AddressRule = any_address,
        allows_without_tls: AddressRule = loopback_only,
        seconds: float = SECONDS,
        bytes_at_most: int = BYTES_AT_MOST,
    ) -> None:
        """`allows` is the rule for https, and `allows_without_tls` the one for http."""
        context = httpcore2.default_ssl_context()
        self._pools = {
            b"https": AsyncConnectionPool(
                ssl_context=context,
                max_connections=CONNECTIONS_AT_MOST,
                max_keepalive_connections=0,
                network_backend=CheckedConnections(allows),
            ),
            b"http": AsyncConnectionPool(
                max_connections=CONNECTIONS_AT_MOST,
                max_keepalive_connections=0,
                network_backend=CheckedConnections(allows_without_tls),
            ),
        }
        self._seconds = seconds
        self._bytes_at_most = bytes_at_most
        self._user_agent = f"Keydesk/{version('keydesk')}".encode()

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Reads a resource, which should be JSON. Raises OutboundFailure."""
        return await self._request("GET", url, {"Accept": "application/json", **(headers or {})}, b"")

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Sends a body. Raises OutboundFailure."""
        return await self._request("POST", url, {"Content-Length": str(len(body)), **headers}, body)

    async def close(self) -> None:
        """Closes all connections."""
        for pool in self._pools.values():
            await pool.aclose()

    async def _request(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        try:
            target = httpcore2.URL(url)
            pool = self._pools[target.scheme]
            name = b"[%b]" % target.host if b":" in target.host else target.host
            host = name + (b"" if target.port is None else b":%d" % target.port)
            named = [(field.encode("ascii"), value.encode("ascii")) for field, value in headers.items()]
        except (KeyError, TypeError, ValueError):
            raise OutboundFailure("the address, or a header, can't be used") from None
        sent = [
            (b"Host", host),
            (b"User-Agent", self._user_agent),
            # A compressed answer could become large only here.
            (b"Accept-Encoding", b"identity"),
            (b"Connection", b"close"),
            *named,
        ]
        timeouts = {"connect": CONNECT_SECONDS, "read": self._seconds, "write": self._seconds, "pool": self._seconds}
        request = httpcore2.Request(method, target, headers=sent, content=body, extensions={"timeout": timeouts})
        try:
            async with asyncio.timeout(self._seconds):
                return await self._answer(pool, request)
        except TimeoutError:
            raise OutboundTimeout(f"there was no whole answer within {self._seconds:g} seconds") from None
        except httpcore2.TimeoutException as error:
            raise OutboundTimeout(_why(error)) from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise OutboundFailure(_why(error)) from None

    async def _answer(self, pool: AsyncConnectionPool, request: httpcore2.Request) -> Reply:
        response = await pool.handle_async_request(request)
        try:
            headers: dict[str, str] = {}
            for name, value in response.headers:
                headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
            if headers.get("content-encoding", "identity") != "identity":
                raise OutboundFailure("the answer is compressed, which was not asked for")
            body = bytearray()
            async for part in cast(AsyncIterable[bytes], response.stream):
                body += part
                if len(body) > self._bytes_at_most:
                    raise OutboundFailure(f"the answer is larger than {self._bytes_at_most:,} bytes")
            return Reply(response.status, headers, bytes(body))
        finally:
            await response.aclose()


class CheckedConnections(AsyncNetworkBackend):
    """Connects to the allowed ones of a name's addresses. TLS still verifies the certificate for the name."""

    def __init__(self, allows: AddressRule) -> None:
        self._allows = allows
        self._backend = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Tries the addresses in turn. Raises OutboundFailure if none is allowed, ConnectError and ConnectTimeout."""
        found = await addresses_of(host, port)
        allowed = [address for address in found if self._allows(address)]
        if not allowed:
            raise OutboundFailure("its host's address is not one that Keydesk may connect to")
        failure: Exception | None = None
        for address in allowed:
            try:
                return await self._backend.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError


async def addresses_of(host: str, port: int) -> Sequence[Address]:
    """The addresses of a host, in the system's order. Raises OutboundFailure if it has none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OutboundFailure("its host's name has no address") from None
    return list(dict.fromkeys(_plain(ip_address(entry[4][0])) for entry in found))


def _plain(address: Address) -> Address:
    """An IPv4 address that is written as an IPv6 address counts as the IPv4 address."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def _why(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, SSLCertVerificationError):
            return f"its certificate is not valid: {cause.verify_message}"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpcore2.ConnectTimeout):
        return f"no connection could be made within {CONNECT_SECONDS:g} seconds"
    if isinstance(error, httpcore2.ConnectError):
        return "no connection could be made"
    if isinstance(error, httpcore2.TimeoutException):
        return "the answer took too long"
    return "the connection was lost, or the answer is not valid HTTP"
