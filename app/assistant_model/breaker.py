"""Stops asking a server that fails again and again, so that a dead server costs nobody a wait."""

import math
import time
from collections.abc import Callable

FAILURES_IN_A_ROW = 3
REST_SECONDS = 60.0


class Breaker:
    """
    Lets requests pass until `failures` in a row have failed, then none for `rest_seconds`, then one at a time until one
    succeeds.
    """

    def __init__(
        self,
        *,
        failures: int = FAILURES_IN_A_ROW,
        rest_seconds: float = REST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures = failures
        self._rest_seconds = rest_seconds
        self._clock = clock
        self._in_a_row = 0
        self._rests_until = -math.inf

    def lets_pass(self) -> bool:
        """Whether to send a request now. If it is a trial after a rest, the next one comes after another rest."""
        if self._in_a_row < self._failures:
            return True
        now = self._clock()
        if now < self._rests_until:
            return False
        self._rests_until = now + self._rest_seconds
        return True

    def succeeded(self) -> None:
        """The server has answered."""
        self._in_a_row = 0

    def failed(self) -> bool:
        """The server has not answered as it should. Returns whether a rest begins with this failure."""
        self._in_a_row += 1
        if self._in_a_row < self._failures:
            return False
        self._rests_until = self._clock() + self._rest_seconds
        return self._in_a_row == self._failures
