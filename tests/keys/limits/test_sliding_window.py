"""What the sliding window lets pass and when it has room again, and where a calendar month begins and ends."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.limits.sliding_window import (
    EMPTY,
    WINDOW_SECONDS,
    Month,
    Window,
    incremented,
    month_of,
    pruned,
    resets_in,
    retry_after_ms,
    to_ms,
    whole_seconds,
)

NOON = to_ms(datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
WINDOW_MS = WINDOW_SECONDS * 1000
starts = st.integers(NOON, NOON + 999)
limits = st.integers(1, 6)
gaps = st.lists(st.integers(0, 1500) | st.integers(0, 30_000) | st.integers(55_000, 65_000), min_size=1, max_size=60)
jumps = st.integers(-200_000, 200_000) | st.integers(-2000, 2000) | st.integers(-(10**9), 10**9)


class Counter:
    """A key's window, as limiters store it."""

    def __init__(self) -> None:
        self.window: Window = EMPTY

    def consume(self, limit: int, at: int) -> bool:
        """Whether one more request passes; if so, it is counted."""
        self.window = pruned(self.window, at)
        if self.window[0] >= limit:
            return False
        self.window = incremented(self.window, at)
        return True

    def waits(self, limit: int, at: int) -> int:
        return retry_after_ms(pruned(self.window, at), limit, at)


def moments(start: int, gaps: Iterable[int]) -> list[int]:
    """The instants at these distances in milliseconds."""
    at = start
    return [at := at + gap for gap in gaps]


def is_sound(window: Window) -> bool:
    """Whether the total is the sum of the buckets, which are unique, in order and not empty."""
    total, cells = window
    numbers, counts = cells[::2], cells[1::2]
    return sum(counts) == total and all(counts) and list(numbers) == sorted(set(numbers))


@given(starts, gaps, limits)
def test_never_more_than_the_limit_in_any_59_seconds(start: int, gaps: list[int], limit: int) -> None:
    """Whenever the requests come: at no boundary do twice as many pass."""
    counter = Counter()

    passed = [at for at in moments(start, gaps) if counter.consume(limit, at)]

    assert all(later - earlier > 59_000 for earlier, later in zip(passed, passed[limit:], strict=False))


@given(starts, gaps, limits)
def test_none_is_refused_that_has_room_in_the_last_minute(start: int, gaps: list[int], limit: int) -> None:
    """A refused key has made as many requests as it may within the last 60 seconds."""
    counter = Counter()
    passed: list[int] = []
    for at in moments(start, gaps):
        if counter.consume(limit, at):
            passed.append(at)
        else:
            assert sum(at - WINDOW_MS < earlier for earlier in passed) >= limit


@pytest.mark.parametrize("limit", [1, 2, 7, 59, 60, 61, 600, 997])
@pytest.mark.parametrize("offset", [0, 1, 500, 999])
def test_a_steady_limit_a_minute_always_passes(limit: int, offset: int) -> None:
    """Evenly spread, over more than two windows."""
    counter = Counter()

    passed = [counter.consume(limit, NOON + offset + number * WINDOW_MS // limit) for number in range(2 * limit + 50)]

    assert all(passed)


@given(starts, gaps, limits, limits)
def test_there_is_room_exactly_when_it_was_said(start: int, gaps: list[int], limit: int, later_limit: int) -> None:
    """A millisecond before, there is none; then there is. A limit that changed meanwhile applies."""
    counter = Counter()
    at = start
    for at in moments(start, gaps):
        counter.consume(limit, at)

    wait = counter.waits(later_limit, at)

    assert 0 <= wait <= WINDOW_MS
    assert pruned(counter.window, at + wait)[0] < later_limit
    assert wait == 0 or pruned(counter.window, at + wait - 1)[0] >= later_limit


@given(starts, gaps, limits)
def test_it_resets_when_its_oldest_requests_leave_it(start: int, gaps: list[int], limit: int) -> None:
    """Until then no room returns; then some does."""
    counter = Counter()
    at = start
    for at in moments(start, gaps):
        counter.consume(limit, at)
    window = pruned(counter.window, at)

    wait = resets_in(window, at)

    assert 0 < wait <= WINDOW_MS
    assert pruned(window, at + wait - 1)[0] == window[0]
    assert pruned(window, at + wait)[0] < window[0]


@given(starts, st.lists(st.tuples(jumps, limits), min_size=1, max_size=60))
def test_a_clock_that_jumps_locks_nobody_out_for_longer_than_a_window(start: int, steps: list[tuple[int, int]]) -> None:
    """After any jump, room returns within 60 seconds on the new clock, and at the announced time."""
    counter = Counter()
    at = start
    for jump, limit in steps:
        at += jump
        counter.consume(limit, at)
        wait = counter.waits(limit, at)

        assert is_sound(pruned(counter.window, at))
        assert wait <= WINDOW_MS
        assert pruned(counter.window, at + wait)[0] < limit
        assert not wait or pruned(counter.window, at + wait - 1)[0] >= limit


@given(starts, gaps, st.integers(1, 10**9), limits)
def test_a_clock_that_goes_back_gives_no_room(start: int, gaps: list[int], back: int, limit: int) -> None:
    """Requests of the last minute still count: nobody gets a second window."""
    counter = Counter()
    at = start
    for at in moments(start, gaps):
        counter.consume(limit, at)
    before = pruned(counter.window, at)[0]

    assert pruned(counter.window, at - back)[0] >= before


@given(starts, st.lists(st.tuples(jumps, limits), max_size=30), jumps)
def test_what_is_over_goes_once(start: int, steps: list[tuple[int, int]], jump: int) -> None:
    """Pruning a pruned window changes nothing."""
    counter = Counter()
    at = start
    for change, limit in steps:
        at += change
        counter.consume(limit, at)

    once = pruned(counter.window, at + jump)

    assert pruned(once, at + jump) == once


def test_an_empty_window_has_room_at_once() -> None:
    """There is nothing to reset."""
    assert pruned(EMPTY, NOON) == EMPTY
    assert retry_after_ms(EMPTY, 1, NOON) == 0
    assert resets_in(EMPTY, NOON) == 0


@pytest.mark.parametrize(
    ("moment", "start", "end"),
    [
        (datetime(2026, 11, 24, 12, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)),
        (datetime(2027, 2, 28, 23, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC)),
        (datetime(2028, 2, 29, 23, tzinfo=UTC), datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        (datetime(2100, 2, 28, 23, tzinfo=UTC), datetime(2100, 2, 1, tzinfo=UTC), datetime(2100, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_month_is_one_of_the_calendar_in_utc(moment: datetime, start: datetime, end: datetime) -> None:
    """December is followed by the next year's January; a leap February has 29 days."""
    assert month_of(to_ms(moment)) == Month(int(start.timestamp()), int(end.timestamp()))


@given(st.datetimes(datetime(1970, 1, 1), datetime(9000, 12, 31), timezones=st.just(UTC)))
def test_every_moment_lies_in_one_month(moment: datetime) -> None:
    """To the millisecond: months follow each other without a gap."""
    at = to_ms(moment)
    month = month_of(at)

    assert month.start * 1000 <= at < month.end * 1000
    assert month_of(month.start * 1000) == month
    assert month_of(month.end * 1000 - 1) == month
    assert month_of(month.end * 1000).start == month.end
    assert 28 <= (month.end - month.start) / 86_400 <= 31


@pytest.mark.parametrize(
    ("milliseconds", "seconds"),
    [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (59_001, 60), (2_678_400_000, 2_678_400)],
)
def test_a_wait_in_whole_seconds_is_long_enough(milliseconds: int, seconds: int) -> None:
    """Rounded up."""
    assert whole_seconds(milliseconds) == seconds
