"""Arbitrary bytes to /v1/verify: no internal error, and no wait without end."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.application import create_app
from app.settings import read_settings
from app.verify.endpoint import VerifyEndpoint
from keys.token import Secret, mint
from keys.verification.verifier import KeyVerifier
from models.engine.database import Database
from models.key_lookup import KeyState
from resolvers.services import KeyServices
from tests.conftest import SERVER_KEYS, CountingHasher
from tests.support.http.verify_client import PUBLIC_URL, Answer, Header, ask, exchange, served
from tests.support.keys.issued_keys import SpyReader, Verifiers, issue
from tests.support.world import World

MEGABYTE = 1_000_000
SECRET_KEY = "0123456789abcdef0123456789abcdef"
REQUEST_ID = re.compile(r"req_[0-9a-f]{32}")
KEY = mint(SERVER_KEYS, "kd").token.reveal()
STATE = KeyState("0" * 32, "1" * 32, None, None, None, False, True, False, 600, 100_000)
"""The state of a deleted key: a request with a genuine key gets as far as possible without argon2."""
NAMES = ("Authorization", "X-API-Key", "X-Agent-Id", "X-Gateway-Token", "x-api-KEY", "Forwarded")
AGENT = "agt_01a0000000007000800000000000000a"

mutated = st.builds(
    lambda text, place, piece: text[: place % (len(text) + 1)] + piece + text[place % (len(text) + 1) :],
    st.sampled_from(
        [
            f"Bearer {KEY}".encode(),
            KEY.encode(),
            f'Bearer "{KEY}"'.encode(),
            AGENT.encode(),
            b"ext:a%2Cb",
            b"Basic Og==",
        ]
    ),
    st.integers(0, 200),
    st.one_of(
        st.binary(max_size=8),
        st.sampled_from(
            [b"", b'"', b"'", b"\0", b"\r\n", b"\r\n\r\n", b"\n", b" ", b"\t", b"\xff\xfe", b"\xed\xa0\x80"]
        ),
    ),
)
values = st.one_of(
    st.binary(max_size=100), st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")), mutated
)
headers = st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=6)
quickly = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class OneKey(SpyReader):
    """A reader that has one key, which was deleted."""

    async def read(self, public_id: str, agent_id: str | None, agent_external_id: str | None = None) -> KeyState | None:
        """The state of the key, or None."""
        self.asked.append((public_id, agent_id))
        assert public_id.isalnum()
        return STATE if public_id == KEY.split("_")[1] else None


@pytest.fixture
async def verifier(database: Database) -> AsyncIterator[KeyVerifier]:
    """A verifier whose reader needs no database."""
    verifiers = Verifiers(database)
    yield verifiers.make(reader=OneKey())
    await verifiers.close()


@pytest.fixture
def endpoint(verifier: KeyVerifier) -> VerifyEndpoint:
    """The endpoint with default settings."""
    return VerifyEndpoint(verifier, public_url=PUBLIC_URL)


@pytest.fixture
def address(endpoint: VerifyEndpoint) -> Iterator[tuple[str, int]]:
    """The address where the endpoint is served."""
    with served(endpoint) as address:
        yield address


def request(*lines: tuple[str, bytes], method: bytes = b"GET", path: bytes = b"/v1/verify", body: bytes = b"") -> bytes:
    head = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in lines)
    return method + b" " + path + b" HTTP/1.1\r\nHost: keys.example\r\n" + head + b"\r\n" + body


def assert_refused(answer: Answer) -> None:
    """Refused by the endpoint, or as invalid HTTP by the server."""
    if answer.status == 400 and answer.content == b"Invalid HTTP request received.":
        return
    assert answer.status in {401, 403}
    assert REQUEST_ID.fullmatch(answer.body["requestId"])
    assert answer.body["code"] in {"missing_key", "malformed_key", "invalid_key", "deleted_key", "gateway_not_allowed"}


@quickly
@given(sent=headers, with_gateway=st.booleans())
async def test_whatever_the_headers_hold(verifier: KeyVerifier, sent: list[Header], with_gateway: bool) -> None:
    """Called directly with bytes that a server would not pass on, the endpoint refuses in JSON."""
    endpoint = VerifyEndpoint(verifier, public_url=PUBLIC_URL, gateway_token=Secret("t") if with_gateway else None)

    answer = await ask(endpoint, *sent)

    assert_refused(answer)
    assert answer.status != 400


@quickly
@given(sent=headers)
def test_whatever_comes_over_the_wire(address: tuple[str, int], sent: list[tuple[str, bytes]]) -> None:
    """Through a real server, invalid HTTP is 400 and the rest is refused by the endpoint."""
    assert_refused(exchange(address, request(*sent)))


@quickly
@given(noise=st.binary(max_size=300))
def test_whatever_else_comes_over_the_wire(address: tuple[str, int], noise: bytes) -> None:
    """A broken request is answered, and the next one is served."""
    whole = request(("Authorization", f"Bearer {KEY}".encode()))

    for broken in (whole[:-2] + noise + b"\r\n\r\n", b"\0" + noise + whole):
        assert_refused(exchange(address, broken))
    assert exchange(address, whole).code == "deleted_key"


@pytest.mark.parametrize("name", ["Authorization", "X-API-Key", "X-Agent-Id"])
@pytest.mark.parametrize(
    "value", [b"a" * MEGABYTE, b'"' * MEGABYTE, b"Bearer " + b" kd_" * (MEGABYTE // 4), b"\xff" * MEGABYTE]
)
def test_a_megabyte(address: tuple[str, int], name: str, value: bytes) -> None:
    """A header of a megabyte is refused, and the server goes on."""
    answer = exchange(address, request((name, value)))

    assert_refused(answer)
    assert exchange(address, request(("X-API-Key", KEY.encode()))).code == "deleted_key"


def test_many_headers(address: tuple[str, int]) -> None:
    """Ten thousand headers of one name are refused as a repeated header."""
    answers = [exchange(address, request(*[(name, b"x")] * 10_000)) for name in ("X-API-Key", "Authorization")]

    assert [answer.code for answer in answers] == ["malformed_key", "malformed_key"]


@pytest.mark.parametrize(
    "more",
    [
        {"method": b"POST", "lines": [("Content-Length", b"9")], "body": b'{"key": 1'},
        {"method": b"PUT", "lines": [("Transfer-Encoding", b"chunked")], "body": b"5\r\nhello\r\n0\r\n\r\n"},
        {"method": b"POST", "lines": [("Content-Length", b"1000000"), ("Expect", b"100-continue")], "body": b""},
        {"method": b"GET", "lines": [("Connection", b"Upgrade"), ("Upgrade", b"websocket")], "body": b""},
        {"method": b"OPTIONS", "lines": [], "body": b""},
        {"method": b"PROPFIND", "lines": [], "body": b""},
    ],
)
def test_bodies_and_methods(address: tuple[str, int], more: dict[str, Any]) -> None:
    """The answer does not wait for the body, and an upgrade is not accepted."""
    lines = [("X-API-Key", KEY.encode()), *more["lines"]]

    answer = exchange(address, request(*lines, method=more["method"], body=more["body"], path=b"/v1/verify/a?key=b"))

    assert (answer.status, answer.code) == (401, "deleted_key")


def test_a_head_over_the_wire(address: tuple[str, int]) -> None:
    """No body follows the headers, so the connection can be used again."""
    two = request(method=b"HEAD") + request(("X-API-Key", KEY.encode()), ("Connection", b"close"))

    answer = exchange(address, two)

    assert answer.status == 401
    assert answer.content.startswith(b"HTTP/1.1 401 Unauthorized\r\n")


async def test_a_good_key_over_the_wire(database_address: str, services: KeyServices, world: World) -> None:
    """A good key passes through the whole application, on several connections."""
    issued = await issue(services, world, world.own)
    setting = {"DATABASE_URL": database_address, "SECRET_KEY": SECRET_KEY, "PUBLIC_URL": PUBLIC_URL}
    application = create_app(
        read_settings({f"KEYDESK_{name}": value for name, value in setting.items()}),
        key_hasher=CountingHasher(),
        password_hasher=CountingHasher(),
    )
    head = request(("authorization", b"bearer " + issued.secret.reveal().encode()))

    with served(application) as address:
        answers = [await asyncio.to_thread(exchange, address, head) for _ in range(3)]
        beside = await asyncio.to_thread(exchange, address, head.replace(b"/verify ", b"/verifyx "))

    assert [answer.status for answer in answers] == [200] * 3
    assert {answer.header("X-Keydesk-Agent") for answer in answers} == {f"agt_{world.own.id.hex}"}
    assert beside.status == 404
