"""
The limiter for several processes: it counts in Redis or Valkey.

All requests that wait at the same time are counted by one run of an atomic script. A key's monthly count in Redis
starts from the database's, which each process sends with the key's first request (see
`keys/limits/redis_connection.py`). While Redis can't be used, each process counts its own requests. Each process keeps
its own windows during and after outages, so that an unstable Redis doesn't give keys a new allowance again and again.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

from redis.exceptions import RedisError

from keys.limits.limiter import Decision, LimiterUnavailable
from keys.limits.local_limiter import LocalLimiter, Totals
from keys.limits.redis_connection import NOT_KNOWN, LimiterConnection, Question, RedisEpoch
from keys.limits.redis_outages import Outages
from keys.limits.redis_source import redis_source
from keys.limits.sliding_window import WINDOW_SECONDS, Limits, LimitStatus, month_of, to_ms
from keys.token import Secret
from models.engine.batching import Batches
from models.engine.breaker import Breaker

LANES = 3
TIMEOUT_SECONDS = 2.0
TRY_AGAIN_SECONDS = 0.5


class _Unreachable(Exception):
    """Redis did not answer."""


class RedisLimiter:
    """
    Counts in Redis. While Redis can't be used, each process counts its own requests; if `fails_closed`, no key passes.

    `flush_usage` is called before Redis is used again: it writes this process's usage to the database, so that the
    counts that are sent to Redis include it.
    """

    def __init__(
        self,
        url: Secret,
        totals: Totals,
        local: LocalLimiter,
        *,
        clock: Callable[[], datetime],
        flush_usage: Callable[[], Awaitable[None]],
        fails_closed: bool = False,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._totals = totals
        self._local = local
        self._flush_usage = flush_usage
        self._fails_closed = fails_closed
        self._timeout_seconds = timeout_seconds
        self._memory = RedisEpoch(month_of(to_ms(clock())))
        self._source = redis_source(url)
        self._spare = LimiterConnection(self._source, self._memory)
        connections = [LimiterConnection(self._source, self._memory) for _ in range(LANES)]
        self._batches = Batches[Question, Decision | None](
            connections, timeout_seconds=timeout_seconds, failure=_Unreachable, watcher=self
        )
        self._outages = Outages(
            goes_on="no key passes" if fails_closed else "each process allows a key its whole rate limit"
        )
        self._breaker = Breaker(
            self._return_to_redis,
            pause_seconds=lambda _: self._outages.pause_seconds(TRY_AGAIN_SECONDS),
            failed=self._attempt_failed,
            ended=self._outages.ended,
        )
        self._own_windows_until = -math.inf
        """
        Until this time (`time.monotonic()`), the windows of this process may have requests that Redis did not count.
        """

    @property
    def is_degraded(self) -> bool:
        """Whether Redis can't be used, or does not have the requests that passed during an outage yet."""
        return self._breaker.is_open

    @property
    def lets_pass(self) -> bool:
        """False while Redis can't be used and `fails_closed` is set."""
        return not (self._breaker.is_open and self._fails_closed)

    @property
    def waiting(self) -> int:
        """Requests that wait for a batch to begin."""
        return len(self._batches)

    async def start(self) -> None:
        """Connects to Redis. If that fails, goes on without Redis and keeps trying."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._spare.name()
                await self._spare.probe()
        except (RedisError, OSError) as error:
            await self._spare.close()
            self.failed(error)

    async def close(self) -> None:
        """Closes the connections."""
        await self._breaker.close()
        await self._batches.close()
        await self._spare.close()
        await self._source.close()

    async def consume(self, key_id: str, limits: Limits) -> Decision:
        """Counts one more request if both limits allow it. Raises LimiterUnavailable and DatabaseUnavailable."""
        if time.monotonic() <= self._own_windows_until:
            refusal = await self._refused_here(key_id, limits)
            if refusal is not None:
                return refusal
        decision = await self._decided(key_id, limits, looks=False)
        if decision is None:
            return await self._local.consume(key_id, limits)
        if decision.exceeded is None and not self._fails_closed:
            if time.monotonic() <= self._own_windows_until:
                # Once more, because other requests of the key have passed while Redis was asked.
                refusal = await self._refused_here(key_id, limits)
                if refusal is not None:
                    return refusal
            self._local.passed(key_id)
        return decision

    async def peek(self, key_id: str, limits: Limits) -> LimitStatus:
        """
        Returns what the key has used and has left, without counting a request.

        Raises LimiterUnavailable and DatabaseUnavailable.
        """
        if (refusal := await self._refused_here(key_id, limits)) is not None:
            return refusal.status
        decision = await self._decided(key_id, limits, looks=True)
        return await self._local.peek(key_id, limits) if decision is None else decision.status

    def failed(self, error: Exception) -> None:
        """Called when a batch fails. Stops using Redis, also for the requests that wait, and tries it from then on."""
        if self._breaker.is_open:
            return
        self._outages.began(error)
        self._go_without()
        self._breaker.trip()

    def worked(self) -> None:
        """Called when a batch was answered. Does nothing: only `_return_to_redis` ends an outage."""

    async def _refused_here(self, key_id: str, limits: Limits) -> Decision | None:
        """
        The refusal if this process by itself allowed the key's whole rate limit within the window, else None.

        Redis did not count requests that passed during an outage. When they have left the window, only Redis decides.
        """
        if self._breaker.is_open or self._fails_closed or time.monotonic() > self._own_windows_until:
            return None
        return await self._local.refusal(key_id, limits)

    async def _decided(self, key_id: str, limits: Limits, *, looks: bool) -> Decision | None:
        """Redis's decision; None if Redis can't be used. Raises LimiterUnavailable instead if `fails_closed`."""
        try:
            while not self._breaker.is_open:
                month, seeded, written = self._memory.month, self._memory.seeded, NOT_KNOWN
                if seeded.get(key_id) is None:
                    written = await self._totals.used(key_id, month)
                decision = await self._batches.ask(Question(key_id, limits, seeded, written, looks))
                if decision is not None:
                    if written != NOT_KNOWN:
                        seeded.put(key_id, True)
                    return decision
                seeded.forget(key_id)
        except _Unreachable:
            pass
        if self._fails_closed:
            raise LimiterUnavailable
        return None

    def _go_without(self) -> None:
        self._batches.stop()
        self._source.begin_era()
        self._local.forget_months()

    async def _return_to_redis(self) -> None:
        """
        Checks that Redis can count, writes usage to the database, and gives Redis's memory a new name.

        Every process then sends its keys' monthly counts to Redis again.
        """
        await self._reseed()
        self._own_windows_until = time.monotonic() + WINDOW_SECONDS + 1
        self._batches.restore_all()
        self._breaker.reset()
        # Once more, for the requests that passed here since the first time: they must be in the database before
        # other processes send their counts.
        await self._reseed()

    def _attempt_failed(self, error: Exception) -> None:
        if self._batches.is_stopped:
            self._source.begin_era()  # the next attempt may be at another primary than this one
        else:
            self._go_without()
        self._outages.goes_on(error)

    async def _reseed(self) -> None:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._spare.probe()
            await self._flush_usage()
            async with asyncio.timeout(self._timeout_seconds):
                await self._spare.rename()
        except BaseException:
            await self._spare.close()
            raise
