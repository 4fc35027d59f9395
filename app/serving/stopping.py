"""
How a process stops: which signals begin it, and how long each part of it may take.

A stop has four times, in seconds after its beginning. Requests in progress may end until REQUESTS_SECONDS. Then the
application closes, and writes the last usage, until CLOSING_SECONDS. A process that is still there after FORCED_SECONDS
ends by force, whatever hangs. So a stop never takes STOP_SECONDS.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

logger = logging.getLogger("keydesk.server")

STOP_SECONDS = 8.0
REQUESTS_SECONDS = 4.5
CLOSING_SECONDS = 6.0
FORCED_SECONDS = 7.5
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
FORCED_STATUS = 1
"""The exit status of a process that ended by force. Usage or requests may be lost then; the log says which."""


def _end_now(status: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


class Stop:
    """
    The one stop of a process: whether it has begun, and how much time is left.

    With `drain_seconds`, the server goes on accepting connections for so long first, and all times begin after that.
    """

    def __init__(self, *, drain_seconds: float = 0, end_now: Callable[[int], None] = _end_now) -> None:
        """`end_now` ends the process at once, with an exit status."""
        self.drain_seconds = drain_seconds
        self.is_stopping = False
        """Whether the stop has begun. It never ends again."""
        self.is_last = False
        """Whether no process will be left that accepts connections at the same socket."""
        self._end_now = end_now
        self._began_at = 0.0
        self._closing = CLOSING_SECONDS
        self._is_closed = False
        self._over = threading.Event()
        self._last_words: list[Callable[[], str | None]] = []

    def begin(self, why: str, *, is_last: bool = False, drains: bool = True) -> None:
        """
        Begins the stop. Does nothing if it has begun. May be called by any thread, and by a signal's handler.

        Without `drains`, the server accepts no more connections at once, whatever `drain_seconds` is.
        """
        self.is_last = self.is_last or is_last
        if self.is_stopping:
            return
        if not drains:
            self.drain_seconds = 0
        self._began_at = time.monotonic()
        self.is_stopping = True
        logger.info("Stopping: %s", why)
        threading.Thread(target=self._force, name="stop", daemon=True).start()

    def seconds_left(self, until: float) -> float:
        """The seconds that are left until this time of the stop, at least 0; all of them if it has not begun."""
        if not self.is_stopping:
            return until
        return max(0.0, self._began_at + self.drain_seconds + until - time.monotonic())

    def seconds_to_close(self) -> float:
        """The seconds that a part of the application has left to finish its work."""
        return self.seconds_left(CLOSING_SECONDS)

    def say_if_forced(self, words: Callable[[], str | None]) -> None:
        """Logs what this returns, if it is not None, should the process end by force. Another thread calls it."""
        self._last_words.append(words)

    def force(self, why: str) -> None:
        """Ends the process at once, after logging what is lost."""
        for words in self._last_words:
            with contextlib.suppress(Exception):  # nothing may hold up the end
                if (said := words()) is not None:
                    logger.error(said)
        logger.error("The process ends by force, with exit status %d: %s", FORCED_STATUS, why)
        self._end_now(FORCED_STATUS)

    def closed(self) -> None:
        """Says that everything was closed in order. If the process hangs after that, its forced end is no failure."""
        self._is_closed = True

    def over(self) -> None:
        """Says that nothing is left that could hang. Afterwards the process does not end by force any more."""
        self._over.set()

    def _force(self) -> None:
        if self._over.wait(self.seconds_left(FORCED_SECONDS)):
            return
        if self._is_closed:
            self._end_now(0)
        else:
            self.force(f"something has hung for {FORCED_SECONDS:.1f} seconds.")


def stop_on_signals(stop: Stop, *, is_last: bool) -> None:
    """
    Begins the stop at the first signal to end this process. A second SIGINT, as by Ctrl+C, ends it by force.

    A thread waits for the signals, because the main one may hang in a call that no signal interrupts. Call this before
    any other thread begins: threads inherit that these signals are not for them. A signal that the parent process has
    set to be ignored, as nohup does, stays ignored.
    """
    signals = {each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)

    def came(number: int, _frame: FrameType | None = None) -> None:
        if stop.is_stopping and number == signal.SIGINT:
            stop.force("it was interrupted a second time.")
        stop.begin(f"received {signal.Signals(number).name}", is_last=is_last)

    def wait() -> None:
        while True:
            came(signal.sigwait(signals))

    for each in signals:
        signal.signal(each, came)  # for a thread that is older than this call, and would end the process
    threading.Thread(target=wait, name="signals", daemon=True).start()
