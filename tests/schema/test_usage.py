"""A key's usage over GraphQL, for people who may see the key."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from app import utc_now
from keys.limits.limiter import LimiterUnavailable
from keys.limits.sliding_window import Limits, LimitStatus
from models import Organization
from models.usage.refused_request import RefusedReason
from tests.conftest import Clock
from tests.support.client import NOBODY, PEOPLE, Site
from tests.support.sql_log import counted
from tests.support.usage.rows import NOON, caller, hour_of, month_of, refused, store
from tests.support.usage.usage_client import (
    CALLERS,
    EVERYTHING,
    REFUSED,
    STANDING,
    USED,
    ask,
    issue,
    stored,
    usage,
    written,
)


async def test_usage_is_what_was_verified(site: Site, clock: Clock) -> None:
    """Limits show a request at once; counts, callers and last use after the next write."""
    ada, (key_id, secret) = await site.person("ada"), await issue(site)
    for _ in range(3):
        assert (await site.verify(secret, **{"user-agent": "deploy/1.0"})).status_code == 200
    clock.advance(seconds=10)

    standing = await usage(ada, key_id, STANDING)
    await written(site)
    shown = await usage(ada, key_id, f"{EVERYTHING}")

    assert standing == {
        "rateLimit": {"limit": 600, "windowSeconds": 60, "remaining": 597, "resetsAt": "2026-11-24T12:01:00Z"},
        "quota": {
            "limit": 100_000,
            "used": 3,
            "remaining": 99_997,
            "periodStart": "2026-11-01T00:00:00Z",
            "periodEnd": "2026-12-01T00:00:00Z",
        },
    }
    assert {name: shown[name] for name in standing} == standing
    assert len(shown["series"]) == 13
    assert shown["series"][-1] == {
        "start": "2026-11-24T12:00:00Z",
        "allowed": 3,
        "rateLimited": 0,
        "quotaExceeded": 0,
        "refused": 0,
    }
    assert sum(point["allowed"] for point in shown["series"]) == 3
    assert shown["refusals"] == []
    assert shown["callers"] == [
        {
            "ipAddress": "127.0.0.1",
            "userAgent": "deploy/1.0",
            "firstSeenAt": "2026-11-24T12:00:00Z",
            "lastSeenAt": "2026-11-24T12:00:00Z",
            "requests": 3,
        }
    ]
    assert (await ada.graphql(USED, id=key_id)).value == {
        "lastUsedAt": "2026-11-24T12:00:00Z",
        "previousSecretLastUsedAt": None,
    }


async def test_a_key_that_nobody_used_has_all_of_its_limits(site: Site) -> None:
    """The rate limit's window resets now, and all counts are zero."""
    ada, (key_id, _) = await site.person("ada"), await issue(site)

    shown = await usage(ada, key_id, EVERYTHING)

    assert (shown["rateLimit"]["remaining"], shown["rateLimit"]["resetsAt"]) == (600, "2026-11-24T12:00:00Z")
    assert (shown["quota"]["used"], shown["quota"]["remaining"]) == (0, 100_000)
    assert {tuple(point.values())[1:] for point in shown["series"]} == {(0, 0, 0, 0)}
    assert (shown["refusals"], shown["callers"]) == ([], [])
    assert (await ada.graphql(USED, id=key_id)).value == {"lastUsedAt": None, "previousSecretLastUsedAt": None}


async def test_what_is_over_a_limit_is_shown_by_its_reason(site: Site, clock: Clock) -> None:
    """Refusals have the request id that the caller got. The remaining number is never negative."""
    ada, (key_id, secret) = await site.person("ada"), await issue(site)
    await set_limits(site, rate_limit=2)
    answers = [await site.verify(secret) for _ in range(3)]
    clock.advance(minutes=2)
    await set_limits(site, rate_limit=600, monthly_quota=1)
    answers.append(await site.verify(secret))
    await written(site)

    shown = await usage(ada, key_id, EVERYTHING)

    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert shown["quota"] | {"limit": 1, "used": 2, "remaining": 0} == shown["quota"]
    assert {name: shown["series"][-1][name] for name in ("allowed", "rateLimited", "quotaExceeded", "refused")} == {
        "allowed": 2,
        "rateLimited": 1,
        "quotaExceeded": 1,
        "refused": 0,
    }
    assert [(each["id"], each["reason"], each["at"]) for each in shown["refusals"]] == [
        (answers[3].headers["x-request-id"], "QUOTA_EXCEEDED", "2026-11-24T12:02:00Z"),
        (answers[2].headers["x-request-id"], "RATE_LIMITED", "2026-11-24T12:00:00Z"),
    ]


async def set_limits(site: Site, **limits: int) -> None:
    """Sets limits of all organizations, as the operator could."""
    async with site.database.transaction() as session:
        await session.execute(update(Organization).values(**limits))


async def test_the_key_s_own_limits_are_shown(site: Site) -> None:
    """A key's own limits come before its organization's."""
    ada = await site.person("ada")
    _, key_id = await stored(site, rate_limit=7, monthly_quota=70)

    shown = await usage(ada, key_id, STANDING)

    assert (shown["rateLimit"]["limit"], shown["rateLimit"]["remaining"]) == (7, 7)
    assert (shown["quota"]["limit"], shown["quota"]["remaining"]) == (70, 70)


async def test_the_use_of_the_secret_before_is_shown(site: Site, clock: Clock) -> None:
    """While the previous secret works, its last use is shown, so that its user can be found."""
    clock.now = utc_now()
    ada, (key_id, before) = await site.person("ada"), await issue(site)
    await site.verify(before)
    await written(site)
    clock.advance(seconds=1)
    await ada.rotate(key_id, overlap_seconds=3600)
    rotated = (await ada.graphql(USED, id=key_id)).value
    clock.advance(seconds=1)
    assert (await site.verify(before)).status_code == 200
    await written(site)

    used = (await ada.graphql(USED, id=key_id)).value

    assert rotated["previousSecretLastUsedAt"] is None
    assert used["previousSecretLastUsedAt"] == used["lastUsedAt"]
    assert abs(datetime.fromisoformat(used["lastUsedAt"]) - clock.now) < timedelta(milliseconds=2)


@pytest.mark.parametrize("person", [*PEOPLE, NOBODY])
async def test_usage_is_for_those_who_see_the_key(site: Site, person: str) -> None:
    """Usage of living keys and of tombstones is shown to people who may see the key; others get null."""
    seen = {"ada": {"acme's", "own", "other", "retired"}, "grace": {"own", "retired"}}.get(person, set())
    kinds = {"acme's": None, "own": site.world.own, "other": site.world.other, "retired": site.world.retired}
    client = await site.person(person)

    for name, agent in kinds.items():
        for deleted_at in [NOON] if name == "retired" else [None, NOON]:
            _, key_id = await stored(site, agent_id=agent and agent.id, deleted_at=deleted_at)
            answer = await ask(client, key_id, EVERYTHING)
            if person == NOBODY:
                assert answer.codes == ["UNAUTHENTICATED"]
            elif name in seen:
                assert answer.value["usage"]["quota"]["used"] == 0
            else:
                assert answer.value is None


async def test_a_deleted_key_s_calls_are_shown(site: Site) -> None:
    """The tombstone shows the calls since the deletion and the usage before it."""
    ada, (key_id, secret) = await site.person("ada"), await issue(site)
    await site.verify(secret)
    await ada.delete(key_id)
    refusals = [await site.verify(secret, **{"user-agent": "python-requests/2.31"}) for _ in range(2)]
    await written(site)

    shown = await usage(ada, key_id, EVERYTHING)

    assert [each["id"] for each in shown["refusals"]] == [answer.json()["requestId"] for answer in reversed(refusals)]
    assert {(each["reason"], each["userAgent"]) for each in shown["refusals"]} == {
        ("DELETED_KEY", "python-requests/2.31")
    }
    assert (shown["series"][-1]["allowed"], shown["series"][-1]["refused"]) == (1, 2)
    assert len(shown["callers"]) == 1


@pytest.mark.parametrize(
    ("person", "named"),
    [
        ("ada", {"own": "Crawler", "other": "Biller", "retired": "Retired"}),
        ("grace", {"own": "Crawler", "retired": "Retired"}),
    ],
)
async def test_the_agent_of_a_refusal_is_for_those_who_may_know_of_it(
    site: Site, person: str, named: dict[str, str]
) -> None:
    """An agent that the viewer may not know, of another organization or missing, is null."""
    client, (id_inside, key_id) = await site.person(person), await stored(site, agent_id=site.world.own.id)
    agents = {name: getattr(site.world, name).id for name in ("own", "other", "retired", "theirs")}
    agents |= {"never was": UUID(int=0), "none": None}
    rows = [
        refused(id_inside, RefusedReason.AGENT_NOT_IN_SCOPE, agent_id=agent_id, user_agent=name)
        for name, agent_id in agents.items()
    ]
    await store(site.database, *rows)

    shown = await usage(client, key_id, f"refusals {REFUSED}")

    found = {each["userAgent"]: each["agent"] and each["agent"]["name"] for each in shown["refusals"]}
    assert found == {name: named.get(name) for name in agents}


@pytest.mark.parametrize("field", ["refusals", "callers"])
async def test_a_page_is_of_one_to_a_hundred(site: Site, field: str) -> None:
    """The newest are shown. A size outside 1 to 100 is BAD_USER_INPUT."""
    ada, (id_inside, key_id) = await site.person("ada"), await stored(site)
    await store(
        site.database,
        *(refused(id_inside, user_agent=str(number)) for number in range(25)),
        *(
            caller(id_inside, user_agent=str(number), last_seen_at=NOON + timedelta(seconds=number))
            for number in range(20)
        ),
    )

    answers = {
        first: await ask(ada, key_id, f"{field}(first: {first}) {{ userAgent }}") for first in (0, 1, 3, 100, 101)
    }
    default = await usage(ada, key_id, f"{field} {{ userAgent }}")

    assert {first for first, answer in answers.items() if answer.codes == ["BAD_USER_INPUT"]} == {0, 101}
    newest = {"refusals": 24, "callers": 19}[field]
    assert [each["userAgent"] for each in answers[3].value["usage"][field]] == [str(newest - n) for n in range(3)]
    assert len(answers[100].value["usage"][field]) == newest + 1
    assert len(default[field]) == 20


async def test_what_a_caller_did_not_tell_is_null(site: Site) -> None:
    """An empty address or user agent is null. A number beyond 32 bits is shown as the largest."""
    ada, (id_inside, key_id) = await site.person("ada"), await stored(site)
    await store(site.database, caller(id_inside, "", "", requests=2**40))

    shown = await usage(ada, key_id, "callers { ipAddress userAgent requests }")

    assert shown == {"callers": [{"ipAddress": None, "userAgent": None, "requests": 2**31 - 1}]}


@pytest.fixture
async def site_without_limiter(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose limiter fails."""

    async def look(_limiter: object, _key_id: str, _limits: Limits) -> LimitStatus:
        raise LimiterUnavailable("redis://user:password@host")

    monkeypatch.setattr(type(site.app._metering.limiter), "peek", look)
    return site


async def test_usage_that_can_not_be_read_is_null_with_an_error(site_without_limiter: Site) -> None:
    """The error is masked, and the key is shown with null usage. Usage without limits can be read."""
    site = site_without_limiter
    ada, (_, key_id) = await site.person("ada"), await stored(site)
    document = f"query ($id: ID!) {{ apiKey(id: $id) {{ name usage {{ {STANDING} callers {CALLERS} }} }} }}"

    answer = await ada.graphql(document, id=key_id)
    without = await usage(ada, key_id, "callers { requests }")

    assert set(answer.codes) == {"INTERNAL_SERVER_ERROR"}
    assert answer.body["errors"][0]["extensions"]["requestId"].startswith("req_")
    assert answer.body["data"] == {"apiKey": {"name": "deploy", "usage": None}}
    assert "password" not in answer.response.text
    assert without == {"callers": []}


@pytest.mark.parametrize("keys", [1, 10])
async def test_the_usage_of_all_keys_takes_as_many_statements_as_of_one(
    site: Site, monkeypatch: pytest.MonkeyPatch, keys: int
) -> None:
    """One statement is for the viewer, two for the keys, and one each for series, refusals, agents and callers."""
    world, ada = site.world, await site.person("ada")
    for number in range(keys):
        id_inside, _ = await stored(site, agent_id=world.own.id)
        await store(
            site.database,
            hour_of(id_inside, NOON, allowed=number + 1),
            refused(id_inside, agent_id=world.own.id),
            refused(id_inside, agent_id=world.other.id),
            caller(id_inside, requests=number + 1),
        )
    document = "query ($id: ID!) { organization(id: $id) { a: apiKeys { ...K } b: apiKeys { ...K } } }"
    fragment = f"fragment K on ApiKey {{ id usage {{ {EVERYTHING} }} }}"

    with counted(site, monkeypatch) as statements:
        answer = await ada.graphql(f"{document} {fragment}", id=site.organization("acme"))

    shown = answer.value["a"]
    assert shown == answer.value["b"]
    assert {key["usage"]["series"][-1]["allowed"] for key in shown} == set(range(1, keys + 1))
    assert {key["usage"]["callers"][0]["requests"] for key in shown} == set(range(1, keys + 1))
    assert {tuple(each["agent"]["name"] for each in key["usage"]["refusals"]) for key in shown} == {
        ("Biller", "Crawler")
    }
    assert len(statements) == 1 + 2 + 4, statements


async def test_at_the_limit_the_keys_that_nobody_uses_come_first(site: Site) -> None:
    """Candidates come in the order: never used, longest unused, oldest."""
    ada = await site.person("ada")
    used = {
        "yesterday": NOON - timedelta(days=1),
        "in spring": NOON - timedelta(days=200),
        "never": None,
        "nor this": None,
    }
    for age, (name, last_used_at) in enumerate(used.items()):
        id_inside, _ = await stored(site, name=name, created_at=NOON - timedelta(days=300 - age))
        if last_used_at is not None:
            await store(site.database, month_of(id_inside, last_used_at))
    await site.set_key_limit(4)

    refusal = await ada.create(site.organization("acme"), "fifth")

    assert [key["name"] for key in refusal.value["candidates"]] == ["never", "nor this", "in spring", "yesterday"]


async def test_what_is_shown_of_a_key_is_the_same_wherever_it_is_shown(site: Site) -> None:
    """The list, the single key and the audit log show the same usage."""
    ada, (key_id, secret) = await site.person("ada"), await issue(site)
    await site.verify(secret)
    await written(site)
    fields = "{ id lastUsedAt usage { quota { used } callers { requests } } }"
    document = f"""
      query ($id: ID!, $key: ID!) {{
        organization(id: $id) {{ apiKeys {fields} auditLog {{ edges {{ node {{ apiKey {fields} }} }} }} }}
        apiKey(id: $key) {fields}
      }}
    """

    data = (await ada.graphql(document, id=site.organization("acme"), key=key_id)).data

    expected = {
        "id": key_id,
        "lastUsedAt": "2026-11-24T12:00:00Z",
        "usage": {"quota": {"used": 1}, "callers": [{"requests": 1}]},
    }
    assert data["apiKey"] == expected
    assert data["organization"]["apiKeys"] == [expected]
    assert [edge["node"]["apiKey"] for edge in data["organization"]["auditLog"]["edges"]] == [expected]
