"""Agents with WebSocket behind each gateway: callers with a key get through, and nothing else is upgraded."""

import base64
import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.conftest import Databases
from tests.support.gateways.additions import websockets
from tests.support.gateways.gateways import KINDS, Gateway, Places
from tests.support.gateways.site import SETTINGS, KeydeskBehind, agent_header, keydesk_behind, presented
from tests.support.servers.servers import REAL
from tests.support.servers.small_upstream import SmallUpstream

DATABASE_NUMBER = 114
"""The shared database of this file's tests; conftest's databases are emptied for each test."""
GIVE_UP_SECONDS = 60.0
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""The GUID of RFC 6455."""
PING = b"\x89\x85\x01\x02\x03\x04" + bytes(
    each ^ mask for each, mask in zip(b"hello", b"\x01\x02\x03\x04\x01", strict=True)
)
"""A masked frame, as a client must send it."""


class Echo(SmallUpstream):
    """An agent that upgrades to WebSocket on request, and then returns each byte."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        super().__init__()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            head = read_head(connection)
            self.heads.append(head)
            values = {name.strip().lower(): value.strip() for name, _, value in map(_parted, head.split(b"\r\n")[1:])}
            if values.get(b"upgrade", b"").lower() != b"websocket":
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nplain")
                return
            accepted = base64.b64encode(hashlib.sha1(values[b"sec-websocket-key"] + GUID).digest())
            connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: %b\r\n\r\n" % accepted
            )
            while part := connection.recv(65536):
                connection.sendall(part)


def _parted(line: bytes) -> tuple[bytes, bytes, bytes]:
    return line.partition(b":")


def read_head(connection: socket.socket) -> bytes:
    """Reads up to the empty line."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = connection.recv(1)
        if not part:
            break
        head += part
    return head


@pytest.fixture(scope="module")
def keydesk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeydeskBehind]:
    """Some gateways send the caller's `Upgrade` to Keydesk."""
    with keydesk_behind(
        databases.fresh(DATABASE_NUMBER), tmp_path_factory.mktemp("keydesk"), settings=SETTINGS, program=REAL
    ) as opened:
        yield opened


@pytest.fixture(scope="module")
def agent() -> Iterator[Echo]:
    with closing(Echo()) as opened:
        yield opened


@pytest.fixture(scope="module", params=KINDS)
def gateway(
    request: pytest.FixtureRequest, keydesk: KeydeskBehind, agent: Echo, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    places = Places(
        keydesk.server.port, agent.port, agent.port, agent_header(keydesk.crawler), agent_header(keydesk.biller)
    )
    with closing(
        Gateway(request.param, places, tmp_path_factory.mktemp(request.param), websockets(request.param))
    ) as opened:
        yield opened


def opening(connection: socket.socket, upgrade: str, *lines: str, method: str = "GET") -> bytes:
    """Requests an upgrade; returns the head of the answer."""
    head = (f"{method} /crawler/socket HTTP/1.1", "Host: agents.example", "Connection: Upgrade", f"Upgrade: {upgrade}")
    connection.sendall("\r\n".join((*head, *lines, "", "")).encode())
    return read_head(connection)


def shaking(key: str) -> tuple[str, ...]:
    """The headers of a WebSocket handshake."""
    return ("Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}")


def test_with_a_key_bytes_go_both_ways(gateway: Gateway, keydesk: KeydeskBehind, agent: Echo) -> None:
    """The handshake is the agent's own, and the agent gets the key's headers as with any other request."""
    issued = keydesk.issue(keydesk.crawler)
    key = base64.b64encode(os.urandom(16)).decode()
    with socket.create_connection(("127.0.0.1", gateway.port), GIVE_UP_SECONDS) as connection:
        answer = opening(connection, "websocket", *shaking(key), ": ".join(presented(issued)))

        assert answer.startswith(b"HTTP/1.1 101 "), answer
        assert base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()) in answer
        for _ in range(3):
            connection.sendall(PING)
            received = b""
            while len(received) < len(PING):
                received += connection.recv(len(PING)) or pytest.fail("closed")
            assert received == PING
    assert f"key_{issued.record.id.hex}".encode() in agent.heads[-1]
    assert issued.secret.reveal().encode() not in agent.heads[-1]


def test_without_a_key_there_is_no_connection(gateway: Gateway, agent: Echo) -> None:
    """The refusal is that of any other request; the agent is not asked."""
    asked = len(agent.heads)
    with socket.create_connection(("127.0.0.1", gateway.port), GIVE_UP_SECONDS) as connection:
        answer = opening(connection, "websocket", *shaking("dGhlIHNhbXBsZSBub25jZQ=="))

    assert answer.startswith(b"HTTP/1.1 401 "), answer
    assert len(agent.heads) == asked


def test_ordinary_requests_go_on(gateway: Gateway, keydesk: KeydeskBehind) -> None:
    """They are unchanged."""
    issued = keydesk.issue(keydesk.crawler)
    with socket.create_connection(("127.0.0.1", gateway.port), GIVE_UP_SECONDS) as connection:
        head = f"GET /crawler/ HTTP/1.1\r\nHost: agents.example\r\n{': '.join(presented(issued))}\r\n\r\n"
        connection.sendall(head.encode())

        assert read_head(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("gateway", ["nginx", "envoy"], indirect=True)
@pytest.mark.parametrize("upgrade", ["h2c", "foo", "websocket2"])
def test_no_other_upgrade_is_passed_on(gateway: Gateway, keydesk: KeydeskBehind, agent: Echo, upgrade: str) -> None:
    """With the additions of the page. Caddy and Traefik pass on every upgrade, whatever their recipe."""
    issued = keydesk.issue(keydesk.crawler)
    asked = len(agent.heads)
    with socket.create_connection(("127.0.0.1", gateway.port), GIVE_UP_SECONDS) as connection:
        answer = opening(connection, upgrade, ": ".join(presented(issued)))

    assert answer.split()[1] in {b"200", b"403"}
    assert not [head for head in agent.heads[asked:] if b"upgrade:" in head.lower()]
