"""HTTP connections that record when a request was sent and when its answer arrived."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from tests.support.servers.servers import Server

HEAD_END = b"\r\n\r\n"


class Answer(NamedTuple):
    """The answer, with two times of time.monotonic: before the request is written, and after the answer is read."""

    sent: float
    arrived: float
    status: int
    head: bytes
    body: bytes

    @property
    def json(self) -> Any:
        """The parsed JSON body."""
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The value of the first header of this name."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            found, _, value = line.partition(":")
            if found.lower() == name.lower():
                return value.strip()
        return None


class Connection(asyncio.Protocol):
    """One kept-alive connection, for one request at a time. Cheaper than httpx: tests make many requests."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._sent = 0.0
        self._answer: asyncio.Future[Answer] | None = None

    async def ask(self, request: bytes) -> Answer:
        """Sends the result of `request_bytes`. Raises ConnectionError if the server closes before it has answered."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the server has closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._sent = time.monotonic()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Closes the connection."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(HEAD_END)
        if end < 0 or self._answer is None:
            return
        head, body = bytes(self._received[:end]), bytes(self._received[end + len(HEAD_END) :])
        if len(body) < _content_length(head):
            return
        self._received.clear()
        if not self._answer.done():
            self._answer.set_result(Answer(self._sent, time.monotonic(), int(head[9:12]), head, body))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the server has closed the connection"))


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(b"content-length:") + len(b"content-length:")
    return int(lowered[start:].split(b"\r\n", 1)[0])


def request_bytes(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request as bytes on the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + HEAD_END + body


def verification(secret: str) -> bytes:
    """A request that verifies a key."""
    return request_bytes("GET", "/v1/verify", {"X-API-Key": secret})


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Connection]:
    """A connection to a server, for the block."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, server.host, server.port)
    try:
        yield connection
    finally:
        connection.close()
