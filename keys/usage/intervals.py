"""Computes the intervals in which usage is shown: whole hours or whole days in UTC."""

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import NamedTuple

from keys.refusals import UnusableArgument

INTERVALS_AT_MOST = 800
"""The most intervals in one request. A month by the hour has 744, two years by the day have 731."""


class Interval(Enum):
    """The length of an interval."""

    HOUR = timedelta(hours=1)
    DAY = timedelta(days=1)


class Intervals(NamedTuple):
    """A number of consecutive intervals, the first of which starts at `first`."""

    first: datetime
    number: int
    interval: Interval

    @property
    def starts(self) -> list[datetime]:
        """The start of each interval, oldest first."""
        return [self.first + number * self.interval.value for number in range(self.number)]

    @property
    def last_moment(self) -> datetime:
        """The last microsecond of the last interval. Its end could be later than the latest datetime."""
        return self.first + (self.number * self.interval.value - timedelta(microseconds=1))


def begun(since: datetime, until: datetime, interval: Interval) -> int:
    """The number of intervals that overlap [since, until); 0 if `until` is not after `since`."""
    return max(0, -((_beginning(since, interval) - until) // interval.value)) if since < until else 0


def intervals_between(since: datetime, until: datetime, interval: Interval) -> Intervals:
    """
    The intervals that overlap [since, until). Each is included as a whole. Raises UnusableArgument.
    """
    number = begun(since, until, interval)
    if number == 0:
        raise UnusableArgument("from: must be before to.")
    if number > INTERVALS_AT_MOST:
        raise UnusableArgument(
            f"from, to: there are more than {INTERVALS_AT_MOST} intervals between the two. Ask for fewer at once"
            + (", or by DAY." if interval is Interval.HOUR else ".")
        )
    return Intervals(_beginning(since, interval), number, interval)


def _beginning(moment: datetime, interval: Interval) -> datetime:
    of_hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return of_hour if interval is Interval.HOUR else of_hour.replace(hour=0)
