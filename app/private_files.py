"""
Keeps the files of an SQLite database readable only by their owner.

They contain hashes, addresses, and what people wrote to the assistant.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from app.cli_errors import Failure
from models.engine.database import Database

SECRET_FILE = "keydesk.secret"  # noqa: S105 - a file's name
"""The file with the demo's server key, beside its database."""
OWNERS_ONLY = 0o600
OTHERS = stat.S_IRWXO


def make_private_file(path: Path) -> None:
    """
    Makes an empty file that only its owner can read and write, whatever the umask is. Raises Failure.

    SQLite gives the files that it makes beside the database the same mode.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNERS_ONLY)
    except FileExistsError:
        return  # another process was faster
    except OSError as error:
        raise Failure(
            f"The database at {path} can't be created: {error.strerror}. Check its folder, permissions and "
            "KEYDESK_DATABASE_URL."
        ) from None
    try:
        os.fchmod(descriptor, OWNERS_ONLY)
    finally:
        os.close(descriptor)


def files_shown_to_others(database: Database) -> list[Path]:
    """
    The database's files that users other than the owner and group can access, such as those of older versions.

    Includes the demo's server key. Empty for PostgreSQL.
    """
    path = database.sqlite_path
    if path is None:
        return []
    names = (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-journal", SECRET_FILE)
    files = [each for name in names if (each := path.with_name(name)).is_file()]
    return [each for each in files if each.stat().st_mode & OTHERS]


def hide_files_from_others(database: Database) -> None:
    """Removes the rights of other users to these files. The group's rights stay."""
    for path in files_shown_to_others(database):
        with suppress(OSError):  # the file belongs to another user; `keydesk doctor` still warns of it
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~OTHERS)
