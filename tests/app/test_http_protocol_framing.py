"""Request boundaries: no byte of a body is read as a request, and each answer belongs to its own request."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from app.http_protocol import PIPELINED_AT_MOST, UNREAD_BODY_BYTES_AT_MOST, BoundedHttp
from tests.support.http.verify_client import served

HOST = b"Host: keys.example\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
NEXT = b"GET /next HTTP/1.1\r\n" + HOST + b"\r\n"
WITH_SMUGGLED = b"Content-Length: %d\r\n" % len(SMUGGLED)
IN_CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
GIVE_UP_SECONDS = 20


class Application:
    """
    Answers with what it read, and records its requests. By path: `/early` does not read the body, `/slow` answers once
    `go_on` is called, `/begun` sends half of its answer before that.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.bodies: list[bytes] = []
        self.headers: list[list[tuple[bytes, bytes]]] = []
        self._go_on: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def go_on(self) -> None:
        """Lets `/slow` and `/begun` be answered."""
        assert self._loop is not None
        assert self._go_on is not None
        self._loop.call_soon_threadsafe(self._go_on.set)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        if self._go_on is None:
            self._go_on, self._loop = asyncio.Event(), asyncio.get_running_loop()
        path = scope["path"]
        self.asked.append(path)
        body = b"unread"
        if path == "/slow":
            await self._go_on.wait()
        elif path not in ("/early", "/begun"):
            body = await self._read(receive)
        self.bodies.append(body)
        self.headers.append(scope["headers"])
        text = path.encode() + b":" + body + b";"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
        if path == "/begun":
            await send({"type": "http.response.body", "body": text[:4], "more_body": True})
            await self._go_on.wait()
            text = text[4:]
        await send({"type": "http.response.body", "body": text, "more_body": False})

    @staticmethod
    async def _read(receive: Any) -> bytes:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        return body


@pytest.fixture
def application() -> Application:
    """The served application."""
    return Application()


@pytest.fixture
def address(application: Application) -> Iterator[tuple[str, int]]:
    """Its address."""
    with served(application, http=BoundedHttp) as address:
        yield address


class Conversation:
    """One connection, byte by byte."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, GIVE_UP_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def __enter__(self) -> "Conversation":
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def say(self, data: bytes) -> None:
        """Sends bytes. Raises ConnectionError if the server has closed the connection."""
        self._socket.sendall(data)

    def until(self, mark: bytes) -> bytes:
        """Reads until the mark arrives, and returns everything received."""
        while mark not in self.received:
            part = self._socket.recv(65536)
            assert part, f"closed after {self.received!r}"
            self.received += part
        return self.received

    def to_the_end(self) -> bytes:
        """Reads until the server closes, and returns everything received."""
        try:
            while part := self._socket.recv(65536):
                self.received += part
        except ConnectionResetError:
            pass
        return self.received


UPGRADES = [
    b"Connection: Upgrade\r\nUpgrade: foo\r\n",
    b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    b"Connection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: foo, bar\r\n",
    b"Upgrade: TLS/1.0\r\nConnection: keep-alive, UPGRADE\r\n",
    b"Connection: Upgrade\r\nUpgrade: foo\r\nUpgrade: bar\r\n",
]


@pytest.mark.parametrize("upgrade", UPGRADES)
@pytest.mark.parametrize("framing", [WITH_SMUGGLED, b"Transfer-Encoding: chunked\r\n"])
@pytest.mark.parametrize("pause", ["none", "after the head", "within the body", "everywhere"])
def test_the_body_of_a_request_that_asks_for_an_upgrade_is_its_body(
    address: tuple[str, int], application: Application, upgrade: bytes, framing: bytes, pause: str
) -> None:
    """However the bytes arrive, the request gets one answer of HTTP/1.1, and the connection is closed."""
    head = b"POST /read HTTP/1.1\r\n" + HOST + upgrade + framing + b"\r\n"
    body = SMUGGLED if framing == WITH_SMUGGLED else IN_CHUNKS
    whole = head + body + NEXT
    cuts = {
        "none": [],
        "after the head": [len(head)],
        "within the body": [len(head) + 9],
        "everywhere": range(0, 400, 7),
    }

    with Conversation(address) as conversation:
        place = 0
        for cut in [*cuts[pause], len(whole)]:
            with suppress(ConnectionError):  # answered, and closed, before the request behind it was sent
                conversation.say(whole[place:cut])
            place = max(place, cut)
        received = conversation.to_the_end()

    assert application.asked == ["/read"]
    assert application.bodies == [SMUGGLED]
    assert received.count(b"HTTP/1.1 ") == 1
    assert b"/read:" + SMUGGLED in received
    assert b"connection: close" in received


@pytest.mark.parametrize("upgrade", UPGRADES)
def test_an_upgrade_without_a_body(address: tuple[str, int], application: Application, upgrade: bytes) -> None:
    """The request is answered, and the bytes after it are not read, even if they came with it."""
    with Conversation(address) as conversation:
        conversation.say(b"GET /read HTTP/1.1\r\n" + HOST + upgrade + b"\r\n" + SMUGGLED)
        received = conversation.to_the_end()

    assert application.asked == ["/read"]
    assert received.count(b"HTTP/1.1 ") == 1


def test_a_body_padded_with_line_ends_is_a_body(address: tuple[str, int], application: Application) -> None:
    """Parsers skip line ends before a request line, so padding could hide a smuggled request."""
    body = b"\r\n" * 50 + SMUGGLED
    with Conversation(address) as conversation:
        conversation.say(b"POST /early HTTP/1.1\r\n" + HOST + UPGRADES[0] + b"Content-Length: %d\r\n\r\n" % len(body))
        conversation.until(b";")
        conversation.say(body)
        received = conversation.to_the_end()

    assert application.asked == ["/early"]
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("target", [b"keys.example:443", b"/read"])
def test_a_tunnel_is_refused(address: tuple[str, int], application: Application, target: bytes) -> None:
    """CONNECT is refused, since the bytes after it would be of another protocol."""
    with Conversation(address) as conversation:
        conversation.say(b"CONNECT " + target + b" HTTP/1.1\r\n" + HOST + WITH_SMUGGLED + b"\r\n" + SMUGGLED)
        received = conversation.to_the_end()

    assert application.asked == []
    assert received.count(b"HTTP/1.1 ") == 1
    assert b" 501 " in received.split(b"\r\n")[0] or b" 400 " in received.split(b"\r\n")[0]


@pytest.mark.parametrize(
    "first",
    [
        b"GET /read HTTP/1.0\r\n" + HOST + b"\r\n",
        b"GET /read HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n",
        b"GET /read HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
        b"POST /read HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("is_one_piece", [True, False])
def test_nothing_is_read_after_the_last_request(
    address: tuple[str, int], application: Application, first: bytes, is_one_piece: bool
) -> None:
    """A request whose answer closes the connection is the last one read."""
    with Conversation(address) as conversation:
        conversation.say(first + SMUGGLED if is_one_piece else first)
        if not is_one_piece:
            conversation.until(b";")
        received = conversation.to_the_end()

    assert application.asked == ["/read"]
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("sent", [b"", SMUGGLED[:10]])
def test_a_body_that_was_never_asked_for(address: tuple[str, int], application: Application, sent: bytes) -> None:
    """After an answer without 100, the body may or may not come, so the connection is closed."""
    with Conversation(address) as conversation:
        conversation.say(
            b"POST /early HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\n" + WITH_SMUGGLED + b"\r\n" + sent
        )
        conversation.until(b";")
        conversation.say(NEXT + SMUGGLED)
        received = conversation.to_the_end()

    assert application.asked == ["/early"]
    assert b"connection: close" in received
    assert received.count(b"HTTP/1.1 ") == 1


def test_a_body_that_was_asked_for(address: tuple[str, int], application: Application) -> None:
    """After 100 and the body, the connection goes on."""
    with Conversation(address) as conversation:
        conversation.say(b"POST /read HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\n" + WITH_SMUGGLED + b"\r\n")
        assert conversation.until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        conversation.say(SMUGGLED + NEXT)
        conversation.until(b"/next:;")

    assert application.asked == ["/read", "/next"]
    assert application.bodies[0] == SMUGGLED


def test_trailers_are_no_headers(address: tuple[str, int], application: Application) -> None:
    """Trailers do not become headers, since they come after the request was judged."""
    trailers = b"X-API-Key: late\r\nCookie: late\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n"
    with Conversation(address) as conversation:
        conversation.say(
            b"POST /read HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nhi\r\n0\r\n" + trailers
        )
        conversation.until(b"/read:hi;")
        conversation.say(NEXT)
        conversation.until(b"/next:;")

    assert application.asked == ["/read", "/next"]
    assert {name for name, _ in application.headers[0]} == {b"host", b"transfer-encoding"}


def test_a_body_that_the_application_does_not_read(address: tuple[str, int], application: Application) -> None:
    """The body is read and dropped, and the next request is answered."""
    with Conversation(address) as conversation:
        conversation.say(b"POST /early HTTP/1.1\r\n" + HOST + WITH_SMUGGLED + b"\r\n")
        conversation.until(b";")
        conversation.say(SMUGGLED[:5])
        conversation.say(SMUGGLED[5:] + NEXT)
        conversation.until(b"/next:;")

    assert application.asked == ["/early", "/next"]


def test_an_endless_body_that_the_application_does_not_read(address: tuple[str, int], application: Application) -> None:
    """Beyond a limit the unread body is not read any more, and the connection is closed after the answer."""
    length = 50 * UNREAD_BODY_BYTES_AT_MOST
    is_closed = False
    with Conversation(address) as conversation:
        conversation.say(b"POST /early HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % length)
        conversation.until(b"/early:unread;")
        try:
            for _ in range(50):
                conversation.say(b"a" * UNREAD_BODY_BYTES_AT_MOST)
        except (BrokenPipeError, ConnectionResetError):
            is_closed = True

    assert is_closed
    assert application.asked == ["/early"]


def test_an_answer_is_read_by_a_client_that_still_sends(address: tuple[str, int]) -> None:
    """Closing at once would reset the connection and lose the answer."""
    length = UNREAD_BODY_BYTES_AT_MOST // 2
    for _ in range(20):
        with Conversation(address) as conversation:
            conversation.say(
                b"POST /early HTTP/1.1\r\n" + HOST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % length
            )
            conversation.say(b"a" * (length // 2))
            received = conversation.to_the_end()

        assert received.endswith(b"/early:unread;")


def test_pipelined_requests_are_answered_in_order_and_only_so_many(
    address: tuple[str, int], application: Application
) -> None:
    """Requests within the limit are answered in order; then the connection is closed."""
    with Conversation(address) as conversation:
        conversation.say(NEXT * 3000)
        received = conversation.to_the_end()

    assert PIPELINED_AT_MOST <= len(application.asked) <= PIPELINED_AT_MOST + 1
    assert received.count(b"/next:;") == len(application.asked)


@pytest.mark.parametrize(
    "garbage", [b"\0garbage\r\n\r\n", b"GET /x HTTP/9.9\r\n\r\n", b"GET /y HTTP/1.1\r\nA b\r\n\r\n"]
)
def test_garbage_behind_a_request_is_not_answered_in_its_place(
    address: tuple[str, int], application: Application, garbage: bytes
) -> None:
    """The request before it gets its own answer, and the connection is closed without another."""
    with Conversation(address) as conversation:
        conversation.say(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n")
        while application.asked != ["/slow"]:
            pass
        conversation.say(garbage)
        application.go_on()
        received = conversation.to_the_end()

    assert received.count(b"HTTP/1.1 ") == 1
    assert received.endswith(b"/slow:unread;")


def test_a_broken_body_does_not_put_a_second_answer_into_the_first(
    address: tuple[str, int], application: Application
) -> None:
    """An answer that has begun is cut off."""
    with Conversation(address) as conversation:
        conversation.say(b"POST /begun HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        conversation.until(b"/beg")
        conversation.say(b"no chunk\r\n")
        received = conversation.to_the_end()
    application.go_on()

    assert received.count(b"HTTP/1.1 ") == 1
    assert received.endswith(b"/beg")


@pytest.mark.parametrize(
    "broken", [b"Transfer-Encoding: gzip\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\nhello\r\n"]
)
def test_a_broken_body_has_one_answer(address: tuple[str, int], broken: bytes) -> None:
    """The answer is 400 with a request id and nosniff."""
    with Conversation(address) as conversation:
        conversation.say(b"POST /read HTTP/1.1\r\n" + HOST + broken)
        received = conversation.to_the_end()

    assert received.count(b"HTTP/1.1 ") == 1
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nx-request-id: req_" in received
    assert b"\r\nx-content-type-options: nosniff\r\n" in received


@pytest.mark.parametrize(
    "piece", [b"0\r\nContent-Length: 5\r\n\r\n", b"0\r\nTransfer-Encoding: x\r\n\r\n", b"no chunk\r\n"]
)
def test_a_body_that_breaks_after_its_answer_gets_no_second_one(address: tuple[str, int], piece: bytes) -> None:
    """A proxy that shares the connection would give a second answer to another client."""
    with Conversation(address) as conversation:
        conversation.say(b"POST /early HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        conversation.until(b"/early:unread;")
        conversation.say(piece)
        received = conversation.to_the_end()

    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("version", [b"0.9", b"2.0", b"1.2"])
def test_another_version_is_refused(address: tuple[str, int], application: Application, version: bytes) -> None:
    """Other versions of HTTP are refused, since the same bytes may mean something else."""
    with Conversation(address) as conversation:
        conversation.say(b"GET /read HTTP/" + version + b"\r\n" + HOST + b"Connection: keep-alive\r\n\r\n" + SMUGGLED)
        received = conversation.to_the_end()

    assert application.asked == []
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 ") == 1
