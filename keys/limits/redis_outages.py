"""When Redis can't be used: how long to wait before it is tried again, and what the log says, paced."""

import logging
import math
import time

from redis.exceptions import RedisError, ResponseError

from keys.limits.redis_connection import DataLost

logger = logging.getLogger("keydesk.limiter")

STEADY_SECONDS = 60.0
"""A Redis that worked for so long before it failed is tried again at once; one that comes and goes, less often."""
PAUSE_SECONDS_AT_MOST = 15.0
LOGGED_EVERY_SECONDS = 60.0


class Outages:
    """The outages of one process. `goes_on` says what holds meanwhile."""

    def __init__(self, *, goes_on: str) -> None:
        self._goes_on = goes_on
        self._in_a_row = 0
        self._ended_at = -math.inf
        self._logged_at = -math.inf
        self._is_logged = False
        self._not_logged = 0

    def began(self, error: BaseException) -> None:
        """Redis can't be used from now on."""
        self._in_a_row = self._in_a_row + 1 if time.monotonic() - self._ended_at < STEADY_SECONDS else 0
        self._is_logged = False
        self._not_logged += 1
        self._log(error)

    def goes_on(self, error: BaseException) -> None:
        """It was tried again in vain."""
        if not self._is_logged:
            self._log(error)

    def ended(self) -> None:
        """It counts again. Logged where the outage was."""
        self._ended_at = time.monotonic()
        if self._is_logged:
            logger.warning("Redis answers again: limits are counted across processes")

    def pause_seconds(self, shortest: float) -> float:
        """How long to wait before each attempt of this outage: longer with each that follows soon upon another."""
        return min(shortest * 2.0 ** min(self._in_a_row, 10), max(shortest, PAUSE_SECONDS_AT_MOST))

    def _log(self, error: BaseException) -> None:
        now = time.monotonic()
        if now - self._logged_at < LOGGED_EVERY_SECONDS:
            return
        others = self._not_logged - 1
        more = f". Since this was last logged, there were {others} short outages more" if others else ""
        if isinstance(error, DataLost):
            logger.error("Redis was emptied: until it is filled from the ledger, %s%s", self._goes_on, more)
        else:
            # Only the name: the words may hold the address.
            logger.error(
                "%s (%s): until it is back, %s%s", _what_is_wrong(error), type(error).__name__, self._goes_on, more
            )
        self._logged_at, self._is_logged, self._not_logged = now, True, 0


def _what_is_wrong(error: BaseException) -> str:
    if isinstance(error, ResponseError):
        return "Redis answers, but refuses to count; `keydesk doctor` says why"
    if isinstance(error, (RedisError, OSError)):
        return "Redis is out of reach"
    return "Redis can't be told what passed without it"
