"""Cases of nginx only: it rebuilds a refusal from headers, and auth_request must not log refusals as errors."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.gateways.site import Front, front
from tests.support.servers.small_servers import Asked, Given, SmallServer

DETAIL = "with \"quotes\", a backslash \\\\, $upstream_status, {braces} and 'apostrophes'".replace('"', '\\"')
PROBLEM = f'{{"code":"rate_limited","detail":"{DETAIL}"}}'
STATUSES = [401, 403, 429, 503]


def refuse(request: Asked) -> Given:
    """Answers with the status that the key names, without a body: nginx can't read it anyway."""
    status = int((request.values("X-API-Key") or ["401"])[0])
    return Given(status, [("X-Problem-Details", PROBLEM), ("X-Request-Id", "req_1"), ("Retry-After", "9")])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Front]:
    with closing(SmallServer(refuse)) as keydesk, front("nginx", tmp_path, keydesk.port) as opened:
        yield opened


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("ending", ["", "index.html", "picture.png"])
def test_a_body_is_rebuilt_byte_for_byte(site: Front, status: int, ending: str) -> None:
    """Whatever it contains, and whatever type nginx would choose for the path."""
    answer = site.ask(f"/crawler/{ending}", ("X-API-Key", str(status)))

    assert (answer.status, answer.content.decode()) == (status, PROBLEM)
    assert answer.header("Content-Type") == "application/problem+json"
    assert (answer.header("X-Request-Id"), answer.header("Retry-After")) == ("req_1", "9")


def test_a_head_is_refused_without_a_body(site: Front) -> None:
    """As HTTP requires."""
    answer = site.ask("/crawler/", ("X-API-Key", "429"), method="HEAD")

    assert (answer.status, answer.content) == (429, b"")
    assert answer.header("Content-Length") == str(len(PROBLEM))


def test_refusals_are_no_errors_in_the_log(tmp_path: Path) -> None:
    """Otherwise callers over a limit could fill the log."""
    with closing(SmallServer(refuse)) as keydesk, front("nginx", tmp_path, keydesk.port) as site:
        for status in STATUSES:
            site.ask("/crawler/", ("X-API-Key", str(status)))

    said = site.gateway.said
    assert [f'"GET /crawler/ HTTP/1.1" {status} ' in said for status in STATUSES] == [True] * len(STATUSES)
    assert "[error]" not in said
    assert "[warn]" not in said
