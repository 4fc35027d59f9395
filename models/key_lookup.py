"""
Reads the row of a presented key, for every verification, through the database driver.

Each read starts after its request arrived, so it sees every deletion that was answered before: nothing is stale.
"""

import asyncio
import logging
import random
import sqlite3
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from models.engine.batching import Batches
from models.engine.breaker import Breaker
from models.engine.database import Database
from models.engine.outage_log import OutageLog, named
from models.engine.postgresql import FAULTS, LOST, PostgresConnection
from models.engine.primary import Primary
from models.engine.server_state import Standby
from models.engine.sqlite import SqliteFile, reading_connection

logger = logging.getLogger("keydesk.verification")

READ_TIMEOUT_SECONDS = 2.0
LANES = 3
PROBE_PAUSE_SECONDS = (0.25, 0.5)
"""While the database is away, it is tried once in this time: at random, so that many processes don't try at once."""


class KeyState(NamedTuple):
    """
    The columns of a key that verification needs. Ids are 32 hexadecimal digits. `previous_secret_hash` is None once the
    previous secret no longer works, by the database's clock; its digest then has no meaning. The limits are the
    key's, or its organization's if the key has none.
    """

    key_id: str
    organization_id: str
    agent_id: str | None
    secret_hash: str | None
    previous_secret_hash: str | None
    was_rotated: bool
    is_deleted: bool
    wanted_agent_lives: bool
    """Whether the agent that the request is for is an active one of the key's organization."""
    rate_limit: int
    monthly_quota: int
    last_four: str = ""
    """The last four characters of the current secret, as lists show them."""
    secret_digest: str | None = None
    """The keyed digest of the current secret (`keys/secret_digest.py`), or None."""
    previous_secret_digest: str | None = None
    request_agent_id: str | None = None
    """The agent that the request names by the host product's id. None if there is no such active agent in the
    organization, and for requests that name none in this way."""
    organization_external_id: str | None = None
    agent_external_id: str | None = None
    """The host product's ids of the key's organization and of the agent that the request is for, or None."""


class DatabaseUnavailable(Exception):
    """The database could not be read or written."""


class KeyReader(Protocol):
    """Reads a key's state by its public id, and whether the requested agent is an active one of its organization."""

    async def start(self) -> None:
        """Prepares for reading. A database that is not there yet is not an error."""

    def read(
        self, public_id: str, agent_id: str | None, agent_external_id: str | None = None
    ) -> Awaitable[KeyState | None]:
        """
        Returns None if no key has this public id. Raises DatabaseUnavailable.

        The agent is named by its id (32 hexadecimal digits) or by the host product's id, or not at all.
        """

    async def close(self) -> None:
        """Closes the connections. A read after that opens new ones."""


def _outage() -> OutageLog:
    return OutageLog(
        logger,
        began=lambda error: f"Keys can't be verified: the database can't be read ({named(error)})",
        ended="Keys can be verified again",
        level=logging.ERROR,
    )


# The agent is looked up by its id only, and its organization is compared afterwards: with poor statistics, a planner
# might otherwise scan all agents of the organization. An agent that is named by the host product's id is found by an
# index that is unique, which every planner prefers. That part runs only for a request that names one in this way.
_SQLITE_ANY = """
    SELECT k.id, k.organization_id, k.agent_id, k.secret_hash,
           CASE WHEN k.previous_works_until IS NULL THEN NULL
                WHEN k.previous_works_until > strftime('%Y-%m-%d %H:%M:%f000', 'now') THEN k.previous_secret_hash END,
           k.rotated_at IS NOT NULL, k.deleted_at IS NOT NULL,
           a.id IS NOT NULL AND a.deleted_at IS NULL AND a.organization_id = k.organization_id,
           coalesce(k.rate_limit, o.rate_limit), coalesce(k.monthly_quota, o.monthly_quota), k.last_four,
           k.secret_digest, k.previous_secret_digest, {found_id}, o.external_id, a.external_id
    FROM api_keys k JOIN organizations o ON o.id = k.organization_id LEFT JOIN agents a ON a.id = {agent_id}
    WHERE k.public_id = ?1
"""
# One statement for each way to name the agent, because one with all three takes longer.
_SQLITE_KEYS_AGENT = _SQLITE_ANY.format(agent_id="k.agent_id", found_id="NULL")
_SQLITE_BY_ID = _SQLITE_ANY.format(agent_id="?2", found_id="NULL")
_SQLITE_BY_EXTERNAL_ID = _SQLITE_ANY.format(
    agent_id="""(SELECT e.id FROM agents e
        WHERE e.organization_id = k.organization_id AND e.external_id = ?2 AND e.deleted_at IS NULL)""",
    found_id="a.id",
)

# All ids of a batch are sent as one text, and ids come back as hexadecimal digits. Arrays and UUIDs cost twice as much.
# A row with the number 0 is added if the answer does not count: see `_states`.
_POSTGRESQL_ANY = """
    SELECT wanted.number, encode(uuid_send(k.id), 'hex'), encode(uuid_send(k.organization_id), 'hex'),
           encode(uuid_send(k.agent_id), 'hex'), k.secret_hash,
           CASE WHEN k.previous_works_until > clock_timestamp() THEN k.previous_secret_hash END,
           k.rotated_at IS NOT NULL, k.deleted_at IS NOT NULL,
           a.id IS NOT NULL AND a.deleted_at IS NULL AND a.organization_id = k.organization_id,
           coalesce(k.rate_limit, o.rate_limit), coalesce(k.monthly_quota, o.monthly_quota), k.last_four,
           k.secret_digest, k.previous_secret_digest, {found_id}, o.external_id, a.external_id
    FROM unnest({texts}) WITH ORDINALITY AS wanted({names}, number)
    JOIN api_keys k ON k.public_id = wanted.public_id
    JOIN organizations o ON o.id = k.organization_id
    LEFT JOIN agents a ON a.id = {agent_id}
    UNION ALL
    SELECT 0, NULL, NULL, NULL, NULL, NULL, pg_is_in_recovery(), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
           NULL
    WHERE pg_is_in_recovery() OR pg_backend_pid() <> $3
"""
_POSTGRESQL = _POSTGRESQL_ANY.format(
    texts="string_to_array($1, ','), string_to_array($2, ',', '')::uuid[]",
    names="public_id, agent_id",
    agent_id="coalesce(wanted.agent_id, k.agent_id)",
    found_id="NULL",
)
# For batches in which some request names its agent by the host product's id; for all others, it takes a tenth longer.
_POSTGRESQL_BY_EXTERNAL_ID = _POSTGRESQL_ANY.format(
    texts="string_to_array($1, ','), string_to_array($2, ',', '')::uuid[], string_to_array($4, ',', '')",
    names="public_id, agent_id, external_id",
    agent_id="""
         CASE WHEN wanted.external_id IS NULL THEN coalesce(wanted.agent_id, k.agent_id) ELSE
             (SELECT e.id FROM agents e
              WHERE e.organization_id = k.organization_id AND e.deleted_at IS NULL
                    AND e.external_id = convert_from(decode(wanted.external_id, 'hex'), 'UTF8')) END""",
    found_id="CASE WHEN wanted.external_id IS NOT NULL THEN encode(uuid_send(a.id), 'hex') END",
)


class SqliteKeyReader:
    """
    Reads in the event loop: a look-up by an index takes tens of microseconds, and handing it to a thread takes longer.

    In WAL mode a reader never waits for a writer, and hardly ever for somebody who has locked the file.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._connection = reading_connection(file)
        self._outage = _outage()

    async def start(self) -> None:
        """Does nothing: the first read opens the file, so that the server can start before its database is there."""

    async def read(self, public_id: str, agent_id: str | None, agent_external_id: str | None = None) -> KeyState | None:
        """Reads one row by an index. Raises DatabaseUnavailable."""
        named: tuple[str, ...]
        if agent_id is not None:
            statement, named = _SQLITE_BY_ID, (agent_id,)
        elif agent_external_id is not None:
            statement, named = _SQLITE_BY_EXTERNAL_ID, (agent_external_id,)
        else:
            statement, named = _SQLITE_KEYS_AGENT, ()
        try:
            row = self._connection.open().execute(statement, (public_id, *named)).fetchone()
        except sqlite3.Error as error:
            self._connection.failed(error)
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
    agent_external_id: str | None = None


_NO_KEY = _Wanted("0", None)
"""Read to find out whether a connection works: no key has such a short public id."""
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


def _joined(external_ids: Sequence[str | None]) -> str:
    """The ids in hexadecimal digits, because one may contain a comma; nothing if there are none, as `unnest` pads."""
    if not any(external_ids):
        return ""
    return ",".join([(each or "").encode().hex() for each in external_ids])


class _Lane:
    """One connection, which reads one batch at a time."""

    def __init__(self, primary: Primary) -> None:
        self._primary = primary
        self._connection = PostgresConnection(primary, _SERVER_SETTINGS)
        self._statements: dict[str, Any] = {}
        """The prepared statements of the open connection, by their text."""
        self._process = 0

    async def answers(self, questions: Sequence[_Wanted]) -> list[KeyState | None]:
        """
        Reads the state of each key. If a connection from an earlier batch fails, reads again on a new one: it may have
        been lost since its last use, or its plan may be for tables that a migration has changed since.
        """
        public_ids = ",".join([each.public_id for each in questions])
        agent_ids = ",".join([each.agent_id or "" for each in questions])
        external_ids = _joined([each.agent_external_id for each in questions])
        if self._statements and self._connection.is_open:
            with suppress(*FAULTS):
                rows = await self._rows(public_ids, agent_ids, external_ids)
                return self._states(len(questions), rows)
            await self.close()
        connection = await self._connection.open()
        self._process = self._primary.session_of(connection).number
        self._statements.clear()
        rows = await self._rows(public_ids, agent_ids, external_ids)
        return self._states(len(questions), rows)

    async def _rows(self, public_ids: str, agent_ids: str, external_ids: str) -> Sequence[Any]:
        """The answer on the open connection, by the statement that fits the batch."""
        sql = _POSTGRESQL_BY_EXTERNAL_ID if external_ids else _POSTGRESQL
        statement = self._statements.get(sql)
        if statement is None:
            connection = await self._connection.open()
            statement = self._statements[sql] = await connection.prepare(sql)
        if external_ids:
            rows: Sequence[Any] = await statement.fetch(public_ids, agent_ids, self._process, external_ids)
            return rows
        rows = await statement.fetch(public_ids, agent_ids, self._process)
        return rows

    def _states(self, count: int, rows: Sequence[Any]) -> list[KeyState | None]:
        """
        Puts rows, which are numbered from 1, into the order of the questions.

        A row with the number 0 says that a standby or another session has answered: raises UnsuitableServer.
        """
        states: list[KeyState | None] = [None] * (count + 1)
        for row in rows:
            states[row[0]] = KeyState._make(row[1:])
        if (wrong := states[0]) is not None:
            raise Standby if wrong.was_rotated else self._primary.sessions_are_shared()
        return states[1:]

    def is_out_of_order(self, error: Exception) -> bool:
        """True if there is no connection any more, or no new one; False if the server refused the statement."""
        return isinstance(error, LOST) or not self._connection.is_open

    async def close(self) -> None:
        """Closes the connection without waiting for the server."""
        self._statements.clear()
        self._connection.close()


class PostgresKeyReader:
    """
    Reads with one query for all callers that wait at the same moment.

    While the database is known to be away, reads fail at once, and connections are tried in the background.
    """

    def __init__(self, primary: Primary, *, lanes: int = LANES, timeout_seconds: float = READ_TIMEOUT_SECONDS) -> None:
        self._timeout_seconds = timeout_seconds
        self._batches = Batches[_Wanted, KeyState | None](
            [_Lane(primary) for _ in range(lanes)],
            timeout_seconds=timeout_seconds,
            failure=DatabaseUnavailable,
            watcher=self,
        )
        self._breaker = Breaker(self._restore_lanes, pause_seconds=_pause_seconds)
        self._outage = _outage()
        self._answered_before = 0

    async def start(self) -> None:
        """Does nothing: the first reads open the connections."""

    def read(
        self, public_id: str, agent_id: str | None, agent_external_id: str | None = None
    ) -> Awaitable[KeyState | None]:
        """Joins the next batch, which starts after this call. Raises DatabaseUnavailable."""
        if not public_id.isalnum() or not (agent_id is None or agent_id.isalnum()):
            raise ValueError("an id has only letters and digits, so that many can be joined into one text")
        return self._batches.ask(_Wanted(public_id, agent_id, agent_external_id))

    async def close(self) -> None:
        """Cancels the batches and closes the connections. Callers that still wait get DatabaseUnavailable."""
        await self._breaker.close()
        await self._batches.close()

    def failed(self, error: Exception) -> None:
        """Called when a batch has failed. Begins to restore the lanes that are out of order."""
        self._outage.failed(error)
        if not self._batches.is_whole and not self._breaker.is_trying:
            self._answered_before = self._batches.answered
            self._breaker.trip()

    def worked(self) -> None:
        """Called when a batch was answered."""
        self._outage.worked()

    async def _restore_lanes(self) -> None:
        """
        Reads by the lanes that are out of order, and restores those that answer.

        If one doesn't, and no other lane has answered a batch since the first one failed, the database is away. Then
        all lanes are out of order, so that no caller has to wait to find that out again.
        """
        tried: list[object] = []
        while lanes := [lane for lane in self._batches.to_restore if lane not in tried]:
            lane = lanes[0]
            tried.append(lane)
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    await lane.answers([_NO_KEY])
            except Exception as error:
                await lane.close()
                if self._batches.answered == self._answered_before:
                    self._batches.stop()
                self._batches.put_off(lane)
                if isinstance(error, TimeoutError):
                    return
            else:
                self._outage.worked()
                self._batches.restore(lane)
        if self._batches.is_whole:
            self._breaker.reset()


def _pause_seconds(attempts: int) -> float:
    """The first attempt is made at once: often it is only the connection that was lost."""
    return random.uniform(*PROBE_PAUSE_SECONDS) if attempts else 0.0  # noqa: S311 (no secret)


def key_reader(database: Database) -> KeyReader:
    """The reader of keys that fits the database."""
    if database.sqlite_file is None:
        return PostgresKeyReader(database.primary)
    return SqliteKeyReader(database.sqlite_file)
