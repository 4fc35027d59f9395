"""Which programs can work with the database's schema. `keydesk migrate` writes it, older programs read it."""

from typing import NamedTuple

from sqlalchemy import Connection, Table, delete, insert, inspect
from sqlmodel import Field, SQLModel, col, select

REVISION_LENGTH_AT_MOST = 32


class Compatibility(NamedTuple):
    """
    The major version of the schema, and the oldest program that works with it.

    A program is named by the newest revision that it has: each one that has the revision `serves_from` works.
    """

    major: int
    serves_from: str


class SchemaCompatibility(SQLModel, table=True):
    """One row, about the revision that the schema is at."""

    __tablename__ = "schema_compatibility"

    revision: str = Field(max_length=REVISION_LENGTH_AT_MOST, primary_key=True)
    major: int = Field(nullable=False)
    serves_from: str = Field(max_length=REVISION_LENGTH_AT_MOST, nullable=False)


_TABLE: Table = SchemaCompatibility.__table__  # type: ignore[attr-defined]


def replace_compatibility(connection: Connection, revision: str, compatibility: Compatibility) -> None:
    """Stores it for this revision instead of the one before. Does nothing in a schema that is older than the table."""
    if inspect(connection).has_table(_TABLE.name):
        connection.execute(delete(_TABLE))
        connection.execute(insert(_TABLE), {"revision": revision, **compatibility._asdict()})


def stored_compatibility(connection: Connection, revision: str) -> Compatibility | None:
    """What the migration to this revision stored, or None if it stored nothing."""
    if not inspect(connection).has_table(_TABLE.name):
        return None
    wanted = select(_TABLE.c.major, _TABLE.c.serves_from).where(col(SchemaCompatibility.revision) == revision)
    found = connection.execute(wanted).first()
    return None if found is None else Compatibility(*found)
