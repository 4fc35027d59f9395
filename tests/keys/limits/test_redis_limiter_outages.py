"""The limiter of many processes when Redis loses data or is unreachable: its counts stay exact."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import redis

from keys.limits.limiter import Decision, Exceeded, LimiterUnavailable
from keys.limits.local_limiter import LocalLimiter
from keys.limits.redis_connection import PREFIX
from keys.limits.redis_limiter import LANES, RedisLimiter
from keys.limits.sliding_window import Limits
from keys.token import Secret
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
    messages,
    this_month,
    until,
)
from tests.support.servers.redis_server import RedisServer
from tests.support.usage.usage_stores import FakeMonthlyUsage

SOON_SECONDS = 0.5
"""The timeout of limiters whose Redis a test makes silent; others wait as long as it takes."""


@pytest.fixture
def frozen(server: RedisServer) -> Iterator[RedisServer]:
    """A server that the test may leave frozen."""
    yield server
    server.thaw()


# Data loss in Redis.


async def exhaust(limiters: Limiters, used: int, *limiter: RedisLimiter) -> None:
    """Exactly this many requests of a quota of 100 pass."""
    taken = await asyncio.gather(*(limiters.consume(each, Limits(MANY, 100), 150) for each in limiter))

    assert sum(taken, Counter()) == {PASSED: 100 - used, QUOTA: 150 * len(limiter) - 100 + used}
    assert limiters.passed[KEY] == 100


def flushed(server: RedisServer) -> None:
    server.flush()


def restarted(server: RedisServer) -> None:
    server.restart()


def killed_and_started(server: RedisServer) -> None:
    server.kill()
    server.start()


def forgot_its_name(server: RedisServer) -> None:
    with server.client() as client:
        client.delete(f"{PREFIX}:memory")


@pytest.mark.parametrize("lose", [flushed, restarted, killed_and_started, forgot_its_name])
async def test_a_redis_that_lost_its_data_is_filled_from_the_database(
    limiters: Limiters, server: RedisServer, lose: Callable[[RedisServer], None]
) -> None:
    """Each process counts alone for a moment; then all continue from the requests that had passed."""
    two = [await limiters.make() for _ in range(2)]
    for each in two:
        await limiters.consume(each, Limits(MANY, 100), 20)

    lose(server)
    for each in two:
        assert await limiters.consume(each, Limits(MANY, 100), 10) == {PASSED: 10}
    await until(lambda: not any(each.is_degraded for each in two))

    await exhaust(limiters, 60, *two)


async def test_a_key_that_redis_has_evicted_is_reseeded(limiters: Limiters, server: RedisServer) -> None:
    """The process does not become degraded."""
    limiter = await limiters.make()
    await limiters.consume(limiter, Limits(MANY, 100), 20)

    with server.client() as client:
        client.delete(f"{PREFIX}:{this_month(server).start}")

    await exhaust(limiters, 20, limiter)
    assert not limiter.is_degraded


def scripts_flushed(server: RedisServer) -> None:
    with server.client() as client:
        client.script_flush()


def connections_lost(server: RedisServer) -> None:
    with server.client() as client:
        client.client_kill_filter(_type="normal", skipme=True)


@pytest.mark.parametrize("lose", [scripts_flushed, connections_lost])
async def test_what_is_lost_without_harm_is_not_noticed(
    limiters: Limiters, server: RedisServer, caplog: pytest.LogCaptureFixture, lose: Callable[[RedisServer], None]
) -> None:
    """The next request is counted in Redis."""
    limiter = await limiters.make()
    for _ in range(3):
        await limiters.consume(limiter, Limits(MANY, 100), 20)
        lose(server)
    before = calls(server, "hset")

    await exhaust(limiters, 60, limiter)

    assert calls(server, "hset") > before
    assert not limiter.is_degraded
    assert messages(caplog) == []


async def test_a_redis_that_was_restored_to_an_earlier_state_is_reseeded(
    limiters: Limiters, server: RedisServer
) -> None:
    """As a Redis that saves now and then and restarts: the epoch may be the same."""
    two = [await limiters.make() for _ in range(2)]
    await limiters.consume(two[0], Limits(MANY, 100), 5)
    month = f"{PREFIX}:{this_month(server).start}"
    with redis.Redis(port=server.port) as client:
        saved = client.dump(month)
        for each in two:
            await limiters.consume(each, Limits(MANY, 100), 20)

        client.restore(month, 0, saved, replace=True)
    connections_lost(server)
    # Another key's request detects the loss; this key's requests then use the new connection.
    for each in two:
        await limiters.consume(each, Limits(MANY, 100), 1, OTHER)

    await exhaust(limiters, 45, *two)


# Unreachable Redis.


async def test_a_frozen_redis_is_not_waited_for(
    limiters: Limiters, frozen: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Each process verifies with its own counts; when Redis answers again, the requests that passed meanwhile count."""
    limiter = await limiters.make(timeout_seconds=SOON_SECONDS)
    await limiters.consume(limiter, Limits(MANY, 100), 20)
    frozen.freeze()

    async with asyncio.timeout(GIVE_UP_SECONDS):
        assert await limiters.consume(limiter, Limits(MANY, 100), 30) == {PASSED: 30}
        assert limiter.is_degraded
        assert limiter.lets_pass
        assert await limiters.consume(limiter, Limits(MANY, 60), 30) == {PASSED: 10, QUOTA: 20}
    frozen.thaw()
    await until(lambda: not limiter.is_degraded)

    await exhaust(limiters, 60, limiter)
    assert limiters.times_written(limiter) >= 1
    await until(lambda: len(messages(caplog)) == 2)
    assert messages(caplog) == [
        "Redis can't be reached (TimeoutError): until Redis works again, each process allows a key its whole rate "
        "limit",
        "Redis works again: limits are counted across processes, after … s",
    ]


async def test_who_waits_when_redis_fails_does_not_wait_for_redis(limiters: Limiters, frozen: RedisServer) -> None:
    """Requests behind those that Redis does not answer get this process's own counts as soon as one has failed."""
    limiter = await limiters.make(timeout_seconds=GIVE_UP_SECONDS)
    await limiters.consume(limiter, Limits(MANY, 100), 20)
    frozen.freeze()
    hanging: list[asyncio.Future[Decision]] = []
    for lanes in range(1, LANES + 1):
        hanging.append(asyncio.ensure_future(limiter.consume(KEY, Limits(MANY, 100))))
        await until(lambda wanted=lanes: len(limiter._batches._under_way) == wanted)  # type: ignore[misc]
    behind = [asyncio.ensure_future(limiter.consume(KEY, Limits(MANY, 100))) for _ in range(10)]
    await until(lambda: limiter.waiting == 10)

    limiter.failed(ConnectionError())

    assert {each.exceeded for each in await asyncio.gather(*behind)} == {PASSED}
    assert not any(each.done() for each in hanging)
    frozen.thaw()
    assert {each.exceeded for each in await asyncio.gather(*hanging)} == {PASSED}


async def test_while_redis_is_away_each_process_holds_both_limits(limiters: Limiters, server: RedisServer) -> None:
    """A process's windows begin once, not with each attempt to reach Redis."""
    two = [await limiters.make() for _ in range(2)]
    server.stop()
    try:
        for each in two:
            assert await limiters.consume(each, Limits(10, MANY), 30) == {PASSED: 10, RATE_LIMIT: 20}
            await tried_again(each)
            assert await limiters.consume(each, Limits(10, MANY), 30) == {RATE_LIMIT: 30}
    finally:
        server.start()


async def tried_again(limiter: RedisLimiter, times: int = 3) -> None:
    """Waits until it has tried this often to reach Redis."""
    tried = 0
    probe = limiter._spare.probe

    async def count() -> None:
        nonlocal tried
        tried += 1
        await probe()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limiter._spare, "probe", count)
        await until(lambda: tried >= times)


async def test_the_first_requests_after_an_outage_know_of_those_within(limiters: Limiters, frozen: RedisServer) -> None:
    """In the process that was cut off and in the one that noticed nothing; Redis has lost no data."""
    noticing, other = [await limiters.make() for _ in range(2)]
    for each in (noticing, other):
        await limiters.consume(each, Limits(MANY, 100), 20)

    noticing.failed(ConnectionError("the network between this process and Redis"))
    assert await limiters.consume(noticing, Limits(MANY, 100), 150) == {PASSED: 60, QUOTA: 90}
    await until(lambda: not noticing.is_degraded)
    first = [await limiters.consume(each, Limits(MANY, 100), 50) for each in (other, noticing)]

    assert first == [{QUOTA: 50}, {QUOTA: 50}]


async def test_what_passes_at_the_last_moment_of_an_outage_is_known_to_others(
    limiters: Limiters, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request passes after the process has flushed its usage, and before it counts in Redis again."""
    returning, other = [await limiters.make(is_written_at_once=False) for _ in range(2)]
    limits = Limits(MANY, 100)
    await limiters.consume(returning, limits, 20)
    rename = returning._spare.rename
    last: list[Counter[Exceeded | None]] = []

    async def pass_and_rename() -> None:
        if not last:
            last.append(await limiters.consume(returning, limits, 10))
        await rename()

    monkeypatch.setattr(returning._spare, "rename", pass_and_rename)
    returning.failed(ConnectionError())
    await until(lambda: not returning._breaker.is_trying)

    assert last == [{PASSED: 10}]
    assert await limiters.consume(other, limits, 150) == {PASSED: 70, QUOTA: 80}


def counts_across_processes(limiter: RedisLimiter) -> bool:
    return not limiter.is_degraded


async def test_what_passes_while_a_process_comes_back_is_not_lost(limiters: Limiters, server: RedisServer) -> None:
    """Requests during the whole recovery, at both processes, to the last request of the quota."""
    two = [await limiters.make() for _ in range(2)]
    limits = Limits(MANY, 20_000)
    is_over = False

    async def go_on(limiter: RedisLimiter) -> None:
        while not is_over:
            await limiters.consume(limiter, limits, 3)

    going_on = [asyncio.ensure_future(go_on(each)) for each in two]
    for each in two:
        await until(lambda: limiters.passed[KEY] > 100)
        each.failed(ConnectionError())
        await until(partial(counts_across_processes, each))
    await until(lambda: limiters.passed[KEY] > 2000)
    is_over = True
    await asyncio.gather(*going_on)
    passed = limiters.passed[KEY]

    taken = [await limiters.consume(each, Limits(MANY, passed + 10), 10) for each in two]

    assert passed < 20_000
    assert taken == [{PASSED: 10}, {QUOTA: 10}]


async def test_where_it_is_closed_nothing_passes_without_redis(
    limiters: Limiters, frozen: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Keys get no verdict; when Redis is back, verification goes on as before."""
    limiter = await limiters.make(fails_closed=True, timeout_seconds=SOON_SECONDS)
    await limiters.consume(limiter, Limits(MANY, 100), 20)
    assert limiter.lets_pass
    frozen.freeze()

    async with asyncio.timeout(GIVE_UP_SECONDS):
        answers = await asyncio.gather(*(limiter.consume(KEY, Limits(9, 9)) for _ in range(20)), return_exceptions=True)
        with pytest.raises(LimiterUnavailable):
            await limiter.peek(KEY, Limits(9, 9))

    assert [type(each) for each in answers] == [LimiterUnavailable] * 20
    assert (limiter.is_degraded, limiter.lets_pass) == (True, False)
    assert messages(caplog) == ["Redis can't be reached (TimeoutError): until Redis works again, no key passes"]
    frozen.thaw()
    await until(lambda: limiter.lets_pass)
    await exhaust(limiters, 20, limiter)


async def test_a_redis_that_comes_after_the_process_is_used_once_it_is_there(
    limiters: Limiters, server: RedisServer
) -> None:
    """Until then, each process counts alone."""
    server.stop()
    try:
        limiter = await limiters.make()
        assert limiter.is_degraded
        assert await limiters.consume(limiter, Limits(10, MANY), 15) == {PASSED: 10, RATE_LIMIT: 5}
    finally:
        server.start()

    await until(lambda: not limiter.is_degraded)
    await limiters.consume(limiter, Limits(MANY, 100), 90)
    assert limiters.passed[KEY] == 100


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
        (("CONFIG", "SET", "min-replicas-to-write", "1"), ("CONFIG", "SET", "min-replicas-to-write", "0")),
    ],
)
async def test_a_redis_that_writes_nothing_is_out_of_reach(
    limiters: Limiters, server: RedisServer, broken: tuple[str, ...], mended: tuple[str, ...]
) -> None:
    """A full Redis, a replica, and one that waits for replicas: each answers, but can't count."""
    limiter = await limiters.make()
    await limiters.consume(limiter, Limits(MANY, 100), 20)
    with server.client() as client:
        client.execute_command(*broken)
        try:
            assert await limiters.consume(limiter, Limits(MANY, 100), 30) == {PASSED: 30}
            assert limiter.is_degraded
        finally:
            client.execute_command(*mended)

    await until(lambda: not limiter.is_degraded)
    await exhaust(limiters, 50, limiter)


async def test_neither_address_nor_password_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, server: RedisServer
) -> None:
    """Whatever Redis answers."""
    caplog.set_level(logging.DEBUG)
    written, clock = FakeMonthlyUsage(), Clock()

    async def write() -> None:
        """There is nothing to write."""

    for url in (f"redis://:hunter2@127.0.0.1:{server.port}/0", "redis://user:hunter2@127.0.0.1:1/0"):
        local = LocalLimiter(written, clock=clock)
        limiter = RedisLimiter(Secret(url), written, local, clock=clock, flush_usage=write)
        await limiter.start()
        assert (await limiter.consume(KEY, Limits(1, 1))).exceeded is PASSED
        assert limiter.is_degraded
        await limiter.close()

    assert len(messages(caplog)) == 2
    assert "hunter2" not in caplog.text
    assert "127.0.0.1" not in caplog.text


async def test_usage_that_cannot_be_written_keeps_it_from_coming_back(
    limiters: Limiters, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis could not be given the usage of the outage."""
    limiter = await limiters.make()
    failed = 0

    async def write() -> None:
        nonlocal failed
        failed += 1
        raise RuntimeError

    monkeypatch.setattr(limiter, "_flush_usage", write)
    limiter.failed(ConnectionError())
    await until(lambda: failed == 2)
    still = limiter.is_degraded
    monkeypatch.undo()

    await until(lambda: not limiter.is_degraded)
    assert still


async def test_whoever_waits_when_it_is_closed_is_answered(limiters: Limiters, frozen: RedisServer) -> None:
    """The process's own counts decide."""
    limiter = await limiters.make(timeout_seconds=GIVE_UP_SECONDS)
    await limiters.consume(limiter, Limits(MANY, 100))
    frozen.freeze()
    waiting = [asyncio.ensure_future(limiter.consume(KEY, Limits(MANY, 100))) for _ in range(10)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    await limiter.close()

    async with asyncio.timeout(GIVE_UP_SECONDS):
        assert {each.exceeded for each in await asyncio.gather(*waiting)} == {PASSED}
