"""The limit of a request's head: smaller heads pass, larger ones end the connection."""

import socket
import time
from collections.abc import Iterator

import pytest

from app.gentle_transport import DROPPED_BYTES_AT_MOST
from app.http_protocol import HEAD_BYTES_AT_MOST, PIECE_BYTES, BoundedHttp
from app.verify.endpoint import VerifyEndpoint
from keys.outcomes import Outcome
from keys.verification.verdict import RequestedAgent, Verdict
from tests.app.verify.test_endpoint import FailingVerifier
from tests.support.http.verify_client import PUBLIC_URL, exchange, served

BEGINNING = b"GET /v1/verify HTTP/1.1\r\nHost: keys.example\r\n"
PIECE = 16 * 1024
POSTED = BEGINNING.replace(b"GET", b"POST")


class EmptyVerifier(FailingVerifier):
    """A verifier for which every key is invalid."""

    async def verify(self, key: str, wanted: RequestedAgent) -> Verdict:
        """Returns `invalid_key`."""
        return Verdict(Outcome.INVALID_KEY, "")


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """The address of an endpoint behind the limit."""
    with served(VerifyEndpoint(EmptyVerifier(), public_url=PUBLIC_URL), http=BoundedHttp) as address:
        yield address


def trickle(address: tuple[str, int], beginning: bytes, endless: bytes, pieces: int) -> bytes:
    """Sends a beginning and then pieces without end, and returns the first answer."""
    with socket.create_connection(address, 30) as connection:
        connection.sendall(beginning)
        connection.settimeout(0.05)
        for _ in range(pieces):
            try:
                connection.sendall((endless * PIECE)[:PIECE])
                if (answer := connection.recv(65536)) or not answer:
                    return answer
            except TimeoutError:
                continue
    return b""


@pytest.mark.parametrize(
    ("beginning", "endless"),
    [
        (BEGINNING + b"X-API-Key: ", b"a"),
        (BEGINNING, b"X-API-Key: a\r\n"),
        (BEGINNING + b"X", b"x"),
        (b"GET /v1/verify?", b"a"),
    ],
)
def test_a_head_without_an_end(address: tuple[str, int], beginning: bytes, endless: bytes) -> None:
    """Beyond the limit the answer is 431, whatever part is long, and the connection is closed."""
    within = trickle(address, beginning, endless, HEAD_BYTES_AT_MOST // PIECE - 1)
    beyond = trickle(address, beginning, endless, HEAD_BYTES_AT_MOST // PIECE + 3)

    assert within == b""
    assert beyond.startswith(b"HTTP/1.1 431 ")
    assert b"connection: close" in beyond


@pytest.mark.parametrize("endless", [b"a", b"X: a\r\n"])
def test_trailers_without_an_end(address: tuple[str, int], endless: bytes) -> None:
    """Trailers after a chunked body are limited, too: after the answer the connection is closed."""
    beginning = POSTED + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: "
    with socket.create_connection(address, 30) as connection:
        connection.sendall(beginning)
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")

        refused = False
        for _ in range(2 * DROPPED_BYTES_AT_MOST // PIECE):
            try:
                connection.sendall(endless * (PIECE // len(endless)))
                time.sleep(0.002)
            except (BrokenPipeError, ConnectionResetError):
                refused = True
                break

    assert refused


def test_megabytes_at_once(address: tuple[str, int]) -> None:
    """Megabytes in one piece are refused with 431, and the next request is served."""
    for header in (b"X-API-Key: " + b"a" * 5_000_000, b"a:b\r\n" * 380_000 + b"a:b"):
        refused = exchange(address, BEGINNING + header + b"\r\n\r\n")

        assert refused.status == 431
    assert exchange(address, BEGINNING + b"X-API-Key: a\r\n\r\n").status == 401


@pytest.mark.parametrize("size", [1000, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 200_000])
def test_a_piece_of_any_size_is_parsed_whole(address: tuple[str, int], size: int) -> None:
    """Two requests in one piece are both answered, wherever the server splits the piece."""
    body = POSTED + b"Content-Length: %d\r\n\r\n" % size + b"a" * size
    with socket.create_connection(address, 30) as connection:
        connection.sendall(body + BEGINNING + b"X-API-Key: a\r\n\r\n")
        received = b""
        while received.count(b"HTTP/1.1 401 ") < 2:
            part = connection.recv(65536)
            assert part
            received += part


def test_what_is_within_the_bound(address: tuple[str, int]) -> None:
    """Long headers, long bodies and heads in small pieces are answered."""
    long = BEGINNING + b"Cookie: " + b"a" * (HEAD_BYTES_AT_MOST // 2) + b"\r\n\r\n"
    body = POSTED + b"Content-Length: 1000000\r\nConnection: close\r\n\r\n" + b"a" * 1_000_000
    many = [long] * 5 + [body]

    assert [exchange(address, request).status for request in many] == [401] * 6
    with socket.create_connection(address, 30) as connection:
        for place in range(0, len(long), 700):
            connection.sendall(long[place : place + 700])
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")
        connection.sendall(long * 3)
        received = b""
        while received.count(b"HTTP/1.1 401 ") < 3:
            received += connection.recv(65536)
