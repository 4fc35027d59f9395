"""
The revisions of the schema that this program has, and the one that a database is at.

Nearly every command looks at them, so they are read without Alembic, whose import takes as long as a whole query.
"""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

from models.engine.database import Database

HEAD = "head"
BASE = "base"
ALEMBICS_OWN = "alembic_version"
"""The table in which Alembic keeps the database's revision."""
_VERSIONS = Path(__file__).parent / "versions"


@cache
def known_revisions() -> tuple[str, ...]:
    """
    Every revision of this program, oldest first. Cached, because /readyz reads them for each request.

    A revision's file is named by its number, which is its id, and a word: `0001_initial.py`.
    """
    return tuple(sorted(path.name.partition("_")[0] for path in _VERSIONS.glob("[0-9]*_*.py")))


def newest_revision() -> str:
    """The revision that this program needs."""
    return known_revisions()[-1]


async def current_revision(database: Database) -> str | None:
    """The database's revision, or None if it was never migrated."""
    async with database.reading_engine.connect() as connection:
        return await connection.run_sync(revision_on)


def revision_on(connection: Connection) -> str | None:
    """The revision of the database that this connection is to, or None."""
    if not inspect(connection).has_table(ALEMBICS_OWN):
        return None
    revision = connection.execute(select(column("version_num")).select_from(table(ALEMBICS_OWN))).scalar()
    return None if revision is None else str(revision)


def is_older(revision: str, than: str) -> bool:
    """Whether this program has both revisions, or `BASE`, and the first comes before the second."""
    order = [BASE, *known_revisions()]
    return revision in order and than in order and order.index(revision) < order.index(than)


async def goes_down(database: Database, revision: str) -> bool:
    """Whether the revision is older than the database's."""
    before = await current_revision(database)
    return before is not None and revision != HEAD and is_older(revision, before)
