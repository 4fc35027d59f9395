"""Usage stores for tests, a fake of the monthly usage, and commits whose outcome the store never learns."""

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import asyncpg
import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

import models.engine.sqlite
from keys.limits.sliding_window import Month
from models.engine.database import Database
from models.key_lookup import DatabaseUnavailable
from models.usage.counts import UsageHour, UsageMonth
from models.usage.store import KeyCounts, UsageStore
from models.usage.store_postgresql import PostgresUsageStore
from models.usage.store_sqlite import SqliteUsageStore

Table = TypeVar("Table", bound=SQLModel)


def make_store(database: Database) -> UsageStore:
    """A store as a process of its own would have it."""
    if database.sqlite_file is None:
        return PostgresUsageStore(database.primary)
    return SqliteUsageStore(database.sqlite_file)


@asynccontextmanager
async def stores(database: Database, number: int = 1) -> AsyncIterator[list[UsageStore]]:
    """Opens this many stores for the block."""
    made = [make_store(database) for _ in range(number)]
    try:
        yield made
    finally:
        await asyncio.gather(*(store.close() for store in made))


async def rows(database: Database, table: type[Table]) -> list[Table]:
    """All rows of a table."""
    async with database.reading() as session:
        return list((await session.execute(select(table))).scalars())


async def hours(database: Database) -> dict[tuple[str, datetime], int]:
    """The requests that passed, by key and hour."""
    return {(row.key_id.hex, row.hour): row.allowed for row in await rows(database, UsageHour)}


async def months(database: Database) -> dict[tuple[str, datetime], int]:
    """The requests that passed, by key and month."""
    return {(row.key_id.hex, row.month): row.allowed for row in await rows(database, UsageMonth)}


def counts(
    key_id: str, hour: int, month: int, allowed: int = 0, last_used: int | None = None, **more: Any
) -> KeyCounts:
    """The counts of a key. Unless given, the last use is the beginning of the hour."""
    if allowed and last_used is None:
        last_used = hour * 1000
    numbers = dict.fromkeys(KeyCounts._fields[4:9], 0)
    return KeyCounts(
        **{
            "key_id": key_id,
            "hour": hour,
            "month": month,
            "allowed": allowed,
            **numbers,
            "last_used": last_used,
            "previous_secret_last_used": None,
            **more,
        }
    )


class FakeMonthlyUsage:
    """A fake usage recorder: a test sets the monthly usage of each key, and can delay answers or make them fail."""

    def __init__(self) -> None:
        self.used_by: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.asked: list[tuple[str, Month]] = []
        self.is_there = True
        self.answers = asyncio.Event()
        self.answers.set()

    async def used(self, key_id: str, month: Month) -> int:
        """Waits for `answers`; the result is the usage at the moment of the answer."""
        self.asked.append((key_id, month))
        await self.answers.wait()
        await asyncio.sleep(0)
        if not self.is_there:
            raise DatabaseUnavailable
        return self.used_by[key_id, month.start]


class Commits:
    """Makes the next commits of stores fail, before or after they take effect; the store sees the same error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._failures: list[str] = []
        monkeypatch.setattr(models.engine.sqlite, "sqlite3", _Sqlite(self))
        monkeypatch.setattr(asyncpg.Connection, "execute", _executing(self, asyncpg.Connection.execute))

    def lose(self, *how: str) -> None:
        """For each of the next commits, `before` or `after` it takes effect."""
        self._failures += how

    def consume(self, statement: str) -> str | None:
        """The failure that is due at this statement, if any."""
        return self._failures.pop(0) if self._failures and statement.rstrip(";") == "COMMIT" else None


class _Sqlite:
    """Replaces the sqlite3 module that the store uses: its connections lose commits."""

    def __init__(self, commits: Commits) -> None:
        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                failure = commits.consume(sql)
                if failure == "before":
                    raise sqlite3.OperationalError("disk I/O error")
                cursor = super().execute(sql, *parameters)
                if failure is not None:
                    raise sqlite3.OperationalError("disk I/O error")
                return cursor

        self.connect = partial(sqlite3.connect, factory=Connection)

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite3, name)


def _executing(commits: Commits, execute: Callable[..., Any]) -> Callable[..., Any]:
    async def executing(connection: asyncpg.Connection, query: str, *arguments: Any, **options: Any) -> Any:
        failure = commits.consume(query)
        if failure != "before":
            done = await execute(connection, query, *arguments, **options)
        if failure is None:
            return done
        connection.terminate()
        raise ConnectionResetError

    return executing
