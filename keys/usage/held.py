"""
Usage that can't be written at the moment because other transactions have locked its rows.

What is added to the same rows is merged, so that the size depends on the number of keys, not on the length of the lock.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from models.usage.store import Batch, KeyCounts, Refused, SeenCaller

Item = KeyCounts | SeenCaller | Refused
Kind = TypeVar("Kind")
HELD_AT_MOST = 50_000
"""With more items, nothing else is taken from the buffer, which has bounds of its own."""
ITEMS_A_BATCH = 400


class HeldUsage:
    """Counts, callers and refused requests that wait for their rows."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], KeyCounts] = {}
        self._callers: dict[tuple[str, str, str], SeenCaller] = {}
        self._refused: list[Refused] = []
        self._since: float | None = None

    def __len__(self) -> int:
        """The number of items."""
        return len(self._counts) + len(self._callers) + len(self._refused)

    @property
    def is_full(self) -> bool:
        """Whether nothing else should be written before some of this is."""
        return len(self) >= HELD_AT_MOST

    @property
    def seconds(self) -> float:
        """For how long there has been something."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    def note_time(self) -> None:
        """Called when everything was tried: remembers since when something is left."""
        if not self:
            self._since = None
        elif self._since is None:
            self._since = time.monotonic()

    def add(self, batch: Batch) -> None:
        """Keeps everything in the batch."""
        for counts in batch.counts:
            place = counts.key_id, counts.hour
            before = self._counts.get(place)
            self._counts[place] = counts if before is None else _added(before, counts)
        for caller in batch.callers:
            seen = self._callers.get(caller[:3])
            self._callers[caller[:3]] = caller if seen is None else _seen_by_both(seen, caller)
        self._refused += batch.refused

    def keys(self) -> set[str]:
        """The keys whose counts or callers are held. What is counted for them from now on has to be held, too."""
        return {key_id for key_id, _ in self._counts} | {key_id for key_id, _, _ in self._callers}

    def counts(self) -> Collection[KeyCounts]:
        """The counts that are held."""
        return self._counts.values()

    def as_batch(self) -> Batch:
        """Everything, to look at. It can't be written like this, because a key may have counts twice."""
        return Batch(counts=[*self._counts.values()], callers=[*self._callers.values()], refused=self._refused)

    def take(self) -> list[Batch]:
        """Removes everything, and returns it as batches in which no key has counts twice."""
        rounds: defaultdict[str, int] = defaultdict(int)
        by_round: defaultdict[int, list[KeyCounts]] = defaultdict(list)
        for counts in self._counts.values():
            by_round[rounds[counts.key_id]].append(counts)
            rounds[counts.key_id] += 1
        batches = [Batch(counts=some, is_hasty=True) for counts in by_round.values() for some in _parts(counts)]
        for callers in _parts(list(self._callers.values())):
            key_ids = sorted({each.key_id for each in callers})
            batches.append(Batch(callers=callers, keys_with_new_callers=key_ids, is_hasty=True))
        for refused in _parts(self._refused):
            crowded = sorted({each.key_id for each in refused if each.key_id is not None})
            batches.append(Batch(refused=refused, crowded_keys=crowded, is_hasty=True))
        self._counts, self._callers, self._refused = {}, {}, []
        return batches


def _parts(items: Sequence[Kind]) -> Iterator[list[Kind]]:
    rest = iter(items)
    while part := list(islice(rest, ITEMS_A_BATCH)):
        yield part


def _latest(one: int | None, other: int | None) -> int | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _added(one: KeyCounts, other: KeyCounts) -> KeyCounts:
    """The sum of the counts of a key in one hour."""
    numbers = (first + second for first, second in zip(one[3:9], other[3:9], strict=True))
    last_used = _latest(one.last_used, other.last_used)
    previous = _latest(one.previous_secret_last_used, other.previous_secret_last_used)
    return KeyCounts._make((*one[:3], *numbers, last_used, previous))


def _seen_by_both(one: SeenCaller, other: SeenCaller) -> SeenCaller:
    first, last = min(one.first_seen, other.first_seen), max(one.last_seen, other.last_seen)
    return SeenCaller(*one[:3], first, last, one.requests + other.requests)
