"""Reads which standbys follow the primary."""

from typing import NamedTuple

from sqlalchemy import text

from models.engine.database import Database

_STANDBYS = text("SELECT application_name, sync_state, state = 'streaming' FROM pg_stat_replication ORDER BY 1")


class StandbyServer(NamedTuple):
    """
    A standby by the name that its operator gave it.

    `sync_state` is PostgreSQL's word: `sync`, `quorum`, `potential` (takes over when a synchronous one fails) or
    `async`; None if this user may not see it.
    """

    name: str | None
    sync_state: str | None


async def read_standbys(database: Database) -> list[StandbyServer]:
    """Reads the standbys that stream from the server. Programs that copy a backup are left out."""
    async with database.reading() as session:
        rows = (await session.execute(_STANDBYS)).all()
    return [StandbyServer(name, sync_state) for name, sync_state, is_streaming in rows if is_streaming is not False]
