"""SQLite through the standard library's driver: a connection that is opened when it is first used, and again later."""

import logging
import os
import sqlite3
import time
import weakref
from pathlib import Path

logger = logging.getLogger("keydesk.database")

CHECK_SECONDS = 0.1
IN_THE_LOOP_MS = 100
"""How long a read in the event loop waits for a locked file. Everybody else waits with it."""
PAUSE_SECONDS = 0.4


def connect(path: Path, *, busy_timeout_ms: int) -> sqlite3.Connection:
    """Opens the existing file, in autocommit mode. Raises sqlite3.Error."""
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=busy_timeout_ms / 1000,
    )


def is_busy(error: BaseException | None) -> bool:
    """Whether this error of the driver says that somebody else has locked the file."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) == sqlite3.SQLITE_BUSY


class FileMoved(sqlite3.OperationalError):
    """The database's file is gone, or another file is in its place."""


class SqliteFile:
    """
    The file of a database, which must stay the same one for as long as the process runs.

    If it is moved away, open connections go on using it, while new ones would use whatever is in its place: two
    databases at once. So every use of a connection checks the file first. A file that replaces it is never used, since
    it has not passed the checks before a start: it may be a copy in which deleted keys are active. The first file can
    be put back.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._text = str(path)
        self._identity = self._held()
        self._checked_at = -1.0
        self._reported: str | None = None

    def check(self, *, older_than_seconds: float = 0.0) -> None:
        """
        Raises FileMoved if the file is not the one that was there when the process began.

        Does nothing if a check passed less than `older_than_seconds` ago. A file that was not there yet may come.
        """
        now = time.monotonic()
        if now - self._checked_at < older_than_seconds:
            return
        found = self._found()
        if self._identity is None:
            self._identity = found = self._held()
        if found != self._identity:
            self._checked_at = -1.0
            raise self._moved(is_gone=found is None)
        self._checked_at = now
        if self._reported is not None:
            self._reported = None
            logger.warning("The database's file is back in its place")

    def _found(self) -> tuple[int, int] | None:
        """The device and the inode of the file, which are its identity; None if there is no file."""
        try:
            found = os.stat(self._text)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _held(self) -> tuple[int, int] | None:
        """
        Like `_found`, and keeps the file's inode in use: the number of an inode that is free goes to the next file.

        Only O_PATH, which Linux has, does that: closing any other descriptor of the file drops SQLite's locks.
        """
        try:
            descriptor = os.open(self._text, os.O_PATH | os.O_CLOEXEC)
        except (AttributeError, OSError):
            return self._found()
        weakref.finalize(self, os.close, descriptor)
        held = os.fstat(descriptor)
        return held.st_dev, held.st_ino

    def _moved(self, *, is_gone: bool) -> FileMoved:
        """The error, which is logged when it begins and when it changes."""
        message = (
            f"The database's file {self.path} is gone. Keys can't be verified until it is put back"
            if is_gone
            else f"Another file was put in the place of the database's file {self.path}. It is not used before it has "
            "passed the checks of a start: restart Keydesk"
        )
        if message != self._reported:
            self._reported = message
            logger.error("%s", message)
        return FileMoved(message)


class StillLocked(sqlite3.OperationalError):
    """The file was locked a moment ago, and was not tried again yet."""


class SqliteConnection:
    """
    One connection to an existing file. Close it after an error: the next use opens a new one.

    In WAL mode, a connection that only reads never waits for a writer, only for somebody who has the file for itself.
    After it has waited in vain for `busy_timeout_ms`, it fails at once for `pause_seconds`: then a connection that is
    used in the event loop, where everybody waits with it, leaves most of the time to others.
    """

    def __init__(
        self, file: SqliteFile, *, busy_timeout_ms: int, is_read_only: bool, pause_seconds: float = 0.0
    ) -> None:
        self._file = file
        self._busy_timeout_ms = busy_timeout_ms
        self._setting = "query_only = ON" if is_read_only else "synchronous = FULL"
        self._pause_seconds = pause_seconds
        self._locked_until = 0.0
        self._connection: sqlite3.Connection | None = None

    def open(self) -> sqlite3.Connection:
        """Returns the open connection, or opens one. Raises sqlite3.Error, also if the file was moved or replaced."""
        if self._locked_until > time.monotonic():
            raise StillLocked("the file was locked a moment ago")
        self._file.check(older_than_seconds=CHECK_SECONDS)
        if self._connection is None:
            self._connection = connect(self._file.path, busy_timeout_ms=self._busy_timeout_ms)
            self._connection.execute(f"PRAGMA {self._setting}")
        return self._connection

    def failed(self, error: sqlite3.Error) -> None:
        """Closes the connection after an error. If the file is locked, it is not tried again for `pause_seconds`."""
        if not isinstance(error, StillLocked) and is_busy(error):
            self._locked_until = time.monotonic() + self._pause_seconds
        self.close()

    def close(self) -> None:
        """Closes the connection if it is open."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def reading_connection(file: SqliteFile) -> SqliteConnection:
    """A connection that reads in the event loop."""
    return SqliteConnection(file, busy_timeout_ms=IN_THE_LOOP_MS, is_read_only=True, pause_seconds=PAUSE_SECONDS)
