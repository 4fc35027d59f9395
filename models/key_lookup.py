"""
Owns the one hot query: what is kept of a presented key, read for every verification, by the driver itself.

The read starts after the request arrived, so a deletion that was answered before is seen: there is no stale window.
"""

import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import asyncpg

from models.engine.batching import Batches
from models.engine.database import database_url

logger = logging.getLogger("keydesk.verification")

READ_TIMEOUT_SECONDS = 2.0
LANES = 3
BUSY_TIMEOUT_MS = 250


class KeyState(NamedTuple):
    """
    A key's row as verification needs it. Ids are 32 hexadecimal digits. `previous_secret_hash` is there only while it
    works, by the database's clock. The limits are the key's own, or else its organization's.
    """

    key_id: str
    organization_id: str
    agent_id: str | None
    secret_hash: str | None
    previous_secret_hash: str | None
    was_rotated: bool
    is_deleted: bool
    wanted_agent_lives: bool
    rate_limit: int
    monthly_quota: int
    last_four: str = ""
    """The end of the current secret's text, as it is shown in lists."""


class DatabaseUnavailable(Exception):
    """The database could not be asked."""


class KeyReader(Protocol):
    """Reads a key's state by its public id, and whether the wanted agent lives in the key's organization."""

    async def start(self) -> None:
        """Opens what reading needs; a database that is not there yet is no error."""

    async def read(self, public_id: str, agent_id: str | None) -> KeyState | None:
        """None where no key has this public id. Raises DatabaseUnavailable."""

    async def close(self) -> None:
        """Closes it; a read after it opens it anew."""


class _Outage:
    """Says in the log when the database can't be asked and when it can again, once each and not for every request."""

    def __init__(self) -> None:
        self._is_on = False

    def failed(self, error: BaseException) -> None:
        if not self._is_on:
            self._is_on = True
            # The name alone: a driver's words hold addresses and names of users.
            logger.error("Keys can't be verified: the database can't be asked (%s)", type(error).__name__)

    def worked(self) -> None:
        if self._is_on:
            self._is_on = False
            logger.warning("Keys can be verified again")


# The agent is looked up by its id alone and compared afterwards: a planner that knows little of the tables might
# otherwise go through all agents of the organization.
_SQLITE = """
    SELECT k.id, k.organization_id, k.agent_id, k.secret_hash,
           CASE WHEN k.previous_works_until IS NULL THEN NULL
                WHEN k.previous_works_until > strftime('%Y-%m-%d %H:%M:%f000', 'now') THEN k.previous_secret_hash END,
           k.rotated_at IS NOT NULL, k.deleted_at IS NOT NULL,
           a.id IS NOT NULL AND a.deleted_at IS NULL AND a.organization_id = k.organization_id,
           coalesce(k.rate_limit, o.rate_limit), coalesce(k.monthly_quota, o.monthly_quota), k.last_four
    FROM api_keys k JOIN organizations o ON o.id = k.organization_id LEFT JOIN agents a ON a.id = ?2
    WHERE k.public_id = ?1
"""

# One text each for all ids that are asked for, and hexadecimal digits back: half of what arrays and UUIDs cost us.
_POSTGRESQL = """
    SELECT wanted.number, encode(uuid_send(k.id), 'hex'), encode(uuid_send(k.organization_id), 'hex'),
           encode(uuid_send(k.agent_id), 'hex'), k.secret_hash,
           CASE WHEN k.previous_works_until > clock_timestamp() THEN k.previous_secret_hash END,
           k.rotated_at IS NOT NULL, k.deleted_at IS NOT NULL,
           a.id IS NOT NULL AND a.deleted_at IS NULL AND a.organization_id = k.organization_id,
           coalesce(k.rate_limit, o.rate_limit), coalesce(k.monthly_quota, o.monthly_quota), k.last_four
    FROM unnest(string_to_array($1, ','), string_to_array($2, ',', '')::uuid[])
         WITH ORDINALITY AS wanted(public_id, agent_id, number)
    JOIN api_keys k ON k.public_id = wanted.public_id
    JOIN organizations o ON o.id = k.organization_id
    LEFT JOIN agents a ON a.id = wanted.agent_id
"""


class SqliteKeyReader:
    """
    Reads in the event loop: a look-up by an index takes tens of microseconds, a hop to a thread more.

    In WAL mode a reader never waits for a writer.
    """

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.resolve().as_uri()}?mode=rw"
        self._connection: sqlite3.Connection | None = None
        self._outage = _Outage()

    async def start(self) -> None:
        """Opening waits for the first read, so that the server can start before its database is there."""

    async def read(self, public_id: str, agent_id: str | None) -> KeyState | None:
        """One primary look-up. Raises DatabaseUnavailable."""
        try:
            connection = self._connection or self._open()
            row = connection.execute(_SQLITE, (public_id, agent_id)).fetchone()
        except sqlite3.Error as error:
            self._drop()
            self._outage.failed(error)
            raise DatabaseUnavailable from None
        self._outage.worked()
        return None if row is None else KeyState._make(row)

    async def close(self) -> None:
        """Closes the connection."""
        self._drop()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._uri, uri=True, isolation_level=None, check_same_thread=False)
        self._connection = connection
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _Wanted(NamedTuple):
    public_id: str
    agent_id: str | None


_SERVER_SETTINGS = {
    "application_name": "keydesk verification",
    "statement_timeout": str(round(READ_TIMEOUT_SECONDS * 1000)),
    "default_transaction_read_only": "on",
    # A handful of keys by their index, whatever the tables' statistics say at this moment.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
}
_REFUSALS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class _Lane:
    """One connection, which reads one batch at a time."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._arguments = arguments
        self._connection: asyncpg.Connection | None = None
        self._statement: Any = None

    async def answers(self, questions: Sequence[_Wanted]) -> list[KeyState | None]:
        """
        The state of each. Where a connection from before says no, a second time on a new one: it may have been lost
        since it was used last, or have planned for tables that a migration changed.
        """
        public_ids = ",".join([each.public_id for each in questions])
        agent_ids = ",".join([each.agent_id or "" for each in questions])
        if self._statement is not None:
            try:
                return _states(len(questions), await self._statement.fetch(public_ids, agent_ids))
            except _REFUSALS:
                pass
        await self._connect()
        return _states(len(questions), await self._statement.fetch(public_ids, agent_ids))

    async def _connect(self) -> None:
        await self.close()
        self._connection = await asyncpg.connect(**self._arguments, server_settings=_SERVER_SETTINGS)
        self._statement = await self._connection.prepare(_POSTGRESQL)

    async def close(self) -> None:
        """Drops the connection without waiting for the server."""
        connection, self._connection, self._statement = self._connection, None, None
        if connection is not None:
            connection.terminate()


class PostgresKeyReader:
    """Reads for all that wait at the same moment with one query."""

    def __init__(self, address: str, *, lanes: int = LANES, timeout_seconds: float = READ_TIMEOUT_SECONDS) -> None:
        url = database_url(address)
        _, arguments = url.get_dialect()().create_connect_args(url)
        self._batches = Batches[_Wanted, KeyState | None](
            [_Lane(dict(arguments)) for _ in range(lanes)],
            timeout_seconds=timeout_seconds,
            failure=DatabaseUnavailable,
            watcher=_Outage(),
        )

    async def start(self) -> None:
        """Connections are opened by the first reads."""

    async def read(self, public_id: str, agent_id: str | None) -> KeyState | None:
        """Joins the next batch, which starts after this. Raises DatabaseUnavailable."""
        if not public_id.isalnum() or not (agent_id is None or agent_id.isalnum()):
            raise ValueError("an id has letters and digits alone, so that many can stand in one text")
        return await self._batches.ask(_Wanted(public_id, agent_id))

    async def close(self) -> None:
        """Ends the batches and the connections; who still waits is answered DatabaseUnavailable."""
        await self._batches.close()


def _states(count: int, rows: Sequence[Any]) -> list[KeyState | None]:
    """In the order in which they were asked for, from rows that are numbered from 1."""
    states: list[KeyState | None] = [None] * count
    for row in rows:
        states[row[0] - 1] = KeyState._make(row[1:])
    return states
