"""
Writes batches of usage from the buffer to the database, in order.

If other transactions have locked rows of a batch, the batch is halved as well; what is locked is held, merged with what
is counted meanwhile, and tried again later, so that nothing else waits for it.

If the database refuses the content of a batch, the batch is halved until the refused item is found; that item is
dropped, and the rest is written. If it is unknown whether a batch was written, it is written again with the same
number, so that it counts only once.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from keys.limits.sliding_window import Month
from keys.usage.held import HeldUsage, Item
from models.usage.store import Batch, ContentRefused, KeyCounts, Refused, RowsLocked, SeenCaller, UsageStore

LOCK_WAITS_AT_MOST = 16
"""
How many batches of one round may meet a lock before what is locked is held as a whole, not halved any more. Each of
them waits for the lock for a moment.
"""
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
        self._lock_waits = 0
        self.held = HeldUsage()

    def __len__(self) -> int:
        """The number of batches that wait."""
        return len(self._waiting)

    @property
    def requests(self) -> int:
        """The number of requests in these batches, and of those held, counted like `UsageBuffer.requests`."""
        return sum(requests_in(batch) for batch in (*self._waiting, self.held.as_batch()))

    def add(self, batch: Batch) -> None:
        """Adds a batch to the end of the queue. What belongs to rows that are held is held, too."""
        if held := self.held.keys() if self.held else None:
            items: list[KeyCounts | SeenCaller] = [*batch.counts, *batch.callers]
            self.held.add(_part(batch, [item for item in items if item.key_id in held]))
            batch = _part(batch, [*(item for item in items if item.key_id not in held), *batch.refused])
        if batch.counts or batch.callers or batch.refused:
            self._waiting.append(batch)

    async def settle_held(self) -> None:
        """Tries to write what is held. Begins the next round. Raises DatabaseUnavailable."""
        try:
            if self.held:
                self._waiting.extend(self.held.take())
                await self.settle(tries_all=False)
        finally:
            self._lock_waits = 0
            self.held.note_time()

    async def settle(self, *, tries_all: bool = True) -> None:
        """
        Writes all batches. Raises DatabaseUnavailable; the remaining batches then stay in the queue.

        Without `tries_all`, the rest is held without trying after too many batches of this round have met a lock.
        """
        while self._waiting:
            batch = self._waiting[0]
            if not tries_all and not batch.number and self._lock_waits >= LOCK_WAITS_AT_MOST:
                self.held.add(self._waiting.popleft())
                continue
            if not batch.number:
                self._number += 1
                batch = self._waiting[0] = batch._replace(number=self._number)
            try:
                totals = await self._store.write(batch)
            except ContentRefused as refusal:
                self._waiting.popleft()
                self._divide(batch, refusal)
                continue
            except RowsLocked:
                self._waiting.popleft()
                self._hold(batch)
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
            _add_allowed(used, batch.counts, wanted, month.start)
        _add_allowed(used, self.held.counts(), wanted, month.start)
        return used

    def unwritten(self, key_ids: Collection[str], month: Month) -> dict[str, int]:
        """The allowed requests of these keys in the month that wait here or are held."""
        passed: dict[str, int] = {}
        for batch in self._waiting:
            _add_allowed(passed, batch.counts, key_ids, month.start)
        if self.held:
            _add_allowed(passed, self.held.counts(), key_ids, month.start)
        return passed

    def _hold(self, batch: Batch) -> None:
        """Halves a batch with locked rows. A single item, and after too many locks the whole batch, is held."""
        self._lock_waits += 1
        items: list[Item] = [*batch.counts, *batch.callers, *batch.refused]
        if len(items) > 1 and self._lock_waits < LOCK_WAITS_AT_MOST:
            self._halve(batch._replace(is_hasty=True), items)
        else:
            self.held.add(batch)

    def _divide(self, batch: Batch, refusal: ContentRefused) -> None:
        """Replaces a refused batch by its two halves. A single item is reported and dropped."""
        items: list[Item] = [*batch.counts, *batch.callers, *batch.refused]
        if len(items) > 1:
            self._halve(batch, items)
        elif items:
            self._left_out(items[0], refusal)

    def _halve(self, batch: Batch, items: Sequence[Item]) -> None:
        middle = len(items) // 2
        self._waiting.extendleft((_part(batch, items[middle:]), _part(batch, items[:middle])))


def _add_allowed(used: dict[str, int], counted: Collection[KeyCounts], key_ids: Collection[str], month: int) -> None:
    for counts in counted:
        if counts.key_id in key_ids and counts.month == month:
            used[counts.key_id] = used.get(counts.key_id, 0) + counts.allowed


def requests_in(batch: Batch) -> int:
    """The number of requests in a batch: those of keys, and the refused ones without a genuine key."""
    counted = sum(sum(counts[3:9]) for counts in batch.counts)
    return counted + sum(each.key_id is None for each in batch.refused)


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
