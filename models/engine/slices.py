"""Converts long lists in slices, between which the event loop serves other requests."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Converted = TypeVar("Converted")

AT_ONCE = 100


async def in_slices(convert: Callable[[Item], Converted], items: Sequence[Item]) -> list[Converted]:
    """Converts each item, in order. A short list is converted without a break."""
    converted: list[Converted] = []
    for start in range(0, len(items), AT_ONCE):
        if start:
            await asyncio.sleep(0)
        converted += map(convert, items[start : start + AT_ONCE])
    return converted
