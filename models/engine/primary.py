"""
Connects to the primary among the servers of a database's address, and leaves a server that is no longer the primary.

docs/decisions/failover.md says what this promises.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple
from weakref import WeakKeyDictionary

import asyncpg
from sqlalchemy.engine import URL

from models.engine.database_address import Host, hosts_of
from models.engine.server_probe import Probe
from models.engine.server_state import (
    FAULTS,
    History,
    OtherCluster,
    Process,
    ReadOnlyPrimary,
    ReplacedPrimary,
    ServerState,
    SharedSessions,
    Standby,
    UnsuitableServer,
    is_pooled,
    session_state_of,
    state_of,
)

logger = logging.getLogger("keydesk.database")

LOOK_SECONDS = 1.0
"""How often a server process looks at all hosts."""
GREATEST_AGE_SECONDS = (40.0, 60.0)
"""Each connection is replaced at an age between these two, so that not all are replaced at the same moment."""
RENEW_SECONDS = 10.0
"""How long before its end a connection gets a successor."""
CONNECT_TIMEOUT_SECONDS = 5.0


class Opened(NamedTuple):
    """What was found when a connection was opened, and until when it may be used, by the monotonic clock."""

    process: Process
    history: History | None
    until: float


class Primary:
    """
    The way to the primary, shared by all connections of a process to one database.

    Every connection comes from `connect`. While `watching()`, all hosts are looked at every second: when another server
    was promoted, the connections to the old one are closed.
    """

    def __init__(self, url: URL) -> None:
        without_hosts = url.set(host=None, port=None).difference_update_query(["host", "port"])
        _, arguments = url.get_dialect()().create_connect_args(without_hosts)
        self._probes = {host: Probe(arguments, host) for host in hosts_of(url)}
        self._host = next(iter(self._probes)) if len(self._probes) == 1 else None
        self._history: History | None = None
        self._opened: WeakKeyDictionary[asyncpg.Connection, Opened] = WeakKeyDictionary()
        self._looking: asyncio.Task[None] | None = None
        self._has_looked = False
        self._is_watched = False
        self.fault: Exception | None = None
        """Why the last look found no primary that accepts writes; None if it found one, or if there was no look yet."""

    @property
    def host(self) -> Host | None:
        """Where the primary is, as far as is known."""
        return self._host

    async def connect(self, settings: Mapping[str, str], *, for_writing: bool) -> asyncpg.Connection:
        """
        Opens a connection to the primary, with these settings of the session.

        Raises one of FAULTS; UnsuitableServer, which is one of them, if there is a server but no primary. A connection
        that is not for writing may lead to a primary that refuses writes.
        """
        if self._host is not None and not isinstance(self.fault, SharedSessions):
            try:
                return await self._open(self._host, settings, for_writing=for_writing)
            except FAULTS:
                if len(self._probes) == 1:
                    raise
        await self.look()
        if self._host is None:
            raise Standby if self.fault is None else self.fault.with_traceback(None)
        return await self._open(self._host, settings, for_writing=for_writing)

    def may_use(self, connection: asyncpg.Connection) -> bool:
        """Whether the connection leads to the primary, as far as is known, and is not too old."""
        opened = self._opened.get(connection)
        return opened is not None and not connection.is_closed() and time.monotonic() < opened.until

    def is_ageing(self, connection: asyncpg.Connection) -> bool:
        """Whether it is time to open the connection's successor."""
        return time.monotonic() > self._opened[connection].until - RENEW_SECONDS

    def session_of(self, connection: asyncpg.Connection) -> Process:
        """The server process that has answered this connection of `connect` from its start."""
        return self._opened[connection].process

    async def check(self, connection: asyncpg.Connection, *, for_writing: bool) -> None:
        """Asks the server whether a connection that was used before can be used again. Raises one of FAULTS."""
        state = await session_state_of(connection)
        if state.process != self.session_of(connection):
            raise self.sessions_are_shared()
        if state.is_standby:
            raise Standby
        if state.is_read_only and for_writing:
            raise ReadOnlyPrimary

    def close_connections(self) -> None:
        """Closes all connections of `connect`, without waiting for the server."""
        for connection in list(self._opened):
            connection.terminate()

    def sessions_are_shared(self) -> SharedSessions:
        """Closes all connections, because a pooler has started to share sessions. Returns the error to raise."""
        self._found(SharedSessions())
        self.close_connections()
        return SharedSessions()

    async def require_writable(self) -> None:
        """Raises the fault if there is no primary that accepts writes."""
        await self.look()
        if self.fault is not None:
            raise self.fault.with_traceback(None)

    async def look(self) -> None:
        """Looks at all hosts, and waits for the result, which is in `fault`. Joins a look that is under way."""
        if self._looking is None:
            self._looking = asyncio.ensure_future(self._look())
            self._looking.add_done_callback(self._has_finished)
        await asyncio.shield(self._looking)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Looks at all hosts every second during the block."""
        self._is_watched = True
        watch = asyncio.ensure_future(self._watch())
        try:
            yield
        finally:
            self._is_watched = False
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            await self.close()

    async def close(self) -> None:
        """Closes the connections that looks use. Those from `connect` stay open."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        for probe in self._probes.values():
            probe.close()

    async def _watch(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                logger.exception("Looking at the database's servers failed")
            await asyncio.sleep(LOOK_SECONDS)

    def _has_finished(self, looking: "asyncio.Task[None]") -> None:
        self._looking = None
        if not looking.cancelled():
            looking.exception()  # marks it as retrieved: those who waited may be gone

    async def _look(self) -> None:
        found = await asyncio.gather(*(probe.state() for probe in self._probes.values()), return_exceptions=True)
        if not self._is_watched:
            for probe in self._probes.values():
                probe.close()
        states = {
            host: state for host, state in zip(self._probes, found, strict=True) if isinstance(state, ServerState)
        }
        faults = [each for each in found if isinstance(each, Exception)]
        for each in faults:
            if not isinstance(each, FAULTS):
                raise each
        self._has_looked = True
        self._judge(states, faults)

    def _judge(self, states: Mapping[Host, ServerState], faults: list[Exception]) -> None:
        """Chooses the primary among the servers that have answered."""
        primaries = {host: state for host, state in states.items() if not state.is_standby}
        shared = next((each for each in faults if isinstance(each, SharedSessions)), None)
        if shared is not None:
            self.sessions_are_shared()
        elif not primaries:
            self._found(faults[0] if faults else Standby())
            if len(self._probes) > 1:
                self._host = None
        else:
            best = max(primaries, key=lambda host: self._rank(host, primaries[host]))
            if (mismatch := self._mismatch(primaries[best].history)) is not None:
                self._found(faults[0] if faults else mismatch)
                return
            self._host = best
            self._admit(primaries[best].history)
            self._found(ReadOnlyPrimary() if primaries[best].is_read_only else None)

    def _rank(self, host: Host, state: ServerState) -> tuple[bool, int, bool, bool]:
        """
        The primary with the greatest rank is the true one.

        That is the one that was promoted last. Without a difference, it is one that accepts writes, or else stays.
        """
        known, history = self._history, state.history
        is_of_this_cluster = known is None or history is None or known.cluster == history.cluster
        timeline = 0 if history is None else history.timeline
        return is_of_this_cluster, timeline, not state.is_read_only, host == self._host

    def _mismatch(self, history: History | None) -> UnsuitableServer | None:
        """Why a primary with this history must not follow the one that was seen; None if it may."""
        known = self._history
        if known is None or history is None:
            return None
        if history.cluster != known.cluster:
            return OtherCluster()
        return ReplacedPrimary() if history.timeline < known.timeline else None

    def _admit(self, history: History | None) -> None:
        """Remembers the primary's history. If it is another, closes the connections to the server before."""
        before, self._history = self._history, history or self._history
        if before is not None and self._history != before:
            logger.warning("Another server is the database's primary now; connections to the old one were closed")
            for connection, opened in list(self._opened.items()):
                if opened.history != self._history:
                    connection.terminate()

    def _found(self, fault: Exception | None) -> None:
        before, self.fault = self.fault, fault
        if not self._is_watched:
            return
        if isinstance(fault, UnsuitableServer) and type(fault) is not type(before):
            logger.error("The database can't be used: %s", fault)
        if isinstance(before, UnsuitableServer) and fault is None:
            logger.warning("The database can be used again")

    async def _open(self, host: Host, settings: Mapping[str, str], *, for_writing: bool) -> asyncpg.Connection:
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
            connection = await self._probes[host].connect()
            try:
                state = await state_of(connection)
                if is_pooled(connection, state) and not self._has_looked:
                    await self.look()
                self._check(host, state, for_writing=for_writing)
                # Before anything is waited for again: a look that notices a promotion meanwhile must close this one.
                until = time.monotonic() + random.uniform(*GREATEST_AGE_SECONDS)  # noqa: S311 - not a secret
                self._opened[connection] = Opened(state.process, state.history, until)
                # Not as parameters of the connection's start, which poolers refuse.
                for_session = [f"SET {name} = '{value}'" for name, value in settings.items()]
                if for_session:
                    await connection.execute("; ".join(for_session))
            except BaseException:
                self._opened.pop(connection, None)
                connection.terminate()
                raise
        return connection

    def _check(self, host: Host, state: ServerState, *, for_writing: bool) -> None:
        """Raises UnsuitableServer if a server with this state must not be used."""
        if isinstance(self.fault, SharedSessions):
            raise SharedSessions
        if state.process == self._probes[host].process:
            raise self.sessions_are_shared()
        if state.is_standby:
            raise Standby
        if (mismatch := self._mismatch(state.history)) is not None:
            raise mismatch
        if state.is_read_only and for_writing:
            raise ReadOnlyPrimary
        self._admit(state.history)
