"""Owns what goes wrong for an operator: one sentence that says what, and how to go on."""

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

DATABASE_ERRORS = (DBAPIError, OSError)
"""What the drivers raise; an address where nobody answers comes as an OSError."""
_WORDS_AT_MOST = 200


class Failure(Exception):
    """The command failed or was refused; the message is for the operator, and holds no secret."""


def database_place(url: URL) -> str:
    """Where a database is, without user, password and options."""
    if url.host is None:
        return str(url.database)
    return f"{url.host}:{url.port or 5432}/{url.database or ''}"


def database_failure(url: URL, error: Exception) -> Failure:
    """The sentence for a database that can't be asked, with the driver's own first line."""
    words = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0].strip().rstrip(".")
    if words.startswith("<class"):  # SQLAlchemy puts asyncpg's class in front
        words = words.partition(">: ")[2] or words
    reason = words[:_WORDS_AT_MOST] or type(error).__name__
    return Failure(
        f"The database at {database_place(url)} can't be used: {reason}. Check that it runs, and KEYDESK_DATABASE_URL."
    )
