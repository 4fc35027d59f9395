"""Queries of usage counts: hours, days made of hours, months, and calls since a deletion."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from models.engine.database import Database
from models.engine.reader import Reader, Source
from models.usage.counts import OUTCOMES, make_days_of_hours
from models.usage.counts_queries import Counted, counted_by_day, counted_by_hour, month_record, requests_since_deletion
from tests.support.usage.rows import NOON, day_of, hour_of, month_of, store

ONE, TWO, THREE, OTHER = (uuid4() for _ in range(4))
HOUR, DAY, MOMENT = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
MIDNIGHT = NOON.replace(hour=0)


@pytest.fixture(params=["reader", "session"])
async def source(database: Database, request: pytest.FixtureRequest) -> AsyncIterator[Source]:
    """Both ways to read: the reader and a session."""
    if request.param == "session":
        async with database.reading() as session:
            yield session
        return
    reader = Reader(database)
    yield reader
    await reader.close()


def sums(rows: list[Counted]) -> dict[tuple[UUID, datetime], list[int]]:
    """The counts of each key and period, summed over its rows."""
    found: dict[tuple[UUID, datetime], list[int]] = {}
    for row in rows:
        before = found.get((row.key_id, row.start), [0] * len(OUTCOMES))
        found[row.key_id, row.start] = [number + more for number, more in zip(before, row[2:], strict=True)]
    return found


async def test_hours_of_a_time_have_both_of_its_ends(database: Database, source: Source) -> None:
    """The hours from `since` to `until` are returned, both ends included, of the given key only."""
    hours = [NOON + number * HOUR for number in range(-2, 4)]
    await store(database, *(hour_of(ONE, hour, allowed=number) for number, hour in enumerate(hours)))
    await store(database, hour_of(OTHER, NOON, allowed=99))

    rows = await counted_by_hour(source, [ONE], since=NOON, until=NOON + 2 * HOUR - MOMENT)

    assert {(row.key_id, row.start, row.allowed) for row in rows} == {(ONE, NOON, 2), (ONE, NOON + HOUR, 3)}


async def test_every_outcome_is_told_apart(database: Database, source: Source) -> None:
    """Each outcome has its own count, by hour and by day."""
    counts = {outcome: number for number, outcome in enumerate(OUTCOMES, start=1)}
    await store(database, hour_of(ONE, NOON, **counts), hour_of(ONE, NOON + HOUR, **counts))

    by_hour = await counted_by_hour(source, [ONE], since=NOON, until=NOON)
    by_day = await counted_by_day(source, [ONE], since=MIDNIGHT, until=MIDNIGHT + DAY - MOMENT)

    assert [row._asdict() for row in by_hour] == [{"key_id": ONE, "start": NOON, **counts}]
    assert sums(by_day) == {(ONE, MIDNIGHT): [2 * number for number in counts.values()]}


async def test_a_day_begins_and_ends_in_utc(database: Database, source: Source) -> None:
    """Days begin and end in UTC, also on a day when summer time begins."""
    first, last = datetime(2026, 3, 29, 0, tzinfo=UTC), datetime(2026, 3, 29, 23, tzinfo=UTC)
    await store(
        database,
        hour_of(ONE, first - HOUR, allowed=1),
        hour_of(ONE, first, allowed=10),
        hour_of(ONE, last, allowed=100),
        hour_of(ONE, last + HOUR, allowed=1000),
    )

    rows = await counted_by_day(source, [ONE], since=first - DAY, until=first + 2 * DAY - MOMENT)

    found = {start: counts[0] for (_, start), counts in sums(rows).items()}
    assert found == {first - DAY: 1, first: 110, first + DAY: 1000}


@pytest.mark.parametrize("dropped", [0, 1, 7, 24, 100])
async def test_a_day_is_the_same_while_hours_are_made_into_days(
    database: Database, source: Source, dropped: int
) -> None:
    """A day's counts are the same before, during and after its hours are made into a day's row."""
    hours = [MIDNIGHT - DAY + number * HOUR for number in range(48)]
    await store(database, *(hour_of(key_id, hour, allowed=1, deleted_key=2) for key_id in (ONE, TWO) for hour in hours))
    async with database.transaction() as session:
        await make_days_of_hours(session, [ONE, TWO], before=NOON, at_most=dropped)

    rows = await counted_by_day(source, [ONE, TWO], since=MIDNIGHT - DAY, until=MIDNIGHT + DAY - MOMENT)

    days = [(key_id, day) for key_id in (ONE, TWO) for day in (MIDNIGHT - DAY, MIDNIGHT)]
    assert sums(rows) == {key: [24, 0, 0, 0, 48, 0] for key in days}


async def test_a_day_s_own_row_counts_within_the_time_alone(database: Database, source: Source) -> None:
    """The rows of days are limited to the requested period, as hours are."""
    await store(database, *(day_of(ONE, MIDNIGHT + number * DAY, rate_limited=number) for number in range(5)))

    rows = await counted_by_day(source, [ONE], since=MIDNIGHT + DAY, until=MIDNIGHT + 4 * DAY - MOMENT)

    assert {row.start: row.rate_limited for row in rows} == {MIDNIGHT + number * DAY: number for number in (1, 2, 3)}


async def test_several_keys_are_asked_for_at_once(database: Database, source: Source) -> None:
    """Each of several keys gets its own counts."""
    keys = [uuid4() for _ in range(11)]
    await store(database, *(hour_of(key_id, NOON, allowed=number) for number, key_id in enumerate(keys)))

    by_hour = await counted_by_hour(source, keys, since=NOON, until=NOON)
    by_day = await counted_by_day(source, keys, since=MIDNIGHT, until=NOON)

    expected = {key_id: number for number, key_id in enumerate(keys)}
    assert {row.key_id: row.allowed for row in by_hour} == {row.key_id: row.allowed for row in by_day} == expected


async def test_the_ends_of_time_are_no_failure(database: Database, source: Source) -> None:
    """The earliest and the latest instant of datetime are accepted as bounds."""
    await store(database, hour_of(ONE, NOON, allowed=1))
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

    by_hour = await counted_by_hour(source, [ONE], since=first, until=last)
    by_day = await counted_by_day(source, [ONE], since=first, until=last)

    assert (by_hour[0].start, by_day[0].start) == (NOON, MIDNIGHT)


async def test_a_month_is_told_by_its_beginning(database: Database, source: Source) -> None:
    """A month's record is found by the month's beginning; a month without requests has none."""
    await store(database, month_of(ONE, NOON, previous=NOON - HOUR, allowed=37), month_of(OTHER, NOON, allowed=1))

    november = await month_record(source, ONE, month=datetime(2026, 11, 1, tzinfo=UTC))
    october = await month_record(source, ONE, month=datetime(2026, 10, 1, tzinfo=UTC))

    assert november == (37, NOON, NOON - HOUR)
    assert october is None


async def test_calls_since_a_deletion_are_those_of_hours_and_days(database: Database, source: Source) -> None:
    """Calls with a deleted key are summed over hours and days. A key without calls has 0."""
    await store(
        database,
        hour_of(ONE, NOON, deleted_key=5, replaced_secret=100),
        hour_of(ONE, NOON + HOUR, deleted_key=2),
        day_of(ONE, MIDNIGHT - 40 * DAY, deleted_key=30, allowed=100),
        hour_of(OTHER, NOON, deleted_key=1000),
    )

    assert await requests_since_deletion(source, [ONE, THREE]) == {ONE: 37, THREE: 0}
    assert await requests_since_deletion(source, []) == {}
