"""So many a minute a person; each person by themselves, and no more people than are remembered."""

from datetime import UTC, datetime, timedelta

import pytest

from keys.refusals import TooManyRequests
from models.ids import new_id
from resolvers import pace
from resolvers.pace import Pace

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
