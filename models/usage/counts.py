"""
Counts of keys' requests: by outcome for hours and days, and allowed requests for calendar months.

The usage recorder adds to hours and months shortly after requests. Retention sums up hours as days before it deletes
them. No row has a foreign key to the key's row, because that would lock the key's row with every verification.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, exists
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from models.engine.columns import UtcDateTime, instant, optional_instant
from models.engine.skip_scan import Walk, walk_keys
from models.engine.statements import delete_rows, dialect_of, upsert

HOURS_KEPT_DAYS = 35
DAYS_KEPT_DAYS = 731
"""Two years with a leap day."""


class Outcomes(SQLModel):
    """The number of a key's requests that were allowed, and of those refused for each reason."""

    allowed: int = Field(default=0, sa_type=BigInteger)
    rate_limited: int = Field(default=0, sa_type=BigInteger)
    quota_exceeded: int = Field(default=0, sa_type=BigInteger)
    agent_not_in_scope: int = Field(default=0, sa_type=BigInteger)
    deleted_key: int = Field(default=0, sa_type=BigInteger)
    replaced_secret: int = Field(default=0, sa_type=BigInteger)


OUTCOMES = tuple(Outcomes.model_fields)
"""The counting columns, for requests whose key is known. The first one counts allowed requests."""


class UsageHour(Outcomes, table=True):
    """A key's requests in the hour that starts at `hour`, in UTC. Kept for 35 days."""

    __tablename__ = "usage_hours"

    key_id: UUID = Field(primary_key=True)
    hour: datetime = Field(sa_type=UtcDateTime, primary_key=True)


class UsageDay(Outcomes, table=True):
    """A key's requests in the day that starts at `day`, in UTC, whose hours were deleted. Kept for two years."""

    __tablename__ = "usage_days"

    key_id: UUID = Field(primary_key=True)
    day: datetime = Field(sa_type=UtcDateTime, primary_key=True)


class UsageMonth(SQLModel, table=True):
    """
    A key's allowed requests in a calendar month in UTC, and the time of the last one. Kept as long as the key's row.

    `previous_secret_last_used_at` is the time of the last allowed request with the previous secret.
    """

    __tablename__ = "usage_months"

    key_id: UUID = Field(primary_key=True)
    month: datetime = Field(sa_type=UtcDateTime, primary_key=True)
    allowed: int = Field(default=0, sa_type=BigInteger)
    last_used_at: datetime = instant()
    previous_secret_last_used_at: datetime | None = optional_instant()


async def keys_with_hours_before(session: AsyncSession, *, moment: datetime, after: UUID | None) -> Walk:
    """The next keys after `after`, and which of them have hours that started before the moment."""
    return await walk_keys(
        session,
        col(UsageHour.key_id),
        lambda key_id: exists().where(col(UsageHour.key_id) == key_id, col(UsageHour.hour) < moment),
        after=after,
    )


async def make_days_of_hours(
    session: AsyncSession, key_ids: Collection[UUID], *, before: datetime, at_most: int
) -> int:
    """Adds hours of these keys that started before `before` to their days and deletes them. Returns how many."""
    hours = await delete_rows(
        session,
        UsageHour,
        col(UsageHour.key_id).in_(key_ids),
        col(UsageHour.hour) < before,
        at_most=at_most,
        returning=[col(getattr(UsageHour, name)) for name in ("key_id", "hour", *OUTCOMES)],
    )
    days: defaultdict[tuple[UUID, datetime], list[int]] = defaultdict(lambda: [0] * len(OUTCOMES))
    for key_id, hour, *numbers in map(tuple, hours):
        day = days[key_id, hour.replace(hour=0)]
        day[:] = map(int.__add__, day, numbers)
    if days:
        await _add_to_days(session, days)
    return len(hours)


async def _add_to_days(session: AsyncSession, days: dict[tuple[UUID, datetime], list[int]]) -> None:
    statement = upsert(UsageDay, dialect_of(session)).values(
        [
            {"key_id": key_id, "day": day, **dict(zip(OUTCOMES, numbers, strict=True))}
            for (key_id, day), numbers in days.items()
        ]
    )
    sums = {outcome: getattr(UsageDay, outcome) + statement.excluded[outcome] for outcome in OUTCOMES}
    await session.execute(statement.on_conflict_do_update(index_elements=["key_id", "day"], set_=sums))


async def keys_with_days_before(session: AsyncSession, *, moment: datetime, after: UUID | None) -> Walk:
    """The next keys after `after`, and which of them have days that started before the moment."""
    return await walk_keys(
        session,
        col(UsageDay.key_id),
        lambda key_id: exists().where(col(UsageDay.key_id) == key_id, col(UsageDay.day) < moment),
        after=after,
    )


async def drop_days(session: AsyncSession, key_ids: Collection[UUID], *, before: datetime, at_most: int) -> int:
    """Deletes days of these keys that started before `before`. Returns how many."""
    of_keys, is_old = col(UsageDay.key_id).in_(key_ids), col(UsageDay.day) < before
    return len(await delete_rows(session, UsageDay, of_keys, is_old, at_most=at_most))
