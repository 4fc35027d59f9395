"""Leases: work that only one process does at a time, with an end by the database's clock."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, delete, func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from models.engine.columns import instant
from models.engine.database_address import POSTGRESQL
from models.engine.statements import dialect_of, upsert

_SQLITE_FORMAT = "%Y-%m-%d %H:%M:%f000"
"""The form in which SQLite stores instants: six decimals of a second, of which its clock measures three."""


class Lease(SQLModel, table=True):
    """Who does this work. If the holder dies, its lease ends at `until`."""

    __tablename__ = "leases"

    name: str = Field(max_length=32, primary_key=True)
    holder: UUID
    until: datetime = instant()


class Span(NamedTuple):
    """Two instants of the database's clock as SQL expressions, in the form in which instants are stored."""

    now: ColumnElement[datetime]
    until: ColumnElement[datetime]


def from_now(dialect: str, *, seconds: int) -> Span:
    """Now, and `seconds` later."""
    if dialect == POSTGRESQL:
        now: ColumnElement[datetime] = func.clock_timestamp(type_=DateTime(timezone=True))
        return Span(now, now + timedelta(seconds=seconds))
    return Span(func.strftime(_SQLITE_FORMAT, "now"), func.strftime(_SQLITE_FORMAT, "now", f"{seconds} seconds"))


async def take_lease(session: AsyncSession, name: str, holder: UUID, *, seconds: int) -> bool:
    """
    Takes the lease for `seconds` from now, or renews it; returns False if another holder has it.

    This is one statement, so that only one of two concurrent callers gets the lease. Its row stays locked until the
    transaction ends: no other process takes it while the rest of the transaction runs.
    """
    dialect = dialect_of(session)
    now, until = from_now(dialect, seconds=seconds)
    statement = upsert(Lease, dialect).values(name=name, holder=holder, until=until)
    taken = await session.execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={"holder": statement.excluded.holder, "until": statement.excluded.until},
            where=(col(Lease.holder) == holder) | (col(Lease.until) <= now),
        ).returning(col(Lease.holder))
    )
    return taken.first() is not None


async def give_back_lease(session: AsyncSession, name: str, holder: UUID) -> None:
    """Ends the lease if this holder still has it."""
    await session.execute(delete(Lease).where(col(Lease.name) == name, col(Lease.holder) == holder))
