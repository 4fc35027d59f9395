"""A Redis that answers but can't count, or fails again and again: each process keeps the rate limit meanwhile."""

import asyncio
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
import redis

from keys.limits.limiter import Exceeded, LimiterUnavailable
from keys.limits.redis_connection import PREFIX
from keys.limits.redis_limiter import RedisLimiter
from keys.limits.redis_outages import LOGGED_EVERY_SECONDS, PAUSE_SECONDS_AT_MOST, STEADY_SECONDS, Outages
from keys.limits.sliding_window import Limits
from tests.support.keys.redis_limiters import (
    GIVE_UP_SECONDS,
    KEY,
    MANY,
    OTHER,
    PASSED,
    RATE_LIMIT,
    Limiters,
    calls,
    messages,
    this_month,
    until,
)
from tests.support.servers.redis_server import RedisServer, running_redis

FIVE = Limits(5, MANY)
AT_ONCE = 16


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    options = ("--enable-debug-command", "yes", "--busy-reply-threshold", "1")
    with running_redis(tmp_path_factory.mktemp("redis"), *options) as server:
        yield server


def without(rule: str) -> Callable[[RedisServer], AbstractContextManager[None]]:
    """A Redis whose user lacks this permission."""

    @contextmanager
    def refusing(server: RedisServer) -> Iterator[None]:
        with server.client() as client:
            client.script_flush()
            client.execute_command("ACL", "SETUSER", "default", rule)
            try:
                yield
            finally:
                client.execute_command("ACL", "SETUSER", "default", "+@all", "allkeys")

    return refusing


def configured(name: str, value: str, as_before: str) -> Callable[[RedisServer], AbstractContextManager[None]]:
    @contextmanager
    def refusing(server: RedisServer) -> Iterator[None]:
        with server.client() as client:
            client.config_set(name, value)
            try:
                yield
            finally:
                client.config_set(name, as_before)

    return refusing


@contextmanager
def a_replica(server: RedisServer) -> Iterator[None]:
    with server.client() as client:
        client.replicaof("127.0.0.1", "1")
        try:
            yield
        finally:
            client.replicaof("NO", "ONE")


@contextmanager
def of_another_type(server: RedisServer) -> Iterator[None]:
    """Another program's key under the month's name."""
    month = f"{PREFIX}:{this_month(server).start}"
    with server.client() as client:
        client.delete(month)
        client.rpush(month, "somebody's")
        yield
        client.delete(month)


@contextmanager
def busy(server: RedisServer) -> Iterator[None]:
    """Another client's script does not end."""

    def loop() -> None:
        with server.client() as client, suppress(redis.ResponseError):
            client.eval("while true do end", 0)

    running = threading.Thread(target=loop)
    running.start()
    with server.client() as client:
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < give_up_at:
            try:
                client.ping()
            except redis.ResponseError:
                break
        yield
        client.script_kill()
    running.join()


REFUSING = {
    "no scripts": without("-@scripting"),
    "no EVAL": without("-eval"),
    "no HMGET": without("-hmget"),
    "no HGET": without("-hget"),
    "no HSET": without("-hset"),
    "no EXPIREAT": without("-expireat"),
    "no GET": without("-get"),
    "no TIME": without("-time"),
    "no keys": without("resetkeys"),
    "full": configured("maxmemory", "1", "0"),
    "waits for replicas": configured("min-replicas-to-write", "1", "0"),
    "a replica": a_replica,
    "of another type": of_another_type,
    "busy": busy,
}


async def take_over_attempts(limiters: Limiters, limiter: RedisLimiter, times: int) -> Counter[Exceeded | None]:
    """The results of this many requests, while the limiter tries again and again to use its Redis."""
    taken: Counter[Exceeded | None] = Counter()
    for number in range(times // AT_ONCE):
        taken += await limiters.consume(limiter, FIVE, AT_ONCE // 2)
        # With a key that Redis has no usage of, which takes other commands.
        await limiters.consume(limiter, FIVE, AT_ONCE // 2, key_id=f"{number + 1000:032x}")
        await asyncio.sleep(0.05)
    return taken


@pytest.mark.parametrize("refusing", REFUSING.values(), ids=REFUSING)
async def test_the_limit_holds_in_a_process_while_redis_refuses_to_count(
    limiters: Limiters,
    server: RedisServer,
    caplog: pytest.LogCaptureFixture,
    refusing: Callable[[RedisServer], AbstractContextManager[None]],
) -> None:
    """However often it is tried again; afterwards Redis counts again, with the requests that passed meanwhile."""
    limiter = await limiters.make()
    with refusing(server):
        taken = await take_over_attempts(limiters, limiter, 192)
        # A user with all permissions that known keys need has not failed yet; this key is new.
        await limiters.consume(limiter, FIVE, key_id=f"{99:032x}")
        await until(lambda: limiter.is_degraded)
    await until(lambda: not limiter.is_degraded)
    before = calls(server, "hset")
    again = await limiters.consume(limiter, FIVE, 20)
    await limiters.consume(limiter, FIVE, 1, OTHER)

    assert taken[PASSED] == 5
    assert again == {RATE_LIMIT: 20}
    assert calls(server, "hset") > before
    assert len(messages(caplog)) <= 2


@pytest.mark.parametrize("rule", ["-@scripting", "-set"])
async def test_a_redis_whose_user_may_not_do_all_is_noticed_at_the_start(
    limiters: Limiters, server: RedisServer, caplog: pytest.LogCaptureFixture, rule: str
) -> None:
    """It is logged in one line, for as long as it lasts."""
    with without(rule)(server):
        limiter = await limiters.make()
        assert limiter.is_degraded
        attempts = await tried(limiter, 10)
        assert limiter.is_degraded

    assert attempts == 10
    assert messages(caplog) == [
        "Redis answers, but refuses to count; `keydesk doctor` says why (NoPermissionError): until Redis works "
        "again, each process allows a key its whole rate limit"
    ]


async def tried(limiter: RedisLimiter, times: int) -> int:
    """Waits until it has tested this often whether Redis counts."""
    attempts = 0
    probe = limiter._spare.probe

    async def count() -> None:
        nonlocal attempts
        attempts += 1
        await probe()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limiter._spare, "probe", count)
        await until(lambda: attempts >= times)
    return attempts


@pytest.mark.parametrize("refusing", [REFUSING["no scripts"], REFUSING["full"], REFUSING["no EXPIREAT"]])
async def test_where_it_is_closed_nothing_passes_meanwhile(
    limiters: Limiters, server: RedisServer, refusing: Callable[[RedisServer], AbstractContextManager[None]]
) -> None:
    """At no attempt."""
    limiter = await limiters.make(fails_closed=True)
    with refusing(server):
        for number in range(20):
            with pytest.raises(LimiterUnavailable):
                await limiter.consume(f"{number + 1000:032x}", FIVE)
            assert not limiter.lets_pass
            await asyncio.sleep(0.02)
    await until(lambda: limiter.lets_pass)

    assert await limiters.consume(limiter, FIVE, 20) == {PASSED: 5, RATE_LIMIT: 15}


async def test_a_redis_that_can_not_save_is_an_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: RedisServer
) -> None:
    """MISCONF: Redis refuses all writes."""
    folder = tmp_path / "gone"
    folder.mkdir()
    with running_redis(tmp_path, "--dir", str(folder)) as unsaved, unsaved.client() as client:
        shutil.rmtree(folder)
        client.config_set("save", "3600 1")
        client.bgsave()
        await until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
        limiters = Limiters(unsaved)
        limiter = await limiters.make()

        taken = await take_over_attempts(limiters, limiter, 96)
        was_degraded = limiter.is_degraded
        client.config_set("stop-writes-on-bgsave-error", "no")
        await until(lambda: not limiter.is_degraded)
        await limiters.close()

    assert (taken[PASSED], was_degraded) == (5, True)


async def test_a_redis_that_stalls_again_and_again_gives_nobody_a_fresh_allowance(
    limiters: Limiters, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Each stall outlasts the timeout and then ends: in total, one process's limit passes."""
    limiter = await limiters.make(timeout_seconds=0.2)
    began = time.monotonic()
    taken: Counter[Exceeded | None] = Counter()
    outages = 0
    is_over = False

    async def stall() -> None:
        nonlocal outages, is_over
        for _ in range(8):
            server.freeze()
            try:
                await until(lambda: limiter.is_degraded)
            finally:
                server.thaw()
            outages += 1
            limiter._outages._ended_at = -STEADY_SECONDS  # try again at once, as after a minute without a failure
            await until(lambda: not limiter.is_degraded)
        is_over = True

    stalling = asyncio.ensure_future(stall())
    while not is_over:
        taken += await limiters.consume(limiter, FIVE, 4)
        # Without this request, nothing would ask Redis, since the other key is over its limit here.
        await limiters.consume(limiter, Limits(MANY, MANY), 1, OTHER)
        await asyncio.sleep(0.02)
    await stalling

    minutes = 1 + int((time.monotonic() - began) // 59)
    assert outages == 8
    assert sum(taken.values()) > 100
    assert taken[PASSED] <= 5 * minutes
    assert len(messages(caplog)) <= 2 * minutes


async def test_a_key_that_somebody_wrote_over_is_asked_for_anew(limiters: Limiters, server: RedisServer) -> None:
    """Other keys are still counted."""
    limiter = await limiters.make()
    limits = Limits(MANY, 100)
    await limiters.consume(limiter, limits, 20)
    month = f"{PREFIX}:{this_month(server).start}"
    for garbage in (b"", b"x", b"x" * 8, b"x" * 15, b"\0" * 8, b"\xff" * 16, b"\xff" * 24):
        with server.client() as client:
            client.hset(month, bytes.fromhex(KEY), garbage)

        await limiters.consume(limiter, limits, 1)
        assert await limiters.consume(limiter, limits, 2, OTHER) == {PASSED: 2}
        assert not limiter.is_degraded


def test_a_redis_that_comes_and_goes_is_tried_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """And at once after it has worked for a minute."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    outages = Outages(goes_on="all goes on")
    pauses = []
    for _ in range(8):
        outages.began(ConnectionError())
        pauses.append(outages.pause_seconds(0.5))
        outages.ended()
        now += 2
    now += STEADY_SECONDS
    outages.began(ConnectionError())

    assert pauses == [0.5, 1, 2, 4, 8, 15, 15, 15]
    assert pauses[-1] == PAUSE_SECONDS_AT_MOST
    assert outages.pause_seconds(0.5) == 0.5


def test_the_log_says_once_a_minute_how_it_stands(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Short outages are counted in one line; a longer one is logged even soon after another."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    outages = Outages(goes_on="all goes on")
    for _ in range(5):
        outages.began(ConnectionError())
        outages.goes_on(ConnectionError())
        outages.ended()
        now += 1
    outages.began(ConnectionError())
    for _ in range(3):
        now += LOGGED_EVERY_SECONDS
        outages.goes_on(TimeoutError())
    outages.ended()

    assert messages(caplog) == [
        "Redis can't be reached (ConnectionError): until Redis works again, all goes on",
        "Redis works again: limits are counted across processes, after … s",
        "Redis can't be reached (TimeoutError): until Redis works again, all goes on. Short outages since the last "
        "message: 4",
        "Redis works again: limits are counted across processes, after … s",
    ]
