"""Owns ledgers' stores of a test's own, and their commits that nobody hears the end of."""

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
    """As a process of its own would have it."""
    if database.sqlite_path is None:
        return PostgresUsageStore(database.url)
    return SqliteUsageStore(database.sqlite_path)


@asynccontextmanager
async def stores(database: Database, number: int = 1) -> AsyncIterator[list[UsageStore]]:
    """So many, for the block."""
    made = [make_store(database) for _ in range(number)]
    try:
        yield made
    finally:
        await asyncio.gather(*(store.close() for store in made))


async def rows(database: Database, table: type[Table]) -> list[Table]:
    """All of a table."""
    async with database.reading() as session:
        return list((await session.execute(select(table))).scalars())


async def hours(database: Database) -> dict[tuple[str, datetime], int]:
    """How many requests passed, by key and hour."""
    return {(row.key_id.hex, row.hour): row.allowed for row in await rows(database, UsageHour)}


async def months(database: Database) -> dict[tuple[str, datetime], int]:
    """The same by month."""
    return {(row.key_id.hex, row.month): row.allowed for row in await rows(database, UsageMonth)}


def counts(
    key_id: str, hour: int, month: int, allowed: int = 0, last_used: int | None = None, **more: Any
) -> KeyCounts:
    """What was counted of a key; who passed was there at the hour's beginning unless it is said."""
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
    """A ledger that has what the test writes into it, by key and the month's beginning, and answers when it may."""

    def __init__(self) -> None:
        self.used_by: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.asked: list[tuple[str, Month]] = []
        self.is_there = True
        self.answers = asyncio.Event()
        self.answers.set()

    async def used(self, key_id: str, month: Month) -> int:
        """As it is when the answer comes."""
        self.asked.append((key_id, month))
        await self.answers.wait()
        await asyncio.sleep(0)
        if not self.is_there:
            raise DatabaseUnavailable
        return self.used_by[key_id, month.start]


class Commits:
    """Lets the next commits of stores fail: before they are done, or after, which looks the same to a store."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._failures: list[str] = []
        monkeypatch.setattr(models.engine.sqlite, "sqlite3", _Sqlite(self))
        monkeypatch.setattr(asyncpg.Connection, "execute", _executing(self, asyncpg.Connection.execute))

    def lose(self, *how: str) -> None:
        """`before` or `after`, for as many of the next commits."""
        self._failures += how

    def consume(self, statement: str) -> str | None:
        """What is to become of this statement."""
        return self._failures.pop(0) if self._failures and statement.rstrip(";") == "COMMIT" else None


class _Sqlite:
    """The module as the store sees it: its connections lose commits."""

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
