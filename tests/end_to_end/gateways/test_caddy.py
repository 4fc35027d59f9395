"""A case of Caddy only: before 2.9, it copies the name of a placeholder if a header is missing."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.gateways.site import Front, front
from tests.support.servers.small_servers import Asked, Given, SmallServer

SAID = {
    "X-Keydesk-Key": "key_1",
    "X-Keydesk-Organization": "org_1",
    "X-Keydesk-Agent": "none",
    "X-Keydesk-Organization-External-Id": "customer%2F1017",
    "X-Keydesk-Agent-External-Id": "none",
}
LIMITS = {"RateLimit": '"key";r=599;t=60', "RateLimit-Policy": '"key";q=600;w=60'}


@dataclass
class StandIn:
    """A stand-in for Keydesk that accepts every key, with a configurable answer."""

    said: dict[str, str]

    def __call__(self, request: Asked) -> Given:
        return Given(200, list(self.said.items()))


@pytest.fixture
def keydesk() -> StandIn:
    return StandIn({})


@pytest.fixture
def site(keydesk: StandIn, tmp_path: Path) -> Iterator[Front]:
    with closing(SmallServer(keydesk)) as server, front("caddy", tmp_path, server.port) as opened:
        yield opened


@pytest.mark.parametrize("missing", SAID)
def test_a_200_that_does_not_say_all_is_not_keydesks(site: Front, keydesk: StandIn, missing: str) -> None:
    """The gateway refuses, and so no agent takes a placeholder for an id."""
    keydesk.said = {name: value for name, value in (SAID | LIMITS).items() if name != missing}

    answer = site.ask("/crawler/", (missing, SAID[missing]))

    assert answer.status == 503
    assert answer.header("Content-Type") == "application/problem+json"
    assert site.passed == 0


@pytest.mark.parametrize("limits", [{}, LIMITS], ids=["without", "with"])
def test_the_ratelimit_fields_are_copied_where_they_are(site: Front, keydesk: StandIn, limits: dict[str, str]) -> None:
    """Placeholders of missing fields reach neither the caller nor the agent."""
    keydesk.said = SAID | limits

    answer = site.ask("/crawler/")

    assert answer.status == 200
    assert {name: answer.header(name) for name in LIMITS} == {name: limits.get(name) for name in LIMITS}
    (received,) = site.crawler.asked
    assert {name: received.values(name) for name in SAID} == {name: [value] for name, value in SAID.items()}
    assert "{" not in str(answer.headers) + str(received.headers)
    assert not [name for name, _ in received.headers if "ratelimit" in name.lower()]
