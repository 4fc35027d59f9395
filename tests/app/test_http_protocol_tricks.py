"""Request smuggling: each trick is sent to the real server, and its answers are counted."""

import re
import urllib.request
from collections.abc import Iterator

import pytest
from sqlmodel import select

from models.usage.refused_request import RefusedRequest
from resolvers.services import KeyServices
from tests.conftest import Databases
from tests.support.gateways.site import KeydeskBehind, keydesk_behind
from tests.support.http.raw_sockets import converse, statuses, until_closed
from tests.support.http.tricks import (
    AMBIGUOUS,
    CERTAIN,
    OWN,
    SMUGGLED,
    UPGRADES,
    Answered,
    Pause,
    Reset,
    Trick,
    head,
    post,
    upgrades,
)
from tests.support.servers.servers import REAL

DATABASE_NUMBER = 111
"""A database that the tests of this file share. Those of conftest are emptied for each test."""
MALFORMED = re.compile(r'^keydesk_verifications_total{outcome="malformed_key"} (\S+)$', re.MULTILINE)
H2C = UPGRADES["upgrade to h2c"]


@pytest.fixture(scope="module")
def keydesk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeydeskBehind]:
    """The server as an operator starts it."""
    with keydesk_behind(
        databases.fresh(DATABASE_NUMBER),
        tmp_path_factory.mktemp("keydesk"),
        settings={"KEYDESK_METRICS": "true"},
        program=REAL,
    ) as opened:
        yield opened


@pytest.fixture
def address(keydesk: KeydeskBehind) -> Iterator[tuple[str, int]]:
    """The server's address. Checks after the test that no smuggled request was executed."""
    before = acted(keydesk)
    yield keydesk.server.host, keydesk.server.port
    assert acted(keydesk) == before


def acted(keydesk: KeydeskBehind) -> int:
    """The number of verifications with a malformed key. Only smuggled requests have one."""
    with urllib.request.urlopen(f"{keydesk.server.address}/metrics", timeout=30) as answer:
        found = MALFORMED.search(answer.read().decode())
    assert found is not None
    return int(float(found[1]))


UNFINISHED = {"Expect, no body"}
"""Tricks whose body is not complete: bytes after them belong to it."""


@pytest.mark.parametrize("trick", [trick for trick in CERTAIN if trick.name not in UNFINISHED], ids=str)
def test_a_body_is_never_a_request(address: tuple[str, int], trick: Trick) -> None:
    """There is one answer per request, and then the connection is closed or takes the next request."""
    heard = converse(address, trick)

    answers = heard.statuses if heard.closed else heard.statuses[:-1]
    if Reset not in trick.steps:
        assert 1 <= len(answers) <= trick.answers_at_most, heard
    assert set(answers) <= {400, 401, 404, 405, 413, 415, 501, 505}
    assert b"malformed_key" not in heard.received


@pytest.mark.parametrize("trick", AMBIGUOUS, ids=str)
def test_what_may_be_read_in_two_ways(address: tuple[str, int], trick: Trick) -> None:
    """An ambiguous request is refused and the connection closed, unless HTTP says how to read it."""
    heard = converse(address, trick)

    if trick.name in READ:
        assert heard.statuses == READ[trick.name]
    else:
        assert (heard.statuses, heard.closed) in [([400], True), ([401], True), ([501], True)]


READ = {
    "Content-Length with an underscore": [401, 401, 200],
    "Transfer-Encoding in another case": [401, 401, 200],
    "Transfer-Encoding gzip, chunked": [401, 401, 200],
    "Transfer-Encoding of two values": [401, 401, 200],
    "a chunk's size with many zeros": [401, 200],
    "a last chunk with an extension": [401, 401, 200],
    "empty lines first": [401, 401, 200],
    "no Host": [401, 401, 200],
}
"""The statuses of tricks that are read as RFC 9112 says. Headers with underscores are ignored."""

CLOSING = [
    *(trick for trick in upgrades() if "Connection does not name" not in trick.name),
    Trick("CONNECT with a path", (head("CONNECT", "/v1/verify"), Pause, OWN)),
    Trick("CONNECT with a body", (post(length=len(OWN), method="CONNECT"), Pause, OWN)),
    Trick("Expect, answered without the body", (post("Expect: 100-continue", length=len(SMUGGLED)), Answered)),
    Trick(
        "Expect in chunks, answered without the body",
        (post("Expect: 100-continue", "Transfer-Encoding: chunked"), Answered),
    ),
]


@pytest.mark.parametrize("trick", CLOSING, ids=str)
def test_where_the_end_is_in_doubt_the_answer_closes(address: tuple[str, int], trick: Trick) -> None:
    """The request gets one answer with `Connection: close`, and nothing after it is read."""
    heard = converse(address, trick)

    assert len(heard.statuses) == 1, heard
    assert heard.closed
    assert b"\r\nconnection: close\r\n" in heard.received.lower()


BROKEN = {
    "a trailer that may not be one": b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    "no size of a chunk": b"5\r\nhello\r\nxyz\r\n" + SMUGGLED,
    "a chunk that is longer than it said": b"5\r\nhello and more\r\n0\r\n\r\n" + SMUGGLED,
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("rest", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("between", [Answered, Pause])
def test_a_body_that_breaks_after_the_answer_gets_no_second_one(
    address: tuple[str, int], rest: bytes, method: str, between: type[Answered] | type[Pause]
) -> None:
    """A proxy that already has the answer would give a second one to another client."""
    heard = converse(address, Trick("broken", (post("Transfer-Encoding: chunked", method=method), between, rest)))

    assert heard.statuses == [401]
    assert heard.closed


@pytest.mark.parametrize("garbage", [b"\0\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"x" * 100 + b"\r\n\r\n"])
def test_what_is_no_request_after_one_that_is(address: tuple[str, int], garbage: bytes) -> None:
    """The first request gets its answer. Then the connection ends, with or without a 400."""
    heard = converse(address, Trick("garbage", (OWN + garbage,)))

    assert heard.statuses in ([401], [401, 400])
    assert heard.closed


QUERY = b'{"query": "{ __typename }"}'


def test_a_client_that_offers_http2_gets_its_answer(address: tuple[str, int]) -> None:
    """An upgrade to h2c, as Java's HttpClient sends it, is ignored, and the body is read however it arrives."""
    json = ("Content-Type: application/json", *H2C)
    whole = post(*json, length=len(QUERY), target="/graphql")
    chunked = post(*json, "Transfer-Encoding: chunked", target="/graphql")
    ways = [
        (whole + QUERY,),
        (whole, QUERY),
        (whole + QUERY[:9], QUERY[9:]),
        (whole[:60], whole[60:], QUERY),
        (chunked, b"%x\r\n%b\r\n0\r\n\r\n" % (len(QUERY), QUERY)),
        (chunked + b"%x\r\n" % len(QUERY), QUERY + b"\r\n0\r\n\r\n"),
    ]

    for pieces in ways:
        received = until_closed(address, *pieces)

        assert statuses(received) == [200], (pieces, received)
        assert received.endswith(b'\r\n\r\n{"data":{"__typename":"Query"}}')


def test_a_client_that_offers_an_upgrade_is_no_warning(keydesk: KeydeskBehind, address: tuple[str, int]) -> None:
    """The library's warning about upgrades is not logged."""
    converse(address, Trick("upgrade", (post(*H2C, method="GET"),)))

    log = keydesk.server.log.read_text()
    assert "upgrade" not in log.lower()
    assert "pip install" not in log


def test_what_was_smuggled_is_in_no_list_of_refused_requests(keydesk: KeydeskBehind, address: tuple[str, int]) -> None:
    """No refused request with the smuggled key is stored."""
    for trick in upgrades():
        converse(address, trick)
    answer = keydesk.say()
    assert keydesk.address_of(answer.body["requestId"]) is not None

    async def reasons(services: KeyServices) -> set[str]:
        async with services.database.reading() as session:
            return set(await session.scalars(select(RefusedRequest.reason).distinct()))

    assert keydesk.run(reasons) == {"missing_key"}
