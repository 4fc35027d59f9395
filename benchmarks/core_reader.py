"""
Runs `keydesk` with pages read through SQLAlchemy Core instead of the database drivers.

`key_list` compares the two. Core is set up here to cost as little as it can: on SQLite it runs in the event loop,
without a thread; on PostgreSQL it does not test a connection before it uses it.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, Select, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.cli import main
from models.engine.database import Database
from models.engine.database_address import SQLITE
from models.engine.reader import LANES, Reader, Rows

SETTINGS = {"timezone": "UTC", "default_transaction_read_only": "on", "jit": "off"}


class CoreReader(Reader):
    """Executes each statement on a connection of a pool in AUTOCOMMIT mode."""

    def __init__(self, database: Database, *, lanes: int = LANES) -> None:
        pool: dict[str, Any] = {"pool_size": lanes, "max_overflow": 0, "isolation_level": "AUTOCOMMIT"}
        self._engine: Engine | AsyncEngine = (
            create_engine(database.url.set(drivername=SQLITE), **pool)
            if database.backend == SQLITE
            else create_async_engine(database.url, **pool, connect_args={"server_settings": SETTINGS})
        )

    async def rows(self, statement: Select[*tuple[Any, ...]], parameters: Mapping[str, Any]) -> Rows:
        """Returns the rows that the statement selects."""
        if isinstance(self._engine, Engine):
            with self._engine.connect() as connection:
                return [tuple(row) for row in connection.execute(statement, parameters)]
        async with self._engine.connect() as asynchronous:
            return [tuple(row) for row in await asynchronous.execute(statement, parameters)]

    async def close(self) -> None:
        """Leaves the connections open: the process ends."""


if __name__ == "__main__":
    for method in ("__init__", "rows", "close"):  # on the class itself, wherever it was imported
        setattr(Reader, method, getattr(CoreReader, method))
    main()
