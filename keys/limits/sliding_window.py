"""
Defines a key's limits: the sliding window of the rate limit, and the calendar month of the quota.

The window is the last minute in steps of a second: requests are counted in cells of one second, and a cell is dropped
60 seconds after it began. So at most `limit` requests pass in any 59 seconds, a steady `limit` a minute always passes,
and there is no boundary at which twice as many pass. SlidingWindowRateLimiter of .NET works this way with fewer steps.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

WINDOW_SECONDS = 60
CELL_MS = 1000

Window = tuple[int, tuple[int, ...]]
"""
The total of requests, then the cells, oldest first: for each the number of its second since 1970, and its count.

A plain tuple of integers, because the garbage collector stops tracking those.
"""
EMPTY: Window = (0, ())


class Limits(NamedTuple):
    """How many requests a key may make in any minute (the window), and in a calendar month in UTC."""

    rate_limit: int
    monthly_quota: int


class Month(NamedTuple):
    """A calendar month in UTC, in seconds since 1970. `end` is the start of the next month."""

    start: int
    end: int


class LimitStatus(NamedTuple):
    """
    What a key has used and has left at the moment `at`, in milliseconds since 1970 by the limiter's clock.

    `rate_resets_in` is in milliseconds: after that time the oldest counted requests leave the window and as many more
    may pass. It is 0 if none is counted.
    """

    rate_remaining: int
    rate_resets_in: int
    quota_used: int
    month: Month
    at: int


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


@lru_cache(maxsize=8)
def _month(year: int, month: int) -> Month:
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    start, end = datetime(year, month, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)
    return Month(int(start.timestamp()), int(end.timestamp()))


def month_of(at: int) -> Month:
    """The month of this moment, which is in milliseconds since 1970."""
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return _month(moment.year, moment.month)


def pruned(window: Window, at: int) -> Window:
    """
    Returns the window without the cells that are older than a minute.

    If the clock was set back, all cells move back with it. Callers store that window even for a refused request; a key
    would otherwise be refused until the clock has caught up.
    """
    total, cells = window
    if not cells:
        return window
    newest = at // CELL_MS
    if (ahead := cells[-2] - newest) > 0:
        cells = tuple(value if place % 2 else value - ahead for place, value in enumerate(cells))
    over = 0
    while over < len(cells) and cells[over] <= newest - WINDOW_SECONDS:
        total -= cells[over + 1]
        over += 2
    return total, cells[over:]


def incremented(window: Window, at: int, by: int = 1) -> Window:
    """Returns the window with one more request, or with more of them. The window must be `pruned`."""
    total, cells = window
    cell = at // CELL_MS
    # `+` copies the cells in half the time that unpacking takes.
    if cells and cells[-2] == cell:
        return total + by, cells[:-1] + (cells[-1] + by,)  # noqa: RUF005
    return total + by, cells + (cell, by)  # noqa: RUF005


def resets_in(window: Window, at: int) -> int:
    """Milliseconds until the oldest cell of a `pruned` window leaves it; 0 if it has no cells."""
    cells = window[1]
    return (cells[0] + WINDOW_SECONDS) * CELL_MS - at if cells else 0


def retry_after_ms(window: Window, limit: int, at: int) -> int:
    """Milliseconds until one more request fits into a `pruned` window; 0 if it fits now."""
    total, cells = window
    place = 0
    wait = 0
    while total >= limit:
        wait = (cells[place] + WINDOW_SECONDS) * CELL_MS - at
        total -= cells[place + 1]
        place += 2
    return wait


def whole_seconds(milliseconds: int) -> int:
    """Converts milliseconds to seconds, rounded up, so that a caller that waits this long has waited long enough."""
    return -(-milliseconds // 1000)
