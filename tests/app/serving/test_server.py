"""The server's stop: no connection that was accepted goes without its answer, and nothing lasts too long."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, cast

import pytest
import uvicorn

from app.connections import Bounds, Deadlines
from app.http_protocol import BoundedHttp
from app.problems import Problems
from app.request_id import CommonHeaders
from app.serving import server as server_module
from app.serving.cancelled import CancelledAnswers
from app.serving.listening import listen
from app.serving.server import Server
from app.serving.stopping import Stop

GIVE_UP_SECONDS = 60
REQUEST = b"GET %b HTTP/1.1\r\nHost: keys.example\r\n\r\n"
PUBLIC_URL = "https://keys.example"


class Application:
    """Answers by path: `/block` blocks the event loop until `go_on`, `/hang` never answers, anything else at once."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.blocks = threading.Event()
        self.hangs = threading.Event()
        self.has_closed = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["path"] == "/block":
            self.blocks.set()
            self.go_on.wait(GIVE_UP_SECONDS)
        if scope["path"] in ("/hang", "/hang-later"):
            if scope["path"] == "/hang-later":
                await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
            self.hangs.set()
            await asyncio.Event().wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok", "more_body": False})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.has_closed.set()
        await send({"type": "lifespan.shutdown.complete"})


class Running:
    """A server in a thread, and its stop."""

    def __init__(self, application: Application, listener: socket.socket, **options: Any) -> None:
        drain_seconds = options.pop("drain_seconds", 0)
        self.stop = Stop(drain_seconds=drain_seconds, end_now=lambda _: None)
        self.address: tuple[str, int] = listener.getsockname()[:2]
        bounds = Bounds(deadlines=Deadlines(**options), stop=self.stop)
        web = CommonHeaders(CancelledAnswers(application, Problems(PUBLIC_URL)), public_url=PUBLIC_URL)
        config = uvicorn.Config(
            cast(Any, web),
            loop="uvloop",
            http=partial(BoundedHttp, bounds=bounds),  # type: ignore[arg-type]  # what makes a protocol
            ws="none",
            lifespan="on",
            log_config=None,
        )
        self.server = Server(config, self.stop)
        self.thread = threading.Thread(target=self.server.run, args=([listener],))

    def begin_stop(self) -> None:
        """Begins the stop of the only process at its socket."""
        self.stop.begin("a test ends it", is_last=True)

    def has_ended(self) -> bool:
        """Whether the server has ended, after a while."""
        self.thread.join(GIVE_UP_SECONDS)
        return not self.thread.is_alive()


@contextmanager
def running(application: Application, listener: socket.socket | None = None, **options: Any) -> Iterator[Running]:
    """A server that serves. `options` are `drain_seconds` and deadlines."""
    started = Running(application, listener or listen("127.0.0.1", 0), **options)
    started.thread.start()
    until(lambda: started.server.started)
    try:
        yield started
    finally:
        application.go_on.set()
        started.begin_stop()
        assert started.has_ended()
        started.stop.over()


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def connect(server: Running) -> socket.socket:
    return socket.create_connection(server.address, GIVE_UP_SECONDS)


def answer(connection: socket.socket) -> bytes:
    """One answer of the application, or what there was before the end."""
    received = b""
    while not received.endswith(b"\r\n\r\nok") and (part := connection.recv(65536)):
        received += part
    return received


def is_closed(connection: socket.socket) -> bool:
    return connection.recv(1) == b""


def test_connections_that_wait_at_the_socket_are_answered() -> None:
    """
    They came while the event loop was busy, and the server was asked to stop before it could accept them.

    A socket that is closed with connections in its queue resets them.
    """
    application = Application()
    with ExitStack() as stack:
        server = stack.enter_context(running(application))
        blocker = stack.enter_context(connect(server))
        blocker.sendall(REQUEST % b"/block")
        assert application.blocks.wait(GIVE_UP_SECONDS)
        waiting = [stack.enter_context(connect(server)) for _ in range(100)]
        for connection in waiting:
            connection.sendall(REQUEST % b"/ok")

        server.begin_stop()
        application.go_on.set()

        answers = [answer(connection) for connection in (*waiting, blocker)]
        assert {each[:12] for each in answers} == {b"HTTP/1.1 200"}
        assert all(b"\r\nconnection: close\r\n" in each for each in answers[:-1])
        assert server.has_ended()
        with pytest.raises(ConnectionRefusedError):
            connect(server)


def test_an_idle_connection_may_send_one_more_request() -> None:
    """Its answer closes it. One that stays idle is closed after a while, and so is a new one that sends nothing."""
    application = Application()
    with ExitStack() as stack:
        server = stack.enter_context(running(application, last_idle=1.0))
        used, idle = (stack.enter_context(connect(server)) for _ in range(2))
        for connection in (used, idle):
            connection.sendall(REQUEST % b"/ok")
            assert b"connection: close" not in answer(connection)
        silent = stack.enter_context(connect(server))

        server.begin_stop()
        until(lambda: not any(each.is_serving() for each in server.server.servers))
        used.sendall(REQUEST % b"/ok")

        assert b"\r\nconnection: close\r\n" in answer(used)
        assert all(is_closed(connection) for connection in (used, idle, silent))
        assert server.has_ended()
    assert application.has_closed.is_set()


def test_requests_that_take_too_long_are_answered_with_503(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One whose answer has begun is cut off. The application is closed after that."""
    monkeypatch.setattr(server_module, "REQUESTS_SECONDS", 0.1)
    application = Application()
    with ExitStack() as stack:
        server = stack.enter_context(running(application))
        hanging, begun = (stack.enter_context(connect(server)) for _ in range(2))
        hanging.sendall(REQUEST % b"/hang")
        assert application.hangs.wait(GIVE_UP_SECONDS)
        application.hangs.clear()
        begun.sendall(REQUEST % b"/hang-later")
        assert application.hangs.wait(GIVE_UP_SECONDS)

        server.begin_stop()

        said = answer(hanging)
        assert said.startswith(b"HTTP/1.1 503 ")
        assert all(part in said for part in (b"\r\nretry-after: 1\r\n", b"\r\nconnection: close\r\n", b'"unavailable"'))
        assert b"200" in answer(begun)
        assert server.has_ended()
    assert application.has_closed.is_set()
    assert "2 request(s) did not end in time" in caplog.text


def test_a_draining_server_goes_on_accepting() -> None:
    """So that load balancers can look at /readyz. Every answer closes its connection from the first moment."""
    application = Application()
    with ExitStack() as stack:
        server = stack.enter_context(running(application, drain_seconds=1))
        kept = stack.enter_context(connect(server))
        kept.sendall(REQUEST % b"/ok")
        assert b"connection: close" not in answer(kept)

        server.begin_stop()

        kept.sendall(REQUEST % b"/ok")
        fresh = stack.enter_context(connect(server))
        fresh.sendall(REQUEST % b"/ok")
        assert all(b"\r\nconnection: close\r\n" in answer(connection) for connection in (kept, fresh))
        assert server.has_ended()
        with pytest.raises(ConnectionRefusedError):
            connect(server)


def test_a_server_hands_its_port_over_without_a_gap() -> None:
    """While clients connect again and again, one server starts beside another at one port, and the first one stops."""
    first_listener = listen("127.0.0.1", 0, shares_port=True)
    port = first_listener.getsockname()[1]
    answers: list[bytes] = []
    is_enough = threading.Event()

    def call() -> None:
        while not is_enough.is_set():
            with socket.create_connection(("127.0.0.1", port), GIVE_UP_SECONDS) as connection:
                connection.sendall(REQUEST % b"/ok")
                answers.append(answer(connection)[:12])

    with ExitStack() as stack:
        callers = [threading.Thread(target=call) for _ in range(4)]
        first = stack.enter_context(running(Application(), first_listener))
        for caller in callers:
            caller.start()
        until(lambda: len(answers) > 50)
        stack.enter_context(running(Application(), listen("127.0.0.1", port, shares_port=True)))
        first.begin_stop()
        assert first.has_ended()
        seen = len(answers)
        until(lambda: len(answers) > seen + 50 or not all(caller.is_alive() for caller in callers))
        is_enough.set()
        for caller in callers:
            caller.join(GIVE_UP_SECONDS)

    assert set(answers) == {b"HTTP/1.1 200"}
