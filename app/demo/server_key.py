"""The demo's own server key, in a file beside its SQLite database."""

import os
import secrets
from pathlib import Path

from app.cli_errors import Failure
from app.private_files import SECRET_FILE
from app.setting_values import server_keys as parse_server_keys
from app.startup_checks import HOW_TO_MAKE_A_SECRET
from keys.token import ServerKeys
from models.engine.database import Database


def kept_server_keys(database: Database) -> ServerKeys | None:
    """
    Reads the server keys that the demo has stored in a file beside its SQLite database; None if there are none.

    Raises Failure if the file can't be read.
    """
    path = _secret_file(database)
    if path is None:
        return None
    try:
        return parse_server_keys(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise Failure(
            f"The demo's server key in {path} can't be read. Put it back, or start over: {start_over(database)}."
        ) from None


def make_server_keys(database: Database) -> ServerKeys:
    """
    Makes a server key and stores it in a file beside the SQLite database, readable only by its owner.

    Raises Failure with PostgreSQL, or if the file can't be written.
    """
    path = _secret_file(database)
    if path is None:
        raise Failure(f"With PostgreSQL, the demo needs KEYDESK_SECRET_KEY, as the server does. {HOW_TO_MAKE_A_SECRET}")
    text = secrets.token_hex(32)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise Failure(f"The demo's server key can't be written to {path}: {error.strerror}.") from None
    return parse_server_keys(text)


def start_over(database: Database) -> str:
    """What the operator must do to start the demo over."""
    return f"remove {database.sqlite_path}" if database.sqlite_path is not None else "use an empty database"


def _secret_file(database: Database) -> Path | None:
    return None if database.sqlite_path is None else database.sqlite_path.with_name(SECRET_FILE)
