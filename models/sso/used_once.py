"""What may be used only once: the states of completed sign-ins, and the ids of logout tokens."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from models.engine.columns import instant
from models.engine.statements import dialect_of, upsert

DIGEST_LENGTH = 64


class UsedOnce(SQLModel, table=True):
    """SHA-256 of something that was used, kept until it could not be used any more in any case."""

    __tablename__ = "used_once"

    digest: str = Field(max_length=DIGEST_LENGTH, primary_key=True)
    expires_at: datetime = instant(index=True)


async def use_once(session: AsyncSession, digest: str, *, expires_at: datetime) -> bool:
    """Records the use. False if it was used before, by whichever process."""
    statement = upsert(UsedOnce, dialect_of(session)).values(digest=digest, expires_at=expires_at)
    inserted = await session.execute(statement.on_conflict_do_nothing().returning(col(UsedOnce.digest)))
    return inserted.first() is not None
