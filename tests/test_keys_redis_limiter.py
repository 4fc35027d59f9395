"""The limiter of many processes, on a real Redis: exact, whatever happens to Redis, to a process or to the month."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

import keys.redis_limiter
from app import utc_now
from keys.limiter import Decision, Exceeded, LimiterUnavailable
from keys.limits import Limits, Month, month_of
from keys.local_limiter import LocalLimiter
from keys.redis_limiter import PREFIX, RedisLimiter
from keys.token import Secret
from models.batches import AT_MOST
from tests.conftest import Clock
from tests.ledgers import Written
from tests.redis_server import RedisServer, running_redis

KEY, OTHER = (f"{number:032x}" for number in (1, 2))
PASSED, RATE_LIMIT, QUOTA = None, Exceeded.RATE_LIMIT, Exceeded.QUOTA
MANY = 1_000_000
GIVE_UP_SECONDS = 60.0
SOON_SECONDS = 0.5
"""How long limiters here wait for a Redis that is made to be silent; for one that is not, as long as it takes."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(running: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    """An empty Redis; limiters that can't reach it try again at once."""
    monkeypatch.setattr(keys.redis_limiter, "TRY_AGAIN_SECONDS", 0.01)
    running.flush()
    return running


class Noted:
    """What one process has noted, in front of what all have written."""

    def __init__(self, written: Written, *, is_written_at_once: bool) -> None:
        self._written = written
        self._is_written_at_once = is_written_at_once
        self._unwritten: Counter[tuple[str, int]] = Counter()
        self.times_written = 0

    def note(self, key_id: str, month: Month) -> None:
        """One that passed."""
        (self._written.used_by if self._is_written_at_once else self._unwritten)[key_id, month.start] += 1

    async def used(self, key_id: str, month: Month) -> int:
        """Written by whomever, and unwritten here."""
        return await self._written.used(key_id, month) + self._unwritten[key_id, month.start]

    async def write(self) -> None:
        """Writes what waits."""
        self.times_written += 1
        for place, number in self._unwritten.items():
            self._written.used_by[place] += number
        self._unwritten.clear()


class Limiters:
    """Makes limiters on one Redis and one ledger, as processes have them."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._made: dict[RedisLimiter, Noted] = {}
        self.written = Written()
        self.passed: Counter[str] = Counter()

    async def make(
        self, *, clock: Callable[[], datetime] = utc_now, is_written_at_once: bool = True, **options: object
    ) -> RedisLimiter:
        """One that has started. What passes there is written at once, or when the limiter asks for it."""
        noted = Noted(self.written, is_written_at_once=is_written_at_once)
        limiter = RedisLimiter(
            Secret(self._server.url),
            noted,
            LocalLimiter(noted, clock=clock),
            clock=clock,
            write_ledger=noted.write,
            **{"timeout_seconds": GIVE_UP_SECONDS, **options},  # type: ignore[arg-type]
        )
        self._made[limiter] = noted
        await limiter.start()
        return limiter

    def times_written(self, limiter: RedisLimiter) -> int:
        """How often it has had its ledger written."""
        return self._made[limiter].times_written

    async def take(
        self, limiter: RedisLimiter, limits: Limits, times: int = 1, key_id: str = KEY
    ) -> Counter[Exceeded | None]:
        """What came of so many at once."""
        taken = await asyncio.gather(*(self._take(limiter, limits, key_id) for _ in range(times)))
        return Counter(each.exceeded for each in taken)

    async def _take(self, limiter: RedisLimiter, limits: Limits, key_id: str) -> Decision:
        decision = await limiter.take(key_id, limits)
        if decision.exceeded is None:
            self.passed[key_id] += 1
            self._made[limiter].note(key_id, decision.balance.month)
        return decision

    async def close(self) -> None:
        for limiter in self._made:
            await limiter.close()


@pytest.fixture
async def limiters(server: RedisServer) -> AsyncIterator[Limiters]:
    made = Limiters(server)
    yield made
    await made.close()


@pytest.fixture
def frozen(server: RedisServer) -> Iterator[RedisServer]:
    """One that may be left frozen."""
    yield server
    server.thaw()


async def until(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while not is_so():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.01)


def this_month(server: RedisServer) -> Month:
    """By Redis's clock."""
    with server.client() as client:
        return month_of(client.time()[0] * 1000)


def calls(server: RedisServer, command: str) -> int:
    """How often it was sent since the server was started."""
    with server.client() as client:
        return int(client.info("commandstats").get(f"cmdstat_{command}", {}).get("calls", 0))


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "keydesk.limiter"]


# What passes.


async def test_exactly_the_limit_passes_of_many_at_once(limiters: Limiters) -> None:
    """From several processes, whose requests are shared out among batches."""
    four = [await limiters.make() for _ in range(4)]

    for key_id in (KEY, OTHER):
        await asyncio.gather(*(limiters.take(each, Limits(100, MANY), 250, key_id) for each in four))

    assert limiters.passed == {KEY: 100, OTHER: 100}


async def test_exactly_the_quota_passes_of_many_at_once(limiters: Limiters, server: RedisServer) -> None:
    """What the ledger has counts, whichever process tells it."""
    limiters.written.used_by[KEY, this_month(server).start] = 150
    four = [await limiters.make() for _ in range(4)]

    taken = await asyncio.gather(*(limiters.take(each, Limits(MANY, 200), 100) for each in four))

    assert sum(taken, Counter()) == {PASSED: 50, QUOTA: 350}


async def test_more_than_a_batch_holds_are_answered(limiters: Limiters, server: RedisServer) -> None:
    """Each key by itself, and by as few calls as there is room for."""
    limiter = await limiters.make()
    await limiters.take(limiter, Limits(5, MANY), 1, OTHER)
    before = calls(server, "evalsha")
    many = [f"{number:032x}" for number in range(10, 10 + AT_MOST)]

    taken = await asyncio.gather(*(limiters.take(limiter, Limits(2, MANY), 4, key_id) for key_id in many))

    assert taken == [{PASSED: 2, RATE_LIMIT: 2}] * AT_MOST
    assert calls(server, "evalsha") - before <= 20


async def test_a_decision_says_where_the_key_stands(limiters: Limiters, server: RedisServer) -> None:
    """What remains, when room comes back, what is used of the month, and by whose clock."""
    month = this_month(server)
    limiters.written.used_by[KEY, month.start] = 40
    limiter = await limiters.make(clock=lambda: datetime(2019, 2, 1, tzinfo=UTC))

    first = await limiter.take(KEY, Limits(2, 100))
    await limiter.take(KEY, Limits(2, 100))
    refused = await limiter.take(KEY, Limits(2, 100))
    over_quota = await limiter.take(KEY, Limits(100, 42))

    assert first.balance._replace(at=0) == (1, 60_000 - first.balance.at % 1000, 41, month, 0)
    assert (first.exceeded, first.retry_in) == (PASSED, 0)
    assert (refused.exceeded, refused.balance.rate_remaining, refused.balance.quota_used) == (RATE_LIMIT, 0, 42)
    room_at = first.balance.at // 1000 * 1000 + 60_000
    assert refused.retry_in == refused.balance.rate_resets_in == room_at - refused.balance.at
    assert (over_quota.exceeded, over_quota.retry_in) == (QUOTA, month.end * 1000 - over_quota.balance.at)
    assert over_quota.balance.rate_remaining == 98


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
    """The same requests in the same order, at the times that Redis tells: decisions and balances are the same."""
    running.flush()

    async def compare() -> None:
        limiters, clock = Limiters(running), Clock()
        limiters.written.used_by[OTHER, this_month(running).start] = 3
        local_written = Written()
        local_written.used_by.update(limiters.written.used_by)
        local = LocalLimiter(local_written, clock=clock)
        limiter = await limiters.make()
        for key_id, rate_limit, quota, looks in requests:
            limits = Limits(rate_limit, quota)
            answer = await (limiter.look if looks else limiter.take)(key_id, limits)
            balance = answer.balance if isinstance(answer, Decision) else answer
            clock.now = datetime.fromtimestamp(balance.at / 1000, UTC)

            assert answer == await (local.look if looks else local.take)(key_id, limits)
        await limiters.close()

    asyncio.run(compare())


async def test_other_limits_hold_with_the_next_request(limiters: Limiters) -> None:
    """Lowered below what was used, and raised; what is over one limit counts for neither."""
    limiter = await limiters.make()

    assert await limiters.take(limiter, Limits(10, 10), 5) == {PASSED: 5}
    assert await limiters.take(limiter, Limits(3, 10), 5) == {RATE_LIMIT: 5}
    assert await limiters.take(limiter, Limits(10, 4), 5) == {QUOTA: 5}
    assert await limiters.take(limiter, Limits(7, 10), 5) == {PASSED: 2, RATE_LIMIT: 3}
    assert await limiters.take(limiter, Limits(100, 9), 5) == {PASSED: 2, QUOTA: 3}
    balance = await limiter.look(KEY, Limits(100, 100))
    assert (balance.rate_remaining, balance.quota_used) == (91, 9)


async def test_who_hangs_up_takes_nobody_along(limiters: Limiters) -> None:
    """Of those that wait for the same batch, whether it has begun or not."""
    limiter = await limiters.make()
    for steps in (1, 5, 20):
        waiting = [asyncio.ensure_future(limiter.take(KEY, Limits(MANY, MANY))) for _ in range(10)]
        for _ in range(steps):
            await asyncio.sleep(0)
        for each in waiting[::3]:
            each.cancel()

        answers = await asyncio.gather(*waiting, return_exceptions=True)

        assert all(isinstance(each, Decision) for place, each in enumerate(answers) if place % 3)
    assert limiter.waiting == 0


# Months.


class Calendar:
    """Months for the limiter that the test chooses: one up to now, and one from then on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, turn: int) -> None:
        self.old, self.new = Month(0, turn), Month(turn, turn + 10**8)
        self._turn = turn
        monkeypatch.setattr(keys.redis_limiter, "month_of", self)

    def __call__(self, at: int) -> Month:
        return self.old if at < self._turn * 1000 else self.new


async def test_a_new_month_has_its_own_count_and_the_same_window(
    limiters: Limiters, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the month's turn nobody gets a second window, and the ledger is asked for the new one."""
    with server.client() as client:
        now = client.time()[0]
    Calendar(monkeypatch, now + 10**6)
    await limiters.take(await limiters.make(), Limits(10, 10), 6)
    calendar = Calendar(monkeypatch, now - 1000)
    limiters.written.used_by[KEY, calendar.new.start] = 3

    limiter = await limiters.make(clock=lambda: datetime.fromtimestamp(now - 2000, UTC))
    taken = await limiters.take(limiter, Limits(10, 10), 9)

    assert taken == {PASSED: 4, RATE_LIMIT: 5}
    assert (await limiter.look(KEY, Limits(10, 10))).quota_used == 7
    assert await limiters.take(limiter, Limits(100, 10), 9) == {PASSED: 3, QUOTA: 6}
    with server.client() as client:
        assert set(client.scan_iter(f"{PREFIX}:*")) == {f"{PREFIX}:0", f"{PREFIX}:{now - 1000}", f"{PREFIX}:memory"}


async def test_what_the_ledger_has_of_another_month_is_never_counted(
    limiters: Limiters, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the month ends while a process asks for it, nobody waits in vain, and it is asked for the new one."""
    with server.client() as client:
        now = client.time()[0]
    calendar = Calendar(monkeypatch, now - 1000)
    limiter = await limiters.make(clock=lambda: datetime.fromtimestamp(now - 2000, UTC))
    many = [f"{number:032x}" for number in range(30)]
    for key_id in many:
        limiters.written.used_by[key_id, calendar.old.start] = MANY

    # One after the other, so that several batches are under way with the old month when it turns out to be over.
    waiting = []
    for key_id in many:
        waiting.append(asyncio.ensure_future(limiter.take(key_id, Limits(10, 10))))
        for _ in range(5):
            await asyncio.sleep(0)
    async with asyncio.timeout(GIVE_UP_SECONDS):
        decisions = await asyncio.gather(*waiting)

    assert {(each.exceeded, each.balance.quota_used, each.balance.month) for each in decisions} == {
        (PASSED, 1, calendar.new)
    }


async def test_what_is_known_of_keys_goes_with_its_month(limiters: Limiters, server: RedisServer) -> None:
    """A month after its end, so that the next month's first requests find the window."""
    limiter = await limiters.make()
    month = this_month(server)

    await limiters.take(limiter, Limits(10, 10), 3)

    with server.client() as client:
        assert client.expiretime(f"{PREFIX}:{month.start}") == month.end + 31 * 86_400
        client.flushall()
    await limiters.take(limiter, Limits(10, 10))
    await until(lambda: not limiter.is_degraded)
    await limiters.take(limiter, Limits(10, 10))
    with server.client() as client:
        assert client.expiretime(f"{PREFIX}:{month.start}") == month.end + 31 * 86_400
        assert client.ttl(f"{PREFIX}:memory") == -1


# Redis loses what it knew.


async def exhaust(limiters: Limiters, used: int, *limiter: RedisLimiter) -> None:
    """The rest of a quota of 100 passes, and not one more."""
    taken = await asyncio.gather(*(limiters.take(each, Limits(MANY, 100), 150) for each in limiter))

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
async def test_a_redis_that_has_lost_what_it_knew_is_filled_from_the_ledger(
    limiters: Limiters, server: RedisServer, lose: Callable[[RedisServer], None]
) -> None:
    """Each process goes on by itself for a moment; then all count on from what had passed."""
    two = [await limiters.make() for _ in range(2)]
    for each in two:
        await limiters.take(each, Limits(MANY, 100), 20)

    lose(server)
    for each in two:
        assert await limiters.take(each, Limits(MANY, 100), 10) == {PASSED: 10}
    await until(lambda: not any(each.is_degraded for each in two))

    await exhaust(limiters, 60, *two)


async def test_a_key_that_redis_has_evicted_is_told_anew(limiters: Limiters, server: RedisServer) -> None:
    """Without a word."""
    limiter = await limiters.make()
    await limiters.take(limiter, Limits(MANY, 100), 20)

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
    """The next request is counted, in Redis."""
    limiter = await limiters.make()
    for _ in range(3):
        await limiters.take(limiter, Limits(MANY, 100), 20)
        lose(server)
    before = calls(server, "hset")

    await exhaust(limiters, 60, limiter)

    assert calls(server, "hset") > before
    assert not limiter.is_degraded
    assert messages(caplog) == []


async def test_a_redis_that_was_put_back_to_an_earlier_state_is_told_anew(
    limiters: Limiters, server: RedisServer
) -> None:
    """As one that saves now and then and is started again: whatever the name of its memory."""
    two = [await limiters.make() for _ in range(2)]
    await limiters.take(two[0], Limits(MANY, 100), 5)
    month = f"{PREFIX}:{this_month(server).start}"
    with redis.Redis(port=server.port) as client:
        saved = client.dump(month)
        for each in two:
            await limiters.take(each, Limits(MANY, 100), 20)

        client.restore(month, 0, saved, replace=True)
    connections_lost(server)
    # Another key's request finds out; this one's then goes over the new connection.
    for each in two:
        await limiters.take(each, Limits(MANY, 100), 1, OTHER)

    await exhaust(limiters, 45, *two)


# Redis is out of reach.


async def test_a_frozen_redis_is_not_waited_for(
    limiters: Limiters, frozen: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Verification goes on, each process for itself; when it answers again, what passed meanwhile counts."""
    limiter = await limiters.make(timeout_seconds=SOON_SECONDS)
    await limiters.take(limiter, Limits(MANY, 100), 20)
    frozen.freeze()

    async with asyncio.timeout(GIVE_UP_SECONDS):
        assert await limiters.take(limiter, Limits(MANY, 100), 30) == {PASSED: 30}
        assert limiter.is_degraded
        assert limiter.lets_pass
        assert await limiters.take(limiter, Limits(MANY, 60), 30) == {PASSED: 10, QUOTA: 20}
    frozen.thaw()
    await until(lambda: not limiter.is_degraded)

    await exhaust(limiters, 60, limiter)
    assert limiters.times_written(limiter) >= 1
    await until(lambda: len(messages(caplog)) == 2)
    assert messages(caplog) == [
        "Redis is out of reach (TimeoutError): until it is back, each process allows a key its whole rate limit",
        "Redis answers again: limits are counted across processes",
    ]


async def test_while_redis_is_away_each_process_holds_both_limits(limiters: Limiters, server: RedisServer) -> None:
    """Its windows begin once, and not with each attempt to reach Redis."""
    two = [await limiters.make() for _ in range(2)]
    server.stop()
    try:
        for each in two:
            assert await limiters.take(each, Limits(10, MANY), 30) == {PASSED: 10, RATE_LIMIT: 20}
            await tried_again(each)
            assert await limiters.take(each, Limits(10, MANY), 30) == {RATE_LIMIT: 30}
    finally:
        server.start()


async def tried_again(limiter: RedisLimiter, times: int = 3) -> None:
    """Waits until it has tried so often to reach Redis."""
    tried = 0
    ping = limiter._spare.ping

    async def count() -> None:
        nonlocal tried
        tried += 1
        await ping()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limiter._spare, "ping", count)
        await until(lambda: tried >= times)


async def test_the_first_requests_after_an_outage_know_of_those_within(limiters: Limiters, frozen: RedisServer) -> None:
    """At the process that was alone as at one that noticed nothing; Redis has lost nothing and knows of none."""
    noticing, other = [await limiters.make() for _ in range(2)]
    for each in (noticing, other):
        await limiters.take(each, Limits(MANY, 100), 20)

    noticing.failed(ConnectionError("the network between this process and Redis"))
    assert await limiters.take(noticing, Limits(MANY, 100), 150) == {PASSED: 60, QUOTA: 90}
    await until(lambda: not noticing.is_degraded)
    first = [await limiters.take(each, Limits(MANY, 100), 50) for each in (other, noticing)]

    assert first == [{QUOTA: 50}, {QUOTA: 50}]


async def test_what_passes_at_the_last_moment_of_an_outage_is_known_to_others(
    limiters: Limiters, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the process has written what had passed, and before it counts in Redis again."""
    returning, other = [await limiters.make(is_written_at_once=False) for _ in range(2)]
    limits = Limits(MANY, 100)
    await limiters.take(returning, limits, 20)
    rename = returning._spare.rename
    last: list[Counter[Exceeded | None]] = []

    async def pass_and_rename() -> None:
        if not last:
            last.append(await limiters.take(returning, limits, 10))
        await rename()

    monkeypatch.setattr(returning._spare, "rename", pass_and_rename)
    returning.failed(ConnectionError())
    await until(lambda: returning._recovery is None)

    assert last == [{PASSED: 10}]
    assert await limiters.take(other, limits, 150) == {PASSED: 70, QUOTA: 80}


async def test_what_passes_while_a_process_comes_back_is_not_lost(limiters: Limiters, server: RedisServer) -> None:
    """All the way through, at both processes, to the last request of the quota."""
    two = [await limiters.make() for _ in range(2)]
    limits = Limits(MANY, 20_000)
    is_over = False

    async def go_on(limiter: RedisLimiter) -> None:
        while not is_over:
            await limiters.take(limiter, limits, 3)

    going_on = [asyncio.ensure_future(go_on(each)) for each in two]
    for each in two:
        await until(lambda: limiters.passed[KEY] > 100)
        each.failed(ConnectionError())
        await until(lambda each=each: not each.is_degraded)
    await until(lambda: limiters.passed[KEY] > 2000)
    is_over = True
    await asyncio.gather(*going_on)
    passed = limiters.passed[KEY]

    taken = [await limiters.take(each, Limits(MANY, passed + 10), 10) for each in two]

    assert passed < 20_000
    assert taken == [{PASSED: 10}, {QUOTA: 10}]


async def test_where_it_is_closed_nothing_passes_without_redis(
    limiters: Limiters, frozen: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is told anything of a key; when Redis is back, it goes on as before."""
    limiter = await limiters.make(fails_closed=True, timeout_seconds=SOON_SECONDS)
    await limiters.take(limiter, Limits(MANY, 100), 20)
    assert limiter.lets_pass
    frozen.freeze()

    async with asyncio.timeout(GIVE_UP_SECONDS):
        answers = await asyncio.gather(*(limiter.take(KEY, Limits(9, 9)) for _ in range(20)), return_exceptions=True)
        with pytest.raises(LimiterUnavailable):
            await limiter.look(KEY, Limits(9, 9))

    assert [type(each) for each in answers] == [LimiterUnavailable] * 20
    assert (limiter.is_degraded, limiter.lets_pass) == (True, False)
    assert messages(caplog) == ["Redis is out of reach (TimeoutError): until it is back, no key passes"]
    frozen.thaw()
    await until(lambda: limiter.lets_pass)
    await exhaust(limiters, 20, limiter)


async def test_a_redis_that_comes_after_the_process_is_used_once_it_is_there(
    limiters: Limiters, server: RedisServer
) -> None:
    """And until then, each counts by itself."""
    server.stop()
    try:
        limiter = await limiters.make()
        assert limiter.is_degraded
        assert await limiters.take(limiter, Limits(10, MANY), 15) == {PASSED: 10, RATE_LIMIT: 5}
    finally:
        server.start()

    await until(lambda: not limiter.is_degraded)
    await limiters.take(limiter, Limits(MANY, 100), 90)
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
    """A full one, a replica, one that waits for replicas: it answers, and can't count."""
    limiter = await limiters.make()
    await limiters.take(limiter, Limits(MANY, 100), 20)
    with server.client() as client:
        client.execute_command(*broken)
        try:
            assert await limiters.take(limiter, Limits(MANY, 100), 30) == {PASSED: 30}
            assert limiter.is_degraded
        finally:
            client.execute_command(*mended)

    await until(lambda: not limiter.is_degraded)
    await exhaust(limiters, 50, limiter)


async def test_neither_address_nor_password_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, server: RedisServer
) -> None:
    """Whatever Redis says."""
    caplog.set_level(logging.DEBUG)
    written, clock = Written(), Clock()

    async def write() -> None:
        """Nothing waits."""

    for url in (f"redis://:hunter2@127.0.0.1:{server.port}/0", "redis://user:hunter2@127.0.0.1:1/0"):
        local = LocalLimiter(written, clock=clock)
        limiter = RedisLimiter(Secret(url), written, local, clock=clock, write_ledger=write)
        await limiter.start()
        assert (await limiter.take(KEY, Limits(1, 1))).exceeded is PASSED
        assert limiter.is_degraded
        await limiter.close()

    assert len(messages(caplog)) == 2
    assert "hunter2" not in caplog.text
    assert "127.0.0.1" not in caplog.text


async def test_a_ledger_that_cannot_be_written_keeps_it_from_coming_back(
    limiters: Limiters, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis could not be told what passed meanwhile."""
    limiter = await limiters.make()
    failed = 0

    async def write() -> None:
        nonlocal failed
        failed += 1
        raise RuntimeError

    monkeypatch.setattr(limiter, "_write_ledger", write)
    limiter.failed(ConnectionError())
    await until(lambda: failed == 2)
    still = limiter.is_degraded
    monkeypatch.undo()

    await until(lambda: not limiter.is_degraded)
    assert still


async def test_whoever_waits_when_it_is_closed_is_answered(limiters: Limiters, frozen: RedisServer) -> None:
    """By this process alone."""
    limiter = await limiters.make(timeout_seconds=GIVE_UP_SECONDS)
    await limiters.take(limiter, Limits(MANY, 100))
    frozen.freeze()
    waiting = [asyncio.ensure_future(limiter.take(KEY, Limits(MANY, 100))) for _ in range(10)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    await limiter.close()

    async with asyncio.timeout(GIVE_UP_SECONDS):
        assert {each.exceeded for each in await asyncio.gather(*waiting)} == {PASSED}
