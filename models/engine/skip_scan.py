"""
Walks from key to key through a table that has many rows for each key (a loose index scan, or skip scan).

It uses an index that begins with the key's id, and takes one step for each key, however many rows the key has.
"""

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, literal, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped

KEYS_AT_A_TIME = 1000
_BEFORE_ALL = UUID(int=0)


class Walk(NamedTuple):
    """The keys of one stretch that are due, and the last key of the stretch; None if no key is left."""

    due: list[UUID]
    last: UUID | None


async def walk_keys(
    session: AsyncSession,
    key_id: Mapped[UUID] | Mapped[UUID | None],
    is_due: Callable[[ColumnElement[UUID]], ColumnElement[bool]],
    *,
    after: UUID | None,
) -> Walk:
    """Walks the next thousand keys after `after` that have rows in the column's table. Finds which of them are due."""

    def following(previous: ColumnElement[UUID]) -> ScalarSelect[UUID | None]:
        return select(key_id).where(key_id > previous).order_by(key_id).limit(1).scalar_subquery()

    first = select(following(literal(after or _BEFORE_ALL)).label("key_id")).cte("walked", recursive=True)
    walked = first.union_all(select(following(first.c.key_id)).where(first.c.key_id.is_not(None)))
    statement = (
        select(walked.c.key_id, is_due(walked.c.key_id)).where(walked.c.key_id.is_not(None)).limit(KEYS_AT_A_TIME)
    )
    rows = (await session.execute(statement)).all()
    return Walk([row[0] for row in rows if row[1]], rows[-1][0] if len(rows) == KEYS_AT_A_TIME else None)
