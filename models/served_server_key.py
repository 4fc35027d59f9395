"""The server keys of the server process that started last, by which others can see whether they have the same."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.engine.columns import instant
from models.engine.database_address import POSTGRESQL

_LOCK = text("SELECT pg_advisory_xact_lock(7065172)")


class ServedServerKey(SQLModel, table=True):
    """The id of a server key, never the key: see keys/token.py for how it is derived."""

    __tablename__ = "served_server_keys"

    id: str = Field(max_length=16, primary_key=True)
    served_at: datetime = instant()


async def replace_served_server_keys(session: AsyncSession, ids: Collection[str], *, now: datetime) -> None:
    """Keeps these ids in place of those before. Of two servers that start at once, the later one's remain."""
    if session.get_bind().dialect.name == POSTGRESQL:
        await session.execute(_LOCK)  # on SQLite, a transaction has the database for itself
    await session.execute(delete(ServedServerKey))
    session.add_all(ServedServerKey(id=each, served_at=now) for each in ids)
    await session.flush()


async def served_server_keys(session: AsyncSession) -> list[str]:
    """The ids that were kept last; none where no server has started yet."""
    return list((await session.execute(select(col(ServedServerKey.id)).order_by(col(ServedServerKey.id)))).scalars())
