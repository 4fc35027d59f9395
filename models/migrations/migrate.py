"""Migrates the database's schema with Alembic. The revisions make every database, including those of tests."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from models.engine.database import Database
from models.migrations.locks import WAIT_SECONDS, run_alone
from models.migrations.majors import compatibility
from models.migrations.revisions import HEAD, current_revision, is_older, known_revisions, revision_on
from models.schema_compatibility import replace_compatibility

_FOLDER = Path(__file__).parent


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration. It needs a connection to migrate, but none to read the list of revisions."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


async def migrate(
    database: Database, revision: str = HEAD, *, wait_seconds: float = WAIT_SECONDS
) -> tuple[str | None, str | None]:
    """
    Migrates the database to the revision, upwards or downwards, in one transaction.

    Returns the revisions before and after. A schema that is ahead of this program stays as it is. Raises `Blocked` if
    another migration, or somebody who uses the tables, was in the way for longer than `wait_seconds`.
    """
    before = await current_revision(database)
    if revision == HEAD and before is not None and before not in known_revisions():
        return before, before
    going_down = before is not None and revision != HEAD and is_older(revision, before)
    move = command.downgrade if going_down else command.upgrade

    def change(connection: Connection) -> None:
        move(alembic_config(connection), revision)
        after = revision_on(connection)
        if after is not None:
            replace_compatibility(connection, after, compatibility(after, known_revisions()))

    await run_alone(database, change, wait_seconds=wait_seconds)
    return before, await current_revision(database)
