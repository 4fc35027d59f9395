"""When a window has room again; and a person's budget for a minute, with a bound on the people in memory."""

from datetime import UTC, datetime, timedelta

import pytest

from keys.refusals import TooManyRequests
from keys.windows import A_DAY, A_MINUTE, PersonalLimit, PersonalWindow, free_at, retry_after, seconds_until
from models.engine.ids import new_id

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ASKED = [NOON - timedelta(seconds=seconds) for seconds in (90, 60, 50, 20, 0)]
"""Oldest first. The first two are out of the window of a minute that ends at noon."""


@pytest.mark.parametrize(("limit", "seconds"), [(5, None), (4, None), (3, 10), (2, 40), (1, 60)])
def test_there_is_room_once_fewer_than_the_limit_are_in_the_window(limit: int, seconds: int | None) -> None:
    """In any order; a request exactly a minute old no longer counts."""
    for instants in (ASKED, ASKED[::-1]):
        assert retry_after(instants, limit, A_MINUTE, NOON) == seconds
        expected = None if seconds is None else NOON + timedelta(seconds=seconds)
        assert free_at(instants, limit, A_MINUTE, NOON) == expected
    assert retry_after(ASKED, 5, A_DAY, NOON) == 86_400 - 90


def test_a_wait_is_whole_seconds_and_never_none() -> None:
    """Rounded up, so that nobody comes back too early."""
    waits = [seconds_until(NOON + timedelta(milliseconds=ms), NOON) for ms in (-5000, 0, 1, 1000, 1001)]

    assert waits == [1, 1, 1, 1, 2]


def test_one_too_many_is_told_when_to_come_back() -> None:
    """The wait ends a minute after the first; other people are not affected."""
    person, other, asked = new_id(), new_id(), PersonalLimit(2, "You have asked about 2 requests")
    asked.use(person, NOON)
    asked.use(person, NOON + timedelta(seconds=10))

    with pytest.raises(TooManyRequests, match=r"You have asked about 2 requests within a minute\.") as refused:
        asked.use(person, NOON + timedelta(seconds=20))

    assert refused.value.retry_after_seconds == 40
    asked.use(other, NOON + timedelta(seconds=20))
    asked.use(person, NOON + timedelta(seconds=60))


def test_who_asked_the_longest_ago_is_forgotten_first() -> None:
    """The memory is bounded."""
    first, second, third, asked = (
        new_id(),
        new_id(),
        new_id(),
        PersonalLimit(1, "You have asked about 1 requests", people_at_most=2),
    )

    for person in (first, second, third):
        asked.use(person, NOON)

    asked.use(first, NOON)
    with pytest.raises(TooManyRequests):
        asked.use(third, NOON)


def test_a_budget_is_spent_and_comes_back_after_a_minute() -> None:
    """A cost that does not fit is not counted, and the wait is until enough is a minute old; the first always fits."""
    person, other, budget = new_id(), new_id(), PersonalLimit(10, "You have asked for too much data")
    budget.use(person, NOON, 6)
    budget.use(person, NOON + timedelta(seconds=10), 3)
    later = NOON + timedelta(seconds=20)

    waits = []
    for cost in (2, 8):
        with pytest.raises(TooManyRequests, match="too much data") as refused:
            budget.use(person, later, cost)
        waits.append(refused.value.retry_after_seconds)

    assert waits == [40, 50]
    budget.use(person, later, 1)
    budget.use(other, later, 1_000)
    budget.use(person, NOON + timedelta(seconds=60), 6)


def test_a_use_counts_for_a_minute_whenever_it_was_added() -> None:
    """A failed change is added when it ends, with the time at which it began: later than one that began after it."""
    person, window = new_id(), PersonalWindow()
    window.add(person, NOON + timedelta(seconds=10))
    window.add(person, NOON)

    assert len(window.used(person, NOON + timedelta(seconds=50))) == 2
    assert window.used(person, NOON + timedelta(seconds=60)) == [(NOON + timedelta(seconds=10), 1)]


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    """Entries ahead of the clock no longer count."""
    person, asked, spent = (
        new_id(),
        PersonalLimit(1, "You have asked about 1 requests", people_at_most=2),
        PersonalLimit(10, "You have asked for too much data"),
    )
    asked.use(person, NOON)
    spent.use(person, NOON, 10)

    earlier = NOON - timedelta(days=1)
    asked.use(person, earlier)
    spent.use(person, earlier, 10)

    with pytest.raises(TooManyRequests):
        asked.use(person, earlier + timedelta(seconds=1))
