"""Limits of the form "N in a window of time": when there is room again, and what each has used in a minute."""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from datetime import datetime, timedelta
from math import ceil

from keys.refusals import TooManyRequests

A_MINUTE, AN_HOUR, A_DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PEOPLE_AT_MOST = 10_000


def free_at(instants: Iterable[datetime], limit: int, window: timedelta, now: datetime) -> datetime | None:
    """The moment at which fewer than `limit` of the instants are within the window; None if that is so now."""
    recent = sorted(at for at in instants if at > now - window)
    return None if len(recent) < limit else recent[-limit] + window


def seconds_until(moment: datetime, now: datetime) -> int:
    """Whole seconds until the moment, at least one."""
    return max(1, ceil((moment - now).total_seconds()))


def retry_after(instants: Iterable[datetime], limit: int, window: timedelta, now: datetime) -> int | None:
    """The seconds until fewer than `limit` of the instants are within the window; None if that is so now."""
    moment = free_at(instants, limit, window, now)
    return None if moment is None else seconds_until(moment, now)


class PersonalWindow:
    """
    What each used in the last minute: people and tokens by their id, callers by their address. If there are too many,
    the least recent ones are forgotten.
    """

    def __init__(self, people_at_most: int = PEOPLE_AT_MOST) -> None:
        self._people_at_most = people_at_most
        self._used: OrderedDict[Hashable, list[tuple[datetime, int]]] = OrderedDict()

    def used(self, who: Hashable, now: datetime) -> list[tuple[datetime, int]]:
        """
        The times and costs of the uses in the last minute, in the order in which they were added.

        Uses later than now are forgotten: the clock was set back.
        """
        used = self._used.get(who)
        if used is None:
            return []
        self._used.move_to_end(who)
        used[:] = [each for each in used if now - A_MINUTE < each[0] <= now]
        return used

    def add(self, who: Hashable, now: datetime, cost: int = 1) -> None:
        """Counts a use with this cost."""
        self._used.setdefault(who, []).append((now, cost))
        self._used.move_to_end(who)
        if len(self._used) > self._people_at_most:
            self._used.popitem(last=False)


class PersonalLimit:
    """A limit on what each person, token or address may use in a minute, counted in this process."""

    def __init__(self, at_most: int, too_many: str, *, people_at_most: int = PEOPLE_AT_MOST) -> None:
        """`too_many` begins the sentence “You have asked about 300 requests within a minute.”"""
        self._at_most = at_most
        self._too_many = too_many
        self._window = PersonalWindow(people_at_most)

    def use(self, who: Hashable, now: datetime, cost: int = 1) -> None:
        """
        Counts a use. Raises TooManyRequests, and counts nothing, if the cost does not fit into the minute.

        Somebody who has used nothing in the last minute may exceed the limit once.
        """
        used = self._window.used(who, now)
        surplus = sum(each for _, each in used) + cost - self._at_most
        if surplus > 0 and used:
            raise TooManyRequests(
                f"{self._too_many} within a minute. Wait a little, then continue.",
                retry_after_seconds=seconds_until(_given_back(used, surplus) + A_MINUTE, now),
            )
        self._window.add(who, now, cost)


def _given_back(used: list[tuple[datetime, int]], surplus: int) -> datetime:
    """The time of the use after whose expiry there is room for the surplus."""
    freed = 0
    for at, cost in used:
        freed += cost
        if freed >= surplus:
            return at
    return used[-1][0]
