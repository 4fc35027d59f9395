"""A round of retention runs in one process at a time, and can be interrupted."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlmodel import col

import app.retention
from app.retention import LEASE, Interrupted, retention_running, tidy
from models import Lease, RefusedRequest
from models.engine.database import Database
from models.engine.ids import new_id
from models.engine.lease import take_lease
from models.usage import counts
from tests.conftest import Clock
from tests.support.usage.old_usage import ONE, TWO, add, busy_hours, everything, refused, totals

GIVE_UP_SECONDS = 30.0


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.01)


async def hold_lease(database: Database, holder: UUID, *, seconds: int) -> None:
    async with database.transaction() as session:
        assert await take_lease(session, LEASE, holder, seconds=seconds)


async def test_a_round_is_left_to_the_process_that_is_at_it(database: Database, clock: Clock) -> None:
    """While another process has the lease, nothing is deleted."""
    await add(database, [refused(ONE, clock.now - timedelta(days=100))])
    await hold_lease(database, ONE, seconds=3600)

    done = await tidy(database, now=clock.now, audit_days=400, holder=TWO)

    assert not done
    assert len(await everything(database, RefusedRequest)) == 1
    assert [row.holder for row in await everything(database, Lease)] == [ONE]


async def test_a_round_whose_process_died_is_taken_over(database: Database, clock: Clock) -> None:
    """An expired lease is taken over, and given back after the round."""
    await add(database, [refused(ONE, clock.now - timedelta(days=100))])
    await hold_lease(database, ONE, seconds=0)

    done = await tidy(database, now=clock.now, audit_days=400, holder=TWO)

    assert done
    assert await everything(database, RefusedRequest) == []
    assert await everything(database, Lease) == []


async def test_a_round_ends_when_another_process_took_over(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that has lost its lease stops, and leaves the new lease alone."""
    await add(database, [refused(ONE, clock.now - timedelta(days=100))])

    async def sleep_long(*_: object) -> None:
        async with database.transaction() as session:
            await session.execute(update(Lease).values(holder=TWO))

    monkeypatch.setattr(app.retention, "_events", sleep_long)

    with pytest.raises(Interrupted):
        await tidy(database, now=clock.now, audit_days=400, holder=ONE)

    assert len(await everything(database, RefusedRequest)) == 1
    assert [row.holder for row in await everything(database, Lease)] == [TWO]


async def test_a_round_ends_when_the_server_is_told_to_stop(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The round ends after the present transaction and gives the lease back."""
    monkeypatch.setattr(app.retention, "ROWS_AT_A_TIME", 3)
    await add(database, [refused(ONE, clock.now - timedelta(days=100)) for _ in range(10)])
    asked = 0

    def is_over() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    with pytest.raises(Interrupted):
        await tidy(database, now=clock.now, audit_days=400, is_over=is_over)

    assert len(await everything(database, RefusedRequest)) == 4
    assert await everything(database, Lease) == []


async def test_servers_tidy_one_at_a_time(
    make_database_url: Callable[[], str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several processes, only one works at a time, and no count is lost."""
    address = make_database_url()
    databases = [Database(address) for _ in range(3)]
    await add(databases[0], busy_hours(clock.now))
    before = await totals(databases[0])
    at_work = 0
    most_at_work = 0
    make_days = counts.make_days_of_hours

    async def watched(*arguments: Any, **options: Any) -> int:
        nonlocal at_work, most_at_work
        at_work += 1
        most_at_work = max(most_at_work, at_work)
        done: int = await make_days(*arguments, **options)
        at_work -= 1
        return done

    monkeypatch.setattr(app.retention, "make_days_of_hours", watched)
    monkeypatch.setattr(app.retention, "ROWS_AT_A_TIME", 5)

    done = await asyncio.gather(
        *(tidy(database, now=clock.now, audit_days=400, holder=new_id()) for database in databases)
    )

    after = await totals(databases[0])
    for database in databases:
        await database.close()
    assert any(done)
    assert after == before
    assert most_at_work == 1


async def test_the_server_tidies_in_the_background(
    database: Database, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retention starts a while after the server. A round in another process is logged at debug level only."""
    monkeypatch.setattr(app.retention, "FIRST_AFTER_SECONDS", 0.001)
    caplog.set_level(logging.DEBUG, "keydesk.upkeep")
    await add(database, [refused(ONE, clock.now - timedelta(days=100))])
    await hold_lease(database, ONE, seconds=3600)

    async with retention_running(database, clock=clock, audit_days=400):
        await until(lambda: bool(caplog.records))
    skipped = len(await everything(database, RefusedRequest))
    async with database.transaction() as session:
        await session.execute(update(Lease).where(col(Lease.holder) == ONE).values(until=clock.now - timedelta(days=1)))
    async with retention_running(database, clock=clock, audit_days=400):
        await until(lambda: len(caplog.records) > 1)

    assert skipped == 1
    assert await everything(database, RefusedRequest) == []
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.DEBUG, "another process is deleting old data"),
        (logging.DEBUG, "tidied up"),
    ]
