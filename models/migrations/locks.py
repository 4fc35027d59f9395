"""Runs a migration while nobody else changes the schema, and finds out who is in the way."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from enum import Enum, auto
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from models.engine.database import BUSY_TIMEOUT_MS, Database
from models.engine.sqlite import is_busy

WAIT_SECONDS = 30.0
PAUSE_SECONDS = 0.5
LOOK_SECONDS = 0.1
LOCK_TIMEOUT_MS = 300
"""
How long an attempt waits for each table. Everybody else who wants the table waits behind it for as long. Verification
gives up after one second without any answer; it reads three tables, and an attempt may wait for each of them.

An autovacuum gives way only to somebody who waits for `deadlock_timeout`, one second, which would be too long. So the
migration waits until it is done, like for everybody else.
"""
_LOCK = 7065171
_IN_THE_WAY = ("55P03", "40P01")
"""SQLSTATE: a lock was not available in time; a deadlock."""
_TRY_LOCK = text(f"SELECT pg_try_advisory_xact_lock({_LOCK})")
_COLUMNS = """
    pid, usename, CASE backend_type WHEN 'client backend' THEN application_name ELSE backend_type END,
    host(client_addr), state, xact_start
"""
"""The programs of PostgreSQL's own processes have no name, but a type, such as: autovacuum worker."""
_HOLDERS = text(f"""
    SELECT {_COLUMNS} FROM pg_stat_activity WHERE pid IN (
        SELECT pid FROM pg_locks
        WHERE locktype = 'advisory' AND classid = 0 AND objid = {_LOCK} AND objsubid = 1 AND granted
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
""")  # noqa: S608 - constants only
_BLOCKERS = text(f"SELECT {_COLUMNS} FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids(:pid))")  # noqa: S608


class Obstacle(Enum):
    """What a migration waited for in vain."""

    OTHER_MIGRATION = auto()
    TABLES = auto()
    FILE = auto()
    """SQLite: another program writes to the file. SQLite doesn't say which."""


class Holder(NamedTuple):
    """A PostgreSQL session that holds the lock. What the database user may not see is None."""

    pid: int
    user: str | None
    program: str | None
    address: str | None
    state: str | None
    since: datetime | None
    """When its transaction began."""


class Blocked(Exception):
    """The migration was not made, because somebody else held a lock for all of `seconds`. Nothing was changed."""

    def __init__(self, obstacle: Obstacle, holders: Sequence[Holder] = ()) -> None:
        super().__init__(obstacle.name)
        self.obstacle = obstacle
        self.holders = tuple(holders)


async def run_alone(database: Database, change: Callable[[Connection], None], *, wait_seconds: float) -> None:
    """
    Runs the change in one transaction. It is the only one at a time.

    If it can't get a lock, it is rolled back and tried again, until `wait_seconds` are over: then raises Blocked.
    """
    if database.sqlite_path is not None:
        await _run_on_sqlite(database, change, wait_seconds=wait_seconds)
        return
    give_up_at = time.monotonic() + wait_seconds
    while True:
        blocked = await _attempt(database, change)
        if blocked is None:
            return
        left = give_up_at - time.monotonic()
        if left <= 0:
            raise blocked
        await asyncio.sleep(min(PAUSE_SECONDS, left))


async def _attempt(database: Database, change: Callable[[Connection], None]) -> Blocked | None:
    seen: list[Holder] = []
    try:
        async with database.engine.connect() as connection, connection.begin():
            # Changing a table may take longer than the time limit for requests.
            await connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            await connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            await connection.exec_driver_sql("SET LOCAL application_name = 'keydesk migrate'")
            if not (await connection.execute(_TRY_LOCK)).scalar_one():
                return Blocked(Obstacle.OTHER_MIGRATION, _holders((await connection.execute(_HOLDERS)).all()))
            async with _watched(database, connection, seen):
                await connection.run_sync(change)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in _IN_THE_WAY:
            raise
        return Blocked(Obstacle.TABLES, seen)
    return None


@asynccontextmanager
async def _watched(database: Database, connection: AsyncConnection, seen: list[Holder]) -> AsyncIterator[None]:
    """
    Puts into `seen` who was last seen to block this connection, in this block.

    PostgreSQL says who blocks only while somebody waits, so another connection asks meanwhile.
    """
    done = asyncio.Event()
    pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()

    async def watch() -> None:
        async with database.reading_engine.connect() as watching:
            while not done.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(done.wait(), LOOK_SECONDS)
                if rows := (await watching.execute(_BLOCKERS, {"pid": pid})).all():
                    seen[:] = _holders(rows)

    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        done.set()
        with suppress(DBAPIError, OSError):  # if it failed, only the names are missing
            await watcher


def _holders(rows: Sequence[Row[tuple[int, str, str, str, str, datetime]]]) -> list[Holder]:
    return [Holder._make(value or None for value in row) for row in rows]


async def _run_on_sqlite(database: Database, change: Callable[[Connection], None], *, wait_seconds: float) -> None:
    """SQLite itself waits for other writers, for as long as its connection is set to."""
    try:
        async with database.engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.execute(f"PRAGMA busy_timeout = {round(wait_seconds * 1000)}")
            try:
                async with connection.begin():
                    await connection.run_sync(change)
            finally:
                await driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    except DBAPIError as error:
        if is_busy(error.orig):
            raise Blocked(Obstacle.FILE) from None
        raise
