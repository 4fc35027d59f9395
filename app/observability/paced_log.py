"""
Limits how many log lines requests can cause, and counts the lines that are left out.

Call it before a log line is written for a request. The kind of a line must never be a text that a caller can choose
freely, because each kind has a limit of its own.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Hashable

KINDS_AT_MOST = 1_000
"""Left-out lines are counted separately for this many kinds, and together for all further kinds."""


class Paced:
    """
    Allows in each period `of_a_kind` lines of one kind, and `in_all` lines of all kinds together.

    A period begins with the first line after the one before it has ended.
    """

    def __init__(
        self,
        *,
        of_a_kind: int,
        in_all: int,
        every_seconds: float = 60,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._of_a_kind = of_a_kind
        self._in_all = in_all
        self._every_seconds = every_seconds
        self._clock = clock
        self._ends_at = -math.inf
        self._written: Counter[Hashable] = Counter()
        self._left_out: Counter[Hashable] = Counter()
        self._others = 0

    def admits(self, kind: Hashable = None) -> int | None:
        """
        Returns None if the line must be left out, else how many of its kind were left out since the last one.

        `more_words` turns that number into words for the line.
        """
        now = self._clock()
        if now >= self._ends_at:
            self._written.clear()
            self._ends_at = now + self._every_seconds
        if self._written[kind] < self._of_a_kind and self._written.total() < self._in_all:
            self._written[kind] += 1
            return self._left_out.pop(kind, 0)
        if kind in self._left_out or len(self._left_out) < KINDS_AT_MOST:
            self._left_out[kind] += 1
        else:
            self._others += 1
        return None

    def take_left_out(self) -> int:
        """
        For a summary: how many left-out lines no later line has reported yet.

        They count as reported from then on.
        """
        number, self._others = self._left_out.total() + self._others, 0
        self._left_out.clear()
        return number


def more_words(left_out: int) -> str:
    """The words for the end of a line that say how many lines before it were left out."""
    return f" (and {left_out} more before)" if left_out else ""
