"""Logs that Keydesk can't be asked, and that it can be asked again, without a line for each request."""

import logging
import time
from collections.abc import Callable

logger = logging.getLogger("keydesk_client")

SECONDS_BETWEEN_LINES = 10.0


class OutageLog:
    """One for each client."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged_at: float | None = None
        self._left_out = 0

    def failed(self, reason: str) -> None:
        """A verification was not answered. Logs at most a line in ten seconds."""
        now = self._clock()
        if self._logged_at is not None and now - self._logged_at < SECONDS_BETWEEN_LINES:
            self._left_out += 1
            return
        more = f" ({self._left_out} more since the last line)" if self._left_out else ""
        logger.warning("A key could not be checked: %s%s", reason, more)
        self._logged_at, self._left_out = now, 0

    def answered(self) -> None:
        """A verification was answered."""
        if self._logged_at is not None and self._clock() - self._logged_at >= SECONDS_BETWEEN_LINES:
            logger.info("Keys are checked again")
            self._logged_at, self._left_out = None, 0
