"""Queries of requests with a key: the newest refused ones, and the callers of the allowed ones."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from models import Agent, ApiKey
from models.agent import named_agents
from models.engine.database import Database
from models.engine.reader import Reader, Source
from models.usage.refused_request import RefusedReason
from models.usage.request_queries import callers_of, newest_refused
from tests.support.usage.rows import NOON, caller, key_of, refused, store
from tests.support.world import World

NEVER_WAS = UUID("01a00000-0000-7000-8000-000000000000")


@pytest.fixture(params=["reader", "session"])
async def source(database: Database, request: pytest.FixtureRequest) -> AsyncIterator[Source]:
    """Both ways to read: the reader and a session."""
    if request.param == "session":
        async with database.reading() as session:
            yield session
        return
    reader = Reader(database)
    yield reader
    await reader.close()


@pytest.fixture
async def keys(database: Database, world: World) -> list[ApiKey]:
    """Three keys, the last one a tombstone."""
    rows = [key_of(world.acme), key_of(world.globex), key_of(world.acme, deleted_at=NOON)]
    await store(database, *rows)
    return rows


async def test_the_newest_of_each_key_are_read(database: Database, source: Source, keys: list[ApiKey]) -> None:
    """Each key gets at most `of_each` refusals, newest first. A key without refusals has none."""
    one, two, three = (key.id for key in keys)
    rows = [refused(key_id, user_agent=str(number)) for number in range(5) for key_id in (one, two)]
    await store(database, *rows, refused(three), refused(None, RefusedReason.UNKNOWN_KEY))

    some = await newest_refused(source, [one, two, three, NEVER_WAS], of_each=3)
    all_of_one = await newest_refused(source, [one], of_each=5)

    assert {key_id: [row.user_agent for row in some if row.key_id == key_id] for key_id in (one, two)} == {
        one: ["4", "3", "2"],
        two: ["4", "3", "2"],
    }
    assert [row.key_id for row in some].count(three) == 1
    assert len(some) == 7
    assert [row.user_agent for row in all_of_one] == ["4", "3", "2", "1", "0"]


async def test_a_refusal_is_read_whole(database: Database, source: Source, keys: list[ApiKey], world: World) -> None:
    """All columns of a refused request are read back."""
    row = refused(
        keys[0].id,
        RefusedReason.AGENT_NOT_IN_SCOPE,
        at=NOON + timedelta(microseconds=1),
        ip_address="2001:db8::1",
        user_agent="curl/8",
        agent_id=world.own.id,
    )
    await store(database, row)

    [found] = await newest_refused(source, [keys[0].id], of_each=1)

    assert found == (
        row.request_id,
        keys[0].id,
        RefusedReason.AGENT_NOT_IN_SCOPE,
        NOON + timedelta(microseconds=1),
        "2001:db8::1",
        "curl/8",
        world.own.id,
    )


async def test_what_is_no_fault_of_a_key_is_no_refusal_of_it(
    database: Database, source: Source, keys: list[ApiKey]
) -> None:
    """Refusals for reasons that the key did not cause are neither shown nor counted among the newest."""
    reasons = [*RefusedReason, RefusedReason.UNAVAILABLE, RefusedReason.GATEWAY_NOT_ALLOWED]
    await store(database, *(refused(keys[0].id, reason) for reason in reasons))

    found = await newest_refused(source, [keys[0].id], of_each=2)

    assert [row.reason for row in found] == [RefusedReason.QUOTA_EXCEEDED, RefusedReason.RATE_LIMITED]


async def test_callers_come_the_last_seen_first(database: Database, source: Source, keys: list[ApiKey]) -> None:
    """Callers come sorted by last use, for the requested keys only. An empty address or user agent is null."""
    one, two, three = (key.id for key in keys)
    await store(
        database,
        caller(one, "203.0.113.1", "", last_seen_at=NOON),
        caller(one, "", "curl/8", first_seen_at=NOON - timedelta(days=1), last_seen_at=NOON + timedelta(seconds=1)),
        caller(two, requests=2**40),
        caller(three),
    )

    rows = await callers_of(source, [one, two])

    assert [row for row in rows if row.key_id == one] == [
        (one, None, "curl/8", NOON - timedelta(days=1), NOON + timedelta(seconds=1), 1),
        (one, "203.0.113.1", None, NOON, NOON, 1),
    ]
    assert [row.requests for row in rows if row.key_id == two] == [2**40]
    assert len(rows) == 3


async def test_agents_are_named_with_their_organization(database: Database, source: Source, world: World) -> None:
    """Agents are found with their organization, deleted ones included. An unknown id is left out."""
    agents: list[Agent] = [world.own, world.retired, world.theirs]

    named = await named_agents(source, [*(agent.id for agent in agents), NEVER_WAS])

    assert named == {
        (agent.organization_id, agent.id): (agent.id, agent.name, agent.deleted_at, None) for agent in agents
    }
