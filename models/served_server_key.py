"""The ids of the server keys of the server that started last, so that other commands can check that theirs match."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.engine.columns import instant
from models.engine.database_address import POSTGRESQL
from models.engine.statements import dialect_of

_LOCK = text("SELECT pg_advisory_xact_lock(7065172)")


class ServedServerKey(SQLModel, table=True):
    """The id of a server key, not the key itself. keys/token.py derives the id."""

    __tablename__ = "served_server_keys"

    id: str = Field(max_length=16, primary_key=True)
    served_at: datetime = instant()


async def replace_served_server_keys(session: AsyncSession, ids: Collection[str], *, now: datetime) -> None:
    """Replaces the stored ids with these. If two servers start at once, the ids of the later one remain."""
    if dialect_of(session) == POSTGRESQL:
        await session.execute(_LOCK)  # SQLite has only one writer at a time
    await session.execute(delete(ServedServerKey))
    session.add_all(ServedServerKey(id=each, served_at=now) for each in ids)
    await session.flush()


async def served_server_keys(session: AsyncSession) -> list[str]:
    """The ids of the server that started last; none if no server has started yet."""
    return list((await session.execute(select(col(ServedServerKey.id)).order_by(col(ServedServerKey.id)))).scalars())
