"""Calls from browsers: the gateway answers preflights, and a page can read refusals."""

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Databases
from tests.support.gateways.additions import cors
from tests.support.gateways.gateways import KINDS
from tests.support.gateways.site import SETTINGS, Front, KeydeskBehind, agent_header, front, keydesk_behind, presented
from tests.support.http.verify_client import Answer
from tests.support.servers.small_servers import free_port

DATABASE_NUMBER = 113
"""The shared database of this file's tests; conftest's databases are emptied for each test."""
PAGE = "https://app.example"
ORIGIN = ("Origin", PAGE)
PREFLIGHT = (("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization"))


@pytest.fixture(scope="module")
def keydesk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeydeskBehind]:
    with keydesk_behind(
        databases.fresh(DATABASE_NUMBER),
        tmp_path_factory.mktemp("keydesk"),
        settings={**SETTINGS, "KEYDESK_METRICS": "true"},
    ) as opened:
        yield opened


@pytest.fixture(scope="module", params=KINDS)
def site(
    request: pytest.FixtureRequest, keydesk: KeydeskBehind, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp(request.param)
    with front(
        request.param,
        folder,
        keydesk.server.port,
        crawler_id=agent_header(keydesk.crawler),
        biller_id=agent_header(keydesk.biller),
        change=cors(request.param, folder),
    ) as opened:
        yield opened


def verifications(keydesk: KeydeskBehind) -> float:
    """The number of verifications, with any outcome."""
    with urllib.request.urlopen(f"{keydesk.server.address}/metrics", timeout=30) as answer:
        found = re.findall(r"^keydesk_verifications_total{.*} (\S+)$", answer.read().decode(), re.MULTILINE)
    return sum(map(float, found))


def listed(answer: Answer, name: str) -> set[str]:
    """The items of a header's list, in lowercase."""
    return {each.strip().lower() for found, value in answer.headers if found == name for each in value.split(",")}


@pytest.mark.parametrize("path", ["/crawler/report", "/biller/1"])
def test_a_preflight_is_answered_and_counted_nowhere(site: Front, keydesk: KeydeskBehind, path: str) -> None:
    """It has no key: neither Keydesk nor the agent is asked, and the browser may continue."""
    verified, passed = verifications(keydesk), site.passed

    answer = site.ask(path, ORIGIN, *PREFLIGHT, method="OPTIONS")

    assert answer.status in {200, 204}
    assert answer.header("Access-Control-Allow-Origin") == PAGE
    assert {"get", "post", "delete"} <= listed(answer, "access-control-allow-methods")
    assert {"authorization", "x-api-key"} <= listed(answer, "access-control-allow-headers")
    assert answer.header("Access-Control-Max-Age") == "600"
    assert (verifications(keydesk), site.passed) == (verified, passed)


def test_a_preflight_of_another_origin_allows_nothing(site: Front, keydesk: KeydeskBehind) -> None:
    """It is not a refused request, either."""
    verified = verifications(keydesk)

    answer = site.ask("/crawler/", ("Origin", "https://evil.example"), *PREFLIGHT, method="OPTIONS")

    assert answer.header("Access-Control-Allow-Origin") is None
    assert (verifications(keydesk), site.passed) == (verified, site.passed)


def test_options_without_a_preflight_need_a_key(site: Front) -> None:
    """Only a browser's preflight is answered without a key."""
    passed = site.passed

    assert site.ask("/crawler/", ORIGIN, method="OPTIONS").status == 401
    assert site.ask("/crawler/", *PREFLIGHT[1:], method="OPTIONS").status == 401
    assert site.passed == passed


def test_a_page_can_read_a_refusal(site: Front, keydesk: KeydeskBehind) -> None:
    """Every refusal, and a 200, has the headers that let the page read it, once each."""
    good, limited, of_biller = keydesk.issue(), keydesk.issue(rate_limit=1), keydesk.issue(keydesk.biller)
    site.ask("/crawler/", presented(limited))
    cases = [(200, presented(good)), (401, ("X-API-Key", "nonsense")), (403, presented(of_biller))]

    for status, key in [*cases, (429, presented(limited))]:
        answer = site.ask("/crawler/", ORIGIN, key)

        assert answer.status == status
        assert answer.header("Access-Control-Allow-Origin") == PAGE
        assert {"x-request-id", "retry-after", "ratelimit"} <= listed(answer, "access-control-expose-headers")
        if status != 200:
            assert answer.header("X-Request-Id") == answer.body["requestId"]
        if site.kind != "envoy":
            assert "origin" in listed(answer, "vary")


def test_another_origin_and_a_program_get_no_leave(site: Front, keydesk: KeydeskBehind) -> None:
    """Their answers differ only in those headers."""
    issued = keydesk.issue()

    for headers in (
        [("Origin", "https://evil.example")],
        [("Origin", PAGE + ".evil.example")],
        [("Origin", "null")],
        [],
    ):
        for key in (presented(issued), ("X-API-Key", "nonsense")):
            answer = site.ask("/crawler/", key, *headers)

            assert answer.status in {200, 401}
            assert answer.header("Access-Control-Allow-Origin") is None


def test_a_page_learns_that_keydesk_is_out_of_reach(tmp_path: Path, site: Front) -> None:
    """The page can read the gateway's own answer, too."""
    with front(site.kind, tmp_path, free_port(), change=cors(site.kind, tmp_path)) as opened:
        answer = opened.ask("/crawler/", ORIGIN, ("X-API-Key", "nonsense"))

    assert answer.status == (500 if site.kind == "traefik" else 503)
    assert answer.header("Access-Control-Allow-Origin") == PAGE
