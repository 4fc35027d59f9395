"""The limiter of many processes, on a real Redis: exactly the limits pass, whichever process is asked."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keys.limits.redis_connection
import keys.limits.redis_limiter
from keys.limits.limiter import Decision
from keys.limits.local_limiter import LocalLimiter
from keys.limits.redis_connection import PREFIX
from keys.limits.sliding_window import Limits, Month
from models.engine.batching import AT_MOST
from tests.conftest import Clock
from tests.support.keys.redis_limiters import (
    GIVE_UP_SECONDS,
    KEY,
    MANY,
    OTHER,
    PASSED,
    QUOTA,
    RATE_LIMIT,
    Limiters,
    calls,
    this_month,
    until,
)
from tests.support.servers.redis_server import RedisServer
from tests.support.usage.usage_stores import FakeMonthlyUsage


async def test_exactly_the_limit_passes_of_many_at_once(limiters: Limiters) -> None:
    """The requests come from several processes, in several batches."""
    four = [await limiters.make() for _ in range(4)]

    for key_id in (KEY, OTHER):
        await asyncio.gather(*(limiters.consume(each, Limits(100, MANY), 250, key_id) for each in four))

    assert limiters.passed == {KEY: 100, OTHER: 100}


async def test_exactly_the_quota_passes_of_many_at_once(limiters: Limiters, server: RedisServer) -> None:
    """The usage that is already written counts, whichever process reports it."""
    limiters.written.used_by[KEY, this_month(server).start] = 150
    four = [await limiters.make() for _ in range(4)]

    taken = await asyncio.gather(*(limiters.consume(each, Limits(MANY, 200), 100) for each in four))

    assert sum(taken, Counter()) == {PASSED: 50, QUOTA: 350}


async def test_more_than_a_batch_holds_are_answered(limiters: Limiters, server: RedisServer) -> None:
    """Each key separately, in as few calls as possible."""
    limiter = await limiters.make()
    await limiters.consume(limiter, Limits(5, MANY), 1, OTHER)
    before = calls(server, "evalsha")
    many = [f"{number:032x}" for number in range(10, 10 + AT_MOST)]

    taken = await asyncio.gather(*(limiters.consume(limiter, Limits(2, MANY), 4, key_id) for key_id in many))

    assert taken == [{PASSED: 2, RATE_LIMIT: 2}] * AT_MOST
    assert calls(server, "evalsha") - before <= 20


async def test_a_decision_says_where_the_key_stands(limiters: Limiters, server: RedisServer) -> None:
    """The remaining requests, the reset times, the usage of the month, and the clock."""
    month = this_month(server)
    limiters.written.used_by[KEY, month.start] = 40
    limiter = await limiters.make(clock=lambda: datetime(2019, 2, 1, tzinfo=UTC))

    first = await limiter.consume(KEY, Limits(2, 100))
    await limiter.consume(KEY, Limits(2, 100))
    refused = await limiter.consume(KEY, Limits(2, 100))
    over_quota = await limiter.consume(KEY, Limits(100, 42))

    assert first.status._replace(at=0) == (1, 60_000 - first.status.at % 1000, 41, month, 0)
    assert (first.exceeded, first.retry_in) == (PASSED, 0)
    assert (refused.exceeded, refused.status.rate_remaining, refused.status.quota_used) == (RATE_LIMIT, 0, 42)
    room_at = first.status.at // 1000 * 1000 + 60_000
    assert refused.retry_in == refused.status.rate_resets_in == room_at - refused.status.at
    assert (over_quota.exceeded, over_quota.retry_in) == (QUOTA, month.end * 1000 - over_quota.status.at)
    assert over_quota.status.rate_remaining == 98


some_keys = st.sampled_from((KEY, OTHER, f"{3:032x}"))
requests = st.lists(
    st.tuples(some_keys, st.sampled_from((1, 2, 5, 9)), st.sampled_from((1, 4, 9)), st.booleans()),
    min_size=1,
    max_size=30,
)


@given(requests)
@settings(max_examples=40, deadline=None)
def test_it_decides_as_the_limiter_of_one_process_does(
    running: RedisServer, requests: list[tuple[str, int, int, bool]]
) -> None:
    """The same requests at the times of Redis's clock: decisions and statuses are the same."""
    running.flush()

    async def compare() -> None:
        limiters, clock = Limiters(running), Clock()
        limiters.written.used_by[OTHER, this_month(running).start] = 3
        local_written = FakeMonthlyUsage()
        local_written.used_by.update(limiters.written.used_by)
        local = LocalLimiter(local_written, clock=clock)
        limiter = await limiters.make()
        for key_id, rate_limit, quota, looks in requests:
            limits = Limits(rate_limit, quota)
            answer = await (limiter.peek if looks else limiter.consume)(key_id, limits)
            status = answer.status if isinstance(answer, Decision) else answer
            clock.now = datetime.fromtimestamp(status.at / 1000, UTC)

            assert answer == await (local.peek if looks else local.consume)(key_id, limits)
        await limiters.close()

    asyncio.run(compare())


async def test_other_limits_hold_with_the_next_request(limiters: Limiters) -> None:
    """Limits below the current usage and above it; a refused request counts for neither limit."""
    limiter = await limiters.make()

    assert await limiters.consume(limiter, Limits(10, 10), 5) == {PASSED: 5}
    assert await limiters.consume(limiter, Limits(3, 10), 5) == {RATE_LIMIT: 5}
    assert await limiters.consume(limiter, Limits(10, 4), 5) == {QUOTA: 5}
    assert await limiters.consume(limiter, Limits(7, 10), 5) == {PASSED: 2, RATE_LIMIT: 3}
    assert await limiters.consume(limiter, Limits(100, 9), 5) == {PASSED: 2, QUOTA: 3}
    status = await limiter.peek(KEY, Limits(100, 100))
    assert (status.rate_remaining, status.quota_used) == (91, 9)


async def test_who_hangs_up_takes_nobody_along(limiters: Limiters) -> None:
    """Other callers in the same batch are not affected, whether the batch has begun or not."""
    limiter = await limiters.make()
    for steps in (1, 5, 20):
        waiting = [asyncio.ensure_future(limiter.consume(KEY, Limits(MANY, MANY))) for _ in range(10)]
        for _ in range(steps):
            await asyncio.sleep(0)
        for each in waiting[::3]:
            each.cancel()

        answers = await asyncio.gather(*waiting, return_exceptions=True)

        assert all(isinstance(each, Decision) for place, each in enumerate(answers) if place % 3)
    assert limiter.waiting == 0


# Months.


class Calendar:
    """Replaces the limiter's months: one until the turn, and one from then on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, turn: int) -> None:
        self.old, self.new = Month(0, turn), Month(turn, turn + 10**8)
        self._turn = turn
        for module in (keys.limits.redis_connection, keys.limits.redis_limiter):
            monkeypatch.setattr(module, "month_of", self)

    def __call__(self, at: int) -> Month:
        return self.old if at < self._turn * 1000 else self.new


async def test_a_new_month_has_its_own_count_and_the_same_window(
    limiters: Limiters, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody gets a second window at the turn of the month, and the usage of the new month is read."""
    with server.client() as client:
        now = client.time()[0]
    Calendar(monkeypatch, now + 10**6)
    await limiters.consume(await limiters.make(), Limits(10, 10), 6)
    calendar = Calendar(monkeypatch, now - 1000)
    limiters.written.used_by[KEY, calendar.new.start] = 3

    limiter = await limiters.make(clock=lambda: datetime.fromtimestamp(now - 2000, UTC))
    taken = await limiters.consume(limiter, Limits(10, 10), 9)

    assert taken == {PASSED: 4, RATE_LIMIT: 5}
    assert (await limiter.peek(KEY, Limits(10, 10))).quota_used == 7
    assert await limiters.consume(limiter, Limits(100, 10), 9) == {PASSED: 3, QUOTA: 6}
    with server.client() as client:
        assert set(client.scan_iter(f"{PREFIX}:*")) == {f"{PREFIX}:0", f"{PREFIX}:{now - 1000}", f"{PREFIX}:memory"}


async def test_usage_of_another_month_is_never_counted(
    limiters: Limiters, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the month ends while a process reads its usage, callers are still answered, with the new month's usage."""
    with server.client() as client:
        now = client.time()[0]
    calendar = Calendar(monkeypatch, now - 1000)
    limiter = await limiters.make(clock=lambda: datetime.fromtimestamp(now - 2000, UTC))
    many = [f"{number:032x}" for number in range(30)]
    for key_id in many:
        limiters.written.used_by[key_id, calendar.old.start] = MANY

    # Sequentially, so that several batches with the old month are in progress when the month turns out to be over.
    waiting = []
    for key_id in many:
        waiting.append(asyncio.ensure_future(limiter.consume(key_id, Limits(10, 10))))
        for _ in range(5):
            await asyncio.sleep(0)
    async with asyncio.timeout(GIVE_UP_SECONDS):
        decisions = await asyncio.gather(*waiting)

    assert {(each.exceeded, each.status.quota_used, each.status.month) for each in decisions} == {
        (PASSED, 1, calendar.new)
    }


async def test_the_state_of_keys_expires_with_its_month(limiters: Limiters, server: RedisServer) -> None:
    """A month is kept for another month after its end, so that the next month's first requests find the window."""
    limiter = await limiters.make()
    month = this_month(server)

    await limiters.consume(limiter, Limits(10, 10), 3)

    with server.client() as client:
        assert client.expiretime(f"{PREFIX}:{month.start}") == month.end + 31 * 86_400
        client.flushall()
    await limiters.consume(limiter, Limits(10, 10))
    await until(lambda: not limiter.is_degraded)
    await limiters.consume(limiter, Limits(10, 10))
    with server.client() as client:
        assert client.expiretime(f"{PREFIX}:{month.start}") == month.end + 31 * 86_400
        assert client.ttl(f"{PREFIX}:memory") == -1
