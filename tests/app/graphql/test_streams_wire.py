"""Subscriptions over real connections: single events, disconnects, a stopping server, and the graphql-sse client."""

import json
import logging
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.http_protocol import BoundedHttp
from keys.refusals import Forbidden
from tests.support.graphql.tiny_streams import OVER, PATIENT, TinyStreams
from tests.support.http.sse_listener import GIVE_UP_SECONDS, Event, events_of
from tests.support.http.verify_client import served

CLIENT = Path(__file__).parents[2] / "graphql_http_audit"
SAID = "subscription { said { text } }"
END_OF_BODY = b"0\r\n\r\n"


class Connection:
    """A client's connection, which reads only when told."""

    def __init__(self, address: tuple[str, int], *requests: bytes) -> None:
        self._socket = socket.create_connection(address, GIVE_UP_SECONDS)
        self.received = b""
        self.send(*requests)

    def send(self, *requests: bytes) -> None:
        """Sends these requests at once."""
        self._socket.sendall(b"".join(requests))

    def until(self, text: bytes) -> bytes:
        """Reads until the text has arrived, and returns everything received."""
        while text not in self.received:
            part = self._socket.recv(65536)
            if not part:
                raise ConnectionError(f"closed after {self.received!r}")
            self.received += part
        return self.received

    def rest(self) -> bytes:
        """Reads until the server closes, and returns everything received."""
        while part := self._socket.recv(65536):
            self.received += part
        return self.received

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()


@contextmanager
def connected(address: tuple[str, int], *requests: bytes) -> Iterator[Connection]:
    """A connection on which these requests were sent."""
    connection = Connection(address, *requests)
    try:
        yield connection
    finally:
        connection.close()


def asking(query: str, accept: str = "text/event-stream") -> bytes:
    """The bytes of a request."""
    body = json.dumps({"query": query}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: keys.example\r\nAccept: {accept}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def events_in(answer: bytes) -> list[Event]:
    """The events of a chunked answer."""
    _, _, body = answer.partition(b"\r\n\r\n")
    return events_of(b"".join(body.split(b"\r\n")[1::2]))


def test_each_event_arrives_when_it_was_said_and_the_connection_serves_on() -> None:
    """The answer is chunked, and starts before the first event. The connection can be used again."""
    tiny = TinyStreams()
    with served(tiny, http=BoundedHttp) as address, connected(address, asking(SAID)) as connection:
        head = connection.until(b":\n\n").lower()
        tiny.source.say("one")
        connection.until(b'"one"')
        tiny.source.say("two", OVER)
        streamed = connection.until(END_OF_BODY)
        connection.send(asking("{ echo }", accept="application/json"))
        again = connection.until(b'{"data":{"echo":""}}')

    assert b"\r\ntransfer-encoding: chunked\r\n" in head
    assert b"content-length" not in head
    assert [event.name for event in events_in(streamed)] == ["next", "next", "complete"]
    assert again.count(b"HTTP/1.1 200 ") == 2


@pytest.mark.parametrize("further", [(), (asking("{ echo }", accept="application/json"),)])
def test_hanging_up_closes_the_source(further: tuple[bytes, ...], caplog: pytest.LogCaptureFixture) -> None:
    """The source is closed without a log line, also while another request waits on the connection."""
    tiny = TinyStreams(stream_limits=replace(PATIENT, heartbeat_seconds=0.01))
    with served(tiny, http=BoundedHttp) as address:
        with connected(address, asking(SAID), *further) as connection:
            connection.until(b":\n\n")
            assert tiny.source.opened.wait(GIVE_UP_SECONDS)

        closed = tiny.source.closed.wait(GIVE_UP_SECONDS)
        tiny.source.say(OVER)

    assert closed
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_server_that_stops_waits_for_no_stream() -> None:
    """Each stream ends without `complete`, and its source is closed."""
    tiny = TinyStreams()
    never_told = threading.Timer(GIVE_UP_SECONDS, tiny.source.say, [OVER] * 3)
    with ExitStack() as stack:
        with served(tiny, http=BoundedHttp) as address:
            connections = [stack.enter_context(connected(address, asking(SAID))) for _ in range(3)]
            for connection in connections:
                connection.until(b":\n\n")
            assert tiny.source.opened.wait(GIVE_UP_SECONDS)
            never_told.start()
        never_told.cancel()
        answers = [connection.rest() for connection in connections]

    assert all(answer.endswith(END_OF_BODY) for answer in answers)
    assert [events_in(answer) for answer in answers] == [[], [], []]
    assert tiny.source.closed.is_set()


def test_a_client_that_leaves_a_stream_unread_is_hung_up_on(caplog: pytest.LogCaptureFixture) -> None:
    """The connection and what was not read are dropped, and the server stops without waiting."""
    tiny = TinyStreams(stream_limits=replace(PATIENT, unread_seconds=0.01))
    tiny.source.say(*["more than systems keep for a connection" * 10_000] * 100)
    with ExitStack() as stack:
        with served(tiny, http=BoundedHttp) as address:
            connection = stack.enter_context(connected(address, asking(SAID)))
            closed = tiny.source.closed.wait(GIVE_UP_SECONDS)
            gives_up = threading.Timer(GIVE_UP_SECONDS, connection.close)
            gives_up.start()
        was_waited_for = not gives_up.is_alive()
        gives_up.cancel()

    assert closed
    assert not was_waited_for
    assert tiny.source.taken < 100
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def subscribed(address: tuple[str, int], query: str) -> list[dict[str, Any]]:
    """What graphql-sse's client received: results, and how the stream ended."""
    node = shutil.which("node")
    if node is None or not (CLIENT / "node_modules" / "graphql-sse").is_dir():
        missing = "The client needs Node, and `npm ci` in tests/graphql_http_audit."
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    command = [node, "subscribe.mjs", f"http://{address[0]}:{address[1]}/graphql", query]
    done = subprocess.run(command, cwd=CLIENT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("subscription { count(to: 3) }", [None, None, None]),
        ("subscription { nothing }", ["GRAPHQL_VALIDATION_FAILED"]),
        ("subscription { forbidden }", ["FORBIDDEN"]),
        ('subscription { fail(kind: "no", after: 1) }', [None, "FORBIDDEN"]),
    ],
)
def test_the_protocols_own_client_understands_every_end(query: str, codes: list[str | None]) -> None:
    """The client gets each result and the end, and does not retry after a refusal."""
    tiny = TinyStreams(failures={"no": Forbidden("Not any more.")})
    with served(tiny, http=BoundedHttp) as address:
        *results, end = subscribed(address, query)

    found = [
        result["next"]["errors"][0]["extensions"]["code"] if "errors" in result["next"] else None for result in results
    ]
    assert found == codes
    assert end == {"complete": {"attempts": 1}}
