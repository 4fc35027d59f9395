"""The demo's usage data is consistent, whenever the demo is filled."""

import ipaddress
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.demo.prepare import prepare
from app.demo.rows import DemoBuilder
from app.retention import tidy
from app.settings import read_settings
from models import ApiKey, AuditAction, AuditEvent, Caller, RefusedRequest, UsageDay, UsageHour, UsageMonth
from models.engine.database import Database
from models.organization import DEFAULT_MONTHLY_QUOTA, DEFAULT_RATE_LIMIT
from models.usage.caller import KEPT_OF_A_KEY
from models.usage.counts import HOURS_KEPT_DAYS, OUTCOMES
from tests.conftest import SERVER_KEYS, Clock, CountingHasher

DOCUMENTATION = [ipaddress.ip_network(each) for each in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
NEAR_ITS_LIMIT = "Nightly invoice batch"
MOMENTS = [
    datetime(2026, 11, 24, 12, 3, 7, 654_321, tzinfo=UTC),
    datetime(2026, 11, 2, 0, 0, tzinfo=UTC),
    datetime(2027, 3, 1, 0, 0, tzinfo=UTC),
    datetime(2026, 12, 1, 0, 0, 5, tzinfo=UTC),
    datetime(2027, 1, 1, 1, 5, tzinfo=UTC),
    datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC),
]


@dataclass(frozen=True)
class Told:
    """The rows of a demo filled at `now`."""

    now: datetime
    keys: dict[UUID, ApiKey]
    rows: dict[type[Any], list[Any]]

    def key(self, name: str) -> ApiKey:
        [found] = [key for key in self.keys.values() if key.name == name]
        return found

    def counted(self) -> list[tuple[UUID, datetime, UsageHour | UsageDay]]:
        """Hours and days, each with its key and its beginning."""
        return [
            *((row.key_id, row.hour, row) for row in self.rows[UsageHour]),
            *((row.key_id, row.day, row) for row in self.rows[UsageDay]),
        ]


@pytest.fixture(scope="module", params=MOMENTS, ids=lambda moment: moment.strftime("%d %b %H:%M"))
def told(request: pytest.FixtureRequest) -> Told:
    """Demos filled in the middle, at the beginning and at the end of a month."""
    hasher = CountingHasher()
    rows: defaultdict[type[Any], list[Any]] = defaultdict(list)
    for stage in DemoBuilder(request.param, SERVER_KEYS, "kd", hasher, hasher).rows():
        for row in stage:
            rows[type(row)].append(row)
    return Told(request.param, {key.id: key for key in rows[ApiKey]}, rows)


def month(at: datetime) -> datetime:
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def test_months_are_the_sums_of_their_hours_and_days(told: Told) -> None:
    """A month's last use is within its last hour or day with an allowed request."""
    sums: Counter[tuple[UUID, datetime]] = Counter()
    last: dict[tuple[UUID, datetime], datetime] = {}
    for key_id, begins, row in told.counted():
        if row.allowed:
            place = key_id, month(begins)
            sums[place] += row.allowed
            last[place] = max(last.get(place, begins), begins)

    assert sums == {(row.key_id, row.month): row.allowed for row in told.rows[UsageMonth]}
    for row in told.rows[UsageMonth]:
        begins = last[row.key_id, row.month]
        is_hour = begins >= told.now - timedelta(days=HOURS_KEPT_DAYS)
        assert begins <= row.last_used_at < begins + timedelta(hours=1 if is_hour else 24)


def test_nothing_is_told_of_the_future_or_from_beyond_a_keys_life(told: Told) -> None:
    """Allowed requests are between a key's creation and deletion; refusals for a deleted key come after it."""
    for row in [*told.rows[UsageMonth], *told.rows[Caller]]:
        key = told.keys[row.key_id]
        first, last = (
            (row.last_used_at, row.last_used_at)
            if isinstance(row, UsageMonth)
            else (row.first_seen_at, row.last_seen_at)
        )
        assert key.created_at < first <= last < (key.deleted_at or told.now)
    for _, begins, _ in told.counted():
        assert begins <= told.now
    for refused in told.rows[RefusedRequest]:
        assert refused.at < told.now
        key = told.keys.get(refused.key_id, told.key(NEAR_ITS_LIMIT))
        assert refused.reason != "deleted_key" or refused.at > (key.deleted_at or told.now)
        assert refused.reason != "replaced_secret" or refused.at > (key.rotated_at or told.now)


def test_hours_are_told_as_long_as_they_are_kept(told: Told) -> None:
    """Older usage is in days, and no period is in both."""
    oldest = told.now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=HOURS_KEPT_DAYS)

    assert min(row.hour for row in told.rows[UsageHour]) >= oldest > max(row.day for row in told.rows[UsageDay])
    assert len({(key_id, begins) for key_id, begins, _ in told.counted()}) == len(told.counted())


def test_no_key_is_over_its_limits_and_one_is_near(told: Told) -> None:
    """One key has used 90 % of its own quota, once the month is old enough for that."""
    for row in told.rows[UsageMonth]:
        assert row.allowed <= (told.keys[row.key_id].monthly_quota or DEFAULT_MONTHLY_QUOTA)
    for row in told.rows[UsageHour]:
        assert row.allowed <= DEFAULT_RATE_LIMIT * 60
    near = told.key(NEAR_ITS_LIMIT)
    used = [row.allowed for row in told.rows[UsageMonth] if row.key_id == near.id and row.month == month(told.now)]
    assert near.monthly_quota is not None
    assert used == [near.monthly_quota * 9 // 10] or told.now - month(told.now) < timedelta(hours=1)


def test_callers_sent_what_passed(told: Told) -> None:
    """A key's callers add up to its allowed requests, and the latest of them is the key's last use."""
    passed: Counter[UUID] = Counter()
    for key_id, _, row in told.counted():
        passed[key_id] += row.allowed
    sent: Counter[UUID] = Counter()
    last_seen: dict[UUID, datetime] = {}
    for caller in told.rows[Caller]:
        sent[caller.key_id] += caller.requests
        last_seen[caller.key_id] = max(caller.last_seen_at, last_seen.get(caller.key_id, caller.last_seen_at))
    last_used: dict[UUID, datetime] = {}
    for row in told.rows[UsageMonth]:
        last_used[row.key_id] = max(row.last_used_at, last_used.get(row.key_id, row.last_used_at))

    assert sent == {key_id: count for key_id, count in passed.items() if count}
    assert last_seen == last_used
    assert max(Counter(caller.key_id for caller in told.rows[Caller]).values()) <= KEPT_OF_A_KEY


def test_refused_requests_are_what_was_counted_as_refused(told: Told) -> None:
    """They agree for each key and reason. Refusals without a key are not counted."""
    counted: Counter[tuple[UUID, str]] = Counter()
    for key_id, _, row in told.counted():
        for outcome in OUTCOMES[1:]:
            counted[key_id, outcome] += getattr(row, outcome)

    refused = Counter((row.key_id, row.reason) for row in told.rows[RefusedRequest] if row.key_id is not None)

    assert refused == +counted
    assert {row.reason for row in told.rows[RefusedRequest] if row.key_id is None} == {
        *("missing_key", "malformed_key", "unknown_key")
    }
    assert all((row.detail is not None) == (row.reason == "malformed_key") for row in told.rows[RefusedRequest])


def test_addresses_are_nobodys(told: Told) -> None:
    """All addresses are from networks reserved for documentation."""
    rows = [*told.rows[Caller], *told.rows[RefusedRequest]]

    addresses = {ipaddress.ip_address(row.ip_address) for row in rows}

    assert [address for address in addresses if not any(address in network for network in DOCUMENTATION)] == []


def test_the_deleted_key_is_still_called(told: Told) -> None:
    """The deleted key has 37 calls since, the last with a recognizable address and user agent."""
    key = told.key("Handheld scanners (old)")

    calls = [row for row in told.rows[RefusedRequest] if row.key_id == key.id]

    assert Counter(row.reason for row in calls) == {"deleted_key": 37}
    last = max(calls, key=lambda row: row.at)
    assert (last.ip_address, last.user_agent) == ("203.0.113.7", "python-requests/2.32.3")


def test_a_request_for_another_agent_was_refused(told: Told) -> None:
    """The request named another agent of the organization."""
    key = told.key("Broker feed")

    wanted = {row.agent_id for row in told.rows[RefusedRequest] if row.reason == "agent_not_in_scope"}

    assert wanted == {told.key("Route Planner production").agent_id}
    assert key.agent_id not in wanted


def test_one_living_key_was_never_used(told: Told) -> None:
    """The key that was never used could be deleted."""
    used = {row.key_id for row in told.rows[UsageMonth]}

    assert [key.name for key in told.keys.values() if key.id not in used] == ["Route Planner staging"]
    assert told.key("Route Planner staging").deleted_at is None


def test_the_limit_of_its_own_was_set_by_the_operator(told: Told) -> None:
    """The limit has its audit event."""
    [event] = [row for row in told.rows[AuditEvent] if row.action == AuditAction.API_KEY_LIMITS_CHANGED]

    key = told.key(NEAR_ITS_LIMIT)
    assert (event.actor_id, event.ip_address, event.api_key_id) == (None, None, key.id)
    assert event.summary == (
        f"The limits of the API key “{NEAR_ITS_LIMIT}” were changed: the monthly quota from the organization's "
        f"{DEFAULT_MONTHLY_QUOTA} to {key.monthly_quota} requests."
    )


async def state(database: Database) -> list[Any]:
    """All rows of usage."""
    async with database.reading() as session:
        return [
            sorted(tuple(row.model_dump().items()) for row in (await session.execute(select(table))).scalars())
            for table in (UsageHour, UsageDay, UsageMonth, Caller)
        ]


async def test_retention_finds_the_demo_in_order(database: Database, clock: Clock, key_hasher: CountingHasher) -> None:
    """Retention changes nothing in a new demo. Refused requests are stored in order of time."""
    settings = replace(read_settings({}), server_keys=SERVER_KEYS)
    await prepare(settings, database, clock=clock, key_hasher=key_hasher, password_hasher=key_hasher)
    before = await state(database)

    await tidy(database, now=clock.now, audit_days=400)

    async with database.reading() as session:
        instants = (
            await session.execute(select(col(RefusedRequest.at)).order_by(col(RefusedRequest.number)))
        ).scalars()
        in_order = list(instants)
    assert await state(database) == before
    assert len(in_order) > 300
    assert in_order == sorted(in_order)
