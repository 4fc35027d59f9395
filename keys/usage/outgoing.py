"""
Writes batches of usage from the buffer to the database, in order.

If the database refuses the content of a batch, the batch is halved until the refused item is found; that item is
dropped, and the rest is written. If it is unknown whether a batch was written, it is written again with the same
number, so that it counts only once.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from keys.limits.sliding_window import Month
from models.usage.store import Batch, ContentRefused, KeyCounts, Refused, SeenCaller, UsageStore

Item = KeyCounts | SeenCaller | Refused
Kind = TypeVar("Kind", bound=Item)
Settled = Callable[[Batch, Mapping[str, int]], None]
"""Called with a batch that was written, and with the monthly totals of its keys."""
LeftOut = Callable[[Item, ContentRefused], None]
"""Called with an item that the database refused."""


class Outgoing:
    """The batches that may not be written yet. Only one call of `settle` may run at a time."""

    def __init__(self, store: UsageStore, *, settled: Settled, left_out: LeftOut) -> None:
        self._store = store
        self._settled = settled
        self._left_out = left_out
        self._waiting: deque[Batch] = deque()
        self._number = 0
        self._written_while_reading: list[Batch] | None = None

    def __len__(self) -> int:
        """The number of batches that wait."""
        return len(self._waiting)

    def add(self, batch: Batch) -> None:
        """Adds a batch to the end of the queue."""
        self._waiting.append(batch)

    async def settle(self) -> None:
        """Writes all batches. Raises DatabaseUnavailable; the remaining batches then stay in the queue."""
        while self._waiting:
            batch = self._waiting[0]
            if not batch.number:
                self._number += 1
                batch = self._waiting[0] = batch._replace(number=self._number)
            try:
                totals = await self._store.write(batch)
            except ContentRefused as refusal:
                self._waiting.popleft()
                self._divide(batch, refusal)
                continue
            self._waiting.popleft()
            if self._written_while_reading is not None:
                self._written_while_reading.append(batch)
            self._settled(batch, totals)

    async def month_used(self, key_ids: Sequence[str], month: Month) -> dict[str, int]:
        """
        The allowed requests of these keys in the month that are written or wait here. Raises DatabaseUnavailable.

        It does not wait for batches that are being written: the database returns the number of the last batch that is
        included. Only one call may run at a time.
        """
        meanwhile = self._written_while_reading = []
        try:
            found = await self._store.month_used(key_ids, month.start)
        finally:
            self._written_while_reading = None
        used = dict(found.allowed)
        wanted = frozenset(key_ids)
        for batch in (*meanwhile, *self._waiting):
            if batch.number and batch.number <= found.batch:
                continue
            for counts in batch.counts:
                if counts.key_id in wanted and counts.month == month.start:
                    used[counts.key_id] = used.get(counts.key_id, 0) + counts.allowed
        return used

    def _divide(self, batch: Batch, refusal: ContentRefused) -> None:
        """Replaces a refused batch by its two halves. A single item is reported and dropped."""
        items: list[Item] = [*batch.counts, *batch.callers, *batch.refused]
        if len(items) > 1:
            middle = len(items) // 2
            self._waiting.extendleft((_part(batch, items[middle:]), _part(batch, items[:middle])))
        elif items:
            self._left_out(items[0], refusal)


def _part(batch: Batch, items: Sequence[Item]) -> Batch:
    """A batch with only these items, and with the batch's information about their keys."""
    callers, refused = _of_kind(SeenCaller, items), _of_kind(Refused, items)
    return batch._replace(
        number=0,
        counts=_of_kind(KeyCounts, items),
        callers=callers,
        refused=refused,
        keys_with_new_callers=_among(batch.keys_with_new_callers, {each.key_id for each in callers}),
        crowded_keys=_among(batch.crowded_keys, {each.key_id for each in refused}),
    )


def _of_kind(kind: type[Kind], items: Sequence[Item]) -> list[Kind]:
    return [item for item in items if isinstance(item, kind)]


def _among(key_ids: Sequence[str], others: Collection[str | None]) -> list[str]:
    return [key_id for key_id in key_ids if key_id in others]
