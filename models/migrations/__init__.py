"""Migrates the database's schema with Alembic. These revisions make every database, including those of tests."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from models.engine.database import Database

_FOLDER = Path(__file__).parent


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration. It needs a connection to migrate, but none to read the list of revisions."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@cache
def newest_revision() -> str:
    """The revision that this program needs. Cached, because /readyz reads it for each request."""
    revision = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if revision is None:
        raise RuntimeError("there is no revision in models/migrations/versions")
    return revision


def known_revisions() -> list[str]:
    """Every revision of this program, oldest first."""
    scripts = ScriptDirectory.from_config(alembic_config()).walk_revisions()
    return [script.revision for script in scripts][::-1]


async def current_revision(database: Database) -> str | None:
    """The database's revision, or None if it was never migrated."""
    async with database.reading_engine.connect() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


async def goes_down(database: Database, revision: str) -> bool:
    """Whether the revision is older than the database's."""
    before = await current_revision(database)
    return before is not None and revision != "head" and _is_older(revision, before)


async def migrate(database: Database, revision: str = "head") -> tuple[str | None, str | None]:
    """
    Migrates the database to the revision, upwards or downwards, in one transaction.

    Returns the revisions before and after. Processes that migrate at the same time wait for each other.
    """
    before = await current_revision(database)
    going_down = before is not None and revision != "head" and _is_older(revision, before)
    move = command.downgrade if going_down else command.upgrade
    async with database.engine.begin() as connection:
        if database.backend == "postgresql":
            # Changing a table may take longer than the time limits for requests.
            await connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            await connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7065171)")
        await connection.run_sync(lambda sync: move(alembic_config(sync), revision))
    return before, await current_revision(database)


def _is_older(revision: str, than: str) -> bool:
    order = ["base", *known_revisions()]
    return revision in order and than in order and order.index(revision) < order.index(than)
