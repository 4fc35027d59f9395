"""Combines test parameters when each value is needed, but not each combination of values."""

from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any


def in_turn(rows: Iterable[Any], *others: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Each row with one value of each of `others`, in rotation. None of `others` may be longer than the rows."""
    rows = list(rows)
    assert all(len(values) <= len(rows) for values in others)
    return [
        (*(row if isinstance(row, tuple) else (row,)), *values)
        for row, *values in zip(rows, *(cycle(values) for values in others), strict=False)
    ]
