"""What every answer has in common, and refusals before any endpoint."""

import logging
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
import pytest

from app.application import ROUTES
from app.problems import HINTS
from app.request_id import HEADER_BYTES_AT_MOST
from tests.support.client import GRAPHQL, application, running
from tests.support.documentation import ROOT

REQUEST_ID = re.compile(r"req_[0-9a-f]{32}")
PUBLIC_URL = "https://keys.example"
MEMBERS = {"type", "title", "status", "detail", "statusCode", "message", "code", "requestId"}
TYPENAME = '{"query": "{ __typename }"}'
STREAM = '{"query": "subscription { assistantAnswer(messageId: \\"msg_1\\") { __typename } }"}'


@asynccontextmanager
async def browsing(database_address: str) -> AsyncIterator[httpx.AsyncClient]:
    """The whole application with metrics, as reached by https from its own machine."""
    app = application(database_address, environment={"KEYDESK_PUBLIC_URL": PUBLIC_URL, "KEYDESK_METRICS": "true"})
    transport = httpx.ASGITransport(cast(Any, app), client=("127.0.0.1", 4711), raise_app_exceptions=False)
    async with running(app), httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        yield client


REQUESTS: list[tuple[str, str, int, dict[str, str], str | None]] = [
    ("GET", "/v1/verify", 401, {}, None),
    ("POST", "/v1/verify/below/it", 401, {"X-API-Key": "sk-nothing-of-ours"}, "a body"),
    ("HEAD", "/v1/verify", 401, {}, None),
    ("GET", "/v1/verifyx", 404, {}, None),
    ("GET", "/healthz", 200, {}, None),
    ("POST", "/healthz", 405, {}, None),
    ("OPTIONS", "/healthz", 204, {}, None),
    ("GET", "/readyz", 200, {}, None),
    ("GET", "/metrics", 200, {"Host": "localhost"}, None),
    ("GET", "/metrics", 403, {"X-Forwarded-For": "203.0.113.7"}, None),
    ("POST", "/metrics", 405, {"Host": "localhost"}, None),
    ("POST", "/graphql", 200, {"Content-Type": "application/json", "Accept": GRAPHQL}, TYPENAME),
    ("POST", "/graphql", 400, {"Content-Type": "application/json", "Accept": GRAPHQL}, "no JSON"),
    ("POST", "/graphql", 403, {"Origin": "https://evil.example"}, TYPENAME),
    ("POST", "/graphql", 415, {"Content-Type": "text/plain"}, TYPENAME),
    ("GET", "/graphql", 405, {}, None),
    ("POST", "/graphql", 200, {"Content-Type": "application/json", "Accept": "text/event-stream"}, STREAM),
    ("GET", "/", 200, {}, None),
    ("GET", "/docs", 200, {}, None),
    ("GET", "/docs/errors", 200, {"Accept-Encoding": "gzip"}, None),
    ("GET", "/docs/search?q=key", 200, {}, None),
    ("GET", "/docs/no-such-page", 404, {}, None),
    ("DELETE", "/docs", 405, {}, None),
    ("GET", "/nothing", 404, {}, None),
    ("GET", "/%00%ff/../x", 404, {}, None),
]


@pytest.mark.parametrize(
    ("method", "path", "status", "headers", "body"),
    REQUESTS,
    ids=[f"{each[0]} {each[1]} {each[2]}" for each in REQUESTS],
)
async def test_every_address_answers_with_the_same_headers(
    database_address: str, method: str, path: str, status: int, headers: dict[str, str], body: str | None
) -> None:
    """A request id, nosniff and HSTS are each there exactly once, on answers and refusals."""
    async with browsing(database_address) as client:
        answer = await client.request(method, path, headers=headers, content=body)

    assert answer.status_code == status, answer.text
    assert_common(answer)


def assert_common(answer: httpx.Response) -> None:
    """Checks the headers that every answer has once."""
    [request_id] = answer.headers.get_list("X-Request-Id")
    assert REQUEST_ID.fullmatch(request_id)
    assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.get_list("Strict-Transport-Security") == ["max-age=31536000"]


@pytest.mark.parametrize("path", [*ROUTES, "/metrics", "/v1/verify/below", "/nothing"])
@pytest.mark.parametrize("shape", ["one header", "many headers", "many of one name"])
async def test_headers_beyond_a_bound_are_refused_at_every_address(
    database_address: str, path: str, shape: str
) -> None:
    """The answer is 431 before any endpoint reads the headers. Smaller ones pass."""
    large = {
        "one header": [("X-Forwarded-For", "," * HEADER_BYTES_AT_MOST)],
        "many headers": [(f"X-{number}", "x" * 90) for number in range(350)],
        "many of one name": [("Forwarded", "for=10.0.0.1")] * 1600,
    }[shape]
    async with browsing(database_address) as client:
        refused = await client.get(path, headers=large)
        fine = await client.get(path, headers=[(name, value[:16_000]) for name, value in large[:300]])

    assert fine.status_code != 431
    assert_problem(refused, 431, "headers_too_large")
    assert "32 KB" in refused.json()["detail"]
    assert refused.headers["Connection"] == "close"


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    """Checks a refusal in the form of /v1/verify's, and that docs/errors.md explains its code."""
    body = answer.json()
    assert (answer.status_code, body["status"], body["statusCode"], body["code"]) == (status, status, status, code)
    assert body.keys() == MEMBERS
    assert body["message"] == body["title"]
    assert body["type"] == f"{PUBLIC_URL}/docs/errors#{code}"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body["requestId"] == answer.headers["X-Request-Id"]
    assert_common(answer)
    errors = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert re.search(rf"^### {code}$", errors, re.MULTILINE)


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/verify", "/v1/verify"),
        ("/api/v1/verify", "/v1/verify"),
        ("/v1/verifyx", "/v1/verify"),
        ("/V1/Verify", "/v1/verify"),
        ("/v2/verification", "/v1/verify"),
        ("/api/graphql", "/graphql, with POST"),
        ("/health", "/healthz"),
        ("/live", "/healthz"),
        ("/login", "/sign-in"),
        ("/nothing", "/docs"),
        ("/favicon-of-nobody.ico", "/docs"),
        ("/%3Cscript%3Everify", "/v1/verify"),
    ],
)
async def test_an_unknown_address_is_told_where_the_right_one_may_be(
    database_address: str, path: str, hint: str
) -> None:
    """The refusal suggests an address, and does not repeat the one that was sent."""
    async with browsing(database_address) as client:
        answer = await client.post(path, headers={"Authorization": "Bearer x"}, content="x" * 100)

    assert_problem(answer, 404, "not_found")
    assert hint in answer.json()["detail"]
    assert "script" not in answer.text


async def test_hints_name_addresses_that_are_there(database_address: str) -> None:
    """No hint leads to another 404."""
    named = {address for _, hint in HINTS for address in re.findall(r"/[a-z0-9/-]+[a-z0-9]", hint)}
    async with browsing(database_address) as client:
        # Without a build of the console, it has no pages.
        answers = {path: (await client.get(path)).status_code for path in named - {"/sign-in", "/graphiql"}}

    assert {"/v1/verify", "/graphql", "/healthz", "/readyz", "/metrics"} == set(answers)
    assert 404 not in answers.values()


async def test_another_method_is_told_which_there_are(database_address: str) -> None:
    """The answer is 405 with Allow."""
    async with browsing(database_address) as client:
        answer = await client.delete("/readyz")

    assert_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]


async def test_a_page_that_fails_is_logged_by_its_request_and_says_nothing_of_why(
    database_address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is a 500 in the usual form. The exception's message is neither in it nor in the log."""

    def fails(*_: object) -> str:
        raise RuntimeError("hunter" + "2")

    monkeypatch.setattr(sys.modules["app.pages.docs"], "results_page", fails)
    async with browsing(database_address) as client:
        with caplog.at_level(logging.ERROR, logger="keydesk.problems"):
            answer = await client.get("/docs/search?q=key")

    assert_problem(answer, 500, "internal_error")
    [record] = [each for each in caplog.records if each.name == "keydesk.problems"]
    assert vars(record)["facts"] == {"requestId": answer.headers["X-Request-Id"]}
    assert "RuntimeError" in record.getMessage()
    assert "hunter2" not in answer.text + caplog.text
