"""So many a minute a person; each person by themselves, and no more people than are remembered."""

from datetime import UTC, datetime, timedelta

import pytest

from keys.refusals import TooManyRequests
from models.engine.ids import new_id
from resolvers import pace
from resolvers.pace import Budget, Pace

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_one_too_many_is_told_when_to_come_back() -> None:
    """After a minute from the first; another person is not in the way."""
    person, other, asked = new_id(), new_id(), Pace(2)
    asked.check(person, NOON)
    asked.check(person, NOON + timedelta(seconds=10))

    with pytest.raises(TooManyRequests) as refused:
        asked.check(person, NOON + timedelta(seconds=20))

    assert refused.value.retry_after_seconds == 40
    asked.check(other, NOON + timedelta(seconds=20))
    asked.check(person, NOON + timedelta(seconds=60))


def test_who_asked_the_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nothing grows for ever."""
    monkeypatch.setattr(pace, "PEOPLE_AT_MOST", 2)
    first, second, third, asked = new_id(), new_id(), new_id(), Pace(1)

    for person in (first, second, third):
        asked.check(person, NOON)

    asked.check(first, NOON)
    with pytest.raises(TooManyRequests):
        asked.check(third, NOON)


def test_a_budget_is_spent_and_comes_back_after_a_minute() -> None:
    """What does not fit is not counted, and is told when enough was spent a minute ago; the first always fits."""
    person, other, budget = new_id(), new_id(), Budget(10, "data")
    budget.spend(person, 6, NOON)
    budget.spend(person, 3, NOON + timedelta(seconds=10))
    later = NOON + timedelta(seconds=20)

    waits = []
    for cost in (2, 8):
        with pytest.raises(TooManyRequests, match="too much data") as refused:
            budget.spend(person, cost, later)
        waits.append(refused.value.retry_after_seconds)

    assert waits == [40, 50]
    budget.spend(person, 1, later)
    budget.spend(other, 1_000, later)
    budget.spend(person, 6, NOON + timedelta(seconds=60))


def test_a_budget_forgets_who_asked_the_longest_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nothing grows for ever."""
    monkeypatch.setattr(pace, "PEOPLE_AT_MOST", 2)
    first, second, third, budget = new_id(), new_id(), new_id(), Budget(1, "data")

    for person in (first, second, third):
        budget.spend(person, 1, NOON)

    budget.spend(first, 1, NOON)
    with pytest.raises(TooManyRequests):
        budget.spend(third, 1, NOON)


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    """What lies ahead of the clock counts no more."""
    person, asked, spent = new_id(), Pace(1), Budget(10, "data")
    asked.check(person, NOON)
    spent.spend(person, 10, NOON)

    earlier = NOON - timedelta(days=1)
    asked.check(person, earlier)
    spent.spend(person, 10, earlier)

    with pytest.raises(TooManyRequests):
        asked.check(person, earlier + timedelta(seconds=1))
