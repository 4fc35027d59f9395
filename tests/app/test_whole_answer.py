"""A complete answer is sent with one write, and is the same as one that goes through ASGI."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from app.http_protocol import BoundedHttp
from app.whole_answer import send_whole
from tests.support.http.verify_client import Answer, exchange, served

LINES = b"content-type: text/plain\r\nx-more: 1\r\n"
PATHS = ("/direct", "/wrapped")


class Counted(BoundedHttp):
    """Counts the writes to the connections."""

    writes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the server has it
        """Counts in front of the transport's own method."""
        super().connection_made(transport)
        write = self._gentle.write

        def counted(data: Any) -> None:
            Counted.writes += 1
            write(data)

        self._gentle.write = counted  # type: ignore[method-assign]


async def application(scope: Any, _receive: Any, send: Any) -> None:
    """Answers with its own `send`, or through a wrapper as the tracing middleware has one."""

    async def wrapped(message: Any) -> None:
        await send(message)

    own = send if scope["path"] == "/direct" else wrapped
    await send_whole(own, 401, LINES, b"body", is_head=scope["method"] == "HEAD")


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """The address of the application, behind the protocol of production."""
    with served(application, http=Counted) as address:
        yield address


def answers(address: tuple[str, int], request: str) -> tuple[list[Answer], list[int]]:
    """The answers with and without the wrapper, without their dates, and the number of writes for each."""
    found, writes = [], []
    for path in PATHS:
        Counted.writes = 0
        answer = exchange(address, request.replace("PATH", path).encode())
        writes.append(Counted.writes)
        found.append(Answer(answer.status, [each for each in answer.headers if each[0] != "date"], answer.content))
        assert answer.header("date")
    return found, writes


@pytest.mark.parametrize(
    ("request_head", "content", "closes"),
    [
        ("GET PATH HTTP/1.1\r\nHost: a\r\n\r\n", b"body", False),
        ("GET PATH HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"body", True),
        ("GET PATH HTTP/1.0\r\n\r\n", b"body", True),
        ("HEAD PATH HTTP/1.1\r\nHost: a\r\n\r\n", b"", False),
        ("POST PATH HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", b"body", False),
    ],
)
def test_an_answer_takes_one_write(address: tuple[str, int], request_head: str, content: bytes, closes: bool) -> None:
    """A uvicorn that sends otherwise would show here: the answer would take more writes, or differ."""
    (direct, wrapped), (writes, _) = answers(address, request_head)

    assert direct == wrapped
    assert writes == 1
    assert (direct.status, direct.content, direct.header("content-length")) == (401, content, "4")
    assert (direct.header("connection") == "close") == closes


def test_answers_follow_each_other(address: tuple[str, int]) -> None:
    """On one connection, and in order when requests are pipelined."""
    with socket.create_connection(address, 30) as connection:
        connection.sendall(b"GET /direct HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        received = b""
        while received.count(b"\r\n\r\nbody") < 3:
            part = connection.recv(65536)
            assert part
            received += part

    assert received.count(b"HTTP/1.1 401 ") == 3
    assert received.endswith(b"\r\n\r\nbody")
