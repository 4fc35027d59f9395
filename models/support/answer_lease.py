"""Owns who is being answered: one question of a person at a time, whichever process answers it."""

from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import Executable, Table, Uuid, bindparam, delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel

from models.engine.columns import instant
from models.engine.lease import from_now
from models.engine.statements import dialect_of, upsert

KEPT_DAYS = 1
"""After the time that an answer had. Long enough for any difference between a process's clock and the database's."""


class Answering(SQLModel, table=True):
    """Which question of the person's is being answered. If that ended without a word, it is over at `until`."""

    __tablename__ = "answering"

    person_id: UUID = Field(primary_key=True)
    question_id: UUID
    until: datetime = instant()


_ROWS: Table = SQLModel.metadata.tables["answering"]
_PERSON, _QUESTION = bindparam("person", type_=Uuid()), bindparam("question", type_=Uuid())


@cache
def _beginning(dialect: str, seconds: int) -> Executable:
    """One statement, so that of two that begin at once one does. Made once: it is run with every question."""
    now, until = from_now(dialect, seconds=seconds)
    statement = upsert(_ROWS, dialect).values(person_id=_PERSON, question_id=_QUESTION, until=until)
    return statement.on_conflict_do_update(
        index_elements=["person_id"],
        set_={"question_id": statement.excluded.question_id, "until": statement.excluded.until},
        where=_ROWS.c.until <= now,
    ).returning(_ROWS.c.question_id)


_ENDING = delete(_ROWS).where(_ROWS.c.person_id == _PERSON, _ROWS.c.question_id == _QUESTION)


async def begin_answering(session: AsyncSession, person_id: UUID, question_id: UUID, *, seconds: int) -> bool:
    """
    Begins, for so many seconds at most; False where a question of the person's is being answered, also if it is this.
    """
    statement = _beginning(dialect_of(session), seconds)
    begun = await session.execute(statement, {"person": person_id, "question": question_id})
    return begun.first() is not None


async def end_answering(session: AsyncSession, person_id: UUID, question_id: UUID) -> None:
    """Ends it, unless another question has taken over."""
    await session.execute(_ENDING, {"person": person_id, "question": question_id})
