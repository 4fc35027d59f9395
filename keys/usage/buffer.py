"""
Buffers usage in memory until it is written to the database: counts, callers and refused requests.

The buffer is bounded: what does not fit is dropped, and the number of dropped requests is counted. Each key has a queue
of its own for refused requests, and requests without a genuine key share another, so that they can't displace them.
"""

from collections import Counter, deque
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from keys.cache import TwoGenerationCache
from keys.limits.sliding_window import Month, month_of
from keys.outcomes import COUNTED, Outcome
from keys.usage.user_agent import cleaned
from models.usage.caller import KEPT_OF_A_KEY as CALLERS_KEPT
from models.usage.store import Batch, KeyCounts, Refused, SeenCaller, noted_caller

KEYS_A_BATCH = 400
REFUSED_A_BATCH = 1000
KEYS_AT_MOST = 200_000
"""How many keys' counts may wait. So many wait only while the database is unavailable."""
REFUSED_OF_A_KEY_AT_MOST = 500
"""How many refused requests of a key may wait; the newest are kept. Limits the rows that a single caller causes."""
REFUSED_AT_MOST = 20_000
REFUSED_WITHOUT_A_KEY_AT_MOST = 500
"""How many refused requests without a key may wait, so that a flood of invented keys can't fill the disk."""
OF_A_KEY_UNTIL_CROWDED = 100
WITHOUT_A_KEY_UNTIL_CROWDED = 10_000
PAIRS_REMEMBERED = 200_000
HOUR_MS = 3_600_000


class Sender(NamedTuple):
    """The sender of a request: its address, if it is known, and the value of its User-Agent header as it was sent."""

    ip_address: str | None
    user_agent: bytes


@lru_cache(maxsize=8)
def _month_of_hour(hour: int) -> int:
    """The start of the hour's month, in seconds since 1970. `hour` counts hours since 1970."""
    return month_of(hour * HOUR_MS).start


class _PendingCounts:
    """The unwritten counts of a key in one hour."""

    __slots__ = ("callers", "hour", "last_used", "numbers", "previous_last_used")

    def __init__(self, hour: int) -> None:
        self.hour = hour
        self.numbers = [0] * len(COUNTED)
        self.last_used: int | None = None
        self.previous_last_used: int | None = None
        self.callers: dict[Sender, list[int]] = {}
        """For each caller: the first and the last time in milliseconds since 1970, and the number of requests."""

    def add_success(self, at: int, sender: Sender, *, by_previous_secret: bool) -> None:
        self.numbers[0] += 1
        self.last_used = at
        if by_previous_secret:
            self.previous_last_used = at
        seen = self.callers.get(sender)
        if seen is not None:
            seen[1] = at
            seen[2] += 1
            return
        if len(self.callers) >= CALLERS_KEPT:
            del self.callers[min(self.callers, key=lambda other: self.callers[other][1])]
        self.callers[sender] = [at, at, 1]

    def row(self, key_id: str) -> KeyCounts:
        dates = (self.hour * 3600, _month_of_hour(self.hour))
        return KeyCounts._make((key_id, *dates, *self.numbers, self.last_used, self.previous_last_used))


class UsageBuffer:
    """The usage that this process has counted but not written yet."""

    def __init__(self) -> None:
        self._counts: dict[str, _PendingCounts] = {}
        self._waiting: deque[tuple[str, _PendingCounts]] = deque()
        self._sealed = 0
        self._refused: dict[str, deque[Refused]] = {}
        self._refused_count = 0
        self._without_a_key: deque[Refused] = deque()
        self._refused_row: deque[Refused] = deque()
        self._pairs = TwoGenerationCache[int, bool](PAIRS_REMEMBERED)
        self._pairs_of_key: dict[str, int] = {}
        self._of_key: dict[str, int] = {}
        self._of_no_key = 0
        self.dropped = {"counts": 0, "refused": 0, "refused_without_a_key": 0, "callers": 0}
        """Dropped requests by kind: there was no room for them, or the database refused them."""

    def __len__(self) -> int:
        """The number of keys' counts and refused requests that wait."""
        refused = self._refused_count + len(self._without_a_key) + len(self._refused_row)
        return len(self._counts) + len(self._waiting) + refused

    @property
    def requests(self) -> int:
        """The number of requests that wait, to be counted or to be stored as refused without a genuine key."""
        counts = [*self._counts.values(), *(those for _, those in self._waiting)]
        no_key = len(self._without_a_key) + sum(each.key_id is None for each in self._refused_row)
        return sum(sum(those.numbers) for those in counts) + no_key

    @property
    def takes_without_a_key(self) -> bool:
        """Whether there is room for a refused request without a key. If not, reading this counts it as dropped."""
        if len(self._without_a_key) < REFUSED_WITHOUT_A_KEY_AT_MOST:
            return True
        self.dropped["refused_without_a_key"] += 1
        return False

    def count(
        self, key_id: str, outcome: Outcome, at: int, sender: Sender, *, by_previous_secret: bool = False
    ) -> None:
        """Counts a request of a key. `at` is in milliseconds since 1970."""
        counts = self._counts.get(key_id)
        if counts is None or counts.hour != at // HOUR_MS:
            counts = self._new_counts(key_id, at // HOUR_MS)
        if counts is None:
            return
        if outcome is Outcome.GOOD:
            counts.add_success(at, sender, by_previous_secret=by_previous_secret)
        else:
            counts.numbers[COUNTED[outcome]] += 1

    def add_refusal(self, refused: Refused) -> None:
        """Adds a refused request. For one without a key, check `takes_without_a_key` first."""
        if refused.key_id is None:
            self._without_a_key.append(refused)
            return
        queue = self._refused.get(refused.key_id)
        if queue is None:
            queue = self._refused[refused.key_id] = deque(maxlen=REFUSED_OF_A_KEY_AT_MOST)
        if len(queue) == REFUSED_OF_A_KEY_AT_MOST:
            queue.append(refused)
            self.dropped["refused"] += 1
        elif self._refused_count < REFUSED_AT_MOST:
            queue.append(refused)
            self._refused_count += 1
        else:
            self.dropped["refused"] += 1

    def drop(self, item: KeyCounts | SeenCaller | Refused) -> str:
        """Counts as dropped what the database refused. Returns its kind, a key of `dropped`."""
        match item:
            case KeyCounts():
                kind, requests = "counts", sum(item[3:9])
            case SeenCaller():
                kind, requests = "callers", item.requests
            case Refused():
                kind, requests = "refused" if item.key_id else "refused_without_a_key", 1
        self.dropped[kind] += requests
        return kind

    def flush_to_queue(self) -> bool:
        """
        Moves everything counted so far into the queue for the next batches. What is counted later waits for the next
        call.

        Returns False, and moves nothing, if the queue is not empty yet: while the database is unavailable, everything
        must wait where its size is bounded.
        """
        if self._waiting or self._refused_row:
            return False
        self._waiting.extend(self._counts.items())
        self._counts = {}
        for queue in (*self._refused.values(), self._without_a_key):
            self._refused_row.extend(queue)
        self._refused, self._refused_count = {}, 0
        self._without_a_key.clear()
        return True

    def next_batch(self, *, wants_totals: bool = True) -> Batch | None:
        """Removes and returns the next batch from the queue; None if the queue is empty."""
        counts: dict[str, _PendingCounts] = {}
        while self._waiting and len(counts) < KEYS_A_BATCH and self._waiting[0][0] not in counts:
            key_id, those = self._waiting.popleft()
            counts[key_id] = those
        if not self._waiting:
            self._sealed = 0
        refused, crowded = self._next_refused()
        if not counts and not refused:
            return None
        callers = [
            noted_caller(key_id, sender.ip_address, cleaned(sender.user_agent), *seen)
            for key_id, those in counts.items()
            for sender, seen in those.callers.items()
        ]
        is_crowded = self._of_no_key >= WITHOUT_A_KEY_UNTIL_CROWDED
        if is_crowded:
            self._of_no_key = 0
        return Batch(
            counts=[those.row(key_id) for key_id, those in counts.items()],
            callers=_merged(callers),
            refused=refused,
            keys_with_new_callers=list({each.key_id for each in callers if self._is_new(each)}),
            crowded_keys=crowded,
            is_crowded=is_crowded,
            wants_totals=wants_totals,
        )

    def unwritten(self, keys: Collection[str], month: Month, *, of_last_batch: bool = False) -> dict[str, int]:
        """
        The allowed requests of these keys in the month that are in no batch yet.

        With `of_last_batch`, the keys are those of the last batch. They are in the queue again only if an hour has
        ended meanwhile, so the queue is searched only then.
        """
        passed: dict[str, int] = {}
        waiting = (
            ((key_id, those) for key_id, those in self._waiting if key_id in keys)
            if self._sealed or not of_last_batch
            else ()
        )
        counting = ((key_id, self._counts[key_id]) for key_id in keys if key_id in self._counts)
        for key_id, those in (*waiting, *counting):
            if month.start <= those.hour * 3600 < month.end:
                passed[key_id] = passed.get(key_id, 0) + those.numbers[0]
        return passed

    def _new_counts(self, key_id: str, hour: int) -> _PendingCounts | None:
        """Begins the key's counts of an hour; None if there is no room. Those of another hour wait to be written."""
        counts = self._counts.get(key_id)
        if counts is not None:
            self._waiting.append((key_id, counts))
            self._sealed += 1
        elif len(self._counts) + len(self._waiting) >= KEYS_AT_MOST:
            self.dropped["counts"] += 1
            return None
        counts = self._counts[key_id] = _PendingCounts(hour)
        return counts

    def _next_refused(self) -> tuple[list[Refused], list[str]]:
        """The next refused requests, and the keys that may have more stored than are kept."""
        refused = [self._refused_row.popleft() for _ in range(min(REFUSED_A_BATCH, len(self._refused_row)))]
        crowded: list[str] = []
        numbers = Counter(each.key_id for each in refused if each.key_id is not None)
        self._of_no_key += len(refused) - numbers.total()
        for key_id, number in numbers.items():
            since = self._of_key.pop(key_id, 0) + number
            if since >= OF_A_KEY_UNTIL_CROWDED or len(self._of_key) >= KEYS_AT_MOST:
                crowded.append(key_id)
            else:
                self._of_key[key_id] = since
        return refused, crowded

    def _is_new(self, caller: SeenCaller) -> bool:
        """
        Whether the database may not have this caller yet.

        For each key, as many callers are remembered as the database keeps. If there are more, the database may have
        dropped any of them.
        """
        pair = hash(caller[:3])
        if self._pairs.get(pair) is not None:
            return False
        if len(self._pairs_of_key) >= KEYS_AT_MOST:
            self._pairs, self._pairs_of_key = TwoGenerationCache(PAIRS_REMEMBERED), {}
        number = self._pairs_of_key.get(caller.key_id, 0)
        if number < CALLERS_KEPT:
            self._pairs.put(pair, True)
            self._pairs_of_key[caller.key_id] = number + 1
        return True


def _merged(callers: list[SeenCaller]) -> list[SeenCaller]:
    """Merges callers of a key with the same address and stored user agent, which may have differed as it was sent."""
    merged: dict[tuple[str, str, str], SeenCaller] = {}
    for each in callers:
        seen = merged.get(each[:3])
        if seen is not None:
            first, last = min(seen.first_seen, each.first_seen), max(seen.last_seen, each.last_seen)
            each = SeenCaller(*each[:3], first, last, seen.requests + each.requests)
        merged[each[:3]] = each
    return list(merged.values())
