"""
Owns the reads that every request of the console makes: Core SELECTs, compiled once and run by the driver itself.

Measured for one small join: 40 µs by sqlite3 in the loop and 36 µs of processor time by asyncpg, where a session of
the toolkit takes ten to forty times that.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import asyncpg
from sqlalchemy import Dialect, Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeEngine

from models.engine.database import SQLITE, Database
from models.engine.slices import in_slices

LANES = 4
"""PostgreSQL connections of a process, each with one statement under way at a time."""
BUSY_TIMEOUT_MS = 250
STATEMENT_TIMEOUT_MS = 10_000
CONNECT_TIMEOUT_SECONDS = 5.0
Rows = list[Sequence[Any]]
_TOOLKITS_OWN = frozenset({"prepared_statement_cache_size", "prepared_statement_name_func", "async_creator_fn"})
"""What an address may say to SQLAlchemy, and asyncpg has no ear for."""
_LOST = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what a connection says that was closed a moment ago
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    OSError,
)
_SERVER_SETTINGS = {
    "application_name": "keydesk reading",
    "timezone": "UTC",
    "default_transaction_read_only": "on",
    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
    "jit": "off",
}


class Reader:
    """Sees the newest committed state with each statement, and can't write."""

    def __init__(self, database: Database, *, lanes: int = LANES) -> None:
        self._dialect = database.engine.sync_engine.dialect
        self._driver: _Driver = _Sqlite(database) if database.backend == SQLITE else _Postgres(database, lanes)
        self._compiled: dict[Select[*tuple[Any, ...]], _Compiled] = {}

    async def rows(self, statement: Select[*tuple[Any, ...]], parameters: Mapping[str, Any]) -> Rows:
        """
        What the statement selects, in its columns' types.

        The statement is one that a module made once, since what is compiled is kept for each. Raises the driver's
        exceptions.
        """
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compiled[statement] = _Compiled(statement, self._dialect)
        rows = await self._driver.fetch(compiled.text, compiled.values(parameters))
        return await in_slices(compiled.converted, rows)

    async def close(self) -> None:
        """Closes its connections; a read after it opens new ones."""
        await self._driver.close()


Source = Reader | AsyncSession
"""Where a query may read: beside everything, or within a transaction, which sees its own changes."""


async def fetch(source: Source, statement: Select[*tuple[Any, ...]], parameters: Mapping[str, Any]) -> Rows:
    """What the statement selects, from either. As with `Reader.rows`, a statement that a module made once."""
    if isinstance(source, Reader):
        return await source.rows(statement, parameters)
    return [tuple(row) for row in await source.execute(statement, parameters)]


class _Compiled:
    """A statement in the dialect's words, and what its types do to values on their way in and out."""

    def __init__(self, statement: Select[*tuple[Any, ...]], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text = str(compiled)
        self._fixed = compiled.params
        self._in = [
            (name, _implementation(compiled.binds[name].type, dialect).bind_processor(dialect))
            for name in compiled.positiontup or ()
        ]
        conversions = [
            _implementation(column.type, dialect).result_processor(dialect, None)
            for column in statement.selected_columns
        ]
        self._out = [(place, convert) for place, convert in enumerate(conversions) if convert is not None]

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        given = {**self._fixed, **parameters}
        return [given[name] if convert is None else convert(given[name]) for name, convert in self._in]

    def converted(self, row: Sequence[Any]) -> Sequence[Any]:
        values = list(row)
        for place, convert in self._out:
            values[place] = convert(values[place])
        return values


def _implementation(of_type: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    return of_type.dialect_impl(dialect)


class _Driver(Protocol):
    async def fetch(self, text: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]: ...
    async def close(self) -> None: ...


class _Sqlite:
    """Reads in the event loop: a hop to a thread takes longer than the read. In WAL mode it waits for no writer."""

    def __init__(self, database: Database) -> None:
        self._path = database.path
        self._connection: sqlite3.Connection | None = None

    async def fetch(self, text: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        try:
            return (self._connection or self._open()).execute(text, values).fetchall()
        except sqlite3.Error:
            await self.close()
            raise

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        if self._path is None:
            raise ValueError("SQLite needs a file")
        uri = f"{self._path.resolve().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA query_only = ON")
        self._connection = connection
        return connection


class _Postgres:
    """Connections of its own, handed round; one that was lost while it was idle is replaced without a word."""

    def __init__(self, database: Database, lanes: int) -> None:
        _, arguments = database.engine.sync_engine.dialect.create_connect_args(database.url)
        self._arguments = {name: given for name, given in arguments.items() if name not in _TOOLKITS_OWN}
        self._permits = asyncio.Semaphore(lanes)
        self._idle: list[asyncpg.Connection] = []

    async def fetch(self, text: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        async with self._permits:
            if self._idle:
                with suppress(*_LOST):
                    return await self._fetch(self._idle.pop(), text, values)
                await self.close()  # whatever ended one has ended them all, most likely
            return await self._fetch(await self._connect(), text, values)

    async def close(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.terminate()

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            **self._arguments, server_settings=_SERVER_SETTINGS, timeout=CONNECT_TIMEOUT_SECONDS
        )

    async def _fetch(self, connection: asyncpg.Connection, text: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        try:
            rows: Sequence[Sequence[Any]] = await connection.fetch(text, *values)
        except BaseException:
            connection.terminate()
            raise
        self._idle.append(connection)
        return rows
