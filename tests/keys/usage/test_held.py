"""Usage whose rows another transaction has locked: it waits, nothing else waits for it, and nothing is lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

import keys.usage.held
import keys.usage.outgoing
import keys.usage.recorder
from keys.limits.local_limiter import LocalLimiter
from keys.limits.sliding_window import Limits
from keys.outcomes import Outcome
from keys.usage.recorder import UsageRecorder
from models import Caller, RefusedRequest, UsageHour
from models.engine.database import Database
from models.engine.database_address import POSTGRESQL
from models.key_lookup import DatabaseUnavailable
from models.usage.store import UsageStore
from tests.conftest import Clock
from tests.support.usage.recorder_fixtures import (
    FIRST_OF_NOVEMBER,
    KEY,
    OTHER,
    messages,
    note,
    november,
    passed,
    refused,
)
from tests.support.usage.usage_stores import hours, make_store, months, rows

MANY_KEYS = [f"{number:032x}" for number in range(100, 400)]


@pytest.fixture
def postgresql(database: Database) -> Database:
    if database.backend != POSTGRESQL:
        pytest.skip("SQLite locks the file, not rows")
    return database


@pytest.fixture
async def store(postgresql: Database) -> AsyncIterator[UsageStore]:
    made = make_store(postgresql)
    yield made
    await made.close()


@asynccontextmanager
async def locked(database: Database, statement: str) -> AsyncIterator[None]:
    """While the block runs, a transaction holds the rows that the statement locks."""
    async with database.transaction() as session:
        await session.execute(text(statement))
        yield
        await session.rollback()


def rows_of(table: str, *key_ids: str) -> str:
    wanted = ", ".join(f"'{key_id}'" for key_id in key_ids)
    return f"SELECT 1 FROM {table} WHERE key_id IN ({wanted}) FOR UPDATE"


def uncommitted_month(key_id: str) -> str:
    columns = "key_id, month, allowed, last_used_at"
    return f"INSERT INTO usage_months ({columns}) VALUES ('{key_id}', '2026-11-01', 0, now())"


@pytest.mark.parametrize("table", ["usage_months", "usage_hours", "callers"])
async def test_a_locked_row_stops_no_other(
    recorder: UsageRecorder, postgresql: Database, clock: Clock, table: str
) -> None:
    """All other keys' usage is written while the row is locked; the row's own follows, with what came meanwhile."""
    everybody = [KEY, *MANY_KEYS]
    for key_id in everybody:
        note(recorder, passed(clock.now, key_id), times=2)
    await recorder.write()

    async with locked(postgresql, rows_of(table, KEY)):
        for _ in range(3):
            for key_id in everybody:
                note(recorder, passed(clock.now, key_id))
            note(recorder, refused(Outcome.RATE_LIMITED))
            await recorder.write()
            assert await recorder.used(KEY, november(clock)) == 2 + len(await rows(postgresql, RefusedRequest))
        during = await months(postgresql)
        assert len(recorder._outgoing.held) == 1
        assert not recorder.is_degraded
    await recorder.write()

    assert {during[key_id, FIRST_OF_NOVEMBER] for key_id in MANY_KEYS} == {5}
    assert during[KEY, FIRST_OF_NOVEMBER] == (5 if table == "callers" else 2)
    assert set((await months(postgresql)).values()) == set((await hours(postgresql)).values()) == {5}
    assert {row.requests for row in await rows(postgresql, Caller)} == {5}
    assert sum(row.rate_limited for row in await rows(postgresql, UsageHour)) == 3
    assert not recorder._outgoing.held


async def test_a_verification_waits_for_no_locked_count(
    recorder: UsageRecorder, postgresql: Database, clock: Clock
) -> None:
    """The limiter of a new process, and after it has forgotten, gets the exact count while the row stays locked."""
    limiter = LocalLimiter(recorder, clock=clock)
    note(recorder, passed(clock.now), times=3)
    await recorder.write()

    async with locked(postgresql, rows_of("usage_months", KEY)):
        first = await limiter.consume(KEY, Limits(100, 100))
        note(recorder, passed(clock.now))
        await recorder.write()
        limiter.forget_months()
        second = await limiter.consume(KEY, Limits(100, 100))

    assert (first.status.quota_used, second.status.quota_used) == (4, 5)


async def test_a_row_that_is_not_committed_yet_is_held(
    recorder: UsageRecorder, postgresql: Database, clock: Clock
) -> None:
    """As that of another process which was stopped in the middle of a batch."""
    async with locked(postgresql, uncommitted_month(KEY)):
        note(recorder, passed(clock.now), times=3)
        note(recorder, passed(clock.now, OTHER), times=4)
        await recorder.write()
        during = await months(postgresql)
    await recorder.write()

    assert during == {(OTHER, FIRST_OF_NOVEMBER): 4}
    assert await months(postgresql) == {(KEY, FIRST_OF_NOVEMBER): 3, (OTHER, FIRST_OF_NOVEMBER): 4}


async def test_when_everything_is_locked_all_is_kept_and_bounded(
    recorder: UsageRecorder, postgresql: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so many locks are waited for. When too much is held, the rest stays in the buffer, and that is an outage."""
    monkeypatch.setattr(keys.usage.outgoing, "LOCK_WAITS_AT_MOST", 3)
    monkeypatch.setattr(keys.usage.held, "HELD_AT_MOST", 2 * len(MANY_KEYS))
    for key_id in MANY_KEYS:
        note(recorder, passed(clock.now, key_id))
    await recorder.write()

    async with locked(postgresql, "LOCK TABLE usage_months IN EXCLUSIVE MODE"):
        for _ in range(2):
            for key_id in MANY_KEYS:
                note(recorder, passed(clock.now, key_id))
            await recorder.write()
        assert len(recorder._outgoing.held) <= 2 * len(MANY_KEYS)
        note(recorder, passed(clock.now, KEY))
        if recorder._outgoing.held.is_full:
            with pytest.raises(DatabaseUnavailable):
                await recorder.write()
        used = await recorder.used(MANY_KEYS[0], november(clock))
    await recorder.write()

    assert used == 3
    found = await months(postgresql)
    assert found.pop((KEY, FIRST_OF_NOVEMBER)) == 1
    assert set(found.values()) == {3}
    assert len(found) == len(MANY_KEYS)


async def test_a_batch_that_may_be_committed_yet_is_not_divided(
    recorder: UsageRecorder, postgresql: Database, clock: Clock
) -> None:
    """If the process's own row is locked, an earlier attempt may still be under way: the batch keeps its number."""
    note(recorder, passed(clock.now), times=2)
    await recorder.write()
    note(recorder, passed(clock.now), times=3)
    note(recorder, passed(clock.now, OTHER), times=3)

    async with locked(postgresql, "SELECT 1 FROM ledger_writers FOR UPDATE"):
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
                await recorder.write()
        assert [batch.number for batch in recorder._outgoing._waiting] == [2]
    await recorder.write()

    assert await months(postgresql) == {(KEY, FIRST_OF_NOVEMBER): 5, (OTHER, FIRST_OF_NOVEMBER): 3}


async def test_a_lock_that_lasts_is_reported(
    recorder: UsageRecorder,
    postgresql: Database,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Once, with what to do; the state is degraded until the usage is written."""
    monkeypatch.setattr(keys.usage.recorder, "LOCKED_SECONDS", 0)
    async with locked(postgresql, uncommitted_month(KEY)):
        note(recorder, passed(clock.now))
        for _ in range(2):
            await recorder._round()
        states = [recorder.is_degraded]
    await recorder._round()
    states.append(recorder.is_degraded)

    assert states == [True, False]
    began, ended = messages(caplog)
    assert "pg_stat_activity" in began
    assert "written again" in ended
