"""The database's engines and their transactions. Nothing else commits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from models.engine.database_address import POSTGRESQL, SQLITE, database_url
from models.engine.postgresql import CONNECT_TIMEOUT_SECONDS
from models.engine.statements import dialect_of

BUSY_TIMEOUT_MS = 30_000
"""How long a writer on SQLite waits for other writers."""
LOCK_TIMEOUT_MS = 10_000
STATEMENT_TIMEOUT_MS = 30_000
"""On PostgreSQL: a statement that takes longer fails."""


class Database:
    """
    The connections to one database, and transactions on them.

    In a `reading()` session each statement sees the newest committed state; it holds no locks. A `transaction()`
    commits when its block ends and rolls back when the block raises. On SQLite it begins with BEGIN IMMEDIATE: a
    transaction that reads first and writes later fails at once if another one wrote in between.
    """

    def __init__(self, address: str | URL, *, pool_size: int = 5) -> None:
        self.url = address if isinstance(address, URL) else database_url(address)
        self.backend = self.url.get_backend_name()
        self.engine = _engine(self.url, pool_size, is_reading=False)
        # Separate connections, so that readers wait neither for writers nor for those that wait to write.
        self.reading_engine = _engine(self.url, pool_size, is_reading=True)

    @property
    def sqlite_path(self) -> Path | None:
        """The file of a SQLite database, None for PostgreSQL."""
        return Path(str(self.url.database)) if self.backend == SQLITE else None

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session for queries only."""
        async with AsyncSession(self.reading_engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose changes are committed when the block ends without an exception."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session
            await session.commit()

    async def close(self) -> None:
        """Closes every connection."""
        await self.engine.dispose()
        await self.reading_engine.dispose()


async def database_now(session: AsyncSession) -> datetime:
    """The time of the database's clock, which all processes share; in milliseconds on SQLite."""
    if dialect_of(session) == POSTGRESQL:
        now: datetime = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
        return now.astimezone(UTC)
    stored: str = (await session.execute(text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')"))).scalar_one()
    return datetime.fromisoformat(stored).replace(tzinfo=UTC)


def _engine(url: URL, pool_size: int, *, is_reading: bool) -> AsyncEngine:
    common: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": 0,
        "hide_parameters": True,  # they hold hashes and messages, which must not appear in an error's text
        **({"isolation_level": "AUTOCOMMIT"} if is_reading else {}),
    }
    if url.get_backend_name() == SQLITE:
        engine = create_async_engine(url, **common)
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        if not is_reading:
            event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    settings = {
        "application_name": "keydesk",
        "timezone": "UTC",
        "lock_timeout": str(LOCK_TIMEOUT_MS),
        "statement_timeout": str(STATEMENT_TIMEOUT_MS),
    }
    return create_async_engine(
        url,
        **common,
        pool_pre_ping=True,
        connect_args={"server_settings": settings, "timeout": CONNECT_TIMEOUT_SECONDS},
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # _begin_sqlite begins transactions, not the driver
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",  # first: switching to WAL may have to wait too
        "journal_mode = WAL",
        "synchronous = FULL",  # a deletion that was answered survives a power cut
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
