"""Limits for one client: time to send a request, time to read an answer, and connections."""

import ipaddress
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import pytest

from app.connections import Bounds, ClosedLog, Deadlines, Places
from app.http_protocol import BoundedHttp
from tests.support.http.verify_client import served

SOON = Deadlines(head=0.3, body=0.3, unread=0.3, last_words=0.1)
NEVER = Deadlines(head=3600, body=3600, unread=3600, last_words=3600)
HEAD = b"GET /ok HTTP/1.1\r\nHost: keys.example\r\n"
BODY_TO_COME = b"POST /ok HTTP/1.1\r\nHost: keys.example\r\nContent-Length: 10\r\n\r\n12345"
GIVE_UP_SECONDS = 30


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body and answers; `/large` with more than a socket's buffer holds."""
    while (await receive()).get("more_body"):
        pass
    body = b"a" * 50_000_000 if scope["path"] == "/large" else b"ok"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def serving(bounds: Bounds) -> Any:
    """A server with these limits."""
    return served(application, http=partial(BoundedHttp, bounds=bounds))


@pytest.fixture
def impatient() -> Iterator[tuple[str, int]]:
    """A server with short deadlines."""
    with serving(Bounds(deadlines=SOON)) as address:
        yield address


def connect(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, GIVE_UP_SECONDS)


def to_the_end(connection: socket.socket) -> bytes:
    """Reads until the server closes the connection."""
    received = b""
    with suppress(ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    return received


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"\r\n\r\n", b""),
        (b"G", b"HTTP/1.1 408 "),
        (HEAD, b"HTTP/1.1 408 "),
        (BODY_TO_COME, b"HTTP/1.1 408 "),
        (b"POST /ok HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", b"HTTP/1.1 408 "),
        (b"POST /ok HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: trailer", b"HTTP/1.1 408 "),
        (HEAD + b"Connection: Upgrade\r\nUpgrade: foo\r\nContent-Length: 9\r\n\r\n1", b"HTTP/1.1 408 "),
    ],
)
def test_half_a_request_ends_the_connection(impatient: tuple[str, int], sent: bytes, answer: bytes) -> None:
    """The answer is 408 (RFC 9110, 15.5.9) if a request had begun."""
    with connect(impatient) as connection:
        connection.sendall(sent)
        received = to_the_end(connection)

    assert received[: len(answer)] == answer
    assert received.count(b"HTTP/1.1 ") == bool(answer)


def test_half_a_request_on_a_connection_that_was_used(impatient: tuple[str, int]) -> None:
    """The first request is answered. The deadline is for each request."""
    with connect(impatient) as connection:
        connection.sendall(HEAD + b"\r\n" + HEAD)
        received = to_the_end(connection)

    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.count(b"HTTP/1.1 ") == received.count(b"HTTP/1.1 200 ") + received.count(b"HTTP/1.1 408 ") <= 2


@pytest.mark.parametrize("beginning", [HEAD + b"X: ", BODY_TO_COME[:-5]])
def test_a_trickle_gains_no_time(impatient: tuple[str, int], beginning: bytes) -> None:
    """The deadline is for the whole request, and does not start again with each byte."""
    is_closed = False
    with connect(impatient) as connection:
        connection.sendall(beginning)
        connection.settimeout(0.05)
        for _ in range(int(GIVE_UP_SECONDS / 0.05)):
            try:
                if beginning.startswith(b"GET"):
                    connection.sendall(b"a")
                is_closed = connection.recv(65536) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                is_closed = True
            if is_closed:
                break

    assert is_closed


def test_whole_requests_in_pieces_are_answered() -> None:
    """Complete requests in small pieces are answered."""
    with serving(Bounds(deadlines=NEVER)) as address, connect(address) as connection:
        for request in (HEAD + b"\r\n", BODY_TO_COME + b"67890") * 3:
            for place in range(0, len(request), 9):
                connection.sendall(request[place : place + 9])
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_client_that_does_not_read_is_dropped(impatient: tuple[str, int]) -> None:
    """If the client does not read its answer, the connection is closed."""
    with connect(impatient) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: keys.example\r\n\r\n")
        is_dropped = False
        for _ in range(GIVE_UP_SECONDS * 20):
            try:
                connection.sendall(b"\r\n")
            except ConnectionError:
                is_dropped = True
                break
            time.sleep(0.05)

    assert is_dropped


def test_connections_of_one_address_are_bounded() -> None:
    """A connection over the limit is closed at once. A closed one makes room."""
    bounds = Bounds(places=Places(in_all=100, from_one=3), deadlines=NEVER)
    with serving(bounds) as address, ExitStack() as open_ones:
        first, *_ = [open_ones.enter_context(connect(address)) for _ in range(3)]
        first.sendall(HEAD + b"\r\n")
        assert first.recv(65536).startswith(b"HTTP/1.1 200 ")

        with connect(address) as one_too_many:
            assert to_the_end(one_too_many) == b""
        first.close()

        assert is_served_soon(address)


def is_served_soon(address: tuple[str, int]) -> bool:
    """Whether a new connection is answered, after the server has noticed the end of another."""
    for _ in range(200):
        with connect(address) as connection, suppress(ConnectionError):
            connection.sendall(HEAD + b"\r\n")
            if connection.recv(65536).startswith(b"HTTP/1.1 200 "):
                return True
    return False


def test_places_by_address() -> None:
    """An IPv6 network counts as one address. Trusted proxies only count against the total."""
    proxies = (ipaddress.ip_network("10.0.0.0/8"),)
    places = Places(in_all=8, from_one=2, exempt=proxies)

    of_one_network = [places.take(f"2001:db8::{n}") for n in (1, 2, 3)]
    of_another = places.take("2001:db8:0:1::1")
    mapped = [places.take(host) for host in ("::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1")]
    of_a_proxy = [places.take("10.1.2.3") for _ in range(4)]

    assert [refusal is None for refusal in of_one_network] == [True, True, False]
    assert of_another is None
    assert [refusal is None for refusal in mapped] == [True, True, False]
    assert [refusal is None for refusal in of_a_proxy] == [True, True, True, False]
    assert of_a_proxy[-1] == "too many connections in all"


def test_places_that_were_given_back_can_be_taken() -> None:
    """A returned place can be taken again, also by an address at its limit."""
    places = Places(in_all=2, from_one=1)
    for _ in range(10):
        assert places.take("192.0.2.1") is None
        assert places.take("192.0.2.1") is not None
        assert places.take(None) is None
        places.give_back("192.0.2.1")
        places.give_back(None)


def test_what_strangers_cause_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Each kind of closed connection is logged once, however often it happens."""
    log = ClosedLog()
    for _ in range(1000):
        log.note("not a valid HTTP request")
    log.note("another kind")

    assert [record.getMessage() for record in caplog.records] == [
        "closed 1 connection(s): not a valid HTTP request",
        "closed 1 connection(s): another kind",
    ]


def test_a_thousand_malformed_requests_are_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Malformed requests and upgrades on real connections are logged once."""
    bounds = Bounds(deadlines=NEVER)
    with serving(bounds) as address:
        for number in range(300):
            with connect(address) as connection:
                upgrade = HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                connection.sendall(upgrade if number % 2 else b"no request\r\n\r\n")
                to_the_end(connection)

    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1
