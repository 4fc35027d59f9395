"""Retention: old rows are deleted, hours become days, and counts stay correct even if a round is interrupted."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, func, select, update
from sqlmodel import col

import app.retention
import models.engine.skip_scan
import models.usage.caller
import models.usage.refused_request
from app.retention import tidy
from models import (
    AuditAction,
    AuditEvent,
    Caller,
    RefusedRequest,
    SignInFailure,
    SignInSession,
    UsageDay,
    UsageHour,
    UsageWriter,
    UsedOnce,
)
from models.engine.database import Database
from models.usage.counts import OUTCOMES
from tests.conftest import POSTGRES_URL, Clock
from tests.support.usage.old_usage import ONE, TWO, add, busy_hours, everything, refused, totals
from tests.support.world import World

FIRST_HOUR_KEPT = datetime(2026, 10, 20, tzinfo=UTC)
"""35 days before the date of the tests' clock."""
FIRST_DAY_KEPT = datetime(2024, 11, 23, tzinfo=UTC)


@pytest.fixture
def few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows per transaction and one key per step, so that a few rows need many."""
    monkeypatch.setattr(app.retention, "ROWS_AT_A_TIME", 3)
    monkeypatch.setattr(models.engine.skip_scan, "KEYS_AT_A_TIME", 1)


async def counts(database: Database) -> tuple[int, ...]:
    async with database.reading() as session:
        return tuple(
            [
                int((await session.execute(select(func.count()).select_from(table))).scalar_one())
                for table in (AuditEvent, SignInSession, SignInFailure)
            ]
        )


def an_hour(key_id: UUID, hour: datetime, **outcomes: int) -> UsageHour:
    return UsageHour(key_id=key_id, hour=hour, **outcomes)


async def test_old_events_sessions_and_failures_are_dropped(database: Database, world: World, clock: Clock) -> None:
    """Audit events go after 400 days, sessions after 12 hours without use, failures after 15 minutes."""
    ages = (timedelta(0), timedelta(days=399), timedelta(days=401))
    async with database.transaction() as session:
        for age in ages:
            then = clock.now - age
            session.add(
                AuditEvent(organization_id=world.acme.id, action=AuditAction.API_KEY_CREATED, at=then, summary="One.")
            )
            session.add(
                SignInSession(
                    token_digest=f"{age.days:064}", person_id=world.ada.id, created_at=then, last_seen_at=then
                )
            )
            session.add(SignInFailure(account="a" * 64, ip_address="203.0.113.7", at=then))

    await tidy(database, now=clock.now, audit_days=400)

    assert await counts(database) == (2, 1, 1)


async def test_what_was_used_once_is_dropped_when_it_can_not_be_used_again(database: Database, clock: Clock) -> None:
    """The state of a sign-in by the identity provider, and the id of a logout token."""
    async with database.transaction() as session:
        for minutes in (-1, 1):
            expires_at = clock() + timedelta(minutes=minutes)
            session.add(UsedOnce(digest=str(minutes), expires_at=expires_at))

    await tidy(database, now=clock(), audit_days=400)

    async with database.reading() as session:
        assert [row.digest for row in (await session.execute(select(UsedOnce))).scalars()] == ["1"]


async def test_hours_become_days_after_35_days(database: Database, clock: Clock) -> None:
    """Hours of whole old days are added to their day's row. Later hours stay."""
    last_made_a_day = FIRST_HOUR_KEPT - timedelta(hours=1)
    day = last_made_a_day.replace(hour=0)
    await add(
        database,
        [
            an_hour(ONE, FIRST_HOUR_KEPT, allowed=1000),
            an_hour(ONE, last_made_a_day, allowed=1, rate_limited=2, quota_exceeded=3),
            an_hour(ONE, day, allowed=10, agent_not_in_scope=4, deleted_key=5, replaced_secret=6),
            an_hour(TWO, day, allowed=7),
            UsageDay(key_id=ONE, day=day, allowed=100, deleted_key=50),
        ],
    )

    await tidy(database, now=clock.now, audit_days=400)
    await tidy(database, now=clock.now, audit_days=400)

    hours, days = await everything(database, UsageHour), await everything(database, UsageDay)
    assert [(row.hour, row.allowed) for row in hours] == [(FIRST_HOUR_KEPT, 1000)]
    assert sorted((row.key_id, row.day, *(getattr(row, outcome) for outcome in OUTCOMES)) for row in days) == [
        (ONE, day, 111, 2, 3, 4, 55, 6),
        (TWO, day, 7, 0, 0, 0, 0, 0),
    ]


@pytest.mark.usefixtures("few_at_a_time")
async def test_no_count_is_lost_or_told_twice(database: Database, clock: Clock) -> None:
    """In many small transactions, the sums by key, day and outcome stay the same."""
    await add(database, busy_hours(clock.now))
    before = await totals(database)

    await tidy(database, now=clock.now, audit_days=400)

    assert await totals(database) == before
    assert min(row.hour for row in await everything(database, UsageHour)) >= FIRST_HOUR_KEPT
    assert max(row.day for row in await everything(database, UsageDay)) < FIRST_HOUR_KEPT


@pytest.mark.slow
@pytest.mark.usefixtures("few_at_a_time")
async def test_a_round_that_breaks_off_anywhere_is_made_good_by_the_next(database: Database, clock: Clock) -> None:
    """Interrupted before each of its statements in turn, a round loses no count, and the next one goes on."""
    await add(database, busy_hours(clock.now)[::4])
    before = await totals(database)
    broken_off = 0

    while True:
        allowed = [broken_off + 1]

        def fail(*_: object, allowed: list[int] = allowed) -> None:
            allowed[0] -= 1
            if allowed[0] == 0:
                raise ConnectionResetError

        event.listen(database.engine.sync_engine, "before_cursor_execute", fail)
        try:
            await tidy(database, now=clock.now, audit_days=400, holder=ONE)
            break
        except ConnectionResetError:
            broken_off += 1
        finally:
            event.remove(database.engine.sync_engine, "before_cursor_execute", fail)
        assert await totals(database) == before

    assert broken_off > 10
    assert await totals(database) == before
    assert len(await everything(database, UsageDay)) > 2
    assert min(row.hour for row in await everything(database, UsageHour)) >= FIRST_HOUR_KEPT


@pytest.mark.skipif(POSTGRES_URL is None, reason="SQLite has one writer")
async def test_a_row_that_somebody_writes_is_not_waited_for(database: Database, clock: Clock) -> None:
    """A row locked by another transaction is left for the next round, with what was added to it."""
    old = FIRST_HOUR_KEPT - timedelta(hours=1)
    await add(database, [an_hour(ONE, old, allowed=1), an_hour(TWO, old, allowed=2)])

    async with database.transaction() as session:
        await session.execute(update(UsageHour).where(col(UsageHour.key_id) == ONE).values(allowed=10))
        await tidy(database, now=clock.now, audit_days=400)
    meanwhile = [(row.key_id, row.allowed) for row in await everything(database, UsageDay)]
    await tidy(database, now=clock.now, audit_days=400)

    assert meanwhile == [(TWO, 2)]
    assert await everything(database, UsageHour) == []
    assert sorted((row.key_id, row.allowed) for row in await everything(database, UsageDay)) == [(ONE, 10), (TWO, 2)]


@pytest.mark.usefixtures("few_at_a_time")
async def test_days_are_dropped_after_two_years(database: Database, clock: Clock) -> None:
    """Old days of every key are deleted."""
    kept = [UsageDay(key_id=key_id, day=FIRST_DAY_KEPT, allowed=1) for key_id in (ONE, TWO)]
    gone = [
        UsageDay(key_id=key_id, day=FIRST_DAY_KEPT - timedelta(days=days), allowed=1)
        for key_id in (ONE, TWO)
        for days in range(1, 6)
    ]
    await add(database, [*gone, *kept])

    await tidy(database, now=clock.now, audit_days=400)

    assert sorted(row.key_id for row in await everything(database, UsageDay)) == [ONE, TWO]
    assert {row.day for row in await everything(database, UsageDay)} == {FIRST_DAY_KEPT}


@pytest.mark.usefixtures("few_at_a_time")
async def test_refused_requests_are_dropped_after_90_days(database: Database, clock: Clock) -> None:
    """Age decides, with and without a key, also where rows were not stored in order of time."""
    ages = [200, 150, 89, 91, 120, 91, 91, 89, 0]
    for days in ages:
        await add(database, [refused(key_id, clock.now - timedelta(days=days)) for key_id in (ONE, None)])

    await tidy(database, now=clock.now, audit_days=400)

    left = Counter((row.key_id, (clock.now - row.at).days) for row in await everything(database, RefusedRequest))
    assert left == Counter({(key_id, days): ages.count(days) for key_id in (ONE, None) for days in (0, 89)})


@pytest.mark.usefixtures("few_at_a_time")
async def test_the_newest_refused_requests_are_kept(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limited number is kept of each key and without a key; the rows stored last are the newest."""
    monkeypatch.setattr(models.usage.refused_request, "KEPT_OF_A_KEY", 4)
    monkeypatch.setattr(models.usage.refused_request, "KEPT_WITHOUT_A_KEY", 7)
    sizes = {ONE: 15, TWO: 4, None: 12}
    rows = [refused(key_id, clock.now) for key_id, size in sizes.items() for _ in range(size)]
    for row in rows:
        await add(database, [row])

    await tidy(database, now=clock.now, audit_days=400)

    left = {row.request_id for row in await everything(database, RefusedRequest)}
    newest = [
        row.request_id
        for key_id, kept in ((ONE, 4), (TWO, 4), (None, 7))
        for row in [row for row in rows if row.key_id == key_id][-kept:]
    ]
    assert left == set(newest)


@pytest.mark.usefixtures("few_at_a_time")
async def test_the_newest_callers_of_each_key_are_kept(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Age is by the last use."""
    monkeypatch.setattr(models.usage.caller, "KEPT_OF_A_KEY", 2)
    await add(
        database,
        [
            Caller(
                key_id=key_id,
                ip_address=f"192.0.2.{minutes}",
                user_agent="",
                first_seen_at=clock.now - timedelta(days=9),
                last_seen_at=clock.now - timedelta(minutes=minutes),
                requests=1,
            )
            for key_id, callers in ((ONE, 11), (TWO, 2))
            for minutes in range(callers, 0, -1)
        ],
    )

    await tidy(database, now=clock.now, audit_days=400)

    left = sorted((row.key_id, row.ip_address) for row in await everything(database, Caller))
    assert left == [(key_id, f"192.0.2.{minutes}") for key_id in (ONE, TWO) for minutes in (1, 2)]


async def test_writers_that_are_gone_are_forgotten(database: Database, clock: Clock) -> None:
    """Writers are deleted a day after their last batch."""
    for hours in (0, 23, 25):
        await add(database, [UsageWriter(batch=hours, seen_at=clock.now - timedelta(hours=hours))])

    await tidy(database, now=clock.now, audit_days=400)

    assert {row.batch for row in await everything(database, UsageWriter)} == {0, 23}


@pytest.mark.parametrize("step", ["drop_expired", "_events", "make_days_of_hours", "drop_refused_before"])
async def test_a_step_that_always_fails_keeps_no_other_from_being_done(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The other steps of each round are done, and the failure is raised."""
    gone = clock.now - timedelta(days=30)
    async with database.transaction() as session:
        session.add(UsageWriter(batch=1, seen_at=gone))
    await add(database, [*busy_hours(clock.now), refused(ONE, FIRST_DAY_KEPT)])

    async def fail(*_: object, **__: object) -> int:
        raise RuntimeError

    monkeypatch.setattr(app.retention, step, fail)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await tidy(database, now=clock.now, audit_days=400)

    async with database.reading() as session:
        assert (await session.execute(select(func.count()).select_from(UsageWriter))).scalar_one() == 0
