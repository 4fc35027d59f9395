"""What gateways send to Keydesk, and that no request passes without a verdict: with a stand-in for Keydesk."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.gateways.gateways import KINDS, TOKEN
from tests.support.gateways.site import Front, front
from tests.support.http.verify_client import Answer
from tests.support.servers.small_servers import CALLER, Asked, Given, SmallServer, free_port

KEY = "kd_the-key"
GOOD = Given(
    200,
    [
        ("X-Keydesk-Key", "key_1"),
        ("X-Keydesk-Organization", "org_1"),
        ("X-Keydesk-Agent", "agt_crawler"),
        ("X-Keydesk-Organization-External-Id", "none"),
        ("X-Keydesk-Agent-External-Id", "none"),
        ("RateLimit-Policy", '"key";q=600;w=60'),
        ("RateLimit", '"key";r=599;t=60'),
    ],
)
PROBLEM = b'{"code": "unavailable", "detail": "told \\"so\\"", "requestId": "req_1"}'
UNAVAILABLE = Given(
    503,
    [
        ("Content-Type", "application/problem+json"),
        ("X-Problem-Details", PROBLEM.decode()),
        ("X-Request-Id", "req_1"),
        ("Retry-After", "17"),
    ],
    PROBLEM,
)


@dataclass
class StandIn:
    """Gives the answer that the test sets; None is no answer."""

    answer: Given | None = GOOD
    asked: list[Asked] = field(default_factory=list)

    def __call__(self, request: Asked) -> Given | None:
        self.asked.append(request)
        return self.answer


@pytest.fixture(scope="module", params=KINDS)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StandIn, Front]]:
    keydesk = StandIn()
    folder = tmp_path_factory.mktemp(request.param)
    with closing(SmallServer(keydesk)) as server, front(request.param, folder, server.port) as opened:
        yield keydesk, opened


@pytest.fixture
def keydesk(both: tuple[StandIn, Front]) -> StandIn:
    both[0].answer = GOOD
    both[0].asked.clear()
    return both[0]


@pytest.fixture
def site(both: tuple[StandIn, Front]) -> Front:
    both[1].forget()
    return both[1]


def assert_unavailable(site: Front, answer: Answer) -> None:
    """The gateway's own refusal: a problem like Keydesk's, but without a requestId, which Keydesk would not know."""
    if site.kind == "traefik":
        assert (answer.status, answer.content) == (500, b"")
        return
    assert answer.status == 503
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.header("Retry-After") == "5"
    assert answer.body == {
        "type": "https://keys.example/docs/errors#unavailable",
        "title": "verification unavailable",
        "status": 503,
        "detail": "The key could not be checked just now. The key is not the cause; try again in a few seconds.",
        "statusCode": 503,
        "message": "verification unavailable",
        "code": "unavailable",
    }


def test_keydesk_is_asked_what_the_page_says(site: Front, keydesk: StandIn) -> None:
    """Once for each request, with the key and the caller's user agent; token, agent and address are the gateway's."""
    answer = site.ask(
        "/crawler/1?page=2",
        ("X-API-Key", KEY),
        ("User-Agent", "curl/8.5"),
        ("X-Agent-Id", "agt_biller"),
        ("X-Gateway-Token", "forged"),
        ("X-Forwarded-For", "203.0.113.7"),
        ("Forwarded", "for=203.0.113.7"),
        method="POST",
        body=b"a body that is not Keydesk's to read",
    )

    assert answer.status == 200
    (asked,) = keydesk.asked
    assert asked.path.startswith("/v1/verify")
    assert asked.body == b""
    expected = {
        "X-API-Key": [KEY],
        "User-Agent": ["curl/8.5"],
        "X-Agent-Id": ["agt_crawler"],
        "X-Gateway-Token": [TOKEN],
        "X-Forwarded-For": [CALLER],
        "Forwarded": [],
    }
    assert {name: asked.values(name) for name in expected} == expected
    assert site.crawler.asked[-1].body == b"a body that is not Keydesk's to read"


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_passes_where_there_is_no_keydesk(kind: str, tmp_path: Path) -> None:
    """The gateway answers itself."""
    with front(kind, tmp_path, free_port()) as site:
        answer = site.ask("/crawler/", ("X-API-Key", KEY))

        assert_unavailable(site, answer)
        assert site.passed == 0


def test_nobody_passes_while_keydesk_hangs_up(site: Front, keydesk: StandIn) -> None:
    """When it answers again, the gateway continues by itself."""
    keydesk.answer = None
    answer = site.ask("/crawler/", ("X-API-Key", KEY))
    assert_unavailable(site, answer)
    assert site.passed == 0

    keydesk.answer = GOOD
    answer = site.ask("/crawler/", ("X-API-Key", KEY))

    assert (answer.status, answer.content) == (200, b"crawler has it")


def test_keydesks_own_503_is_passed_on(site: Front, keydesk: StandIn) -> None:
    """With its body and its Retry-After; Envoy treats it as a failure, and answers in its own words."""
    keydesk.answer = UNAVAILABLE

    answer = site.ask("/crawler/report.html", ("X-API-Key", KEY))

    if site.kind == "envoy":
        assert_unavailable(site, answer)
    else:
        assert (answer.status, answer.content) == (503, PROBLEM)
        assert answer.header("Content-Type") == "application/problem+json"
        assert (answer.header("X-Request-Id"), answer.header("Retry-After")) == ("req_1", "17")
        assert answer.header("X-Problem-Details") is None
    assert site.passed == 0


@pytest.mark.parametrize("status", [302, 400, 404, 431, 500, 502])
def test_nobody_passes_on_an_answer_that_is_no_verdict(site: Front, keydesk: StandIn, status: int) -> None:
    """For example, of another server at Keydesk's address."""
    keydesk.answer = Given(status, [("Content-Type", "text/html")], b"<p>not Keydesk</p>")

    answer = site.ask("/crawler/", ("X-API-Key", KEY))

    assert answer.status >= 300
    if site.kind == "nginx":
        assert_unavailable(site, answer)
    assert site.passed == 0


def test_the_problem_of_the_stand_in_is_one() -> None:
    """A detail with quotation marks: a body that is rebuilt from pieces could break."""
    assert json.loads(PROBLEM)["detail"] == 'told "so"'
