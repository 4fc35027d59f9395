"""Asks one server of a database's address for its state, again and again."""

import asyncio
import math
import time
from collections.abc import Mapping
from typing import Any

import asyncpg

from models.engine.database_address import Host
from models.engine.server_state import Process, ServerState, SharedSessions, is_pooled, process_of, state_of

ANSWER_SECONDS = 1.5
"""A server that takes longer to answer counts as unreachable."""
AGE_SECONDS = 5.0
"""After this time, a new connection is opened: the host may lead to another server now."""
ROUNDS = 3
NO_TRANSACTIONS = "statement pooling mode"
"""What PgBouncer in statement mode says when a transaction begins; it also closes the connection."""


class Probe:
    """One connection, which is asked one thing at a time. After a fault, the next question opens a new one."""

    def __init__(self, arguments: Mapping[str, Any], host: Host) -> None:
        self.host = host
        self._arguments = dict(arguments)
        if host.name is not None:
            self._arguments["host"] = host.name
        if host.port is not None:
            self._arguments["port"] = host.port
        self._connection: asyncpg.Connection | None = None
        self._until = -math.inf
        self._is_shared = False
        self.process: Process | None = None
        """The server process that answers this connection; None while there is none. No other connection has it."""

    async def connect(self) -> asyncpg.Connection:
        """Opens another connection to this host, whatever server answers there. Raises the driver's faults."""
        return await asyncpg.connect(**self._arguments, target_session_attrs="any")

    async def state(self) -> ServerState:
        """Raises the driver's faults, and SharedSessions."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._state()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes the connection without waiting for the server."""
        connection, self._connection, self.process = self._connection, None, None
        if connection is not None:
            connection.terminate()

    async def _state(self) -> ServerState:
        connection = self._connection
        if connection is None or connection.is_closed() or time.monotonic() > self._until:
            self.close()
            connection = self._connection = await self.connect()
            self._until = time.monotonic() + AGE_SECONDS
            state = await state_of(connection)
            if is_pooled(connection, state):
                await self._require_own_session(connection, state.process)
        else:
            state = await state_of(connection)
            if state.process != self.process:
                self._is_shared = True
                raise SharedSessions
        self.process = state.process
        return state

    async def _require_own_session(self, connection: asyncpg.Connection, process: Process) -> None:
        """
        Raises SharedSessions if the pooler answers this connection from a session that others use, too.

        A second connection holds a transaction meanwhile, so that a pooler in transaction mode has to give either this
        connection's session to it, or this connection another one. A pooler without a free session shows nothing: then
        what it showed last holds on.
        """
        try:
            async with asyncio.timeout(ANSWER_SECONDS / 2):
                other = await self.connect()
                try:
                    for _ in range(ROUNDS):
                        await _require_two_sessions(connection, process, other)
                finally:
                    other.terminate()
        except TimeoutError:
            if self._is_shared:
                raise SharedSessions from None
        except SharedSessions:
            self._is_shared = True
            raise
        else:
            self._is_shared = False


async def _require_two_sessions(one: asyncpg.Connection, process: Process, other: asyncpg.Connection) -> None:
    try:
        async with other.transaction():
            if await process_of(other) == process or await process_of(one) != process:
                raise SharedSessions
    except asyncpg.PostgresError as error:
        if NO_TRANSACTIONS in str(error):
            raise SharedSessions from None
        raise
