"""What people can query of keys' usage, and what they get where something is not known."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from keys.limits.limiter import LimiterUnavailable
from keys.limits.sliding_window import Limits, LimitStatus, month_of, to_ms
from keys.policy import OPERATOR
from keys.refusals import UnusableArgument
from keys.usage.intervals import Interval, intervals_between
from models import ApiKey
from models.engine.database import Database
from models.key_queries import ApiKeyRecord, key_records
from models.usage.refused_request import RefusedReason
from resolvers.usage import (
    Point,
    agents,
    callers,
    limit_statuses,
    may_know_agent,
    may_see_usage,
    page_size,
    refusals,
    series,
)
from tests.support.usage.rows import NOON, caller, day_of, hour_of, key_of, refused, store
from tests.support.world import World

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AT = to_ms(NOON)
ALL_FREE = LimitStatus(600, 0, 0, month_of(AT), AT)


class Looking:
    """A limiter that can only peek: for each key it returns the given status, or raises the given error."""

    is_degraded, lets_pass, waiting = False, True, 0

    def __init__(self, said: Mapping[str, LimitStatus | Exception]) -> None:
        self._said = said
        self.asked: list[tuple[str, Limits]] = []

    async def peek(self, key_id: str, limits: Limits) -> LimitStatus:
        """Records the question, and gives the status for the key."""
        self.asked.append((key_id, limits))
        said = self._said[key_id]
        if isinstance(said, Exception):
            raise said
        return said


@pytest.fixture
async def keys(database: Database, world: World) -> dict[str, ApiKeyRecord]:
    """A key and a tombstone of each scope and agent, by name."""
    kinds = {"acme's": None, "own": world.own, "other": world.other, "retired": world.retired}
    rows: list[ApiKey] = [key_of(world.globex, "globex's"), key_of(world.globex, "theirs", agent_id=world.theirs.id)]
    for name, agent in kinds.items():
        agent_id = None if agent is None else agent.id
        rows.append(key_of(world.acme, name, agent_id=agent_id, rate_limit=len(rows)))
        rows.append(key_of(world.acme, f"{name}, deleted", agent_id=agent_id, deleted_at=NOON))
    await store(database, *rows)
    async with database.reading() as session:
        return {record.name: record for record in (await key_records(session, [row.id for row in rows])).values()}


@pytest.mark.parametrize(
    ("person", "seen"),
    [
        ("ada", {"acme's", "own", "other", "retired"}),
        ("grace", {"own", "retired"}),
        ("mel", set()),
        ("eve", {"globex's", "theirs"}),
    ],
)
async def test_who_may_see_a_key_may_see_its_usage(
    keys: dict[str, ApiKeyRecord], world: World, person: str, seen: set[str]
) -> None:
    """Whoever may see a key may see its usage, of living keys and of tombstones."""
    visible = {name for name, key in keys.items() if may_see_usage(world.actor(person), key)}

    assert visible == seen | {f"{name}, deleted" for name in seen if f"{name}, deleted" in keys}
    assert all(may_see_usage(OPERATOR, key) for key in keys.values())


@pytest.mark.parametrize(
    ("person", "known"),
    [("ada", {"own", "other", "retired", "never was"}), ("grace", {"own", "retired"}), ("mel", set()), ("eve", set())],
)
def test_an_agent_is_known_to_those_whose_keys_it_could_have(world: World, person: str, known: set[str]) -> None:
    """The decision does not depend on whether the agent exists, so that it can be taken before looking."""
    agent_ids = {name: getattr(world, name).id for name in ("own", "other", "retired")} | {"never was": uuid4()}
    actor = world.actor(person)

    assert {name for name, each in agent_ids.items() if may_know_agent(actor, world.acme.id, each)} == known


async def test_an_agent_is_named_within_its_organization_alone(database: Database, world: World) -> None:
    """An agent of another organization or a missing one gives None. A deleted agent is found."""
    places: list[tuple[UUID, UUID]] = [
        (world.acme.id, world.retired.id),
        (world.acme.id, world.theirs.id),
        (world.globex.id, world.theirs.id),
        (world.acme.id, uuid4()),
    ]

    async with database.reading() as session:
        named = await agents(session, places)

    assert [each and each.name for each in named] == ["Retired", None, "Theirs", None]


async def test_each_key_is_looked_at_with_the_limits_that_hold_for_it(keys: dict[str, ApiKeyRecord]) -> None:
    """The answers come in the order of the keys. A key's own limits come before its organization's."""
    own, globex = keys["own"], keys["globex's"]
    other = ALL_FREE._replace(quota_used=7)
    limiter = Looking({own.id.hex: ALL_FREE, globex.id.hex: other})

    found = await limit_statuses(limiter, [own, globex])  # type: ignore[arg-type]  # it only looks

    assert found == [ALL_FREE, other]
    assert limiter.asked == [(own.id.hex, Limits(4, 100_000)), (globex.id.hex, Limits(600, 100_000))]


async def test_one_key_that_can_not_be_told_takes_no_other_along(keys: dict[str, ApiKeyRecord]) -> None:
    """The key whose limits can't be read gets the error; the others get their status."""
    own, globex = keys["own"], keys["globex's"]
    limiter = Looking({own.id.hex: LimiterUnavailable(), globex.id.hex: ALL_FREE})

    unknown, known = await limit_statuses(limiter, [own, globex])  # type: ignore[arg-type]  # it only looks

    assert isinstance(unknown, LimiterUnavailable)
    assert known == ALL_FREE


async def test_a_series_has_a_point_for_every_interval(database: Database) -> None:
    """Intervals without requests have zeros. Requests refused with 401 and 403 are one number."""
    one, two = uuid4(), uuid4()
    await store(
        database,
        hour_of(one, NOON, allowed=1, rate_limited=2, quota_exceeded=3),
        hour_of(one, NOON + 2 * HOUR, agent_not_in_scope=10, deleted_key=100, replaced_secret=1000),
    )

    async with database.reading() as session:
        found = await series(session, [two, one], intervals_between(NOON, NOON + 3 * HOUR, Interval.HOUR))

    assert found == [
        [Point(NOON + number * HOUR, 0, 0, 0, 0) for number in range(3)],
        [Point(NOON, 1, 2, 3, 0), Point(NOON + HOUR, 0, 0, 0, 0), Point(NOON + 2 * HOUR, 0, 0, 0, 1110)],
    ]


async def test_a_day_of_which_hours_were_dropped_is_whole(database: Database) -> None:
    """By day, the counts of dropped hours are included. By hour, they are zero."""
    key_id, midnight = uuid4(), NOON.replace(hour=0)
    await store(
        database,
        day_of(key_id, midnight - 40 * DAY, allowed=5),
        day_of(key_id, midnight - 35 * DAY, allowed=50),
        hour_of(key_id, NOON - 35 * DAY, allowed=500),
        hour_of(key_id, NOON, allowed=5000),
    )

    async with database.reading() as session:
        [days] = await series(session, [key_id], intervals_between(NOON - 40 * DAY, NOON + HOUR, Interval.DAY))
        first = midnight - 40 * DAY
        [hours] = await series(session, [key_id], intervals_between(first, first + DAY, Interval.HOUR))

    assert len(days) == 41
    assert {point.start: point.allowed for point in days if point.allowed} == {
        midnight - 40 * DAY: 5,
        midnight - 35 * DAY: 550,
        midnight: 5000,
    }
    assert [point.allowed for point in hours] == [0] * 24


async def test_no_more_callers_are_told_than_are_kept(database: Database) -> None:
    """If more callers are stored for the moment, only the 20 seen last are returned."""
    crowded, quiet = uuid4(), uuid4()
    rows = [
        caller(crowded, f"203.0.113.{number}", last_seen_at=NOON + timedelta(seconds=number)) for number in range(30)
    ]
    await store(database, *rows, caller(quiet))

    async with database.reading() as session:
        found = await callers(session, [quiet, uuid4(), crowded])

    assert [len(each) for each in found] == [1, 0, 20]
    assert [each.ip_address for each in found[2]] == [f"203.0.113.{number}" for number in range(29, 9, -1)]


async def test_refusals_are_told_of_each_key(database: Database, keys: dict[str, ApiKeyRecord]) -> None:
    """Refusals come in the order of the keys, newest first. A tombstone has those since its deletion."""
    living, deleted = keys["own"].id, keys["own, deleted"].id
    reasons = [RefusedReason.RATE_LIMITED, RefusedReason.QUOTA_EXCEEDED, RefusedReason.REPLACED_SECRET]
    await store(database, refused(deleted, RefusedReason.DELETED_KEY), *(refused(living, reason) for reason in reasons))

    async with database.reading() as session:
        found = await refusals(session, [deleted, living], first=2)

    assert [[row.reason for row in rows] for rows in found] == [[RefusedReason.DELETED_KEY], reasons[:0:-1]]


@pytest.mark.parametrize("first", [0, -1, 101, 2**31 - 1])
def test_a_page_out_of_range_is_refused(first: int) -> None:
    """The message names the allowed range."""
    with pytest.raises(UnusableArgument, match="1 to 100"):
        page_size(first)


def test_a_page_within_the_range_is_as_it_was_asked_for() -> None:
    """Page sizes from 1 to 100 are accepted."""
    assert [page_size(first) for first in (1, 20, 100)] == [1, 20, 100]
