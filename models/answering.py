"""Owns who is being answered: one question of a person at a time, whichever process answers it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from models.columns import instant
from models.database import POSTGRESQL
from models.lease import from_now

KEPT_DAYS = 1
"""After the time that an answer had. Long enough for any difference between a process's clock and the database's."""


class Answering(SQLModel, table=True):
    """Which question of the person's is being answered. If that ended without a word, it is over at `until`."""

    __tablename__ = "answering"

    person_id: UUID = Field(primary_key=True)
    question_id: UUID
    until: datetime = instant()


async def begin_answering(session: AsyncSession, person_id: UUID, question_id: UUID, *, seconds: int) -> bool:
    """
    Begins, for so many seconds at most; False where a question of the person's is being answered, also if it is this.

    One statement, so that of two that begin at once one does.
    """
    now, until = from_now(session, seconds=seconds)
    insert = postgresql.insert if session.get_bind().dialect.name == POSTGRESQL else sqlite.insert
    statement = insert(Answering).values(person_id=person_id, question_id=question_id, until=until)
    begun = await session.execute(
        statement.on_conflict_do_update(
            index_elements=["person_id"],
            set_={"question_id": statement.excluded.question_id, "until": statement.excluded.until},
            where=col(Answering.until) <= now,
        ).returning(col(Answering.question_id))
    )
    return begun.first() is not None


async def end_answering(session: AsyncSession, person_id: UUID, question_id: UUID) -> None:
    """Ends it, unless another question has taken over."""
    await session.execute(
        delete(Answering).where(col(Answering.person_id) == person_id, col(Answering.question_id) == question_id)
    )


async def drop_answering_before(session: AsyncSession, moment: datetime, *, at_most: int) -> int:
    """Drops what was over before the moment; returns how many."""
    over = (
        select(col(Answering.person_id))
        .where(col(Answering.until) < moment)
        .limit(at_most)
        .with_for_update(skip_locked=True)
        .cte()
    )
    dropped = delete(Answering).where(col(Answering.person_id).in_(select(*over.c)))
    returning = dropped.returning(col(Answering.person_id)).execution_options(synchronize_session=False)
    return len((await session.execute(returning)).all())
