"""Logs an outage of something outside the process: one line when it begins, one line when it is over."""

import logging
import math
import time
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError


def named(error: BaseException | None) -> str:
    """
    The error's name, and SQLite's own name of it, such as `OperationalError SQLITE_FULL`, which says that the disk is
    full. It has no values; a driver's message can have some.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorname", None)
    return type(error).__name__ if code is None else f"{type(error).__name__} {code}"


class OutageLog:
    """
    Says once that something fails and once that it works again, with the seconds in between, however often it is tried.

    `began` makes the first line from the error. It should use the error's name only, as `named` gives it: a driver's
    message can hold addresses and names of users. With `every_seconds`, an outage that begins sooner after a logged
    one is not logged until then; if it ends before, it is counted in the next line.
    """

    def __init__(
        self,
        logger: logging.Logger,
        *,
        began: Callable[[BaseException | None], str],
        ended: str,
        level: int = logging.WARNING,
        every_seconds: float = 0.0,
    ) -> None:
        self._logger = logger
        self._began = began
        self._ended = ended
        self._level = level
        self._every_seconds = every_seconds
        self._since: float | None = None
        self._logged_at = -math.inf
        self._is_logged = False
        self._not_logged = 0

    @property
    def is_on(self) -> bool:
        """Whether the last attempt failed."""
        return self._since is not None

    def failed(self, error: BaseException | None = None) -> None:
        """Records an attempt that failed."""
        now = time.monotonic()
        if self._since is None:
            self._since, self._is_logged = now, False
            self._not_logged += 1
        if self._is_logged or now - self._logged_at < self._every_seconds:
            return
        others = self._not_logged - 1
        more = f". Short outages since the last message: {others}" if others else ""
        self._logger.log(self._level, "%s%s", self._began(error), more)
        self._logged_at, self._is_logged, self._not_logged = now, True, 0

    def worked(self) -> None:
        """Records an attempt that succeeded."""
        if self._since is None:
            return
        seconds, self._since = time.monotonic() - self._since, None
        if self._is_logged:
            self._logger.warning("%s, after %.1f s", self._ended, seconds)
