"""PostgreSQL through asyncpg: a connection that is opened at its first use, and again when it was lost or is old."""

import asyncio
from collections.abc import Mapping

import asyncpg
from sqlalchemy.engine import URL

from models.engine.primary import Primary
from models.engine.server_state import FAULTS as FAULTS
from models.engine.server_state import LOST as LOST

RENEWAL_PAUSE_SECONDS = 1.0


async def connect(url: URL, settings: Mapping[str, str] | None = None) -> asyncpg.Connection:
    """Opens a connection that is used once, with these server settings. Raises one of FAULTS."""
    return await Primary(url).connect(settings or {}, for_writing=True)


class PostgresConnection:
    """
    One connection to the primary. Close it after a fault: the next use opens a new one.

    Before a connection is too old, another one is opened in the background, so that no use has to wait for it.
    """

    def __init__(self, primary: Primary, settings: Mapping[str, str], *, for_writing: bool = False) -> None:
        self._primary = primary
        self._settings = settings
        self._for_writing = for_writing
        self._connection: asyncpg.Connection | None = None
        self._next: asyncpg.Connection | None = None
        self._renewal: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether `open` returns the same connection as before. If not, it was lost, is too old, or has a successor."""
        if self._connection is None or not self._primary.may_use(self._connection):
            return False
        if self._renewal is None and self._primary.is_ageing(self._connection):
            self._renewal = asyncio.ensure_future(self._renew())
        return self._next is None

    async def open(self) -> asyncpg.Connection:
        """Returns the open connection, or opens one. Raises one of FAULTS."""
        if self._connection is not None and self.is_open:
            return self._connection
        fresh, self._next = self._next, None
        if fresh is not None and not self._primary.may_use(fresh):
            fresh.terminate()
            fresh = None
        self.close()  # before another is opened: a server that has no free connection needs this one's place for it
        if fresh is None:
            fresh = await self._primary.connect(self._settings, for_writing=self._for_writing)
        self._connection = fresh
        return fresh

    def close(self) -> None:
        """Closes the connection if it is open, without waiting for the server."""
        opened, self._connection, self._next = (self._connection, self._next), None, None
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None
        for connection in opened:
            if connection is not None:
                connection.terminate()

    async def _renew(self) -> None:
        """Opens the successor. Tries again after a pause as long as that fails."""
        while self._next is None:
            try:
                self._next = await self._primary.connect(self._settings, for_writing=self._for_writing)
            except FAULTS:
                await asyncio.sleep(RENEWAL_PAUSE_SECONDS)
