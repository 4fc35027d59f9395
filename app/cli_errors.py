"""Errors for the operator: one sentence that says what went wrong and what to do."""

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

DATABASE_ERRORS = (DBAPIError, OSError)
"""Errors that database drivers raise. A server that does not answer causes an OSError."""
_WORDS_AT_MOST = 200


class Failure(Exception):
    """A command failed or was refused. The message is for the operator and contains no secret."""


def database_place(url: URL) -> str:
    """The host, port and name of a database, or its file, without user, password and options."""
    if url.host is None:
        return str(url.database)
    return f"{url.host}:{url.port or 5432}/{url.database or ''}"


def database_failure(url: URL, error: Exception) -> Failure:
    """Makes the error for a database that can't be used. It contains the first line of the driver's message."""
    words = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0].strip().rstrip(".")
    if words.startswith("<class"):  # SQLAlchemy puts asyncpg's class in front
        words = words.partition(">: ")[2] or words
    reason = words[:_WORDS_AT_MOST] or type(error).__name__
    return Failure(
        f"The database at {database_place(url)} can't be used: {reason}. Check that the database runs, and check "
        "KEYDESK_DATABASE_URL."
    )
