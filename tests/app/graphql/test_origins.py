"""Which web pages can send GraphQL requests."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from litestar.types import Receive, Scope, Send

from app.graphql.origins import OriginGuard, origin_allowed

OURS, FRIEND, FOE = "https://keys.example", "https://app.keys.example", "https://evil.example"


@pytest.mark.parametrize(
    ("origin", "public_url", "allowed"),
    [
        (None, OURS, True),
        (OURS, OURS, True),
        (FRIEND, OURS, True),
        (FOE, OURS, False),
        ("null", OURS, False),
        ("", OURS, False),
        ("http://keys.example", OURS, False),
        ("https://keys.example:8443", OURS, False),
        ("https://keys.example.evil.example", OURS, False),
        ("https://keys.example@evil.example", OURS, False),
        ("https://evil.example/https://keys.example", OURS, False),
        (OURS, "https://keys.example:443", True),
        ("http://localhost:8000", "http://127.0.0.1:8000", True),
        ("http://127.0.0.1:8000", "http://localhost:8000", True),
        ("http://[::1]:8000", "http://localhost:8000", True),
        ("http://localhost:8000", "http://[::1]:8000", True),
        ("http://localhost", "http://127.0.0.1", True),
        ("http://localhost:8001", "http://127.0.0.1:8000", False),
        ("https://localhost:8000", "http://127.0.0.1:8000", False),
        ("http://localhost.evil.example:8000", "http://127.0.0.1:8000", False),
        ("http://127.0.0.2:8000", "http://127.0.0.1:8000", False),
        ("http://localhost:443", OURS, False),
    ],
)
def test_our_own_pages_and_those_that_the_operator_named_may_ask(
    origin: str | None, public_url: str, allowed: bool
) -> None:
    """Scheme, host and port must match. The three names of loopback count as one."""
    assert origin_allowed(origin, public_url, [FRIEND]) is allowed


async def _graphql(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    body: Any = {"type": "http.response.body", "body": str(dict(scope)["method"]).encode(), "more_body": False}
    await send(body)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the origin guard, in front of an application that answers everything."""
    guard: Any = OriginGuard(_graphql, public_url=OURS, allowed_origins=[FRIEND, OURS])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url=OURS) as opened:
        yield opened


@pytest.mark.parametrize("headers", [[], [("origin", OURS)], [("origin", FRIEND)]])
async def test_who_may_ask_gets_through(client: httpx.AsyncClient, headers: list[tuple[str, str]]) -> None:
    """Requests without an Origin, and from our own or a configured origin, pass."""
    answer = await client.post("/graphql", headers=headers)

    assert (answer.status_code, answer.text) == (200, "POST")


@pytest.mark.parametrize(
    "headers",
    [
        [("origin", FOE)],
        [("origin", "null")],
        [("origin", "")],
        [("origin", OURS), ("origin", FOE)],
        [("origin", OURS), ("origin", OURS)],
        [("origin", OURS.upper())],
        [("origin", FOE), ("cookie", "__Host-keydesk_session=5")],
    ],
)
@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/graphql-response+json", "application/graphql-response+json; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        ("text/html", "application/json; charset=utf-8"),
    ],
)
async def test_another_page_is_refused_with_a_graphql_response(
    client: httpx.AsyncClient, headers: list[tuple[str, str]], accept: str, form: str
) -> None:
    """The answer is 403 FORBIDDEN, with or without a cookie, and has no CORS headers."""
    answer = await client.post("/graphql", headers=[*headers, ("accept", accept)])

    assert (answer.status_code, answer.headers["content-type"]) == (403, form)
    assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["FORBIDDEN"]
    assert "data" not in answer.json()
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_named_front_end_may_read_the_answer_with_credentials(client: httpx.AsyncClient) -> None:
    """Only the configured origin gets CORS headers. Every answer varies by Origin."""
    friend = await client.post("/graphql", headers={"origin": FRIEND})
    own = await client.post("/graphql", headers={"origin": OURS})

    assert friend.headers["access-control-allow-origin"] == FRIEND
    assert friend.headers["access-control-allow-credentials"] == "true"
    assert friend.headers["access-control-expose-headers"] == "X-Request-Id"
    assert not [name for name in own.headers if name.startswith("access-control")]
    assert friend.headers["vary"] == own.headers["vary"] == "Origin"


async def test_a_named_front_end_may_ask_first(client: httpx.AsyncClient) -> None:
    """The preflight of a configured origin is answered; another origin's is refused."""
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}

    friend = await client.options("/graphql", headers={"origin": FRIEND, **asked})
    foe = await client.options("/graphql", headers={"origin": FOE, **asked})
    plain = await client.options("/graphql", headers={"origin": FRIEND})

    assert (friend.status_code, friend.content) == (204, b"")
    assert friend.headers["access-control-allow-origin"] == FRIEND
    assert friend.headers["access-control-allow-credentials"] == "true"
    assert friend.headers["access-control-allow-methods"] == "POST"
    allowed = friend.headers["access-control-allow-headers"].split(", ")
    assert {"Content-Type", "traceparent", "apollographql-client-name"} <= set(allowed)
    assert "authorization" not in map(str.lower, allowed)
    assert plain.text == "OPTIONS"
    assert foe.status_code == 403
    assert "access-control-allow-origin" not in foe.headers


@pytest.mark.parametrize(
    ("origin", "named"),
    [
        (FOE, "pages of https://evil.example are"),
        ("http://keys.example", "pages of http://keys.example are"),
        ("https://keys.example:8443", "pages of https://keys.example:8443 are"),
        ("null", "null: a file"),
        ("kd_0123456789abcdef_secretsecret", "can't be read"),
        ("https://user:secretsecret@keys.example", "can't be read"),
        ("https://keys.example/kd_0123456789abcdef_secretsecret", "pages of https://keys.example are"),
        ("https://" + "secretsecret" * 10 + ".example", "can't be read"),
        ("https://h:99999", "can't be read"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
async def test_a_refused_page_is_told_which_origin_and_which_settings(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, method: str, origin: str, named: str
) -> None:
    """The answer and the log name the origin and the settings, without secrets."""
    asked = {"access-control-request-method": "POST"} if method == "OPTIONS" else {}

    answer = await client.request(method, "/graphql", headers={"origin": origin, **asked})

    [message] = [error["message"] for error in answer.json()["errors"]]
    [line] = caplog.messages
    for said in (message, line):
        assert named in said
        assert "this server is at https://keys.example." in said
        assert "KEYDESK_PUBLIC_URL" in said
        assert "KEYDESK_ALLOWED_ORIGINS" in said
        assert "secretsecret" not in said
    assert answer.status_code == 403


async def test_refused_pages_are_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """The next log line has the number of refusals since."""
    moments = iter([0.0, 1.0, 59.0, 60.0, 61.0])
    guard: Any = OriginGuard(_graphql, public_url=OURS, allowed_origins=[FRIEND], monotonic=lambda: next(moments))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url=OURS) as http:
        for _ in range(5):
            await http.post("/graphql", headers={"origin": FOE})

    assert len(caplog.messages) == 2
    assert "since the last message: 2." in caplog.messages[1]
