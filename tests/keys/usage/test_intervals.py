"""Whole hours and days in UTC: which intervals lie between two instants, and how many a query may ask for."""

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.refusals import UnusableArgument
from keys.usage.intervals import INTERVALS_AT_MOST, Interval, begun, intervals_between

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("since", "until", "interval", "first", "number"),
    [
        pytest.param(NOON, NOON + HOUR, Interval.HOUR, NOON, 1, id="an hour"),
        pytest.param(NOON, NOON + MOMENT, Interval.HOUR, NOON, 1, id="a moment at its beginning"),
        pytest.param(NOON + HOUR - MOMENT, NOON + HOUR, Interval.HOUR, NOON, 1, id="a moment at its end"),
        pytest.param(NOON - MOMENT, NOON + MOMENT, Interval.HOUR, NOON - HOUR, 2, id="around a beginning"),
        pytest.param(NOON, NOON + HOUR + MOMENT, Interval.HOUR, NOON, 2, id="one more that has begun"),
        pytest.param(NOON, NOON + DAY, Interval.HOUR, NOON, 24, id="a day by the hour"),
        pytest.param(NOON, NOON + DAY, Interval.DAY, NOON - 12 * HOUR, 2, id="from noon to noon by the day"),
        pytest.param(NOON - 12 * HOUR, NOON + 12 * HOUR, Interval.DAY, NOON - 12 * HOUR, 1, id="a whole day"),
        pytest.param(
            datetime(2026, 11, 24, 1, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            datetime(2026, 11, 24, 2, 0, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            Interval.DAY,
            datetime(2026, 11, 23, tzinfo=UTC),
            1,
            id="another zone, whose day is another",
        ),
        pytest.param(
            datetime(2026, 3, 29, tzinfo=UTC),
            datetime(2026, 3, 30, tzinfo=UTC),
            Interval.HOUR,
            datetime(2026, 3, 29, tzinfo=UTC),
            24,
            id="a day on which clocks are changed elsewhere",
        ),
        pytest.param(
            datetime(2026, 10, 1, tzinfo=UTC),
            datetime(2026, 11, 1, tzinfo=UTC),
            Interval.HOUR,
            datetime(2026, 10, 1, tzinfo=UTC),
            744,
            id="a month by the hour",
        ),
        pytest.param(
            datetime(2024, 11, 24, tzinfo=UTC),
            datetime(2026, 11, 25, tzinfo=UTC),
            Interval.DAY,
            datetime(2024, 11, 24, tzinfo=UTC),
            731,
            id="two years by the day",
        ),
        pytest.param(
            datetime(9999, 12, 31, 23, tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
            Interval.DAY,
            datetime(9999, 12, 31, tzinfo=UTC),
            1,
            id="the last day",
        ),
        pytest.param(
            datetime.min.replace(tzinfo=UTC),
            datetime.min.replace(tzinfo=UTC) + MOMENT,
            Interval.HOUR,
            datetime.min.replace(tzinfo=UTC),
            1,
            id="the first hour",
        ),
    ],
)
def test_what_has_begun_counts_as_a_whole(
    since: datetime, until: datetime, interval: Interval, first: datetime, number: int
) -> None:
    """The first interval contains `from`, the last one the moment before `to`."""
    intervals = intervals_between(since, until, interval)

    assert (intervals.first, len(intervals.starts)) == (first, number)
    assert intervals.starts[0] == first
    assert intervals.last_moment - intervals.starts[-1] == interval.value - MOMENT


@given(INSTANTS, INSTANTS, st.sampled_from(Interval))
def test_intervals_are_those_with_a_moment_between(since: datetime, until: datetime, interval: Interval) -> None:
    """None is missing, and none too many, in any order of the two."""
    number = begun(since, until, interval)

    if since >= until:
        assert number == 0
    elif number <= INTERVALS_AT_MOST:
        starts = intervals_between(since, until, interval).starts
        assert len(starts) == number
        assert starts[0] <= since < starts[0] + interval.value
        assert starts[-1] < until <= starts[-1] + interval.value
        assert {later - earlier for earlier, later in itertools.pairwise(starts)} <= {interval.value}


@pytest.mark.parametrize("interval", Interval)
def test_eight_hundred_are_the_most(interval: Interval) -> None:
    """One more is refused, with advice."""
    first = NOON.replace(hour=0)

    most = intervals_between(first, first + 800 * interval.value, interval)
    with pytest.raises(UnusableArgument, match="more than 800"):
        intervals_between(first, first + 800 * interval.value + MOMENT, interval)

    assert most.number == 800


@pytest.mark.parametrize("until", [NOON, NOON - MOMENT, NOON - DAY, datetime.min.replace(tzinfo=UTC)])
def test_a_time_must_not_end_before_it_begins(until: datetime) -> None:
    """Nor end at its beginning."""
    with pytest.raises(UnusableArgument, match="before to"):
        intervals_between(NOON, until, Interval.HOUR)
