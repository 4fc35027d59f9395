"""Whether this program can work with the database's schema."""

from enum import Enum, auto
from typing import NamedTuple

from sqlalchemy import Connection

from models.engine.database import Database
from models.migrations.revisions import known_revisions, newest_revision, revision_on
from models.schema_compatibility import Compatibility, stored_compatibility


class Standing(Enum):
    """How the database's schema compares with the one that this program was made for."""

    EMPTY = auto()
    BEHIND = auto()
    CURRENT = auto()
    AHEAD = auto()
    """Newer, and this program works with it."""
    TOO_NEW = auto()
    """Newer, and this program doesn't work with it; or of another origin."""


class SchemaState(NamedTuple):
    """The schema's revision, None if it is empty. `compatibility` is known only for a schema that is ahead."""

    standing: Standing
    revision: str | None
    compatibility: Compatibility | None = None

    @property
    def is_served(self) -> bool:
        """Whether this program works with the schema."""
        return self.standing in (Standing.CURRENT, Standing.AHEAD)


async def schema_state(database: Database) -> SchemaState:
    """Reads the database's revision and, if this program does not have it, what its migration has stored."""
    async with database.reading_engine.connect() as connection:
        return await connection.run_sync(_state)


def _state(connection: Connection) -> SchemaState:
    revision = revision_on(connection)
    if revision is None:
        return SchemaState(Standing.EMPTY, None)
    if revision == newest_revision():
        return SchemaState(Standing.CURRENT, revision)
    if revision in known_revisions():
        return SchemaState(Standing.BEHIND, revision)
    compatibility = stored_compatibility(connection, revision)
    is_served = compatibility is not None and compatibility.serves_from in known_revisions()
    return SchemaState(Standing.AHEAD if is_served else Standing.TOO_NEW, revision, compatibility)
