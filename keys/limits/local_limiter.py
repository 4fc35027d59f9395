"""
The limiter that counts in one process's memory.

It is exact if there is only one process. If there are several, each allows a key its whole rate limit, and monthly
counts include the other processes' requests once these have written them to the database.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from keys.limits.limiter import Decision
from keys.limits.sliding_window import (
    EMPTY,
    Balance,
    Limits,
    Month,
    Window,
    counted,
    current,
    free_in,
    month_of,
    resets_in,
    to_ms,
)
from keys.outcomes import Outcome

KEYS_REMEMBERED = 400_000


class Totals(Protocol):
    """The requests of each key that the database has counted."""

    async def used(self, key_id: str, month: Month) -> int:
        """
        The number of the key's requests that passed in the month, according to the database.

        Includes this process's requests that are not written yet. Raises DatabaseUnavailable.
        """


class LocalLimiter:
    """
    Keeps rate-limit windows in memory. A key's monthly count starts from `totals` and is corrected by `learn`.

    Remembers at most `keys_remembered` keys; those that were not used for longest are forgotten first.
    """

    def __init__(
        self, totals: Totals, *, clock: Callable[[], datetime], keys_remembered: int = KEYS_REMEMBERED
    ) -> None:
        self._totals = totals
        self._clock = clock
        self._half = max(1, keys_remembered // 2)
        self._windows: dict[str, Window] = {}
        self._old_windows: dict[str, Window] = {}
        self._month = Month(0, 0)
        self._used: dict[str, int] = {}
        self._old_used: dict[str, int] = {}

    is_degraded = False
    lets_pass = True
    waiting = 0

    async def start(self) -> None:
        """Does nothing: counting in memory needs no connection."""

    async def close(self) -> None:
        """Does nothing."""

    async def take(self, key_id: str, limits: Limits) -> Decision:
        """
        Counts one more request if both limits allow it.

        Raises DatabaseUnavailable if the key's monthly count is not in memory and can't be read.
        """
        at = to_ms(self._clock())
        if self._is_unknown(key_id, at):
            at = await self._known(key_id)
        window, used = self._window(key_id, at), self._used[key_id]
        if window[0] >= limits.rate_limit:
            return self._over_rate(key_id, limits, window, at)
        if used >= limits.monthly_quota:
            wait = self._month.end * 1000 - at
            return Decision(Outcome.QUOTA_EXCEEDED, self._balance(limits, window, used, at), wait)
        window = counted(window, at)
        self._keep(key_id, window)
        self._used[key_id] = used + 1
        return Decision(None, self._balance(limits, window, used + 1, at))

    async def look(self, key_id: str, limits: Limits) -> Balance:
        """
        Returns what the key has used and has left, without counting a request.

        Raises DatabaseUnavailable if the key's monthly count is not in memory and can't be read.
        """
        at = await self._known(key_id)
        return self._balance(limits, self._window(key_id, at), self._used[key_id], at)

    def learn(self, month: Month, used: Mapping[str, int]) -> None:
        """Corrects monthly counts: `used` has all processes' written requests and this one's unwritten ones."""
        if month == self._month:
            for generation in (self._used, self._old_used):
                generation.update({key_id: number for key_id, number in used.items() if key_id in generation})

    def passed(self, key_id: str) -> None:
        """Counts in the key's window a request that another limiter allowed. The monthly count does not change."""
        at = to_ms(self._clock())
        self._keep(key_id, counted(self._window(key_id, at), at))

    async def refusal(self, key_id: str, limits: Limits) -> Decision | None:
        """
        Returns the refusal if the key's rate limit is used up in this process, else None. Counts nothing.

        Raises DatabaseUnavailable if the key's monthly count is not in memory and can't be read.
        """
        if self._window(key_id, to_ms(self._clock()))[0] < limits.rate_limit:
            return None
        at = await self._known(key_id)
        window = self._window(key_id, at)
        return self._over_rate(key_id, limits, window, at) if window[0] >= limits.rate_limit else None

    def forget_months(self) -> None:
        """Forgets the monthly counts, so that they are read again. The windows stay: they count this process only."""
        self._used, self._old_used = {}, {}

    def _over_rate(self, key_id: str, limits: Limits, window: Window, at: int) -> Decision:
        self._keep(key_id, window)
        balance = self._balance(limits, window, self._used[key_id], at)
        return Decision(Outcome.RATE_LIMITED, balance, free_in(window, limits.rate_limit, at))

    def _is_unknown(self, key_id: str, at: int) -> bool:
        """Whether the key's count for the month of `at` has to be read first."""
        return key_id not in self._used or not self._month.start * 1000 <= at < self._month.end * 1000

    async def _known(self, key_id: str) -> int:
        """Reads the key's count of the current month if necessary; returns the time, in milliseconds since 1970."""
        while self._is_unknown(key_id, at := to_ms(self._clock())):
            month = month_of(at)
            if month != self._month:
                self._month, self._used, self._old_used = month, {}, {}
            used = self._old_used.pop(key_id, None)
            if used is None:
                used = await self._totals.used(key_id, month)
            if month == self._month and key_id not in self._used:
                if len(self._used) >= self._half:
                    self._used, self._old_used = {}, self._used
                self._used[key_id] = used
        return at

    def _window(self, key_id: str, at: int) -> Window:
        return current(self._windows.get(key_id) or self._old_windows.get(key_id, EMPTY), at)

    def _keep(self, key_id: str, window: Window) -> None:
        if len(self._windows) >= self._half and key_id not in self._windows:
            self._windows, self._old_windows = {}, self._windows
        self._windows[key_id] = window

    def _balance(self, limits: Limits, window: Window, used: int, at: int) -> Balance:
        return Balance(max(0, limits.rate_limit - window[0]), resets_in(window, at), used, self._month, at)
