"""Journals that tests write, and databases that have forgotten what was done since."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, select

from models import UntoldEvent, metadata
from models.engine.database import Database
from models.revocations.journal import Journal
from models.revocations.line import Kind, Revocation
from models.schema_compatibility import SchemaCompatibility

FILLED_BY_THE_DATABASE = (SchemaCompatibility.__tablename__, UntoldEvent.__tablename__)
"""Tables that migrations and triggers fill."""
THEN = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def revocation(number: int, *, kind: Kind = Kind.DELETED, secret: str | None = None) -> Revocation:
    """The revocation of the key of this number, a minute after the one before."""
    at = THEN + timedelta(minutes=number)
    return Revocation(kind, f"{number:016d}", at, at, secret)


def journal_with(path: Path, count: int) -> Journal:
    """A journal with this many lines, written one by one."""
    journal = Journal(path)
    for number in range(count):
        journal.append([revocation(number)])
    return journal


async def copy_rows(source: Database, target: Database) -> None:
    """Makes an empty database one with the same rows, as a backup or a standby has them."""
    async with source.reading() as session:
        rows = {
            table: [dict(row) for row in (await session.execute(select(table))).mappings()]
            for table in metadata.sorted_tables
            if table.name not in FILLED_BY_THE_DATABASE
        }
    async with target.transaction() as session:
        for table, of_table in rows.items():
            for row in of_table:
                if "live_key_count" in row:
                    row["live_key_count"] = 0  # the database counts the keys that follow
            if of_table:
                await session.execute(insert(table), of_table)
