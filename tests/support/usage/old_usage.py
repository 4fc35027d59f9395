"""Rows of usage beyond their retention, and their totals."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from models import RefusedRequest, UsageDay, UsageHour
from models.engine.database import Database
from models.engine.ids import new_id
from models.usage.counts import OUTCOMES

ONE, TWO = UUID(int=1), UUID(int=2)


async def add(database: Database, rows: Iterable[object]) -> None:
    async with database.transaction() as session:
        session.add_all(rows)


async def everything(database: Database, table: type[Any]) -> list[Any]:
    async with database.reading() as session:
        return list((await session.execute(select(table))).scalars())


def busy_hours(now: datetime) -> list[UsageHour]:
    """Hours of two keys, from 40 days ago to 30 days ago, each with different counts."""
    return [
        UsageHour(
            key_id=key_id,
            hour=now.replace(minute=0) - timedelta(hours=ago),
            **{outcome: ago * place for place, outcome in enumerate(OUTCOMES, key_id.int)},
        )
        for key_id in (ONE, TWO)
        for ago in range(30 * 24, 40 * 24, 7)
    ]


async def totals(database: Database) -> Counter[tuple[UUID, datetime, str]]:
    """The totals of hours and days together, by key, day and outcome."""
    found: Counter[tuple[UUID, datetime, str]] = Counter()
    async with database.reading() as session:
        for row in [
            *(await session.execute(select(UsageHour))).scalars(),
            *(await session.execute(select(UsageDay))).scalars(),
        ]:
            begins = row.hour if isinstance(row, UsageHour) else row.day
            for outcome in OUTCOMES:
                found[row.key_id, begins.replace(hour=0), outcome] += getattr(row, outcome)
    return found


def refused(key_id: UUID | None, at: datetime) -> RefusedRequest:
    return RefusedRequest(request_id=new_id(), key_id=key_id, reason="rate_limited", at=at)
