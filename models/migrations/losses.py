"""Finds what a migration to an older revision would delete, and whether a server still uses the database."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from alembic import command
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncSession

from models.engine.database import Database
from models.engine.sqlite import connect
from models.migrations.migrate import alembic_config
from models.migrations.revisions import ALEMBICS_OWN

LOOKS = 5
BETWEEN_LOOKS_SECONDS = 0.3
ABOUT_THE_SCHEMA = {ALEMBICS_OWN, "schema_compatibility"}
"""Tables that every migration writes."""
_SERVERS_CONNECTIONS = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'keydesk%' AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True, slots=True)
class Loss:
    """A table that would be dropped, or a column if `column` is set, with the number of rows that would lose data."""

    table: str
    column: str | None
    rows: int


async def losses(database: Database, revision: str) -> list[Loss]:
    """
    The tables and columns with data that a migration to this revision would drop.

    To be certain, the migration is run and rolled back.
    """
    async with database.engine.connect() as connection:
        await connection.begin()
        before = await connection.run_sync(_columns)
        await connection.run_sync(lambda sync: command.downgrade(alembic_config(sync), revision))
        after = await connection.run_sync(_columns)
        await connection.rollback()
    gone: list[tuple[str, str | None]] = [(table, None) for table in sorted(before.keys() - after.keys())]
    gone += [
        (table, column)
        for table in sorted(after)
        for column in sorted(before.get(table, {}).keys() - after[table].keys())
    ]
    async with database.reading() as session:
        counted = [
            Loss(table, column, await _count(session, table, column, None if column is None else before[table][column]))
            for table, column in gone
        ]
    return [loss for loss in counted if loss.rows]


async def is_used_by_others(database: Database) -> bool:
    """
    Whether a server is connected to the database, as far as that can be detected.

    With SQLite, the test is whether the journal mode can be changed, which needs exclusive access to the file. So call
    this before this process opens connections itself.
    """
    if database.sqlite_path is None:
        async with database.reading() as session:
            for _ in range(LOOKS):  # a connection that was just closed is listed for a little longer
                if not (await session.execute(_SERVERS_CONNECTIONS)).scalar_one():
                    return False
                await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
        return True
    if not database.sqlite_path.exists():
        return False
    with closing(connect(database.sqlite_path, busy_timeout_ms=0)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            return "locked" in str(error)
    return False


def _columns(connection: Connection) -> Mapping[str, Mapping[str, str | None]]:
    """The columns of each table, with the SQL text of their default."""
    inspector = inspect(connection)
    tables = set(inspector.get_table_names()) - ABOUT_THE_SCHEMA
    return {
        table: {column["name"]: column.get("default") for column in inspector.get_columns(table)} for table in tables
    }


async def _count(session: AsyncSession, table: str, column: str | None, default: str | None) -> int:
    """The rows of the table, or those in which the column has a value other than its default."""
    where = "" if column is None else f' WHERE "{column}" IS NOT NULL'
    if default is not None:
        where += f' AND "{column}" <> {default}'
    counted: int = (await session.execute(text(f'SELECT count(*) FROM "{table}"{where}'))).scalar_one()  # noqa: S608
    return counted
