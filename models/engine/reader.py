"""
Reads for the console's pages: SQLAlchemy Core statements, compiled once and executed by the database driver.

docs/decisions/pages-read-by-driver.md says what this saves.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import Dialect, Select
from sqlalchemy.ext.asyncio import AsyncSession

from models.engine.database import Database
from models.engine.postgresql import LOST, PostgresConnection
from models.engine.primary import Primary
from models.engine.slices import in_slices
from models.engine.sqlite import SqliteFile, reading_connection

LANES = 4
"""PostgreSQL connections of a process. Each runs one statement at a time."""
Rows = list[Sequence[Any]]
_SERVER_SETTINGS = {
    "application_name": "keydesk reading",
    "timezone": "UTC",
    "default_transaction_read_only": "on",
    "statement_timeout": "10000",
    "jit": "off",
}


class Reader:
    """Each statement sees the newest committed state. Writing is impossible."""

    def __init__(self, database: Database, *, lanes: int = LANES) -> None:
        self._dialect = database.engine.sync_engine.dialect
        file = database.sqlite_file
        self._driver = _Postgres(database.primary, lanes) if file is None else _Sqlite(file)
        self._compiled: dict[Select[*tuple[Any, ...]], _Compiled] = {}

    async def rows(self, statement: Select[*tuple[Any, ...]], parameters: Mapping[str, Any]) -> Rows:
        """
        Returns the rows that the statement selects, with values in the types of its columns.

        Pass a statement that a module builds once: each statement object is compiled once and kept. Raises the driver's
        exceptions.
        """
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compiled[statement] = _Compiled(statement, self._dialect)
        rows = await self._driver.fetch(compiled.text, compiled.values(parameters))
        return await in_slices(compiled.converted, rows)

    async def close(self) -> None:
        """Closes the connections. A read after that opens new ones."""
        self._driver.close()


Source = Reader | AsyncSession
"""Where a query reads: outside of transactions, or within one, where it sees the transaction's own changes."""


async def fetch(source: Source, statement: Select[*tuple[Any, ...]], parameters: Mapping[str, Any]) -> Rows:
    """Returns the rows that the statement selects, from either source. See `Reader.rows`."""
    if isinstance(source, Reader):
        return await source.rows(statement, parameters)
    return [tuple(row) for row in await source.execute(statement, parameters)]


class _Compiled:
    """A statement as SQL text, with the conversions that its types make on the way in and out."""

    def __init__(self, statement: Select[*tuple[Any, ...]], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text = str(compiled)
        self._fixed = compiled.params
        self._in = [
            (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or ()
        ]
        conversions = [
            column.type.dialect_impl(dialect).result_processor(dialect, None) for column in statement.selected_columns
        ]
        self._out = [(place, convert) for place, convert in enumerate(conversions) if convert is not None]

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """The parameters in the order and types of the driver."""
        given = {**self._fixed, **parameters}
        return [given[name] if convert is None else convert(given[name]) for name, convert in self._in]

    def converted(self, row: Sequence[Any]) -> Sequence[Any]:
        """A row of the driver with its values in the types of the columns."""
        values = list(row)
        for place, convert in self._out:
            values[place] = convert(values[place])
        return values


class _Sqlite:
    """Reads in the event loop: handing the read to a thread takes longer than the read itself."""

    def __init__(self, file: SqliteFile) -> None:
        self._connection = reading_connection(file)

    async def fetch(self, text: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        try:
            return self._connection.open().execute(text, values).fetchall()
        except sqlite3.Error as error:
            self._connection.failed(error)
            raise

    def close(self) -> None:
        self._connection.close()


class _Postgres:
    """Connections that take turns. One that was lost while it was idle is replaced without an error."""

    def __init__(self, primary: Primary, lanes: int) -> None:
        self._idle = [PostgresConnection(primary, _SERVER_SETTINGS) for _ in range(lanes)]
        self._permits = asyncio.Semaphore(lanes)

    async def fetch(self, text: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        async with self._permits:
            connection = self._idle.pop()
            try:
                if connection.is_open:
                    with suppress(*LOST):
                        return await _fetch(connection, text, values)
                return await _fetch(connection, text, values)
            finally:
                self._idle.append(connection)

    def close(self) -> None:
        for connection in self._idle:
            connection.close()


async def _fetch(connection: PostgresConnection, text: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
    """Closes the connection when the read fails or is cancelled: the rest of an answer may still be on its way."""
    try:
        rows: Sequence[Sequence[Any]] = await (await connection.open()).fetch(text, *values)
    except BaseException:
        connection.close()
        raise
    return rows
