"""Errors for the operator: one sentence that says what went wrong and what to do."""

from datetime import UTC

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from keys.expected_error import ExpectedError
from models.engine.database_address import SQLITE, hosts_of
from models.engine.server_state import FAULTS, UnsuitableServer
from models.migrations.locks import Blocked, Holder, Obstacle

DATABASE_ERRORS = (DBAPIError, *FAULTS)
"""
Errors of a database and its driver. SQLAlchemy doesn't wrap what happens while a connection is opened, such as a
password that is refused. A server that does not answer causes an OSError, which is one of FAULTS.
"""
_WORDS_AT_MOST = 200


class Failure(ExpectedError):
    """A command failed or was refused. The message is for the operator and contains no secret."""


def database_place(url: URL) -> str:
    """The hosts, ports and name of a database, or its file, without user, password and options."""
    if url.get_backend_name() == SQLITE:
        return str(url.database)
    return f"{','.join(map(str, hosts_of(url)))}/{url.database or ''}"


def database_failure(url: URL, error: Exception) -> Failure:
    """Makes the error for a database that can't be used. It contains the first line of the driver's message."""
    if isinstance(error, UnsuitableServer):
        return Failure(f"The database at {database_place(url)} can't be used: {error}.")
    words = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0].strip().rstrip(".")
    if words.startswith("<class"):  # SQLAlchemy puts asyncpg's class in front
        words = words.partition(">: ")[2] or words
    reason = words[:_WORDS_AT_MOST] or type(error).__name__
    return Failure(
        f"The database at {database_place(url)} can't be used: {reason}. Check that the database runs, and check "
        "KEYDESK_DATABASE_URL."
    )


def blocked_failure(blocked: Blocked) -> Failure:
    """Makes the error for a migration that did not get a lock in time. It says who holds it, and what to do."""
    holders = "; ".join(map(_holder, blocked.holders))
    if blocked.obstacle is Obstacle.FILE:
        return Failure(
            "Another program is writing to the SQLite database and does not end. Nothing was changed. Stop that "
            "program, or wait longer with --wait SECONDS."
        )
    if blocked.obstacle is Obstacle.OTHER_MIGRATION:
        return Failure(
            f"Another migration of this database is running{f', in {holders}' if holders else ''}. Nothing was "
            "changed. Run `keydesk migrate` again when it is done, or wait longer with --wait SECONDS."
        )
    ends = " and ".join(f"SELECT pg_terminate_backend({holder.pid})" for holder in blocked.holders)
    return Failure(
        f"A table that has to change stayed in use{f', by {holders}' if holders else ''}. Nothing was changed. End "
        f"that transaction{f' ({ends})' if ends else ''} and run `keydesk migrate` again, or wait longer with "
        "--wait SECONDS."
    )


def _holder(holder: Holder) -> str:
    """Names a session of PostgreSQL, such as: process 4711 (psql, user ada, from 10.0.0.5, since 12:03:04 UTC)."""
    facts = [
        holder.program,
        holder.user and f"user {holder.user}",
        holder.address and f"from {holder.address}",
        holder.state,
        holder.since and f"since {holder.since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
    ]
    known = ", ".join(fact for fact in facts if fact)
    return f"process {holder.pid}{f' ({known})' if known else ''}"
