"""Owns leases: work that one process at a time does, and until when it may, by the database's clock."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, delete, func
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from models.engine.columns import instant
from models.engine.database import POSTGRESQL

_SQLITE_FORMAT = "%Y-%m-%d %H:%M:%f000"
"""As instants are stored there: with six digits behind the second, of which its clock knows three."""


class Lease(SQLModel, table=True):
    """Who does this work. A holder that ended without a word is over at `until`."""

    __tablename__ = "leases"

    name: str = Field(max_length=32, primary_key=True)
    holder: UUID
    until: datetime = instant()


class Span(NamedTuple):
    """Two instants of the database's clock, in SQL, as instants are stored."""

    now: ColumnElement[datetime]
    until: ColumnElement[datetime]


def from_now(dialect: str, *, seconds: int) -> Span:
    """Now, and so many seconds later."""
    if dialect == POSTGRESQL:
        now: ColumnElement[datetime] = func.clock_timestamp(type_=DateTime(timezone=True))
        return Span(now, now + timedelta(seconds=seconds))
    return Span(func.strftime(_SQLITE_FORMAT, "now"), func.strftime(_SQLITE_FORMAT, "now", f"{seconds} seconds"))


async def take_lease(session: AsyncSession, name: str, holder: UUID, *, seconds: int) -> bool:
    """
    Takes the lease for so many seconds from now, or renews it; False where another holder has it.

    One statement, so that of two that take it at once one gets it. It stays locked until the transaction ends: what
    else that transaction does, nobody else does meanwhile.
    """
    dialect = session.get_bind().dialect.name
    now, until = from_now(dialect, seconds=seconds)
    insert = postgresql.insert if dialect == POSTGRESQL else sqlite.insert
    statement = insert(Lease).values(name=name, holder=holder, until=until)
    taken = await session.execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={"holder": statement.excluded.holder, "until": statement.excluded.until},
            where=(col(Lease.holder) == holder) | (col(Lease.until) <= now),
        ).returning(col(Lease.holder))
    )
    return taken.first() is not None


async def give_back_lease(session: AsyncSession, name: str, holder: UUID) -> None:
    """Ends the holder's lease, where it still has it."""
    await session.execute(delete(Lease).where(col(Lease.name) == name, col(Lease.holder) == holder))
