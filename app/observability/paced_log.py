"""
Bounds how many log lines strangers can cause, and counts those that are left out.

Everything that writes a line for a request asks here first. What a line is about, its kind, must never be a text that
a stranger chose freely, or a stranger chooses how many lines there are.
"""

import time
from collections import Counter
from collections.abc import Callable, Hashable

KINDS_AT_MOST = 1_000
"""Of which lines that were left out are counted; those of further kinds are counted together."""


class Paced:
    """In each period, at most so many lines of one kind, and so many of all kinds together."""

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
        self._ends_at = clock() + every_seconds
        self._written: Counter[Hashable] = Counter()
        self._left_out: Counter[Hashable] = Counter()
        self._others = 0

    def admits(self, kind: Hashable = None) -> int | None:
        """
        None where the line must be left out; else how many of its kind were left out since the last one.

        Write them with `more_words`.
        """
        if self._clock() >= self._ends_at:
            self._written.clear()
            self._ends_at = self._clock() + self._every_seconds
        if self._written[kind] < self._of_a_kind and self._written.total() < self._in_all:
            self._written[kind] += 1
            return self._left_out.pop(kind, 0)
        if kind in self._left_out or len(self._left_out) < KINDS_AT_MOST:
            self._left_out[kind] += 1
        else:
            self._others += 1
        return None

    def take_left_out(self) -> int:
        """How many lines were left out that no line has told of since. For a summary; they count as told then."""
        number, self._others = self._left_out.total() + self._others, 0
        self._left_out.clear()
        return number


def more_words(left_out: int) -> str:
    """What a line adds about those before it."""
    return f" (and {left_out} more before)" if left_out else ""
