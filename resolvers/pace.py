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

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._asked: OrderedDict[UUID, deque[datetime]] = OrderedDict()

    def check(self, person_id: UUID, now: datetime) -> None:
        """Counts one more. Raises TooManyRequests where that is too many within a minute."""
        asked = self._asked.setdefault(person_id, deque())
        self._asked.move_to_end(person_id)
        if len(self._asked) > PEOPLE_AT_MOST:
            self._asked.popitem(last=False)
        while asked and asked[0] <= now - WINDOW:
            asked.popleft()
        if len(asked) >= self._at_most:
            raise TooManyRequests(
                f"You have asked about {self._at_most} requests within a minute. Wait a little, then go on.",
                retry_after_seconds=max(1, ceil((asked[0] + WINDOW - now).total_seconds())),
            )
        asked.append(now)
