"""Redis fails under load and its sentinels choose another primary: every request gets a verdict, and counts go on."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from keys.limits.limiter import Exceeded
from keys.limits.redis_limiter import RedisLimiter
from keys.limits.sliding_window import Limits
from tests.support.keys.redis_limiters import KEY, MANY, OTHER, PASSED, Limiters, until
from tests.support.servers.redis_server import RedisServer
from tests.support.servers.sentinels import Sentinel, running_sentinels, two_redis, url_of

RATE_LIMIT = 300


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[RedisServer]]:
    """A primary and its replica."""
    with two_redis(tmp_path) as started:
        primary, replica = started
        with replica.client() as client:
            client.replicaof("127.0.0.1", primary.port)
        yield started


@pytest.fixture
async def sentinels(servers: list[RedisServer], tmp_path: Path) -> AsyncIterator[list[Sentinel]]:
    """Three, which know each other and the replica, and of which two must agree."""
    with ExitStack() as stack:
        started = stack.enter_context(running_sentinels(tmp_path, 3))
        for sentinel in started:
            sentinel.watch(servers[0], quorum=2)
        await until(lambda: all(int(each.state()["num-slaves"]) == 1 for each in started))
        await until(lambda: all(int(each.state()["num-other-sentinels"]) == 2 for each in started))
        yield started


def killed(server: RedisServer) -> None:
    server.kill()


def frozen(server: RedisServer) -> None:
    """It lives on, and says that it is the primary, when it goes on."""
    server.freeze()


def demoted(server: RedisServer) -> None:
    """Nothing: the sentinels are asked to fail over."""


@pytest.mark.parametrize("how", [killed, frozen, demoted])
async def test_a_failover_under_load(servers: list[RedisServer], sentinels: list[Sentinel], how: object) -> None:
    limiters = Limiters(servers[0], url=url_of(sentinels))
    two = [await limiters.make(timeout_seconds=2.0) for _ in range(2)]
    answers: list[Exceeded | None] = []
    is_over = False

    async def call(limiter: RedisLimiter, key_id: str, limits: Limits) -> None:
        while not is_over:
            answers.extend(await limiters.consume(limiter, limits, 5, key_id))
            await asyncio.sleep(0.01)

    calling = [
        asyncio.ensure_future(call(limiter, key_id, limits))
        for limiter in two
        for key_id, limits in ((KEY, Limits(RATE_LIMIT, MANY)), (OTHER, Limits(MANY, MANY)))
    ]
    await until(lambda: limiters.passed[KEY] == RATE_LIMIT)
    before = limiters.passed[OTHER]

    if how is demoted:
        with sentinels[0].client() as client:
            client.execute_command("SENTINEL", "FAILOVER", "limits")
    else:
        how(servers[0])  # type: ignore[operator]
    await until(lambda: all(each.named() == servers[1].port for each in sentinels))
    if how is frozen:
        servers[0].thaw()
    await until(lambda: all(counts_in(each, servers[1]) for each in two))
    after = limiters.passed[OTHER]
    await until(lambda: limiters.passed[OTHER] > after + 100)
    is_over = True
    done = await asyncio.gather(*calling, return_exceptions=True)

    assert done == [None] * 4  # every request got a verdict
    assert after > before
    # Each process has its own window of all that passed in it, so that a key gets its limit at most once in each.
    assert limiters.passed[KEY] <= RATE_LIMIT * len(two)
    for key_id in (KEY, OTHER):
        used = {(await each.peek(key_id, Limits(MANY, MANY))).quota_used for each in two}
        assert used == {limiters.passed[key_id]}
    assert PASSED in answers
    await limiters.close()


def counts_in(limiter: RedisLimiter, server: RedisServer) -> bool:
    primary = limiter._source.primary_now  # type: ignore[attr-defined]
    return not limiter.is_degraded and bool(primary[1] == server.port)
