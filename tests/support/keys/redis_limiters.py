"""
Limiters on one Redis, as several processes have them, and the usage that they share: a request that passed is written
at once, or when a limiter flushes its usage.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import pytest

from app import utc_now
from keys.limits.limiter import Decision, Exceeded
from keys.limits.local_limiter import LocalLimiter
from keys.limits.redis_limiter import RedisLimiter
from keys.limits.sliding_window import Limits, Month, month_of
from keys.outcomes import Outcome
from keys.token import Secret
from tests.support.servers.redis_server import RedisServer
from tests.support.usage.usage_stores import FakeMonthlyUsage

KEY, OTHER = (f"{number:032x}" for number in (1, 2))
PASSED, RATE_LIMIT, QUOTA = None, Outcome.RATE_LIMITED, Outcome.QUOTA_EXCEEDED
MANY = 1_000_000
GIVE_UP_SECONDS = 60.0


class ProcessUsage:
    """The usage that one process has recorded, in front of the usage that all have written."""

    def __init__(self, written: FakeMonthlyUsage, *, is_written_at_once: bool) -> None:
        self._written = written
        self._is_written_at_once = is_written_at_once
        self._unwritten: Counter[tuple[str, int]] = Counter()
        self.times_written = 0

    def note(self, key_id: str, month: Month) -> None:
        """Records a request that passed."""
        (self._written.used_by if self._is_written_at_once else self._unwritten)[key_id, month.start] += 1

    async def used(self, key_id: str, month: Month) -> int:
        """What all have written, and what this process has not written yet."""
        return await self._written.used(key_id, month) + self._unwritten[key_id, month.start]

    async def write(self) -> None:
        """Writes the recorded usage."""
        self.times_written += 1
        for place, number in self._unwritten.items():
            self._written.used_by[place] += number
        self._unwritten.clear()


class Limiters:
    """Makes limiters on one Redis and one shared usage, as processes have them."""

    def __init__(self, server: RedisServer, *, url: str | None = None) -> None:
        self._url = url or server.url
        self._made: dict[RedisLimiter, ProcessUsage] = {}
        self.written = FakeMonthlyUsage()
        self.passed: Counter[str] = Counter()

    async def make(
        self, *, clock: Callable[[], datetime] = utc_now, is_written_at_once: bool = True, **options: object
    ) -> RedisLimiter:
        """A started limiter. Its requests that pass are written at once, or when the limiter flushes its usage."""
        noted = ProcessUsage(self.written, is_written_at_once=is_written_at_once)
        limiter = RedisLimiter(
            Secret(self._url),
            noted,
            LocalLimiter(noted, clock=clock),
            clock=clock,
            flush_usage=noted.write,
            **{"timeout_seconds": GIVE_UP_SECONDS, **options},  # type: ignore[arg-type]
        )
        self._made[limiter] = noted
        await limiter.start()
        return limiter

    def times_written(self, limiter: RedisLimiter) -> int:
        """How often the limiter has flushed its usage."""
        return self._made[limiter].times_written

    async def consume(
        self, limiter: RedisLimiter, limits: Limits, times: int = 1, key_id: str = KEY
    ) -> Counter[Exceeded | None]:
        """The results of this many requests at the same time."""
        taken = await asyncio.gather(*(self._take(limiter, limits, key_id) for _ in range(times)))
        return Counter(each.exceeded for each in taken)

    async def _take(self, limiter: RedisLimiter, limits: Limits, key_id: str) -> Decision:
        decision = await limiter.consume(key_id, limits)
        if decision.exceeded is None:
            self.passed[key_id] += 1
            self._made[limiter].note(key_id, decision.status.month)
        return decision

    async def close(self) -> None:
        for limiter in self._made:
            await limiter.close()


async def until(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while not is_so():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.01)


def this_month(server: RedisServer) -> Month:
    """The current month, by Redis's clock."""
    with server.client() as client:
        return month_of(client.time()[0] * 1000)


def calls(server: RedisServer, command: str) -> int:
    """How often this command was sent since the server started."""
    with server.client() as client:
        return int(client.info("commandstats").get(f"cmdstat_{command}", {}).get("calls", 0))


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The logged messages, without the duration of an outage."""
    logged = [record.getMessage() for record in caplog.records if record.name == "keydesk.limiter"]
    return [re.sub(r"after \d+\.\d s", "after … s", message) for message in logged]
