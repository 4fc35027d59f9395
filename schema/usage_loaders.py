"""Data loaders for usage: queries of a request's fields are batched, and nothing is read twice."""

import asyncio
from uuid import UUID

from strawberry.dataloader import DataLoader

from keys.limits.limiter import Limiter
from keys.limits.sliding_window import LimitStatus
from keys.usage.intervals import Intervals
from models.agent import NamedAgent
from models.engine.reader import Reader
from models.key_queries import ApiKeyRecord
from models.usage.request_queries import CallerRecord, RefusedRecord
from resolvers import usage
from resolvers.usage import Point

POINTS_AT_ONCE = 8_000
LIMIT_STATUSES_AT_ONCE = 50


class UsageLoads:
    """The loaders of one request. A list of ten keys takes as many statements as one key."""

    def __init__(self, reader: Reader, limiter: Limiter) -> None:
        self._reader = reader
        self._series: dict[Intervals, DataLoader[UUID, list[Point]]] = {}
        self._refusals: dict[int, DataLoader[UUID, list[RefusedRecord]]] = {}
        self._limiter = limiter
        self._turn = asyncio.Lock()
        self.limit_statuses = DataLoader[ApiKeyRecord, LimitStatus](
            self._load_limit_statuses, max_batch_size=LIMIT_STATUSES_AT_ONCE
        )
        self.callers = DataLoader[UUID, list[CallerRecord]](lambda key_ids: usage.callers(reader, key_ids))
        self.agents = DataLoader[tuple[UUID, UUID], NamedAgent | None](lambda places: usage.agents(reader, places))

    def series(self, intervals: Intervals) -> DataLoader[UUID, list[Point]]:
        """Loads the counts of these intervals, by key."""
        if intervals not in self._series:
            keys_at_once = max(1, POINTS_AT_ONCE // intervals.number)
            self._series[intervals] = DataLoader(
                lambda key_ids: self._load_series(key_ids, intervals), max_batch_size=keys_at_once
            )
        return self._series[intervals]

    def refusals(self, first: int) -> DataLoader[UUID, list[RefusedRecord]]:
        """Loads the newest refused requests, by key: at most `first` of each."""
        if first not in self._refusals:
            self._refusals[first] = DataLoader(lambda key_ids: usage.refusals(self._reader, key_ids, first=first))
        return self._refusals[first]

    async def _load_limit_statuses(self, keys: list[ApiKeyRecord]) -> list[LimitStatus | BaseException]:
        # One batch after the other, so that the event loop serves other requests in between.
        async with self._turn:
            return await usage.limit_statuses(self._limiter, keys)

    async def _load_series(self, key_ids: list[UUID], intervals: Intervals) -> list[list[Point]]:
        async with self._turn:
            return await usage.series(self._reader, key_ids, intervals)
