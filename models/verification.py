"""
Owns the one hot query: what is kept of a presented key, read for every verification, by the driver itself.

The read starts after the request arrived, so a deletion that was answered before is seen: there is no stale window.
"""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import asyncpg

READ_TIMEOUT_SECONDS = 2.0
LANES = 3
BUSY_TIMEOUT_MS = 250


class KeyState(NamedTuple):
    """
    A key's row as verification needs it. Ids are 32 hexadecimal digits. `previous_secret_hash` is there only while it
    works, by the database's clock.
    """

    key_id: str
    organization_id: str
    agent_id: str | None
    secret_hash: str | None
    previous_secret_hash: str | None
    was_rotated: bool
    is_deleted: bool
    wanted_agent_lives: bool


class DatabaseUnavailable(Exception):
    """The database could not be asked."""


class KeyReader(Protocol):
    """Reads a key's state by its public id, and whether the wanted agent lives in the key's organization."""

    async def start(self) -> None:
        """Opens what reading needs; a database that is not there yet is no error."""

    async def read(self, public_id: str, agent_id: str | None) -> KeyState | None:
        """None where no key has this public id. Raises DatabaseUnavailable."""

    async def close(self) -> None:
        """Closes it."""


_SQLITE = """
    SELECT k.id, k.organization_id, k.agent_id, k.secret_hash,
           CASE WHEN k.previous_works_until > strftime('%Y-%m-%d %H:%M:%f000', 'now') THEN k.previous_secret_hash END,
           k.rotated_at IS NOT NULL, k.deleted_at IS NOT NULL, a.id IS NOT NULL
    FROM api_keys k
    LEFT JOIN agents a ON a.id = ?2 AND a.organization_id = k.organization_id AND a.deleted_at IS NULL
    WHERE k.public_id = ?1
"""

_POSTGRESQL = """
    SELECT wanted.number, k.id, k.organization_id, k.agent_id, k.secret_hash,
           CASE WHEN k.previous_works_until > clock_timestamp() THEN k.previous_secret_hash END,
           k.rotated_at IS NOT NULL, k.deleted_at IS NOT NULL, a.id IS NOT NULL
    FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY AS wanted(public_id, agent_id, number)
    JOIN api_keys k ON k.public_id = wanted.public_id
    LEFT JOIN agents a ON a.id = wanted.agent_id AND a.organization_id = k.organization_id AND a.deleted_at IS NULL
"""


class SqliteKeyReader:
    """
    Reads in the event loop: a look-up by an index takes tens of microseconds, a hop to a thread more.

    In WAL mode a reader never waits for a writer.
    """

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.resolve().as_uri()}?mode=rw"
        self._connection: sqlite3.Connection | None = None

    async def start(self) -> None:
        """Opening waits for the first read, so that the server can start before its database is there."""

    async def read(self, public_id: str, agent_id: str | None) -> KeyState | None:
        """One primary look-up. Raises DatabaseUnavailable."""
        try:
            connection = self._connection or self._open()
            row = connection.execute(_SQLITE, (public_id, agent_id)).fetchone()
        except sqlite3.Error:
            self._drop()
            raise DatabaseUnavailable from None
        return None if row is None else KeyState._make(row)

    async def close(self) -> None:
        """Closes the connection."""
        self._drop()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._uri, uri=True, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA query_only = ON")
        self._connection = connection
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _Waiting(NamedTuple):
    public_id: str
    agent_id: str | None
    answer: asyncio.Future[KeyState | None]


class _Lane:
    """One connection, which reads one batch at a time."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None
        self._statement: Any = None

    async def fetch(self, public_ids: list[str], agent_ids: list[str | None]) -> list[Any]:
        """The rows; on a connection that was lost since it was used last, a second time on a new one."""
        if self._statement is not None and not self._connection.is_closed():
            try:
                return list(await self._statement.fetch(public_ids, agent_ids))
            except (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, OSError):
                await self.close()
        await self._connect()
        return list(await self._statement.fetch(public_ids, agent_ids))

    async def _connect(self) -> None:
        await self.close()
        self._connection = await asyncpg.connect(
            self._dsn,
            server_settings={
                "application_name": "keydesk verification",
                # A handful of keys by their index, whatever the tables' statistics say at this moment.
                "enable_seqscan": "off",
                "enable_hashjoin": "off",
                "enable_mergejoin": "off",
                "jit": "off",
                "plan_cache_mode": "force_generic_plan",
            },
        )
        self._statement = await self._connection.prepare(_POSTGRESQL)

    async def close(self) -> None:
        """Drops the connection without waiting for the server."""
        connection, self._connection, self._statement = self._connection, None, None
        if connection is not None:
            connection.terminate()


class PostgresKeyReader:
    """
    Reads for all that wait at the same moment with one query, two or three of them under way at a time.

    Each waits for itself: one that hangs up takes nobody along, and a query that fails answers all it was for.
    """

    def __init__(self, dsn: str, *, lanes: int = LANES, timeout_seconds: float = READ_TIMEOUT_SECONDS) -> None:
        self._idle = [_Lane(dsn) for _ in range(lanes)]
        self._lanes = tuple(self._idle)
        self._timeout_seconds = timeout_seconds
        self._waiting: list[_Waiting] = []
        self._batches: set[asyncio.Task[None]] = set()
        self._is_scheduled = False

    async def start(self) -> None:
        """Connections are opened by the first reads."""

    async def read(self, public_id: str, agent_id: str | None) -> KeyState | None:
        """Joins the next batch, which starts after this. Raises DatabaseUnavailable."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[KeyState | None] = loop.create_future()
        self._waiting.append(_Waiting(public_id, agent_id, answer))
        if self._idle and not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._dispatch)
        return await answer

    async def close(self) -> None:
        """Ends the batches and the connections; who still waits is answered DatabaseUnavailable."""
        for batch in self._batches:
            batch.cancel()
        await asyncio.gather(*self._batches, return_exceptions=True)
        _fail(self._waiting)
        for lane in self._lanes:
            await lane.close()

    def _dispatch(self) -> None:
        self._is_scheduled = False
        if self._waiting and self._idle:
            batch, self._waiting = self._waiting, []
            task = asyncio.ensure_future(self._answer(self._idle.pop(), batch))
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)

    async def _answer(self, lane: _Lane, batch: list[_Waiting]) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                rows = await lane.fetch([each.public_id for each in batch], [each.agent_id for each in batch])
        except Exception:
            await lane.close()
            _fail(batch)
        except asyncio.CancelledError:
            _fail(batch)
            raise
        else:
            states: list[KeyState | None] = [None] * len(batch)
            for number, key_id, organization_id, agent_id, *rest in rows:
                states[number - 1] = KeyState(
                    key_id.hex, organization_id.hex, None if agent_id is None else agent_id.hex, *rest
                )
            for each, state in zip(batch, states, strict=True):
                if not each.answer.done():
                    each.answer.set_result(state)
        finally:
            self._idle.append(lane)
            self._dispatch()


def _fail(batch: list[_Waiting]) -> None:
    for each in batch:
        if not each.answer.done():
            each.answer.set_exception(DatabaseUnavailable())
