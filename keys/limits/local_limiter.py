"""
The limiter that counts in one process's memory.

It is exact if there is only one process. If there are several, each allows a key its whole rate limit, and monthly
counts include the other processes' requests once these have written them to the database.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from keys.cache import TwoGenerationCache
from keys.limits.limiter import Decision
from keys.limits.sliding_window import (
    CELL_MS,
    EMPTY,
    Limits,
    LimitStatus,
    Month,
    Window,
    incremented,
    month_of,
    pruned,
    resets_in,
    retry_after_ms,
    to_ms,
)
from keys.outcomes import Outcome

KEYS_REMEMBERED = 400_000
PASSED_AT_MOST = 200
"""For how many keys the requests that another limiter allowed may wait to be added to the windows."""


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
        self._keys_remembered = keys_remembered
        self._windows = TwoGenerationCache[str, Window](keys_remembered)
        self._passed: dict[str, int] = {}
        self._passed_in = 0
        self._month = Month(0, 0)
        self.forget_months()

    is_degraded = False
    lets_pass = True
    waiting = 0

    async def start(self) -> None:
        """Does nothing: counting in memory needs no connection."""

    async def close(self) -> None:
        """Does nothing."""

    async def consume(self, key_id: str, limits: Limits) -> Decision:
        """
        Counts one more request if both limits allow it.

        Raises DatabaseUnavailable if the key's monthly count is not in memory and can't be read.
        """
        at = self._now()
        used = self._used.get(key_id)
        if used is None:
            at, used = await self._known(key_id)
        window = self._window(key_id, at)
        if window[0] >= limits.rate_limit:
            return self._over_rate(key_id, limits, window, used, at)
        if used >= limits.monthly_quota:
            wait = self._month.end * 1000 - at
            return Decision(Outcome.QUOTA_EXCEEDED, self._status(limits, window, used, at), wait)
        window = incremented(window, at)
        self._windows.put(key_id, window)
        self._used.put(key_id, used + 1)
        return Decision(None, self._status(limits, window, used + 1, at))

    async def peek(self, key_id: str, limits: Limits) -> LimitStatus:
        """
        Returns what the key has used and has left, without counting a request.

        Raises DatabaseUnavailable if the key's monthly count is not in memory and can't be read.
        """
        at, used = await self._known(key_id)
        return self._status(limits, self._window(key_id, at), used, at)

    def learn(self, month: Month, used: Mapping[str, int]) -> None:
        """Corrects monthly counts: `used` has all processes' written requests and this one's unwritten ones."""
        if month != self._month:
            return
        for key_id, number in used.items():
            if self._used.get(key_id) is not None:
                self._used.put(key_id, number)

    def passed(self, key_id: str) -> None:
        """
        Counts in the key's window a request that another limiter allowed. The monthly count does not change.

        Such requests are first counted by key and second, and added to the windows when a window is needed, so that a
        busy key's window does not change with every request.
        """
        second = int(self._clock().timestamp())
        if second != self._passed_in or len(self._passed) >= PASSED_AT_MOST:
            self._add_passed()
            self._passed_in = second
        self._passed[key_id] = self._passed.get(key_id, 0) + 1

    async def refusal(self, key_id: str, limits: Limits) -> Decision | None:
        """
        Returns the refusal if the key's rate limit is used up in this process, else None. Counts nothing.

        Raises DatabaseUnavailable if the key's monthly count is not in memory and can't be read.
        """
        if self._window(key_id, to_ms(self._clock()))[0] < limits.rate_limit:
            return None
        at, used = await self._known(key_id)
        window = self._window(key_id, at)
        return self._over_rate(key_id, limits, window, used, at) if window[0] >= limits.rate_limit else None

    def forget_months(self) -> None:
        """Forgets the monthly counts, so that they are read again. The windows stay: they count this process only."""
        self._used = TwoGenerationCache[str, int](self._keys_remembered)

    def _over_rate(self, key_id: str, limits: Limits, window: Window, used: int, at: int) -> Decision:
        self._windows.put(key_id, window)
        status = self._status(limits, window, used, at)
        return Decision(Outcome.RATE_LIMITED, status, retry_after_ms(window, limits.rate_limit, at))

    def _now(self) -> int:
        """The time, in milliseconds since 1970. With a new month, the monthly counts are forgotten."""
        at = to_ms(self._clock())
        if not self._month.start * 1000 <= at < self._month.end * 1000:
            self._month = month_of(at)
            self.forget_months()
        return at

    async def _known(self, key_id: str) -> tuple[int, int]:
        """The time, and the key's count for the month of that time, which is read first if it is not in memory."""
        while True:
            at = self._now()
            used = self._used.get(key_id)
            if used is not None:
                return at, used
            month = self._month
            used = await self._totals.used(key_id, month)
            # Meanwhile the month may have ended, or another request of the key may have been read and counted.
            if month == self._month and self._used.get(key_id) is None:
                self._used.put(key_id, used)

    def _add_passed(self) -> None:
        """Adds to the windows what passed by another limiter's decision."""
        passed, self._passed = self._passed, {}
        at = self._passed_in * CELL_MS
        for key_id, number in passed.items():
            window = pruned(self._windows.get(key_id) or EMPTY, at)
            self._windows.put(key_id, incremented(window, at, number))

    def _window(self, key_id: str, at: int) -> Window:
        if self._passed:
            self._add_passed()
        return pruned(self._windows.get(key_id) or EMPTY, at)

    def _status(self, limits: Limits, window: Window, used: int, at: int) -> LimitStatus:
        return LimitStatus(max(0, limits.rate_limit - window[0]), resets_in(window, at), used, self._month, at)
