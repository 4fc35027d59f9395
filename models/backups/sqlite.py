"""Backups of an SQLite database: a copy while it is in use, and putting a copy in its place. Everything here blocks."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from models.backups import BackupFailed
from models.engine.sqlite import connect

BUSY_TIMEOUT_MS = 10_000
OWNERS_ONLY = 0o600
BESIDE = ("-wal", "-shm", "-journal")


def copy_database(source: Path, target: Path) -> None:
    """
    Copies a database that may be in use, in one step, into a new file that only its owner can read.

    The target is replaced only once the copy is whole and on the disk. Raises BackupFailed.
    """
    try:
        with new_file_beside(target) as made:
            copy_into(source, made)
            move(made, target)
    except (sqlite3.Error, OSError) as error:
        raise BackupFailed(f"{source} can't be copied to {target}: {words(error)}") from None


@contextmanager
def new_file_beside(path: Path) -> Iterator[Path]:
    """Makes an empty file in the same folder, only for its owner. Removes it if it is still there at the end."""
    made = path.with_name(f".{path.name}.{token_hex(4)}")
    os.close(os.open(made, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNERS_ONLY))
    try:
        yield made
    finally:
        for each in (made, *(made.with_name(made.name + end) for end in BESIDE)):
            each.unlink(missing_ok=True)


def copy_into(source: Path, made: Path) -> None:
    """Copies what was committed in the source by now. Other processes can go on writing. Raises sqlite3.Error."""
    with (
        closing(connect(source, busy_timeout_ms=BUSY_TIMEOUT_MS)) as reading,
        closing(connect(made, busy_timeout_ms=0)) as writing,
    ):
        reading.backup(writing)  # all pages in one step, which other writers can't disturb
        writing.execute("PRAGMA journal_mode = DELETE")


def fold_log(path: Path) -> None:
    """Writes the write-ahead log into the file itself, so that the file can be moved. Raises sqlite3.Error."""
    with closing(connect(path, busy_timeout_ms=0)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def fault_of_backup(path: Path) -> str | None:
    """Why this file can't be restored, or None if it is a whole database of Keydesk's."""
    if not path.is_file():
        return f"There is no file {path}."
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if found != ("ok",):
                return f"The backup {path} is damaged: {str(found[0])[:200]}."
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error as error:
        return f"{path} is not a backup of a Keydesk database on SQLite: {error}."
    if not {"alembic_version", "api_keys", "organizations"} <= tables:
        return f"{path} is an SQLite database, but not one of Keydesk's."
    return None


def replace_database(made: Path, target: Path) -> None:
    """
    Puts a new database in the place of another, in one step.

    It gets the owner of the one before, or of the folder, if this process is root. Raises BackupFailed if a process has
    the database open. A database that is damaged or missing is replaced, too.
    """
    try:
        with _alone(target):
            _give_to_owner(made, target)
            move(made, target)
            for end in BESIDE:  # left by a process that was killed; they belong to the database that was replaced
                target.with_name(target.name + end).unlink(missing_ok=True)
    except OSError as error:
        raise BackupFailed(f"{target} can't be replaced: {words(error)}") from None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keeps other processes from opening the database, as long as the block runs. Raises BackupFailed."""
    if not path.exists():
        yield
        return
    with closing(connect(path, busy_timeout_ms=0)) as connection:
        try:
            # Needs that nobody else has the file open, and leaves nothing in the write-ahead log.
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise BackupFailed(
                    f"A server or another program has {path} open. Stop it first; nothing was changed."
                ) from None
        except sqlite3.DatabaseError:
            pass  # it is damaged, which may be why it is replaced
        yield
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def _give_to_owner(made: Path, target: Path) -> None:
    """If root restores, the server's user must be able to open the file. Raises OSError."""
    if os.geteuid() == 0:
        owner = (target if target.exists() else target.parent).stat()
        os.chown(made, owner.st_uid, owner.st_gid, follow_symlinks=False)


def move(made: Path, target: Path) -> None:
    """Replaces the target by the file, and returns once both are on the disk. Raises OSError."""
    _sync(made, os.O_RDWR)
    made.replace(target)
    _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def words(error: Exception) -> str:
    """What the system or SQLite said."""
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
