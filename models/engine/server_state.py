"""What a PostgreSQL server says about itself: whether it is the primary, its history, and which process answers."""

from datetime import datetime
from typing import NamedTuple

import asyncpg

_STATE = """
    SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
           pg_backend_pid(), pg_postmaster_start_time(), {history}
"""
_PROCESS = "SELECT pg_backend_pid(), pg_postmaster_start_time()"
_HISTORY = """
    (SELECT system_identifier FROM pg_control_system()),
    CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END
"""
_WITH_HISTORY = _STATE.format(history=_HISTORY)
_WITHOUT_HISTORY = _STATE.format(history="NULL, NULL")
_NO_HISTORY = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.UndefinedFunctionError,
    asyncpg.FeatureNotSupportedError,
    asyncpg.ObjectNotInPrerequisiteStateError,
)
"""What a server that only speaks PostgreSQL's protocol may answer, or one whose operator has taken the right away."""
FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""Everything that the server, the network or the driver raises. TimeoutError is an OSError."""
LOST = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # raised by a connection that was closed a moment ago
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    OSError,
)
"""The faults that say that the connection was lost, not that the statement was refused."""
_SHARED_SESSION = (asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)
"""On a new connection: the statement was prepared in another session than the one that was asked to run it."""


class UnsuitableServer(ConnectionError):
    """
    A server can be reached, but must not be used. The text says why and what to do, and contains no secret.

    `cause` is the word for it in the answer of /readyz.
    """

    cause: str
    text: str

    def __init__(self) -> None:
        super().__init__(self.text)


class Standby(UnsuitableServer):
    """The server is a standby: it may not have received the newest deletions."""

    cause = "standby"
    text = (
        "it is a standby. A standby lags behind, so it would accept keys that are deleted on the primary. Give the "
        "primary's address, or the addresses of all servers, separated by commas"
    )


class ReplacedPrimary(UnsuitableServer):
    """The server accepts writes, but another one was promoted after it."""

    cause = "standby"
    text = (
        "it was the primary, but another server was promoted since. Stop the old server, and give the new one's address"
    )


class OtherCluster(UnsuitableServer):
    """The server accepts writes, but its data is not a copy of the data that this process has used so far."""

    cause = "standby"
    text = (
        "it belongs to another cluster than the server that was used so far, so its data is not the same. Correct the "
        "address, or where it leads to; if this server is meant, restart Keydesk"
    )


class ReadOnlyPrimary(UnsuitableServer):
    """The server is the primary, but was set to refuse writes."""

    cause = "read-only"
    text = (
        "it is read-only. Change default_transaction_read_only, which is set for the server, the database or the user, "
        "or give the address of the server that accepts writes"
    )


class SharedSessions(UnsuitableServer):
    """A pooler between Keydesk and PostgreSQL gives a connection another session for each transaction."""

    cause = "pooler"
    text = (
        "a pooler in transaction mode is in front of it, such as PgBouncer with pool_mode = transaction or statement, "
        "and Keydesk needs sessions of its own. Set pool_mode = session, or connect to PostgreSQL directly"
    )


class History(NamedTuple):
    """
    A cluster of servers that are copies of each other, and the timeline, which grows by each promotion.

    Of two primaries of one cluster, the one with the higher timeline was promoted later.
    """

    cluster: int
    timeline: int


class Process(NamedTuple):
    """
    The server process that answers a connection. In PostgreSQL, it is the session.

    No two that are alive have the same values, even on two machines. The moment is read as a moment, not as text, whose
    form would depend on the session's time zone and on other settings.
    """

    number: int
    server_started: datetime


class ServerState(NamedTuple):
    """One answer of a server. `history` is None for a standby, and where it can't be read."""

    is_standby: bool
    is_read_only: bool
    process: Process
    history: History | None


async def state_of(connection: asyncpg.Connection) -> ServerState:
    """Asks the server. Raises the driver's faults, and SharedSessions if that shows."""
    try:
        return await _state(connection, _WITH_HISTORY)
    except _NO_HISTORY:
        return await session_state_of(connection)


async def session_state_of(connection: asyncpg.Connection) -> ServerState:
    """Like `state_of`, without the history, which a session can't change."""
    return await _state(connection, _WITHOUT_HISTORY)


async def _state(connection: asyncpg.Connection, question: str) -> ServerState:
    try:
        row = await connection.fetchrow(question)
    except _SHARED_SESSION:
        raise SharedSessions from None
    is_standby, is_read_only, number, server_started, cluster, timeline = row
    history = None if cluster is None or timeline is None else History(cluster, int(timeline, 16))
    return ServerState(is_standby, is_read_only, Process(number, server_started), history)


async def process_of(connection: asyncpg.Connection) -> Process:
    """Asks which process answers. Raises the driver's faults, and SharedSessions if that shows."""
    try:
        return Process(*await connection.fetchrow(_PROCESS))
    except _SHARED_SESSION:
        raise SharedSessions from None


def is_pooled(connection: asyncpg.Connection, state: ServerState) -> bool:
    """Whether something in between answers for the server: its process has another number than was announced."""
    return bool(connection.get_server_pid() != state.process.number)
