"""When Redis can't be used: how long to wait before it is tried again, and what the log says, paced."""

import logging
import math
import time

from redis.exceptions import RedisError, ResponseError

from keys.limits.redis_connection import DataLost
from models.engine.outage_log import OutageLog

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
        self._log = OutageLog(
            logger,
            began=self._words,
            ended="Redis works again: limits are counted across processes",
            level=logging.ERROR,
            every_seconds=LOGGED_EVERY_SECONDS,
        )

    def began(self, error: BaseException) -> None:
        """Redis can't be used from now on."""
        self._in_a_row = self._in_a_row + 1 if time.monotonic() - self._ended_at < STEADY_SECONDS else 0
        self._log.failed(error)

    def goes_on(self, error: BaseException) -> None:
        """Redis was tried again in vain."""
        self._log.failed(error)

    def ended(self) -> None:
        """Redis counts again. This is logged where the outage was."""
        self._ended_at = time.monotonic()
        self._log.worked()

    def pause_seconds(self, shortest: float) -> float:
        """How long to wait before each attempt of this outage: longer with each that follows soon upon another."""
        return min(shortest * 2.0 ** min(self._in_a_row, 10), max(shortest, PAUSE_SECONDS_AT_MOST))

    def _words(self, error: BaseException | None) -> str:
        if isinstance(error, DataLost):
            return f"Redis was emptied: until it is filled again from the database, {self._goes_on}"
        # Only the name: the words may hold the address.
        return f"{_what_is_wrong(error)} ({type(error).__name__}): until Redis works again, {self._goes_on}"


def _what_is_wrong(error: BaseException | None) -> str:
    if isinstance(error, ResponseError):
        return "Redis answers, but refuses to count; `keydesk doctor` says why"
    if isinstance(error, (RedisError, OSError)):
        return "Redis can't be reached"
    return "Redis can't take over the requests that were counted without it"
