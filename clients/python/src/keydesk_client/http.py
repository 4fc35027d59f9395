"""One HTTP call to Keydesk: a pool of connections, a deadline for the whole call, and no exception with a secret."""

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit

import anyio
import httpx2
from anyio.lowlevel import EventLoopToken, current_token

ANSWER_BYTES_AT_MOST = 64 * 1024
IDLE_SECONDS = 30
"""Keydesk closes idle connections after 75 seconds, and usual proxies after 60."""
HeaderList = Sequence[tuple[bytes, bytes]]
_LOST = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError, httpx2.CloseError)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, header fields in lower case, and body."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)

    def values(self, name: str) -> Iterator[str]:
        """The values of a field, given in lower case."""
        return (value for each, value in self.headers if each == name)

    def value(self, name: str) -> str | None:
        """The first value of a field."""
        return next(self.values(name), None)

    @property
    def media_type(self) -> str:
        """Such as application/json."""
        return (self.value("content-type") or "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """There is no complete answer. `reason` names no secret."""

    reason: str


class Calls:
    """Calls one server, over connections that are kept open."""

    def __init__(
        self,
        url: str,
        *,
        patience_seconds: float,
        answer_bytes_at_most: int = ANSWER_BYTES_AT_MOST,
        max_connections: int = 100,
        ssl_context: ssl.SSLContext | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = _checked(url)
        self._patience_seconds = patience_seconds
        self._answer_bytes_at_most = answer_bytes_at_most
        # The deadline of `call` bounds it as a whole: connecting, sending, and reading to the last byte. Proxies and
        # credentials of the environment are not for this server, redirects would take the key elsewhere, and cookies
        # would connect callers that have nothing to do with each other.
        verify = ssl_context or (True if transport else httpx2.create_ssl_context(trust_env=False))
        self._make = partial(
            httpx2.AsyncClient,
            timeout=None,
            trust_env=False,
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            verify=verify,
            limits=httpx2.Limits(
                max_connections=max_connections,
                max_keepalive_connections=max_connections,
                keepalive_expiry=IDLE_SECONDS,
            ),
            transport=transport,
        )
        self._clients: dict[EventLoopToken, httpx2.AsyncClient] = {}
        """By event loop, because connections belong to the loop in which they were opened."""

    async def call(
        self, method: str, path: str, headers: HeaderList, content: bytes = b"", *, attempts: int = 1
    ) -> HttpAnswer | NoAnswer:
        """
        The answer, or why there is none. Cancelling it ends the call.

        A connection that was idle may be closed while a request is sent on it. With more `attempts`, the request is
        then sent again: only for requests that may be carried out twice.
        """
        with anyio.move_on_after(self._patience_seconds):
            return await self._attempted(method, path, headers, content, attempts)
        return NoAnswer(f"no answer within {self._patience_seconds:g} seconds")

    async def aclose(self) -> None:
        """Closes the connections of this event loop. From then on, calls in it get no answer."""
        await self._client().aclose()

    def _client(self) -> httpx2.AsyncClient:
        """The client of the running event loop, which is another one after each `asyncio.run`."""
        loop = current_token()
        client = self._clients.get(loop)
        if client is None:
            for ended in [each for each in tuple(self._clients) if _is_closed(each.native_token)]:
                self._clients.pop(ended, None)
            client = self._clients[loop] = self._make()
        return client

    async def _attempted(
        self, method: str, path: str, headers: HeaderList, content: bytes, attempts: int
    ) -> HttpAnswer | NoAnswer:
        failure = ""
        client = self._client()
        for _ in range(attempts):
            if client.is_closed:
                return NoAnswer("the client was closed")
            try:
                return await self._answer(client, method, path, headers, content)
            except _LOST as error:
                failure = type(error).__name__
            except (httpx2.HTTPError, RuntimeError) as error:  # the latter if the event loop has ended
                failure = type(error).__name__
                break
        # The type only: the message of an error may quote what was sent.
        return NoAnswer(f"the connection failed ({failure})")

    async def _answer(
        self, client: httpx2.AsyncClient, method: str, path: str, headers: HeaderList, content: bytes
    ) -> HttpAnswer | NoAnswer:
        sent = [(b"accept-encoding", b"identity"), *headers]
        body = bytearray()
        async with client.stream(method, self.url + path, headers=sent, content=content) as response:
            if response.headers.get("content-encoding", "identity") != "identity":
                return NoAnswer("an answer in an encoding that was not asked for")  # it could expand without bounds
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._answer_bytes_at_most:
                    return NoAnswer(f"an answer of more than {self._answer_bytes_at_most} bytes")
            lines = tuple(
                (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers.raw
            )
        return HttpAnswer(response.status_code, lines, bytes(body))


def _is_closed(loop: object) -> bool:
    return isinstance(loop, asyncio.AbstractEventLoop) and loop.is_closed()


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("url: give Keydesk's address with its scheme, such as https://keys.example")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("url: give scheme, host and port only, such as https://keys.example")
    return url.rstrip("/")
