"""The limiter counts in the primary that sentinels name, and follows them when they name another one."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import cast

import pytest
import redis

import keys.limits.redis_limiter
import keys.limits.redis_source
from app.doctor.redis_findings import redis_finding
from keys.limits.redis_connection import PREFIX, LimiterConnection
from keys.limits.redis_limiter import LANES, RedisLimiter
from keys.limits.redis_source import NoPrimary, NotAPrimary, PrimaryMoved, SentinelAnswer, SentinelRedis, newest
from keys.limits.sentinel_url import UnusableSentinelUrl, parse_sentinel_url
from keys.limits.sliding_window import Limits
from keys.token import Secret
from models.key_lookup import DatabaseUnavailable
from tests.support.keys.redis_limiters import (
    GIVE_UP_SECONDS,
    MANY,
    OTHER,
    PASSED,
    QUOTA,
    RATE_LIMIT,
    Limiters,
    messages,
    until,
)
from tests.support.servers.redis_server import RedisServer
from tests.support.servers.sentinels import SERVICE, Sentinel, running_sentinels, two_redis, url_of

PASSWORD = "p@ss/word,1"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[RedisServer], list[Sentinel]]]:
    with ExitStack() as stack:
        servers = stack.enter_context(two_redis(tmp_path_factory.mktemp("redis")))
        sentinels = stack.enter_context(running_sentinels(tmp_path_factory.mktemp("sentinels"), 3, password=PASSWORD))
        yield servers, sentinels


@pytest.fixture
def servers(
    started: tuple[list[RedisServer], list[Sentinel]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[RedisServer]]:
    """Two empty primaries; the sentinels name the first. Limiters look often whether that changes."""
    monkeypatch.setattr(keys.limits.redis_limiter, "TRY_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(keys.limits.redis_source, "LOOK_EVERY_SECONDS", 0.01)
    servers, sentinels = started
    for server in servers:
        server.flush()
    for sentinel in sentinels:
        sentinel.watch(servers[0])
    yield servers
    for server in servers:
        with server.client() as client:
            client.replicaof("NO", "ONE")


@pytest.fixture
def sentinels(started: tuple[list[RedisServer], list[Sentinel]], servers: list[RedisServer]) -> list[Sentinel]:
    return started[1]


@pytest.fixture
def url(sentinels: list[Sentinel]) -> str:
    return url_of(sentinels, "?sentinel_password=p%40ss%2Fword%2C1")


@pytest.fixture
async def limiters(servers: list[RedisServer], url: str) -> AsyncIterator[Limiters]:
    made = Limiters(servers[0], url=url)
    yield made
    await made.close()


def is_used(server: RedisServer) -> bool:
    with server.client() as client:
        return bool(client.exists(f"{PREFIX}:memory"))


async def test_it_moves_to_the_primary_that_the_sentinels_name(
    limiters: Limiters, servers: list[RedisServer], sentinels: list[Sentinel], caplog: pytest.LogCaptureFixture
) -> None:
    """The primary from before lives on, as after a partition: no request is counted there any more."""
    two = [await limiters.make() for _ in range(2)]
    for each in two:
        await limiters.consume(each, Limits(MANY, 100), 20)
    assert (is_used(servers[0]), is_used(servers[1])) == (True, False)

    for sentinel in sentinels:
        sentinel.watch(servers[1])
    for each in two:
        await moved(limiters, each, servers[1])
    servers[0].freeze()  # whoever still counts there would wait
    try:
        taken = [await limiters.consume(each, Limits(MANY, 100), 60) for each in two]
    finally:
        servers[0].thaw()

    assert taken == [{PASSED: 60}, {QUOTA: 60}]
    assert is_used(servers[1])
    logged = "\n".join(messages(caplog))
    assert "PrimaryMoved" in logged
    assert "127.0.0.1" not in logged


async def moved(limiters: Limiters, limiter: RedisLimiter, server: RedisServer) -> None:
    """Sends requests until the limiter counts in this server."""
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while True:
            await limiters.consume(limiter, Limits(MANY, MANY), 1, OTHER)
            if not limiter.is_degraded and limiter._source.primary_now[1] == server.port:  # type: ignore[attr-defined]
                return
            await asyncio.sleep(0.01)


async def test_no_two_connections_count_in_different_servers(
    limiters: Limiters, servers: list[RedisServer], sentinels: list[Sentinel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them opens again after the move and before the next look at the sentinels: all others move, too."""
    limiter = await limiters.make()
    lanes = [cast("LimiterConnection", lane) for lane in limiter._batches._lanes]
    await asyncio.gather(*(lane.probe() for lane in lanes))
    monkeypatch.setattr(keys.limits.redis_source, "LOOK_EVERY_SECONDS", float("inf"))
    for sentinel in sentinels:
        sentinel.watch(servers[1])

    for lane in lanes[1:]:
        await lane.close()
    await moved(limiters, limiter, servers[1])

    assert {lane._connection.port for lane in lanes if lane._is_open} == {servers[1].port}  # type: ignore[union-attr]


async def test_the_primary_may_move_between_two_attempts_of_an_outage(
    limiters: Limiters, servers: list[RedisServer], sentinels: list[Sentinel], monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = await limiters.make()
    tried = asyncio.Event()

    async def unavailable() -> None:
        tried.set()
        raise DatabaseUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(limiter, "_flush_usage", unavailable)
        limiter.failed(OSError())
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await tried.wait()
        for sentinel in sentinels:
            sentinel.watch(servers[1])
    await moved(limiters, limiter, servers[1])


async def test_a_connection_of_the_last_era_is_not_used(
    servers: list[RedisServer], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = SentinelRedis(parse_sentinel_url(url))
    primary = source.primary

    async def slowly() -> tuple[str, int]:
        found = await primary()
        source.begin_era()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(source, "primary", slowly)
        with pytest.raises(PrimaryMoved):
            await source.open()
    source.check()
    connection = await source.open()
    assert source.primary_now == ("127.0.0.1", servers[0].port)
    await connection.disconnect()
    await source.close()


async def test_a_demoted_primary_is_left_and_the_window_goes_on(
    limiters: Limiters, servers: list[RedisServer], sentinels: list[Sentinel]
) -> None:
    """Until the sentinels name a primary, the process counts by itself; nothing of its window is forgotten."""
    limiter = await limiters.make()
    assert await limiters.consume(limiter, Limits(30, MANY), 20) == {PASSED: 20}

    with servers[0].client() as client:
        client.replicaof("127.0.0.1", servers[1].port)
    assert await limiters.consume(limiter, Limits(30, MANY), 5) == {PASSED: 5}
    assert limiter.is_degraded
    for sentinel in sentinels:
        sentinel.watch(servers[1])
    await until(lambda: not limiter.is_degraded)

    assert await limiters.consume(limiter, Limits(30, MANY), 20) == {PASSED: 5, RATE_LIMIT: 15}
    assert limiter._source.primary_now[1] == servers[1].port  # type: ignore[attr-defined]


async def test_a_replica_is_never_counted_in(servers: list[RedisServer], url: str) -> None:
    """Also if the sentinels name it."""
    with servers[0].client() as client:
        client.replicaof("127.0.0.1", servers[1].port)
    source = SentinelRedis(parse_sentinel_url(url))

    with pytest.raises(NotAPrimary):
        await source.open()
    await source.close()


async def test_sentinels_that_are_away_do_not_matter_while_one_answers(
    limiters: Limiters, sentinels: list[Sentinel], servers: list[RedisServer]
) -> None:
    one_of_three = url_of([sentinels[0]], "?sentinel_password=p%40ss%2Fword%2C1").replace(
        "redis+sentinel://", "redis+sentinel://127.0.0.1:1,localhost:2,"
    )
    source = SentinelRedis(parse_sentinel_url(one_of_three))
    assert await source.primary() == ("127.0.0.1", servers[0].port)
    await source.close()

    nobody = SentinelRedis(parse_sentinel_url(f"redis+sentinel://127.0.0.1:1/{SERVICE}"))
    with pytest.raises(NoPrimary):
        await nobody.open()
    await nobody.close()


def test_the_newest_answer_counts() -> None:
    """A sentinel that was cut off from the others names the primary from before."""
    before, now = SentinelAnswer(3, "a", 1, False), SentinelAnswer(4, "b", 2, False)

    assert newest([before, now, before]) == now
    assert newest([]) is None


async def test_the_doctor_looks_behind_sentinels(
    servers: list[RedisServer], sentinels: list[Sentinel], url: str
) -> None:
    """It reports the primary, or what to do, and never an address or password."""
    fine = await redis_finding(Secret(url))
    refused = await redis_finding(Secret(url_of(sentinels)))
    unknown = await redis_finding(Secret(url.replace(f"/{SERVICE}/", "/another/")))
    silent = await redis_finding(Secret(f"redis+sentinel://127.0.0.1:1/{SERVICE}"))
    no_sentinel = await redis_finding(Secret(f"redis+sentinel://127.0.0.1:{servers[0].port}/{SERVICE}"))
    too_few = await redis_finding(Secret(url_of(sentinels[:2], "?sentinel_password=p%40ss%2Fword%2C1")))

    assert fine.is_ok
    assert fine.detail.endswith("answers, found by 3 sentinels")
    found = [refused, unknown, silent, no_sentinel]
    assert [each.is_ok for each in found] == [False] * 4
    assert ["sentinel_password" in refused.detail, "sentinel monitor" in unknown.detail] == [True, True]
    assert ["no sentinel" in silent.detail, "not a sentinel" in no_sentinel.detail] == [True, True]
    assert "warning" in too_few.detail
    assert not [each for each in (fine, *found, too_few) if "127.0.0.1" in each.detail or "word" in each.detail[-9:]]


@pytest.mark.parametrize(
    ("text", "sentinels", "rest"),
    [
        ("redis+sentinel://a/s", (("a", 26379),), ("s", 0, None, None)),
        ("redis+sentinel://u:p%40@a:1,b,[::1]:3/s/4", (("a", 1), ("b", 26379), ("::1", 3)), ("s", 4, "u", "p@")),
        ("redis+sentinel://:p,w@a:1/my%20".replace("%20", "-x") + "/0", (("a", 1),), ("my-x", 0, None, "p,w")),
    ],
)
def test_an_address_of_sentinels(text: str, sentinels: object, rest: object) -> None:
    found = parse_sentinel_url(text)
    password = None if found.password is None else found.password.reveal()

    assert found.sentinels == sentinels
    assert (found.service, found.database, found.username, password) == rest
    assert "p@" not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        "redis+sentinel://",
        "redis+sentinel://a",
        "redis+sentinel://a/",
        "redis+sentinel:///s",
        "redis+sentinel://a,,b/s",
        "redis+sentinel://a:0/s",
        "redis+sentinel://a:hunter2/s",
        "redis+sentinel://a b/s",
        "redis+sentinel://::1/s",
        "redis+sentinel://[hunter2]/s",
        "redis+sentinel://a/s/hunter2",
        "redis+sentinel://a/s/1/2",
        "redis+sentinel://a/s#hunter2",
        "redis+sentinel://u:hunter2@2@a/s@t",
        "redis+sentinel://a/s?password=hunter2",
        "redis+sentinel://a/s?ssl_cert_reqs=none",
        "redis+sentinel://a/s?sentinel_password",
        "redis+sentinel:a/s",
    ],
)
def test_an_address_that_is_not_valid(text: str) -> None:
    """The message says what to write, and repeats nothing."""
    with pytest.raises(UnusableSentinelUrl) as refused:
        parse_sentinel_url(text)

    assert "hunter2" not in str(refused.value)
    assert "sentinel" in str(refused.value)


async def test_no_address_or_password_is_logged(url: str, limiters: Limiters, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    limiter = await limiters.make()
    limiter.failed(redis.ConnectionError("at 127.0.0.1"))
    await until(lambda: not limiter.is_degraded)

    assert len(limiter._batches._lanes) == LANES
    assert "127.0.0.1" not in "\n".join(messages(caplog))
    assert "word" not in caplog.text
