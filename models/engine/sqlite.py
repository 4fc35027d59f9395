"""SQLite through the standard library's driver: a connection that is opened when it is first used, and again later."""

import sqlite3
from pathlib import Path


def connect(path: Path, *, busy_timeout_ms: int) -> sqlite3.Connection:
    """Opens the existing file, in autocommit mode. Raises sqlite3.Error."""
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=busy_timeout_ms / 1000,
    )


class SqliteConnection:
    """
    One connection to an existing file. Close it after an error: the next use opens a new one.

    In WAL mode, a connection that only reads never waits for a writer.
    """

    def __init__(self, path: Path, *, busy_timeout_ms: int, is_read_only: bool) -> None:
        self._path = path
        self._busy_timeout_ms = busy_timeout_ms
        self._setting = "query_only = ON" if is_read_only else "synchronous = FULL"
        self._connection: sqlite3.Connection | None = None

    def open(self) -> sqlite3.Connection:
        """Returns the open connection, or opens one. Raises sqlite3.Error."""
        if self._connection is None:
            self._connection = connect(self._path, busy_timeout_ms=self._busy_timeout_ms)
            self._connection.execute(f"PRAGMA {self._setting}")
        return self._connection

    def close(self) -> None:
        """Closes the connection if it is open."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
