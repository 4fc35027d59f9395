"""Rate limit and quota at /v1/verify: which requests pass, what the answers say, and what is stored."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

import http_sf
import httpx
import pytest
from http_sf.types import Token
from sqlalchemy import update
from sqlmodel import col

from keys.limits.sliding_window import WINDOW_SECONDS
from models import ApiKey, Caller, Organization, RefusedRequest, UsageHour, UsageMonth
from models.engine.database import Database
from models.engine.ids import Prefix, parse_external_id
from tests.conftest import Clock
from tests.support.client import PUBLIC_URL, Site, open_site
from tests.support.usage.usage_stores import rows

MEMBERS = {"type", "title", "status", "detail", "statusCode", "message", "code", "requestId"}
NOWHERE = "redis://127.0.0.1:1/0"
"""An address at which no Redis runs."""
GATEWAY_TOKEN = "the gateway's token, of the operator's choice"


class Policy(NamedTuple):
    """A limit in the headers: requests and seconds of its window, what remains, and the seconds until its reset."""

    quota: int
    window: int
    remaining: int
    resets_in: int


def limits_in(answer: httpx.Response) -> dict[str, Policy]:
    """
    Parses RateLimit-Policy and RateLimit of draft-ietf-httpapi-ratelimit-headers-11 as structured fields, lists of
    strings with whole numbers as parameters, and checks that both have the same policies.
    """
    policies: dict[str, Any] = {}
    left: dict[str, Any] = {}
    for field, found in (("RateLimit-Policy", policies), ("RateLimit", left)):
        [value] = answer.headers.get_list(field)
        items = http_sf.parse(value.encode("ascii"), tltype="list")
        assert isinstance(items, list)
        for name, parameters in cast(Any, items):
            assert isinstance(name, str)
            assert not isinstance(name, Token)
            assert all(type(number) is int and number >= 0 for number in parameters.values())
            assert name not in found
            found[name] = parameters
        assert http_sf.parse(http_sf.ser(items).encode(), tltype="list") == items
    assert policies.keys() == left.keys()
    told = {}
    for name, policy in policies.items():
        assert (set(policy), set(left[name])) == ({"q", "w"}, {"r", "t"})
        told[name] = Policy(policy["q"], policy["w"], left[name]["r"], left[name]["t"])
        assert told[name].quota >= 1
        assert told[name].window >= 1
        assert told[name].remaining <= told[name].quota
        assert told[name].resets_in <= told[name].window
    return told


def assert_limited(answer: httpx.Response, code: str) -> int:
    """Checks everything that a 429 promises, and returns Retry-After."""
    body = answer.json()
    title = {"rate_limited": "rate limit exceeded", "quota_exceeded": "quota exceeded"}[code]
    assert (answer.status_code, body["code"], body.keys()) == (429, code, MEMBERS)
    assert body["type"] == f"{PUBLIC_URL}/docs/errors#{code}"
    assert (body["status"], body["statusCode"], body["title"], body["message"]) == (429, 429, title, title)
    assert body["detail"].endswith(".")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Problem-Details"].encode() == answer.content
    assert answer.headers["X-Request-Id"] == body["requestId"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert "WWW-Authenticate" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("x-keydesk-")]
    limits = limits_in(answer)
    exceeded = limits["key" if code == "rate_limited" else "quota"]
    [retry_after] = answer.headers.get_list("Retry-After")
    assert retry_after.isdigit()
    assert exceeded.remaining == 0
    assert int(retry_after) == max(1, exceeded.resets_in)
    return int(retry_after)


async def limit(site: Site, rate_limit: int, monthly_quota: int) -> None:
    """Sets the limits of every organization."""
    async with site.database.transaction() as session:
        await session.execute(update(Organization).values(rate_limit=rate_limit, monthly_quota=monthly_quota))


async def limit_key(site: Site, key_id: str, **own: int | None) -> None:
    """Sets the limits of one key."""
    async with site.database.transaction() as session:
        await session.execute(
            update(ApiKey).where(col(ApiKey.id) == parse_external_id(Prefix.API_KEY, key_id)).values(**own)
        )


async def issue(site: Site, agent_id: str | None = None) -> tuple[str, str]:
    """Creates a key in Acme, and returns its id and secret."""
    ada = await site.person("ada")
    issued = (await ada.create(site.organization("acme"), agent_id=agent_id)).value
    return issued["apiKey"]["id"], issued["secret"]


async def codes(site: Site, secret: str, times: int, **headers: str) -> Counter[str]:
    """The outcomes of this many concurrent requests."""
    answers = await asyncio.gather(*(site.verify(secret, **headers) for _ in range(times)))
    return Counter("good" if each.status_code == 200 else each.json()["code"] for each in answers)


async def test_a_good_answer_says_what_remains(site: Site, clock: Clock) -> None:
    """Both limits are in the headers, with the seconds until more requests are available."""
    await limit(site, 10, 1000)
    _, secret = await issue(site)

    first = limits_in(await site.verify(secret))
    clock.advance(seconds=20.5)
    second = limits_in(await site.verify(secret))
    clock.advance(seconds=39.5)
    third = limits_in(await site.verify(secret))

    month = 30 * 86_400
    left = (datetime(2026, 12, 1, tzinfo=UTC) - datetime(2026, 11, 24, 12, tzinfo=UTC)) // timedelta(seconds=1)
    assert first == {"key": (10, WINDOW_SECONDS, 9, 60), "quota": (1000, month, 999, left)}
    assert second == {"key": (10, WINDOW_SECONDS, 8, 40), "quota": (1000, month, 998, left - 20)}
    assert third == {"key": (10, WINDOW_SECONDS, 8, 20), "quota": (1000, month, 997, left - 60)}


async def test_exactly_the_rate_limit_passes_and_again_when_it_was_said(site: Site, clock: Clock) -> None:
    """Of concurrent requests, exactly the limit pass. After the given wait they pass again."""
    await limit(site, 5, 1000)
    _, secret = await issue(site)

    assert await codes(site, secret, 20) == {"good": 5, "rate_limited": 15}
    clock.advance(seconds=10.25)
    wait = assert_limited(await site.verify(secret), "rate_limited")
    clock.advance(seconds=wait - 1)
    still = await site.verify(secret)
    clock.advance(seconds=1)
    let_through = await codes(site, secret, 20)

    assert wait == 50
    assert assert_limited(still, "rate_limited") == 1
    assert let_through == {"good": 5, "rate_limited": 15}
    assert still.json()["detail"] == "This key can make 5 requests a minute. Try again in 1 second."


async def test_exactly_the_quota_passes_and_again_in_the_next_month(site: Site, clock: Clock) -> None:
    """The quota ends with the month in UTC."""
    await limit(site, 1000, 7)
    _, secret = await issue(site)

    assert await codes(site, secret, 20) == {"good": 7, "quota_exceeded": 13}
    wait = assert_limited(answer := await site.verify(secret), "quota_exceeded")
    clock.now = datetime(2026, 11, 30, 23, 59, 59, 999_000, tzinfo=UTC)
    last = assert_limited(await site.verify(secret), "quota_exceeded")
    clock.advance(milliseconds=1)

    assert clock.now == datetime(2026, 11, 24, 12, tzinfo=UTC) + timedelta(seconds=wait)
    assert last == 1
    assert answer.json()["detail"] == "This key has used its quota of 7 requests for this month. Try again in 7 days."
    assert limits_in(await site.verify(secret))["quota"] == (7, 31 * 86_400, 6, 31 * 86_400)
    assert await codes(site, secret, 20) == {"good": 6, "quota_exceeded": 14}


async def test_only_what_is_good_uses_up_the_limits(site: Site, clock: Clock) -> None:
    """Refused requests do not count against the limits."""
    await limit(site, 3, 100)
    key_id, old = await issue(site, site.agent("own"))
    rotated = await (await site.person("ada")).rotate(key_id)
    secret = rotated.value["secret"]
    altered = secret[:-20] + ("a" if secret[-20] != "a" else "b") + secret[-19:]
    own = {"X-Agent-Id": site.agent("own")}

    refused = [
        await codes(site, secret, 9, **{"X-Agent-Id": site.agent("other")}),
        await codes(site, secret, 9, **{"X-Agent-Id": "agt_none"}),
        await codes(site, old, 9, **own),
        await codes(site, altered, 9, **own),
    ]
    at_first = await codes(site, secret, 9, **own)
    clock.advance(seconds=60)
    last = await site.verify(secret, **own)

    assert refused == [{"agent_not_in_scope": 9}] * 2 + [{"replaced_secret": 9}, {"invalid_key": 9}]
    assert at_first == {"good": 3, "rate_limited": 6}
    assert limits_in(last)["key"].remaining == 2
    assert limits_in(last)["quota"].remaining == 96


async def test_limits_come_after_key_and_agent_and_the_rate_limit_first(site: Site, clock: Clock) -> None:
    """Refusals for key and agent show no limits. Over both limits, the rate limit is reported."""
    await limit(site, 2, 2)
    key_id, secret = await issue(site, site.agent("own"))
    assert await codes(site, secret, 2) == {"good": 2}

    over_both = await site.verify(secret)
    other_agent = await site.verify(secret, **{"X-Agent-Id": site.agent("other")})
    clock.advance(seconds=60)
    over_quota = await site.verify(secret)
    await (await site.person("ada")).delete(key_id)
    deleted = await site.verify(secret)

    assert_limited(over_both, "rate_limited")
    assert_limited(over_quota, "quota_exceeded")
    assert (other_agent.status_code, other_agent.json()["code"]) == (403, "agent_not_in_scope")
    assert (deleted.status_code, deleted.json()["code"]) == (401, "deleted_key")
    for refused in (other_agent, deleted):
        assert not {"ratelimit", "ratelimit-policy", "retry-after"} & set(refused.headers)


async def test_other_limits_hold_with_the_next_verification(site: Site) -> None:
    """A change of the organization's or the key's limits affects the next verification."""
    await limit(site, 100, 1000)
    key_id, secret = await issue(site)
    _, other = await issue(site)
    assert await codes(site, secret, 10) == {"good": 10}

    seen = []
    for own in (
        {"rate_limit": 5},
        {"rate_limit": 12},
        {"rate_limit": None, "monthly_quota": 11},
        {"monthly_quota": 2**31 - 1, "rate_limit": 2**31 - 1},
        {"rate_limit": None, "monthly_quota": None},
    ):
        await limit_key(site, key_id, **own)
        seen.append(limits_in(answer := await site.verify(secret)))
        if own == {"rate_limit": 5}:
            assert_limited(answer, "rate_limited")
    await limit(site, 7, 8)
    over = await site.verify(secret)

    assert [(each["key"].quota, each["key"].remaining) for each in seen] == [
        (5, 0),
        (12, 1),
        (100, 89),
        (2**31 - 1, 2**31 - 1 - 12),
        (100, 87),
    ]
    assert [(each["quota"].quota, each["quota"].remaining) for each in seen] == [
        (1000, 990),
        (1000, 989),
        (11, 0),
        (2**31 - 1, 2**31 - 1 - 12),
        (1000, 987),
    ]
    assert_limited(over, "rate_limited")
    assert limits_in(over)["quota"].remaining == 0
    assert limits_in(await site.verify(other))["key"][:3] == (7, WINDOW_SECONDS, 6)


async def test_whatever_the_method_both_answers_tell_of_the_limits(site: Site) -> None:
    """Every method gets the headers. The answer to HEAD has no body."""
    await limit(site, 1, 100)
    http = (await site.person("nobody")).http
    for method in ("HEAD", "POST", "DELETE"):
        _, secret = await issue(site)

        good, limited = [
            await http.request(method, "/v1/verify/some/path", headers={"X-API-Key": secret}) for _ in range(2)
        ]

        assert (good.status_code, limited.status_code) == (200, 429)
        assert limits_in(good)["key"].remaining == 0
        assert limits_in(limited)["key"].remaining == 0
        assert int(limited.headers["Retry-After"]) > 0
        assert (limited.content == b"") == (method == "HEAD")


async def test_a_clock_that_goes_back_locks_nobody_out(site: Site, clock: Clock) -> None:
    """After the clock goes back, requests pass again within one window."""
    await limit(site, 2, 1000)
    _, secret = await issue(site)
    assert await codes(site, secret, 3) == {"good": 2, "rate_limited": 1}
    clock.advance(hours=-3)

    waited = 0
    while (answer := await site.verify(secret)).status_code == 429:
        assert assert_limited(answer, "rate_limited") <= 60
        clock.advance(seconds=5)
        waited += 5

    assert waited <= 60


@asynccontextmanager
async def from_peer(site: Site, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose connection comes from this address."""
    transport = httpx.ASGITransport(cast(Any, site.app), client=(address, 4711))
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as http:
        yield http


async def test_with_the_limiter_closed_nothing_passes_without_it(database_address: str, clock: Clock) -> None:
    """With KEYDESK_LIMITER_FAILURE=closed, good keys get 503 with Retry-After; other refusals are as usual."""
    closed = {"KEYDESK_REDIS_URL": NOWHERE, "KEYDESK_LIMITER_FAILURE": "closed"}
    async with open_site(database_address, clock, closed) as site:
        _, secret = await issue(site, site.agent("own"))
        answer = await site.verify(secret)
        others = [
            await site.verify(secret, **{"X-Agent-Id": site.agent("other")}),
            await site.verify("kd_short"),
            await site.verify(secret[:-1] + ("A" if secret[-1] != "A" else "B")),
        ]
        ready = await (await site.person("nobody")).http.get("/readyz")
        alive = await (await site.person("nobody")).http.get("/healthz")

    database = Database(database_address)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert "ratelimit" not in answer.headers
    assert [each.json()["code"] for each in others] == ["agent_not_in_scope", "malformed_key", "invalid_key"]
    assert (ready.status_code, ready.json()) == (503, {"status": "unavailable", "cause": "limiter"})
    assert alive.status_code == 200
    kept = {row.request_id: row for row in await rows(database, RefusedRequest)}
    one = kept[_id(answer)]
    assert (one.reason, one.key_id) == ("unavailable", None)
    assert len(kept) == 4
    assert await rows(database, UsageMonth) == []
    await database.close()


async def test_without_redis_verification_goes_on_and_says_so(database_address: str, clock: Clock) -> None:
    """Without Redis, the process uses its own exact limits, and /readyz says so."""
    async with open_site(database_address, clock, {"KEYDESK_REDIS_URL": NOWHERE}) as site:
        await limit(site, 5, 1000)
        _, secret = await issue(site)
        seen = await codes(site, secret, 20)
        limited = await site.verify(secret)
        ready = await (await site.person("nobody")).http.get("/readyz")

    assert seen == {"good": 5, "rate_limited": 15}
    assert_limited(limited, "rate_limited")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "degraded": "limiter"})


def _id(answer: httpx.Response) -> Any:
    """The request's id as it is stored."""
    return parse_external_id(Prefix.REQUEST, answer.headers["X-Request-Id"])


async def test_what_was_answered_is_remembered(database_address: str, clock: Clock) -> None:
    """Refusals are stored under the request id of the answer, counts by outcome, and callers of allowed requests."""
    agent = {"X-Agent-Id": ""}
    async with open_site(database_address, clock) as site:
        await limit(site, 2, 3)
        agent["X-Agent-Id"] = site.agent("own")
        key_id, old = await issue(site, site.agent("own"))
        secret = (await (await site.person("ada")).rotate(key_id, 3600)).value["secret"]
        answers = {
            "good": [await site.verify(old), await site.verify(secret)],
            "rate_limited": [await site.verify(secret, **agent)],
        }
        clock.advance(seconds=60)
        answers["good"].append(await site.verify(secret))
        answers["quota_exceeded"] = [await site.verify(secret)]
        wrong = {"X-Agent-Id": site.agent("other")}
        answers["agent_not_in_scope"] = [await site.verify(secret, **wrong)]
        await (await site.person("ada")).delete(key_id)
        answers["deleted_key"] = [await site.verify(secret), await site.verify(secret)]
        answers["malformed_key"] = [await site.verify("kd_short")]
        answers["missing_key"] = [await (await site.person("nobody")).http.get("/v1/verify")]
    database = Database(database_address)

    codes_seen = {
        code: ["good" if each.status_code == 200 else each.json()["code"] for each in those]
        for code, those in answers.items()
    }
    assert codes_seen == {code: [code] * len(those) for code, those in answers.items()}
    kept = {row.request_id: row for row in await rows(database, RefusedRequest)}
    key = parse_external_id(Prefix.API_KEY, key_id)
    for code, those in answers.items():
        for answer in those:
            if code == "good":
                assert _id(answer) not in kept
                continue
            row = kept.pop(_id(answer))
            assert row.reason == code
            assert row.key_id == (None if code in {"malformed_key", "missing_key"} else key)
    assert kept == {}
    [hour] = await rows(database, UsageHour)
    [month] = await rows(database, UsageMonth)
    [caller] = await rows(database, Caller)
    counted = {"allowed": 3, "rate_limited": 1, "quota_exceeded": 1, "agent_not_in_scope": 1, "deleted_key": 2}
    assert {outcome: getattr(hour, outcome) for outcome in counted} == counted
    assert (month.allowed, month.last_used_at) == (3, clock.now)
    assert month.previous_secret_last_used_at == clock.now - timedelta(seconds=60)
    assert caller.requests == 3
    await database.close()


HERE, PROXY, CLIENT = "192.0.2.99", "10.1.2.3", "203.0.113.7"
TOKEN = {"X-Gateway-Token": GATEWAY_TOKEN}
FORGED = {"X-Forwarded-For": "1.1.1.1"}


Sent = tuple[str, dict[str, str], str]
"""The address of the connection, the headers, and the expected address."""


@pytest.mark.parametrize(
    ("environment", "requests"),
    [
        (
            {},
            [
                (HERE, {}, HERE),
                (HERE, FORGED, HERE),
                (HERE, {"Forwarded": "for=1.1.1.1"}, HERE),
                ("::ffff:192.0.2.99", FORGED, HERE),
            ],
        ),
        (
            {"KEYDESK_TRUSTED_PROXIES": "10.0.0.0/8"},
            [
                (HERE, FORGED, HERE),
                (PROXY, {}, PROXY),
                (PROXY, {"X-Forwarded-For": f"1.1.1.1, {CLIENT}"}, CLIENT),
                (PROXY, {"X-Forwarded-For": f"1.1.1.1, {CLIENT}, 10.9.9.9"}, CLIENT),
                (PROXY, {"Forwarded": 'for="[2001:db8::7]:4711";proto=https'}, "2001:db8::7"),
                (PROXY, {"X-Forwarded-For": CLIENT, "Forwarded": "for=1.1.1.1"}, PROXY),
                (PROXY, {"X-Forwarded-For": "nonsense"}, PROXY),
            ],
        ),
        (
            {"KEYDESK_GATEWAY_TOKEN": GATEWAY_TOKEN},
            [(HERE, {**TOKEN, "X-Forwarded-For": CLIENT}, CLIENT), (HERE, TOKEN, HERE)],
        ),
    ],
)
async def test_where_it_came_from_is_told_by_those_who_are_trusted(
    database_address: str, clock: Clock, environment: Mapping[str, str], requests: list[Sent]
) -> None:
    """Only trusted proxies, and callers with the gateway's token, can name another client address."""
    believed: dict[object, object] = {}
    async with open_site(database_address, clock, environment) as site:
        await limit(site, 1, 1000)
        for peer, headers, address in requests:
            key_id, secret = await issue(site)
            async with from_peer(site, peer) as http:
                sent = {**headers, "X-API-Key": secret, "User-Agent": "my\x01 app"}
                good, limited = [await http.get("/v1/verify", headers=sent) for _ in range(2)]
                missing = await http.get("/v1/verify", headers=headers)
            assert (good.status_code, limited.status_code, missing.status_code) == (200, 429, 401)
            believed |= {
                parse_external_id(Prefix.API_KEY, key_id): address,
                _id(limited): address,
                _id(missing): address,
            }

    database = Database(database_address)
    seen = {row.key_id: row for row in await rows(database, Caller)}
    refused = {row.request_id: row for row in await rows(database, RefusedRequest)}
    assert {subject: row.ip_address for subject, row in (seen | refused).items()} == believed
    assert {row.user_agent for row in seen.values()} == {"my app"}
    await database.close()


async def test_a_request_that_bypassed_the_gateway_is_kept_by_its_own_address(
    database_address: str, clock: Clock
) -> None:
    """The forwarding headers of such a request are ignored, and no limit is used."""
    async with open_site(database_address, clock, {"KEYDESK_GATEWAY_TOKEN": GATEWAY_TOKEN}) as site:
        await limit(site, 1, 1000)
        _, secret = await issue(site)
        async with from_peer(site, HERE) as http:
            sent = {**FORGED, "X-API-Key": secret}
            wrong = [{}, {"X-Gateway-Token": "guessed"}, {"X-Gateway-Token": ""}]
            answers = [await http.get("/v1/verify", headers={**sent, **token}) for token in wrong]
            good = await http.get("/v1/verify", headers={**sent, **TOKEN})

    database = Database(database_address)
    assert {(each.status_code, each.json()["code"]) for each in answers} == {(403, "gateway_not_allowed")}
    assert good.status_code == 200
    kept = await rows(database, RefusedRequest)
    assert {(row.reason, row.key_id, row.ip_address) for row in kept} == {("gateway_not_allowed", None, HERE)}
    assert len(kept) == 3
    await database.close()
