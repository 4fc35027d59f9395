"""
Owns what a key's limits mean: the sliding window of the rate limit, and the calendar month of the quota.

The window is the last minute in steps of a second: requests are counted in cells of one second, and a cell is forgotten
60 seconds after it began. So at most `limit` requests pass in any 59 seconds, a steady `limit` a minute always passes,
and there is no boundary at which twice as many do. (The same with few steps: SlidingWindowRateLimiter of .NET.)
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

WINDOW_SECONDS = 60
CELL_MS = 1000

Window = tuple[int, tuple[int, ...]]
"""How many requests are counted, and in which cells: the number of a second since 1970 and a count, oldest first. A
plain tuple of integers, which the collector stops to look at."""
EMPTY: Window = (0, ())


class Limits(NamedTuple):
    """Requests that a key may make in a window, and in a calendar month in UTC."""

    rate_limit: int
    monthly_quota: int


class Month(NamedTuple):
    """A calendar month in UTC: its beginning and its end in seconds since 1970, the end being the next one's."""

    start: int
    end: int


class Balance(NamedTuple):
    """
    Where a key stands. `rate_resets_in` is in milliseconds: when the oldest requests that are counted leave the window
    and their room comes back; 0 where none is counted. `at` is in milliseconds since 1970, by the limiter's clock.
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
    """The month that this moment, in milliseconds since 1970, lies in."""
    moment = datetime.fromtimestamp(at / 1000, UTC)
    return _month(moment.year, moment.month)


def current(window: Window, at: int) -> Window:
    """
    The window without the cells that are over.

    When the clock has gone back, what was counted counts as of now. Kept so also for who is refused, it locks nobody
    out until the clock has caught up.
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


def counted(window: Window, at: int) -> Window:
    """The current window with one more request."""
    total, cells = window
    cell = at // CELL_MS
    if cells and cells[-2] == cell:
        return total + 1, (*cells[:-1], cells[-1] + 1)
    return total + 1, (*cells, cell, 1)


def resets_in(window: Window, at: int) -> int:
    """Milliseconds until the current window's oldest cell is over, 0 where it has none."""
    cells = window[1]
    return (cells[0] + WINDOW_SECONDS) * CELL_MS - at if cells else 0


def free_in(window: Window, limit: int, at: int) -> int:
    """Milliseconds until the current window has room for one more, 0 where it has."""
    total, cells = window
    place = 0
    wait = 0
    while total >= limit:
        wait = (cells[place] + WINDOW_SECONDS) * CELL_MS - at
        total -= cells[place + 1]
        place += 2
    return wait


def whole_seconds(milliseconds: int) -> int:
    """Rounded up: who waits so long has waited long enough."""
    return -(-milliseconds // 1000)
