"""The database's engines and their transactions. Nothing else commits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from models.engine.database_address import POSTGRESQL, SQLITE, database_url
from models.engine.primary import Primary
from models.engine.server_state import FAULTS
from models.engine.sqlite import SqliteFile
from models.engine.statements import dialect_of
from models.revocations.recorder import RevocationRecorder, noted, stays_recorded, to_its_end

BUSY_TIMEOUT_MS = 30_000
"""How long a writer on SQLite waits for other writers."""
CLOSE_SECONDS = 0.5
"""How long closing all connections may take. It usually takes milliseconds."""
LOCK_TIMEOUT_MS = 10_000
STATEMENT_TIMEOUT_MS = 30_000
"""On PostgreSQL: a statement that takes longer fails."""
_SESSION = {
    "application_name": "keydesk",
    "timezone": "UTC",
    "lock_timeout": str(LOCK_TIMEOUT_MS),
    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
}
"""The settings of each session on PostgreSQL."""
_WAS_REPLACED = "was replaced"
"""In a pool's note about a connection: the one before it failed its check a moment ago."""


class Database:
    """
    The connections to one database, and transactions on them.

    In a `reading()` session each statement sees the newest committed state; it holds no locks. A `transaction()`
    commits when its block ends and rolls back when the block raises. On SQLite it begins with BEGIN IMMEDIATE: a
    transaction that reads first and writes later fails at once if another one wrote in between.

    With `revocations`, what a transaction revokes is recorded in the revocation journal before the commit.
    """

    def __init__(
        self, address: str | URL, *, pool_size: int = 5, revocations: RevocationRecorder | None = None
    ) -> None:
        self.url = address if isinstance(address, URL) else database_url(address)
        self.backend = self.url.get_backend_name()
        self.revocations = revocations
        place = SqliteFile(Path(str(self.url.database))) if self.backend == SQLITE else Primary(self.url)
        self._primary = place if isinstance(place, Primary) else None
        self.sqlite_file = place if isinstance(place, SqliteFile) else None
        """The file that all connections share, None for PostgreSQL."""
        self.engine = _engine(self.url, place, pool_size, is_reading=False)
        # Separate connections, so that readers wait neither for writers nor for those that wait to write.
        self.reading_engine = _engine(self.url, place, pool_size, is_reading=True)

    @property
    def sqlite_path(self) -> Path | None:
        """The file of a SQLite database, None for PostgreSQL."""
        return None if self.sqlite_file is None else self.sqlite_file.path

    @property
    def primary(self) -> Primary:
        """What opens connections to PostgreSQL. Raises RuntimeError for SQLite."""
        if self._primary is None:
            raise RuntimeError("SQLite has no servers")
        return self._primary

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
            await session.flush()  # what the database refuses is refused before the journal has it
            try:
                await self._commit(session)
            except BaseException:
                # SQLAlchemy would not roll it back, and the next transaction could not begin on this connection.
                await session.invalidate()
                raise

    async def _commit(self, session: AsyncSession) -> None:
        if self.revocations is None or not (revoked := noted(session)):
            await session.commit()
        else:
            stay = stays_recorded(session)
            await to_its_end(self.revocations.commit_recorded(revoked, session.commit, stay=stay))

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """During the block, notices when another server becomes the primary. See `Primary`."""
        if self._primary is None:
            yield
            return
        async with self._primary.watching():
            yield

    async def close(self) -> None:
        """
        Closes every connection. A server that does not answer is abandoned after CLOSE_SECONDS.

        One engine after the other: of two connections to an SQLite file that close in the same moment, neither is the
        last, and the file's `-wal` would stay beside it with changes that a copy of the file alone does not have.
        """
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.reading_engine.dispose()
                await self.engine.dispose()
        except TimeoutError:
            if self._primary is not None:
                self._primary.close_connections()
        if self._primary is not None:
            await self._primary.close()


async def database_now(session: AsyncSession) -> datetime:
    """The time of the database's clock, which all processes share; in milliseconds on SQLite."""
    if dialect_of(session) == POSTGRESQL:
        now: datetime = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
        return now.astimezone(UTC)
    stored: str = (await session.execute(text("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')"))).scalar_one()
    return datetime.fromisoformat(stored).replace(tzinfo=UTC)


def _engine(url: URL, place: Primary | SqliteFile, pool_size: int, *, is_reading: bool) -> AsyncEngine:
    common: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": 0,
        "hide_parameters": True,  # they hold hashes and messages, which must not appear in an error's text
        **({"isolation_level": "AUTOCOMMIT"} if is_reading else {}),
    }
    if isinstance(place, SqliteFile):
        engine = create_async_engine(url, **common)
        # Before it opens a file, and before it uses one that is open.
        event.listen(engine.sync_engine, "do_connect", lambda *_: place.check())
        event.listen(engine.sync_engine, "checkout", lambda *_: place.check())
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        if not is_reading:
            event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine

    async def connect(*_: Any, **__: Any) -> asyncpg.Connection:
        return await place.connect(_SESSION, for_writing=not is_reading)

    # The addresses are the primary's to choose from: SQLAlchemy only has to know which database this is.
    engine = create_async_engine(URL.create(url.drivername), **common, async_creator=connect)
    event.listen(engine.sync_engine, "checkout", partial(_check_out, place, is_reading))
    return engine


def _check_out(primary: Primary, is_reading: bool, connection: Any, record: Any, _: Any) -> None:
    """
    Called before each use of a connection of a pool. Raises DisconnectionError to have it replaced.

    SQLAlchemy's own check asks whether the connection is alive; this one takes as long, and asks more. When the
    replacement can't be used either, the fault itself is raised: SQLAlchemy's own error would not name the reason.
    """
    try:
        if not primary.may_use(connection.driver_connection):
            raise ConnectionError("the connection was closed")
        connection.run_async(partial(primary.check, for_writing=not is_reading))
    except FAULTS:
        if record.record_info.pop(_WAS_REPLACED, False):
            raise
        record.record_info[_WAS_REPLACED] = True
        raise DisconnectionError from None
    record.record_info.pop(_WAS_REPLACED, None)


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
