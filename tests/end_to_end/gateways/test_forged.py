"""Forged headers have no effect in any gateway: neither on Keydesk, nor on what an agent receives."""

from collections.abc import Iterator

import pytest

from tests.conftest import Databases
from tests.support.gateways.gateways import KINDS, TOKEN
from tests.support.gateways.site import Front, KeydeskBehind, agent_header, front_of, keydesk_behind, presented
from tests.support.servers.small_servers import CALLER, Asked

DATABASE_NUMBER = 103
"""The shared database of this file's tests; conftest's databases are emptied for each test."""
VICTIM = "203.0.113.7"
FORWARDING = [
    ("X-Forwarded-For", VICTIM),
    ("X-Forwarded-For", f"{VICTIM}, 10.0.0.1"),
    ("Forwarded", f"for={VICTIM}"),
    ("X-Real-IP", VICTIM),
]
SAID = (
    "X-Keydesk-Key",
    "X-Keydesk-Organization",
    "X-Keydesk-Agent",
    "X-Keydesk-Organization-External-Id",
    "X-Keydesk-Agent-External-Id",
)
SPELLINGS = (
    "X-Keydesk-Key",
    "x-keydesk-KEY",
    "X-Keydesk-Agent-External-Id",
    "X-Keydesk-Organization-External-Id",
    "X_Keydesk_Key",
    "X-Keydesk_Key",
    "X_Keydesk-Agent",
)
"""Many servers treat the last three like the first: to them, underscores and hyphens are the same."""


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


def said_to_agent(received: Asked) -> list[tuple[str, str]]:
    """All headers that an agent could take for Keydesk's, however they are spelled."""
    said = [(name.lower().replace("_", "-"), value) for name, value in received.headers]
    return sorted(each for each in said if each[0].startswith("x-keydesk"))


@pytest.mark.parametrize("times", [1, 2])
def test_the_agent_is_the_routes_and_not_the_callers(site: Front, keydesk: KeydeskBehind, times: int) -> None:
    """A key of another agent is refused, although the caller names that agent in the request."""
    issued = keydesk.issue(keydesk.biller)
    passed = site.passed

    forged = [("X-Agent-Id", agent_header(keydesk.biller))] * times
    answer = site.ask("/crawler/", presented(issued), *forged)

    assert (answer.status, answer.code) == (403, "agent_not_in_scope")
    assert site.passed == passed


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_agent_gets_key_headers_only_from_keydesk(site: Front, keydesk: KeydeskBehind, spelling: str) -> None:
    """Each header once, without the caller's values."""
    issued = keydesk.issue(keydesk.crawler)

    answer = site.ask("/crawler/", (spelling, "forged"), presented(issued), (spelling, "forged"))

    assert answer.status == 200
    assert said_to_agent(site.crawler.asked[-1]) == [
        ("x-keydesk-agent", agent_header(keydesk.crawler)),
        ("x-keydesk-agent-external-id", "none"),
        ("x-keydesk-key", f"key_{issued.record.id.hex}"),
        ("x-keydesk-organization", keydesk.tenant.id),
        ("x-keydesk-organization-external-id", "none"),
    ]


def test_what_keydesk_never_says_is_dropped_all_the_same(site: Front, keydesk: KeydeskBehind) -> None:
    """Except for nginx, which drops headers only by name, as the page says."""
    issued = keydesk.issue(keydesk.crawler)

    answer = site.ask("/crawler/", ("X-Keydesk-Role", "forged"), presented(issued))

    assert answer.status == 200
    assert site.crawler.asked[-1].values("X-Keydesk-Role") == (["forged"] if site.kind == "nginx" else [])


def test_an_agent_never_gets_a_gateways_token(site: Front, keydesk: KeydeskBehind) -> None:
    """Neither the true one nor the caller's, which does not keep the true one from Keydesk, either."""
    issued = keydesk.issue(keydesk.crawler)

    answer = site.ask("/crawler/", ("X-Gateway-Token", "forged"), presented(issued), ("X-Gateway-Token", "forged"))

    assert answer.status == 200
    assert site.crawler.asked[-1].values("X-Gateway-Token") == []
    assert TOKEN not in str(site.crawler.asked[-1].headers)


@pytest.mark.parametrize("forged", FORWARDING, ids=str)
def test_keydesk_writes_down_the_callers_own_address(
    site: Front, keydesk: KeydeskBehind, forged: tuple[str, str]
) -> None:
    """Whatever the caller puts into a forwarding header."""
    answers = [site.ask("/crawler/", *headers) for headers in ([forged], [forged, ("X-API-Key", "kd_nonsense")])]

    for answer in answers:
        assert answer.status == 401
        assert keydesk.address_of(answer.body["requestId"]) == CALLER


@pytest.mark.parametrize("forged", FORWARDING[:-1], ids=str)
def test_an_agent_gets_the_callers_own_address(site: Front, keydesk: KeydeskBehind, forged: tuple[str, str]) -> None:
    """Without any value of the caller's."""
    issued = keydesk.issue(keydesk.crawler)

    answer = site.ask("/crawler/", forged, presented(issued))

    assert answer.status == 200
    assert site.crawler.asked[-1].values("X-Forwarded-For") == [CALLER]
    assert site.crawler.asked[-1].values("Forwarded") == []


NAMED = ("X-Agent-Id", "X-Gateway-Token", "X-Forwarded-For", *SAID)


@pytest.mark.parametrize("named", [*NAMED, ", ".join(NAMED), "keep-alive, x-agent-id", "X-API-Key"])
def test_no_header_of_the_gateways_is_dropped_for_being_named_in_connection(
    site: Front, keydesk: KeydeskBehind, named: str
) -> None:
    """Proxies drop headers that Connection names, and could so drop the agent's id. A plain 400 is fine, too."""
    own, other = keydesk.issue(keydesk.crawler), keydesk.issue(keydesk.biller)
    passed = site.passed

    refused = site.ask("/crawler/", ("Connection", named), presented(other))
    assert site.passed == passed
    answer = site.ask("/crawler/", ("Connection", named), presented(own))

    assert (refused.status, answer.status) in {(403, 200), (400, 400)}
    if answer.status == 200:
        received = site.crawler.asked[-1]
        assert [name for name, _ in said_to_agent(received)] == sorted(name.lower() for name in SAID)
        assert received.values("X-Agent-Id") == [agent_header(keydesk.crawler)]
        assert [value.split(", ")[-1] for value in received.values("X-Forwarded-For")] == [CALLER]


@pytest.mark.parametrize(
    "path",
    [
        "/crawler/../biller/1",
        "/crawler/%2e%2e/biller/1",
        "/crawler/..%2fbiller/1",
        "/crawler/..%5cbiller/1",
        "/crawler//../../biller/1",
        "/crawler/./../biller/1",
        "//biller/1",
        "/%62iller/1",
        "/biller/1#/crawler/",
        "/BILLER/1",
    ],
)
def test_no_path_leads_a_key_to_another_agent(site: Front, keydesk: KeydeskBehind, path: str) -> None:
    """Whatever the gateway makes of the path, the request reaches the agent that Keydesk was asked about."""
    issued = keydesk.issue(keydesk.crawler)
    reached = len(site.biller.asked)

    answer = site.ask(path, presented(issued))

    assert len(site.biller.asked) == reached
    assert answer.status in {200, 307, 400, 403, 404}
