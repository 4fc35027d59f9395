"""Restores of this database: until one is settled, the database may hold keys that were deleted since the backup."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.engine.columns import instant, optional_instant
from models.engine.ids import new_id


class SettledBy(StrEnum):
    """What the operator did about what a restored database had forgotten."""

    APPLIED = "applied"
    """`keydesk revocations apply` deleted again what was in the journal."""
    ACCEPTED = "accepted"
    """`keydesk serve --accept-revived`: nothing was deleted again."""


class Restore(SQLModel, table=True):
    """One `keydesk restore`. While `settled_at` is null, the database is not served."""

    __tablename__ = "restores"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    restored_at: datetime = instant()
    settled_at: datetime | None = optional_instant()
    settled_by: str | None = Field(default=None, max_length=16)


async def mark_restored(session: AsyncSession, *, now: datetime) -> None:
    """Says that this database was restored from a backup."""
    session.add(Restore(restored_at=now))
    await session.flush()


async def unsettled_restore(session: AsyncSession) -> datetime | None:
    """When the database was restored, if that is not settled; the last time, if several are not."""
    statement = select(Restore.restored_at).where(col(Restore.settled_at).is_(None))
    return max((await session.execute(statement)).scalars(), default=None)


async def settle_restores(session: AsyncSession, by: SettledBy, *, now: datetime) -> None:
    """Settles every restore, so that the database can be served."""
    await session.execute(
        update(Restore).where(col(Restore.settled_at).is_(None)).values(settled_at=now, settled_by=by.value)
    )
