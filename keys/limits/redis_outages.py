"""Outages of Redis: how long to wait before the next attempt, and rate-limited log messages."""

import logging
import math
import time

from redis.exceptions import RedisError, ResponseError

from keys.limits.redis_connection import DataLost
from models.engine.outage_log import OutageLog

logger = logging.getLogger("keydesk.limiter")

STEADY_SECONDS = 60.0
"""If Redis worked for this long before it failed, the next attempt is made soon; otherwise pauses grow."""
PAUSE_SECONDS_AT_MOST = 15.0
LOGGED_EVERY_SECONDS = 60.0


class Outages:
    """The outages that one process sees. `goes_on` completes *until Redis works again, …* in the log."""

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
        """Call this when an outage begins."""
        self._in_a_row = self._in_a_row + 1 if time.monotonic() - self._ended_at < STEADY_SECONDS else 0
        self._log.failed(error)

    def goes_on(self, error: BaseException) -> None:
        """Call this when an attempt during an outage has failed."""
        self._log.failed(error)

    def ended(self) -> None:
        """Call this when Redis counts again. The end is logged if the beginning was."""
        self._ended_at = time.monotonic()
        self._log.worked()

    def pause_seconds(self, shortest: float) -> float:
        """How long to wait before each attempt in this outage: longer if other outages ended shortly before it."""
        return min(shortest * 2.0 ** min(self._in_a_row, 10), max(shortest, PAUSE_SECONDS_AT_MOST))

    def _words(self, error: BaseException | None) -> str:
        if isinstance(error, DataLost):
            return f"Redis was emptied: until it is filled again from the database, {self._goes_on}"
        # Only the class: the message may contain the address.
        return f"{_what_is_wrong(error)} ({type(error).__name__}): until Redis works again, {self._goes_on}"


def _what_is_wrong(error: BaseException | None) -> str:
    if isinstance(error, ResponseError):
        return "Redis answers, but refuses to count; `keydesk doctor` says why"
    if isinstance(error, (RedisError, OSError)):
        return "Redis can't be reached"
    return "Redis can't take over the requests that were counted without it"
