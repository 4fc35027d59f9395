"""Takes a test's database to a revision that no program of today has."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from models.engine.database import Database
from models.migrations.migrate import migrate
from models.migrations.revisions import newest_revision
from models.schema_compatibility import Compatibility, replace_compatibility

AHEAD = "0099"
SAME_MAJOR = Compatibility(1, "0001")
NEXT_MAJOR = Compatibility(2, AHEAD)


async def go_ahead(database: Database, compatibility: Compatibility | None = SAME_MAJOR) -> None:
    """As a newer program's migration does, which adds a table. None is a migration that stores nothing about it."""
    await migrate(database)
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE of_tomorrow (id INTEGER PRIMARY KEY)"))
        await connection.execute(text(f"UPDATE alembic_version SET version_num = '{AHEAD}'"))
        if compatibility is None:
            await connection.execute(text("DELETE FROM schema_compatibility"))
        else:
            await connection.run_sync(replace_compatibility, AHEAD, compatibility)


async def go_back(database: Database) -> None:
    """The other way: on PostgreSQL, the next test uses the same database."""
    async with database.engine.begin() as connection:
        await connection.execute(text("DROP TABLE of_tomorrow"))
        await connection.execute(text(f"UPDATE alembic_version SET version_num = '{newest_revision()}'"))


@asynccontextmanager
async def ahead(database: Database, compatibility: Compatibility | None = SAME_MAJOR) -> AsyncIterator[None]:
    """The database is at AHEAD in this block."""
    await go_ahead(database, compatibility)
    try:
        yield
    finally:
        await go_back(database)
