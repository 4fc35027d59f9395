"""PostgreSQL through asyncpg: a connection that is opened when it is first used, and again when it was lost."""

from collections.abc import Mapping

import asyncpg
from sqlalchemy.engine import URL

CONNECT_TIMEOUT_SECONDS = 5.0
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


async def connect(url: URL, settings: Mapping[str, str] | None = None) -> asyncpg.Connection:
    """Opens a connection with these server settings. Raises one of FAULTS."""
    _, arguments = url.get_dialect()().create_connect_args(url)
    return await asyncpg.connect(**arguments, server_settings=dict(settings or {}), timeout=CONNECT_TIMEOUT_SECONDS)


class PostgresConnection:
    """One connection. Close it after a fault: the next use opens a new one."""

    def __init__(self, url: URL, settings: Mapping[str, str]) -> None:
        self._url = url
        self._settings = settings
        self._connection: asyncpg.Connection | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection that is not known to be lost."""
        return self._connection is not None and not self._connection.is_closed()

    async def open(self) -> asyncpg.Connection:
        """Returns the open connection, or opens one. Raises one of FAULTS."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._url, self._settings)
        return self._connection

    def close(self) -> None:
        """Closes the connection if it is open, without waiting for the server."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
