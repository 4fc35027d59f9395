"""The end of connections: at a stop of the server, after a client leaves, and after unread bytes."""

import asyncio
import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, ClassVar

import pytest

from app.connections import Bounds, Deadlines
from app.http_protocol import BoundedHttp
from tests.support.http.verify_client import served

GIVE_UP_SECONDS = 30
HOST = b"Host: keys.example\r\n"
OK = b"GET /ok HTTP/1.1\r\n" + HOST + b"\r\n"


class Application:
    """Answers by path: `/early` without reading the body, `/slow` once `go_on` is set."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go_on = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request."""
        path = scope["path"]
        self.asked.append(path)
        while path != "/early" and (await receive()).get("more_body"):
            pass
        body = path.encode()
        if path == "/slow":
            await asyncio.to_thread(self.go_on.wait, GIVE_UP_SECONDS)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body, "more_body": False})


@pytest.fixture
def application() -> Application:
    """The served application."""
    return Application()


class Watched(BoundedHttp):
    """A protocol whose instances the test can look at."""

    living: ClassVar[list["Watched"]] = []

    def connection_made(self, transport: Any) -> None:
        """Records the instance."""
        super().connection_made(transport)
        Watched.living.append(self)


def serving(application: Application, **deadlines: float) -> Any:
    """A server with these deadlines."""
    Watched.living.clear()
    generous = {"head": 3600.0, "body": 3600.0, "unread": 3600.0, "last_words": 3600.0}
    bounds = Bounds(deadlines=Deadlines(**(generous | deadlines)))
    return served(application, http=partial(Watched, bounds=bounds))


def connect(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, GIVE_UP_SECONDS)


def to_the_end(connection: socket.socket) -> bytes:
    """Reads until the server closes the connection."""
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


def until_true(condition: Any) -> bool:
    """Whether the condition becomes true in time."""
    end = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_half_a_head_at_a_stop_is_told_that_it_is_late(
    application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is 408, and no error is logged."""
    with ExitStack() as stack:
        with serving(application, last_words=0.2) as address:
            used, fresh = (stack.enter_context(connect(address)) for _ in range(2))
            used.sendall(OK)
            assert used.recv(65536).endswith(b"/ok")
            for connection in (used, fresh):
                connection.sendall(OK[:9])
            assert until_true(lambda: len(Watched.living) == 2 and all(each._in_message for each in Watched.living))
        received = [to_the_end(used), to_the_end(fresh)]

    assert [each[:13] for each in received] == [b"HTTP/1.1 408 "] * 2
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_request_that_was_begun_before_a_stop_is_answered(
    application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    """A request that is completed during the stop is executed and answered."""
    received = []

    def finish(connection: socket.socket) -> None:
        connection.settimeout(0.5)
        with suppress(TimeoutError):
            connection.recv(65536)
        connection.settimeout(GIVE_UP_SECONDS)
        connection.sendall(OK[9:])
        received.append(to_the_end(connection))

    with ExitStack() as stack:
        with serving(application, last_words=4) as address:
            connection = stack.enter_context(connect(address))
            connection.sendall(OK[:9])
            assert until_true(lambda: Watched.living and Watched.living[0]._in_message)
            finishing = threading.Thread(target=finish, args=(connection,))
            finishing.start()
        finishing.join()

    assert application.asked == ["/ok"]
    assert received[0].endswith(b"/ok")
    assert b"connection: close" in received[0]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_a_trickle_does_not_hold_up_a_stop(application: Application) -> None:
    """The deadline at a stop does not start again with each byte."""

    def trickle(connection: socket.socket) -> None:
        with suppress(OSError):
            for _ in range(200):
                connection.sendall(b"a")
                time.sleep(0.05)
            connection.close()

    with ExitStack() as stack:
        with serving(application, last_words=0.5) as address:
            connection = stack.enter_context(connect(address))
            connection.sendall(b"POST /ok HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n")
            assert until_true(lambda: application.asked)
            trickling = threading.Thread(target=trickle, args=(connection,))
            trickling.start()
        trickling.join()
        received = connection.recv(65536)

    assert received.startswith(b"HTTP/1.1 408 ")


def test_a_body_that_ends_after_its_answer_leaves_the_connection_idle(application: Application) -> None:
    """After the rest of the body, the connection has the time of an idle one, since a proxy may reuse it."""
    with serving(application, head=0.2) as address, connect(address) as connection:
        connection.sendall(b"POST /early HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n")
        assert connection.recv(65536).endswith(b"/early")
        connection.sendall(b"12345")
        time.sleep(1)
        connection.sendall(OK)
        assert connection.recv(65536).endswith(b"/ok")


@pytest.mark.parametrize("bad", [b"http://a:99999/", b"http://keys.example"])
def test_a_bad_address_behind_a_request_does_not_take_its_answer(application: Application, bad: bytes) -> None:
    """The complete request before it is answered first."""
    with serving(application) as address, connect(address) as connection:
        connection.sendall(OK.replace(b"/ok", b"/slow"))
        assert until_true(lambda: application.asked)
        connection.sendall(OK.replace(b"/ok", bad))
        time.sleep(0.2)
        application.go_on.set()
        received = connection.recv(65536)

    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.endswith(b"/slow")


@pytest.mark.parametrize("bad", [b"http://a:99999/", b"http://keys.example"])
def test_a_bad_address_on_a_used_connection_is_refused(application: Application, bad: bytes) -> None:
    """The answer is 400 instead of only a closed connection."""
    with serving(application, last_words=0.2) as address, connect(address) as connection:
        connection.sendall(OK)
        connection.recv(65536)
        connection.sendall(OK.replace(b"/ok", bad))
        assert to_the_end(connection).startswith(b"HTTP/1.1 400 ")


def test_a_reset_leaves_no_timer_behind(application: Application) -> None:
    """A timer would keep the connection in memory."""
    with serving(application) as address:
        with connect(address) as connection:
            connection.sendall(OK)
            connection.recv(65536)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        (protocol,) = Watched.living
        assert until_true(lambda: not protocol.connections)
        assert protocol.timeout_keep_alive_task is None


@pytest.mark.parametrize("megabytes", [1, 10])
def test_a_client_that_sends_all_before_it_reads_gets_its_answer(application: Application, megabytes: int) -> None:
    """The server reads a body that comes with or after its answer, as clients such as Python's http.client send it."""
    length = megabytes * 1_000_000
    with serving(application, last_words=1) as address, connect(address) as connection:
        connection.sendall(b"POST /early HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % length)
        connection.sendall(b"a" * length)
        assert connection.recv(65536).endswith(b"/early")
