"""
Reads the row of a presented key, for every verification, through the database driver.

Each read starts after its request arrived, so it sees every deletion that was answered before: nothing is stale.
"""

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from sqlalchemy.engine import URL

from models.engine.batching import Batches
from models.engine.database import Database
from models.engine.outage_log import OutageLog
from models.engine.postgresql import FAULTS, PostgresConnection
from models.engine.sqlite import SqliteConnection

logger = logging.getLogger("keydesk.verification")

READ_TIMEOUT_SECONDS = 2.0
LANES = 3
BUSY_TIMEOUT_MS = 250


class KeyState(NamedTuple):
    """
    The columns of a key that verification needs. Ids are 32 hexadecimal digits. `previous_secret_hash` is None once the
    previous secret no longer works, by the database's clock. The limits are the key's, or its organization's if the key
    has none.
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
    """The last four characters of the current secret, as lists show them."""


class DatabaseUnavailable(Exception):
    """The database could not be read or written."""


class KeyReader(Protocol):
    """Reads a key's state by its public id, and whether the requested agent is an active one of its organization."""

    async def start(self) -> None:
        """Prepares for reading. A database that is not there yet is not an error."""

    async def read(self, public_id: str, agent_id: str | None) -> KeyState | None:
        """Returns None if no key has this public id. Raises DatabaseUnavailable."""

    async def close(self) -> None:
        """Closes the connections. A read after that opens new ones."""


def _outage() -> OutageLog:
    return OutageLog(
        logger,
        began=lambda error: f"Keys can't be verified: the database can't be read ({type(error).__name__})",
        ended="Keys can be verified again",
        level=logging.ERROR,
    )


# The agent is looked up by its id only, and its organization is compared afterwards: with poor statistics, a planner
# might otherwise scan all agents of the organization.
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

# All ids of a batch are sent as one text, and ids come back as hexadecimal digits. Arrays and UUIDs cost twice as much.
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
    Reads in the event loop: a look-up by an index takes tens of microseconds, and handing it to a thread takes longer.

    In WAL mode a reader never waits for a writer.
    """

    def __init__(self, path: Path) -> None:
        self._connection = SqliteConnection(path, busy_timeout_ms=BUSY_TIMEOUT_MS, is_read_only=True)
        self._outage = _outage()

    async def start(self) -> None:
        """Does nothing: the first read opens the file, so that the server can start before its database is there."""

    async def read(self, public_id: str, agent_id: str | None) -> KeyState | None:
        """Reads one row by an index. Raises DatabaseUnavailable."""
        try:
            row = self._connection.open().execute(_SQLITE, (public_id, agent_id)).fetchone()
        except sqlite3.Error as error:
            self._connection.close()
            self._outage.failed(error)
            raise DatabaseUnavailable from None
        self._outage.worked()
        return None if row is None else KeyState._make(row)

    async def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


class _Wanted(NamedTuple):
    public_id: str
    agent_id: str | None


_SERVER_SETTINGS = {
    "application_name": "keydesk verification",
    "statement_timeout": str(round(READ_TIMEOUT_SECONDS * 1000)),
    "default_transaction_read_only": "on",
    # A few keys by their index, whatever the statistics of the tables say at this moment.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
}


class _Lane:
    """One connection, which reads one batch at a time."""

    def __init__(self, url: URL) -> None:
        self._connection = PostgresConnection(url, _SERVER_SETTINGS)
        self._statement: Any = None

    async def answers(self, questions: Sequence[_Wanted]) -> list[KeyState | None]:
        """
        Reads the state of each key. If a connection from an earlier batch fails, reads again on a new one: it may have
        been lost since its last use, or its plan may be for tables that a migration has changed since.
        """
        public_ids = ",".join([each.public_id for each in questions])
        agent_ids = ",".join([each.agent_id or "" for each in questions])
        if self._statement is not None:
            with suppress(*FAULTS):
                return _states(len(questions), await self._statement.fetch(public_ids, agent_ids))
            await self.close()
        self._statement = await (await self._connection.open()).prepare(_POSTGRESQL)
        return _states(len(questions), await self._statement.fetch(public_ids, agent_ids))

    async def close(self) -> None:
        """Closes the connection without waiting for the server."""
        self._statement = None
        self._connection.close()


class PostgresKeyReader:
    """Reads with one query for all callers that wait at the same moment."""

    def __init__(self, url: URL, *, lanes: int = LANES, timeout_seconds: float = READ_TIMEOUT_SECONDS) -> None:
        self._batches = Batches[_Wanted, KeyState | None](
            [_Lane(url) for _ in range(lanes)],
            timeout_seconds=timeout_seconds,
            failure=DatabaseUnavailable,
            watcher=_outage(),
        )

    async def start(self) -> None:
        """Does nothing: the first reads open the connections."""

    async def read(self, public_id: str, agent_id: str | None) -> KeyState | None:
        """Joins the next batch, which starts after this call. Raises DatabaseUnavailable."""
        if not public_id.isalnum() or not (agent_id is None or agent_id.isalnum()):
            raise ValueError("an id has only letters and digits, so that many can be joined into one text")
        return await self._batches.ask(_Wanted(public_id, agent_id))

    async def close(self) -> None:
        """Cancels the batches and closes the connections. Callers that still wait get DatabaseUnavailable."""
        await self._batches.close()


def _states(count: int, rows: Sequence[Any]) -> list[KeyState | None]:
    """Puts rows, which are numbered from 1, into the order of the questions."""
    states: list[KeyState | None] = [None] * count
    for row in rows:
        states[row[0] - 1] = KeyState._make(row[1:])
    return states


def key_reader(database: Database) -> KeyReader:
    """The reader of keys that fits the database."""
    if database.sqlite_path is None:
        return PostgresKeyReader(database.url)
    return SqliteKeyReader(database.sqlite_path)
