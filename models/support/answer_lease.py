"""A lease for answering: only one question of a person is answered at a time, in all processes together."""

from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import Executable, Table, Uuid, bindparam, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel

from models.engine.columns import instant
from models.engine.lease import from_now
from models.engine.statements import dialect_of, upsert

KEPT_DAYS = 1
"""Days after the lease's end. Long enough for any difference between a process's clock and the database's."""


class Answering(SQLModel, table=True):
    """The question of a person that is being answered. If the process dies, the lease ends at `until`."""

    __tablename__ = "answering"

    person_id: UUID = Field(primary_key=True)
    question_id: UUID
    until: datetime = instant()


_ROWS: Table = SQLModel.metadata.tables["answering"]
_PERSON, _QUESTION = bindparam("person", type_=Uuid()), bindparam("question", type_=Uuid())


@cache
def _beginning(dialect: str, seconds: int) -> Executable:
    """One statement, so that only one of two concurrent callers gets the lease. Cached: every question runs it."""
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
    Takes the lease for at most `seconds`. Returns False if a question of the person is being answered already, even if
    it is this one.
    """
    statement = _beginning(dialect_of(session), seconds)
    begun = await session.execute(statement, {"person": person_id, "question": question_id})
    return begun.first() is not None


async def is_being_answered(session: AsyncSession, person_id: UUID) -> bool:
    """Whether a question of the person's is being answered at the moment."""
    now, _ = from_now(dialect_of(session), seconds=0)
    under_way = exists().where(_ROWS.c.person_id == person_id, _ROWS.c.until > now)
    return bool((await session.execute(select(under_way))).scalar_one())


async def end_answering(session: AsyncSession, person_id: UUID, question_id: UUID) -> None:
    """Ends the lease, unless another question has it by now."""
    await session.execute(_ENDING, {"person": person_id, "question": question_id})
