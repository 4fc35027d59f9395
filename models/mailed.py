"""Rows that are mailed: the columns that say what is due, sent or failed, and the statements that change them."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, literal, update
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from models.engine.columns import optional_instant, optional_outside_text
from models.engine.ids import new_id

FAILURE_LENGTH_AT_MOST = 300


class Mailed(SQLModel):
    """
    The columns of a table whose rows are mailed, one mail for each row.

    `next_attempt_at` is when to mail it; it is null if the mail was sent, is not to be sent, or was given up. `mailing`
    is another number each time that the row is to be mailed anew: the outcome of an earlier mail then does not count.
    """

    id: UUID = Field(default_factory=new_id, primary_key=True)
    mailing: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    sent_at: datetime | None = optional_instant()
    attempts: int = 0
    next_attempt_at: datetime | None = optional_instant()
    failure: str | None = optional_outside_text(FAILURE_LENGTH_AT_MOST)


class Claim(NamedTuple):
    """A row that the caller has claimed and is to mail now. `attempts` includes this one."""

    id: UUID
    mailing: int
    attempts: int
    claimed_until: datetime


async def is_due(session: AsyncSession, table: type[Mailed], now: datetime) -> bool:
    """Whether a row is due. Check this before claiming one, because claiming waits for the database's writers."""
    return (await session.execute(_due(table, now))).first() is not None


async def claim_due(session: AsyncSession, table: type[Mailed], *, now: datetime, until: datetime) -> Claim | None:
    """
    Claims the row that has been due for longest: until `until`, no other process mails it. None if none is due.

    If the process dies before it stores the result, another process can claim the row after `until`.
    """
    due = _due(table, now).with_for_update(skip_locked=True).scalar_subquery()
    claimed = await session.execute(
        update(table)
        .where(col(table.id) == due)
        .values(next_attempt_at=until, attempts=col(table.attempts) + literal(1))
        .returning(*_claim(table))
        .execution_options(synchronize_session=False)
    )
    row = claimed.first()
    return None if row is None else Claim._make(row)


async def claim(session: AsyncSession, table: type[Mailed], row_id: UUID, *, until: datetime) -> Claim | None:
    """Claims this row, sent or not, to be mailed again. None if there is no such row."""
    claimed = await session.execute(
        update(table)
        .where(col(table.id) == row_id)
        .values(mailing=col(table.mailing) + literal(1), sent_at=None, next_attempt_at=until, attempts=1, failure=None)
        .returning(*_claim(table))
        .execution_options(synchronize_session=False)
    )
    row = claimed.first()
    return None if row is None else Claim._make(row)


async def mark_sent(session: AsyncSession, table: type[Mailed], claimed: Claim, at: datetime) -> None:
    """
    Stores that the mail server has accepted the mail, even if another process has claimed the row meanwhile.

    Does nothing if the row is to be mailed anew.
    """
    await session.execute(
        update(table)
        .where(col(table.id) == claimed.id, col(table.mailing) == claimed.mailing)
        .values(sent_at=at, next_attempt_at=None, failure=None)
        .execution_options(synchronize_session=False)
    )


async def mark_failed(
    session: AsyncSession, table: type[Mailed], claimed: Claim, *, failure: str, next_attempt_at: datetime | None
) -> None:
    """
    Stores why the mail was not sent, and when to try again; None gives it up.

    Does nothing if another process has claimed the row meanwhile, or if the row is to be mailed anew.
    """
    await session.execute(
        update(table)
        .where(
            col(table.id) == claimed.id,
            col(table.mailing) == claimed.mailing,
            col(table.sent_at).is_(None),
            col(table.next_attempt_at) == claimed.claimed_until,
        )
        .values(failure=failure, next_attempt_at=next_attempt_at)
        .execution_options(synchronize_session=False)
    )


def _due(table: type[Mailed], now: datetime) -> Select[UUID]:
    return (
        columns(col(table.id))
        .where(col(table.sent_at).is_(None), col(table.next_attempt_at) <= now)
        .order_by(col(table.next_attempt_at))
        .limit(1)
    )


def _claim(table: type[Mailed]) -> list[Any]:
    return [col(table.id), col(table.mailing), col(table.attempts), col(table.next_attempt_at)]
