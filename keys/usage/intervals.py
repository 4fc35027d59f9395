"""Owns the intervals that usage is shown by: whole hours and whole days in UTC."""

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import NamedTuple

from keys.refusals import UnusableArgument

INTERVALS_AT_MOST = 800
"""A month by the hour has 744, two years by the day 731."""


class Interval(Enum):
    """How long one is."""

    HOUR = timedelta(hours=1)
    DAY = timedelta(days=1)


class Intervals(NamedTuple):
    """So many, one after the other, of which the first begins then."""

    first: datetime
    number: int
    interval: Interval

    @property
    def starts(self) -> list[datetime]:
        """The beginning of each, oldest first."""
        return [self.first + number * self.interval.value for number in range(self.number)]

    @property
    def last_moment(self) -> datetime:
        """The last microsecond of the last one. Its end may be beyond what a datetime holds."""
        return self.first + (self.number * self.interval.value - timedelta(microseconds=1))


def begun(since: datetime, until: datetime, interval: Interval) -> int:
    """How many intervals have a moment in [since, until), none where the two are not in order."""
    return max(0, -((_beginning(since, interval) - until) // interval.value)) if since < until else 0


def intervals_between(since: datetime, until: datetime, interval: Interval) -> Intervals:
    """
    Those that have a moment in [since, until): one that has begun counts as a whole. Raises UnusableArgument.
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
