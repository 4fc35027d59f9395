"""
Runs `keydesk` with pages read through SQLAlchemy Core instead of the database drivers.

`key_list` compares the two. Core is set up here to cost as little as it can: on SQLite it runs in the event loop,
without a thread; on PostgreSQL it does not test a connection before it uses it.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from app.cli import main
from models.engine.database import Database
from models.engine.database_address import SQLITE
from models.engine.reader import Reader, Rows


class _Engines:
    """AUTOCOMMIT engines, synchronous for SQLite and asynchronous for PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._sqlite = self._postgresql = None
        if database.backend == SQLITE:
            url = database.url.set(drivername=SQLITE)
            self._sqlite = create_engine(url, pool_size=1, isolation_level="AUTOCOMMIT")
        else:
            settings = {"timezone": "UTC", "default_transaction_read_only": "on", "jit": "off"}
            self._postgresql = create_async_engine(
                database.url,
                pool_size=4,
                max_overflow=0,
                isolation_level="AUTOCOMMIT",
                connect_args={"server_settings": settings},
            )

    async def rows(self, statement: Select[Any], parameters: Mapping[str, Any]) -> Rows:
        """Executes the statement on a connection of the pool."""
        if self._sqlite is not None:
            with self._sqlite.connect() as connection:
                return [tuple(row) for row in connection.execute(statement, parameters)]
        assert self._postgresql is not None
        async with self._postgresql.connect() as connection:
            return [tuple(row) for row in await connection.execute(statement, parameters)]


def _read_through_core() -> None:
    def begin(reader: Reader, database: Database) -> None:
        reader.engines = _Engines(database)  # type: ignore[attr-defined]

    async def rows(reader: Reader, statement: Select[Any], parameters: Mapping[str, Any]) -> Rows:
        return await reader.engines.rows(statement, parameters)  # type: ignore[attr-defined, no-any-return]

    async def close(_reader: Reader) -> None:
        """The process ends."""

    for name, function in (("__init__", begin), ("rows", rows), ("close", close)):
        setattr(Reader, name, function)


if __name__ == "__main__":
    _read_through_core()
    main()
