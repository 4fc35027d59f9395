"""Reads the counts of keys' requests: by hour, by day, for a month, and since a deletion."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Select, Uuid, bindparam, cast, func, union_all
from sqlalchemy import select as columns
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import col

from models.api_key import ApiKey
from models.engine.columns import UtcDateTime
from models.engine.database_address import POSTGRESQL, SQLITE
from models.engine.in_clause import in_parts, padded_size, padded_values, placeholders
from models.engine.reader import Source, fetch
from models.usage.counts import OUTCOMES, UsageDay, UsageHour, UsageMonth


class Counted(NamedTuple):
    """The counts of a key in the hour or day that begins at this time."""

    key_id: UUID
    start: datetime
    allowed: int
    rate_limited: int
    quota_exceeded: int
    agent_not_in_scope: int
    deleted_key: int
    replaced_secret: int


class MonthRecord(NamedTuple):
    """The number of a key's allowed requests in a month, and the time of the last one."""

    allowed: int
    last_used_at: datetime
    previous_secret_last_used_at: datetime | None


class _BeginningOfDay(FunctionElement[datetime]):
    """An SQL expression: the start of an instant's day in UTC."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(_BeginningOfDay, SQLITE)
def _on_sqlite(element: _BeginningOfDay, compiler: SQLCompiler, **options: Any) -> str:
    return f"substr({compiler.process(element.clauses, **options)}, 1, 10) || ' 00:00:00.000000'"


@compiles(_BeginningOfDay, POSTGRESQL)
def _on_postgresql(element: _BeginningOfDay, compiler: SQLCompiler, **options: Any) -> str:
    return f"date_trunc('day', {compiler.process(element.clauses, **options)}, 'UTC')"


def _counted(table: type[UsageHour] | type[UsageDay], start: Any, room: int) -> Select[Any]:
    """Selects rows by `room` keys and a period. Both ends of the period are included."""
    shown: list[Any] = [table.key_id, start, *(getattr(table, outcome) for outcome in OUTCOMES)]
    since, until = bindparam("since", type_=UtcDateTime()), bindparam("until", type_=UtcDateTime())
    return columns(*shown).where(col(table.key_id).in_(placeholders(room)), start.between(since, until))


@cache
def _by_hour(room: int) -> Select[Any]:
    return _counted(UsageHour, col(UsageHour.hour), room)


@cache
def _by_day(room: int) -> Select[Any]:
    """
    Selects days, and sums of hours that are not summed up as days yet.

    It is one statement, because hours may become days at any moment between two statements.
    """
    hours = _counted(UsageHour, col(UsageHour.hour), room).subquery()
    day = _BeginningOfDay(hours.c.hour)
    sums: list[Any] = [cast(func.sum(hours.c[outcome]), BigInteger) for outcome in OUTCOMES]
    summed: Select[Any] = columns(hours.c.key_id, day, *sums).group_by(hours.c.key_id, day)
    both = union_all(_counted(UsageDay, col(UsageDay.day), room), summed).subquery()
    return columns(*both.c)


async def counted_by_hour(
    source: Source, key_ids: Collection[UUID], *, since: datetime, until: datetime
) -> list[Counted]:
    """The hours of these keys that start in the period, both ends included. Hours without a request are left out."""
    return await _counts(source, _by_hour(padded_size(key_ids)), key_ids, since, until)


async def counted_by_day(
    source: Source, key_ids: Collection[UUID], *, since: datetime, until: datetime
) -> list[Counted]:
    """
    The days of these keys in the period. Days without a request are left out, and a day may have two rows.

    `since` is the start of the first day, and `until` the end of the last one.
    """
    return await _counts(source, _by_day(padded_size(key_ids)), key_ids, since, until)


async def _counts(
    source: Source, statement: Select[Any], key_ids: Collection[UUID], since: datetime, until: datetime
) -> list[Counted]:
    parameters = {**padded_values(key_ids), "since": since, "until": until}
    return [Counted._make(row) for row in await fetch(source, statement, parameters)]


_KEY = bindparam("key_id", type_=Uuid())
_SHOWN_OF_MONTH: list[Any] = [
    UsageMonth.allowed,
    UsageMonth.last_used_at,
    UsageMonth.previous_secret_last_used_at,
]
_MONTH: Select[Any] = columns(*_SHOWN_OF_MONTH).where(
    col(UsageMonth.key_id) == _KEY, col(UsageMonth.month) == bindparam("month", type_=UtcDateTime())
)


async def month_record(source: Source, key_id: UUID, *, month: datetime) -> MonthRecord | None:
    """The key's counts for the month that starts then, or None if no request was allowed in it."""
    rows = await fetch(source, _MONTH, {"key_id": key_id, "month": month})
    return MonthRecord._make(rows[0]) if rows else None


@cache
def _since_deletion(room: int) -> Select[Any]:
    both = union_all(
        *(
            columns(col(table.key_id), col(table.deleted_key)).where(col(table.key_id).in_(placeholders(room)))
            for table in (UsageHour, UsageDay)
        )
    ).subquery()
    return columns(both.c.key_id, cast(func.sum(both.c.deleted_key), BigInteger)).group_by(both.c.key_id)


async def requests_since_deletion(source: Source, key_ids: Collection[UUID]) -> dict[UUID, int]:
    """The number of requests with each of these keys after it was deleted, as far back as days are kept."""
    if not key_ids:
        return {}
    rows = await fetch(source, _since_deletion(padded_size(key_ids)), padded_values(key_ids))
    return dict.fromkeys(key_ids, 0) | {row[0]: row[1] for row in rows}


@cache
def _of_agents(room: int) -> Select[Any]:
    since, until = bindparam("since", type_=UtcDateTime()), bindparam("until", type_=UtcDateTime())
    every = sum((col(getattr(UsageHour, outcome)) for outcome in OUTCOMES[1:]), col(getattr(UsageHour, OUTCOMES[0])))
    counted: list[Any] = [ApiKey.agent_id, cast(func.sum(every), BigInteger)]
    return (
        columns(*counted)
        .join(UsageHour, col(UsageHour.key_id) == col(ApiKey.id))
        .where(col(ApiKey.agent_id).in_(placeholders(room)), col(UsageHour.hour).between(since, until))
        .group_by(col(ApiKey.agent_id))
    )


async def requests_of_agents(
    source: Source, agent_ids: Collection[UUID], *, since: datetime, until: datetime
) -> dict[UUID, int]:
    """
    The number of requests with keys of each of these agents, deleted ones too, whatever their outcome, in the hours
    that start in the period. Agents without a request are left out.
    """
    found: dict[UUID, int] = {}
    for part in in_parts(agent_ids):
        parameters = {**padded_values(part), "since": since, "until": until}
        found |= {row[0]: row[1] for row in await fetch(source, _of_agents(padded_size(part)), parameters)}
    return found
