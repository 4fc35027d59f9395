"""Does the pacing of what is asked often and changes nothing: so many a minute a person, counted in this process."""

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from keys.refusals import TooManyRequests

WINDOW = timedelta(minutes=1)
PEOPLE_AT_MOST = 10_000


class Pace:
    """Remembers when each asked last; who asked the longest ago is forgotten first."""

    def __init__(self, at_most: int, verb: str = "asked about", what: str = "requests") -> None:
        """Verb and noun complete the sentence “You have … 300 … within a minute”."""
        self._at_most = at_most
        self._verb, self._what = verb, what
        self._asked: OrderedDict[UUID, deque[datetime]] = OrderedDict()

    def check(self, person_id: UUID, now: datetime) -> None:
        """Counts one more. Raises TooManyRequests where that is too many within a minute."""
        asked = self._asked.setdefault(person_id, deque())
        self._asked.move_to_end(person_id)
        if len(self._asked) > PEOPLE_AT_MOST:
            self._asked.popitem(last=False)
        while asked and not now - WINDOW < asked[0] <= now:  # later than now: the clock was set back
            asked.popleft()
        if len(asked) >= self._at_most:
            raise TooManyRequests(
                f"You have {self._verb} {self._at_most} {self._what} within a minute. Wait a little, then go on.",
                retry_after_seconds=max(1, ceil((asked[0] + WINDOW - now).total_seconds())),
            )
        asked.append(now)


class Budget:
    """How much work a person may ask for within a minute, counted in this process; a piece of work has a cost."""

    def __init__(self, at_most: int, work: str) -> None:
        """`work` completes the sentence “You have asked for too much …”."""
        self._at_most = at_most
        self._work = work
        self._spent: OrderedDict[UUID, deque[tuple[datetime, int]]] = OrderedDict()

    def spend(self, person_id: UUID, cost: int, now: datetime) -> None:
        """Counts the cost. Raises TooManyRequests, and counts nothing, where it does not fit into the minute."""
        spent = self._spent.setdefault(person_id, deque())
        self._spent.move_to_end(person_id)
        if len(self._spent) > PEOPLE_AT_MOST:
            self._spent.popitem(last=False)
        while spent and not now - WINDOW < spent[0][0] <= now:
            spent.popleft()
        surplus = sum(each for _, each in spent) + cost - self._at_most
        if surplus > 0 and spent:
            raise TooManyRequests(
                f"You have asked for too much {self._work} within a minute. Wait a little, then go on.",
                retry_after_seconds=max(1, ceil((_freed_at(spent, surplus) + WINDOW - now).total_seconds())),
            )
        spent.append((now, cost))


def _freed_at(spent: deque[tuple[datetime, int]], surplus: int) -> datetime:
    """When that was spent whose end makes room."""
    freed = 0
    for at, cost in spent:
        freed += cost
        if freed >= surplus:
            return at
    return spent[-1][0]
