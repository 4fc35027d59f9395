"""Limits across real server processes: exact with Redis; without it, a killed process loses at most a second."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import http_sf
import pytest
from sqlalchemy import func, select, update
from sqlmodel import col

from keys.usage.recorder import EVERY_SECONDS
from models import ApiKey, RefusedRequest, UsageHour, UsageMonth
from models.engine.database import Database
from models.usage.counts import OUTCOMES
from resolvers.services import KeyServices
from tests.support.http.client import Answer, connected, request_bytes, verification
from tests.support.servers.redis_server import RedisServer, running_redis
from tests.support.servers.servers import REAL, Server, Servers
from tests.support.tenant_setup import create_as_operator, make_tenant

CONNECTIONS_EACH = 8
MANY = 2**31 - 1
GIVE_UP_SECONDS = 120.0
READY = request_bytes("GET", "/readyz", {})


class Key(NamedTuple):
    """A key that callers present."""

    id: UUID
    request: bytes


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(make(tmp_path / "redis")) as server:
        yield server


def make(folder: Path) -> Path:
    """Creates an empty folder there."""
    folder.mkdir()
    return folder


@asynccontextmanager
async def serving(*wanted: tuple[Servers, int]) -> AsyncIterator[list[Server]]:
    """Starts this many of each, and stops those that still run at the end."""
    try:
        started = await asyncio.gather(*(asyncio.to_thread(servers.start, count) for servers, count in wanted))
        yield [server for those in started for server in those]
    finally:
        await asyncio.gather(*(asyncio.to_thread(servers.close) for servers, _ in wanted))


async def issue(database: Database, services: KeyServices, *, rate_limit: int = MANY, quota: int = MANY) -> Key:
    """A key with limits of its own."""
    issued = await create_as_operator(services, await make_tenant(database))
    await limit(database, issued.record.id, rate_limit=rate_limit, monthly_quota=quota)
    return Key(issued.record.id, verification(issued.secret.reveal()))


async def limit(database: Database, key_id: UUID, **limits: int) -> None:
    async with database.transaction() as session:
        await session.execute(update(ApiKey).where(col(ApiKey.id) == key_id).values(**limits))


async def ask(server: Server, request: bytes) -> Answer:
    """Sends the request on a connection of its own."""
    async with connected(server) as connection:
        return await connection.ask(request)


async def ask_all(servers: Sequence[Server], key: Key, times_each: int) -> Counter[str]:
    """The results of this many requests at each server, over several connections at once."""
    seen: Counter[str] = Counter()

    async def call(server: Server, times: int) -> None:
        async with connected(server) as connection:
            for _ in range(times):
                seen[code_of(await connection.ask(key.request))] += 1

    await asyncio.gather(
        *(call(server, times_each // CONNECTIONS_EACH) for server in servers for _ in range(CONNECTIONS_EACH))
    )
    return seen


def code_of(answer: Answer) -> str:
    return "good" if answer.status == 200 else str(answer.json["code"])


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while not await is_so():  # noqa: ASYNC110 - what another process does sets no event of the loop's
            await asyncio.sleep(0.02)


async def written(database: Database, key: Key) -> int:
    """The written count of the key's requests that passed."""
    async with database.reading() as session:
        statement = select(func.sum(UsageMonth.allowed)).where(col(UsageMonth.key_id) == key.id)
        return int((await session.execute(statement)).scalar_one() or 0)


async def readiness(server: Server) -> tuple[int, dict[str, str]]:
    answer = await ask(server, READY)
    return answer.status, answer.json


async def is_written(database: Database, key: Key, number: int) -> bool:
    return await written(database, key) == number


async def are_ready(servers: Sequence[Server], body: dict[str, str]) -> bool:
    """Whether each server reports exactly this."""
    return [await readiness(server) for server in servers] == [(200, body)] * len(servers)


class Callers:
    """Callers that present a key until they are stopped; then each waits for its last answer."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.unanswered = 0
        """Requests whose server ended."""
        self._is_over = False
        self._tasks: list[asyncio.Task[None]] = []

    def call(self, server: Server, key: Key) -> None:
        """Adds a caller."""
        self._tasks.append(asyncio.ensure_future(self._go_on(server, key)))

    async def until_seen(self, code: str, number: int) -> None:
        """Waits until this many requests had this result."""

        async def is_seen() -> bool:
            return self.seen[code] >= number

        await until(is_seen)

    async def stop(self) -> None:
        """Raises the error that stopped a caller, unless its server ended."""
        self._is_over = True
        await asyncio.gather(*self._tasks)

    async def _go_on(self, server: Server, key: Key) -> None:
        with suppress(ConnectionError):
            async with connected(server) as connection:
                while not self._is_over:
                    self.unanswered += 1
                    answer = await connection.ask(key.request)
                    self.unanswered -= 1
                    self.seen[code_of(answer)] += 1


@asynccontextmanager
async def calling(
    servers: Sequence[Server], key: Key, *, callers_each: int = CONNECTIONS_EACH
) -> AsyncIterator[Callers]:
    """Runs this many callers at each server during the block."""
    callers = Callers()
    for server in servers:
        for _ in range(callers_each):
            callers.call(server, key)
    try:
        yield callers
    finally:
        await callers.stop()


async def test_exactly_the_limits_pass_whichever_process_is_asked(
    database: Database, database_address: str, services: KeyServices, redis_server: RedisServer, tmp_path: Path
) -> None:
    """
    Workers of one server and separate servers; also while one is killed. Stopped servers have written all their usage.
    """
    rated = await issue(database, services, rate_limit=100)
    quoted, large = await issue(database, services, quota=150), await issue(database, services, quota=1000)
    settings = {"KEYDESK_REDIS_URL": redis_server.url}
    program = (*REAL, "--workers", "2")
    with_workers = Servers(database_address, make(tmp_path / "workers"), program=program, settings=settings)
    alone = Servers(database_address, tmp_path, settings=settings)
    async with serving((with_workers, 1), (alone, 2)) as (workers, killed, stopped):
        began = time.monotonic()
        of_rated = await ask_all([workers, killed, stopped], rated, 160)
        windows = 1 + int((time.monotonic() - began) // 59)
        of_quoted = await ask_all([workers, stopped], quoted, 240)

        async with calling([workers, killed, stopped], large) as callers:
            await callers.until_seen("good", 300)
            await asyncio.to_thread(killed.kill)
            await callers.until_seen("quota_exceeded", 100)
        for server in (workers, stopped):
            await asyncio.to_thread(server.stop)

    assert 100 <= of_rated["good"] <= 100 * windows
    assert of_rated.total() == of_rated["good"] + of_rated["rate_limited"] == 480
    assert of_quoted == {"good": 150, "quota_exceeded": 330}
    # The killed process may have counted requests in progress without answering them.
    assert 1000 - CONNECTIONS_EACH <= callers.seen["good"] <= 1000
    assert callers.unanswered <= CONNECTIONS_EACH
    counts, refused = await what_is_known(database, quoted)
    assert 0 < refused <= counts.quota_exceeded
    assert (counts.allowed, counts.quota_exceeded) == (150, 330)


async def what_is_known(database: Database, key: Key) -> tuple[UsageHour, int]:
    """The sum of the key's hours, and the number of stored refused requests."""
    of_key = select(UsageHour).where(col(UsageHour.key_id) == key.id)
    async with database.reading() as session:
        hours = (await session.execute(of_key)).scalars().all()
        refused = select(func.count()).where(col(RefusedRequest.key_id) == key.id)
        number = (await session.execute(refused)).scalar_one()
    added_up = {outcome: sum(getattr(hour, outcome) for hour in hours) for outcome in OUTCOMES}
    return UsageHour(key_id=key.id, hour=hours[0].hour, **added_up), number


class Look(NamedTuple):
    """The number of answers before a query of the database, and the written count at that time."""

    answered: int
    written: int


async def test_without_redis_processes_agree_on_the_quota_and_lose_a_second_of_counts_at_most(
    database: Database, database_address: str, services: KeyServices, tmp_path: Path
) -> None:
    """
    Once each process has written and read the usage, all report the same rest, and not one request too many passes.

    A request that was answered before a write is in the write after the next at the latest. So a killed process loses
    nothing that was answered before the last write but one; a stopped process loses nothing at all.
    """
    shared = await issue(database, services, quota=300)
    of_killed, of_stopped = await issue(database, services), await issue(database, services)
    servers = Servers(database_address, tmp_path)
    async with serving((servers, 2)) as (killed, stopped):
        passed = await agreed(database, [killed, stopped], shared, quota=300)
        rest = await ask_all([stopped], shared, 240)

        async with calling([killed], of_killed) as at_killed, calling([stopped], of_stopped) as at_stopped:
            looks = [Look(0, 0)]
            while len({look.written for look in looks}) < 4:
                answered = at_killed.seen["good"]
                looks.append(Look(answered, await written(database, of_killed)))
            await asyncio.to_thread(killed.kill)
            await asyncio.to_thread(stopped.stop)
        kept, kept_of_stopped = await written(database, of_killed), await written(database, of_stopped)
        await limit(database, of_killed.id, monthly_quota=kept + 20)
        afterwards = await ask_all(await asyncio.to_thread(servers.start), of_killed, 40)

    assert rest == {"good": 300 - passed, "quota_exceeded": passed - 60}
    shown = sorted({look.written for look in looks})
    for look in looks:
        later = [number for number in shown if number > look.written]
        assert len(later) < 2 or look.answered <= later[1]
    before_the_last_but_one = max(look.answered for look in looks if look.written < shown[-2])
    assert 0 < before_the_last_but_one <= kept <= at_killed.seen["good"] + at_killed.unanswered
    assert 2 * EVERY_SECONDS <= 1
    assert kept_of_stopped == at_stopped.seen["good"] > 0
    assert afterwards == {"good": 20, "quota_exceeded": 20}


async def agreed(database: Database, servers: Sequence[Server], key: Key, *, quota: int) -> int:
    """Sends requests until each server reports the remaining quota exactly; returns how many passed."""
    passed = (await ask_all(servers, key, 56))["good"]
    for server in servers:
        left = -1
        while left != quota - passed:
            answer = await ask(server, key.request)
            assert answer.status == 200
            passed += 1
            left = quota_left(answer)
            await until(partial(is_written, database, key, passed))
    return passed


async def test_the_quota_is_exact_over_outages_of_redis(
    database: Database, database_address: str, services: KeyServices, redis_server: RedisServer, tmp_path: Path
) -> None:
    """Redis is killed, frozen, emptied: verification goes on, reports it, and recovers by itself under load."""
    busy = await issue(database, services)
    keys = [await issue(database, services, quota=300) for _ in range(3)]
    broken = (redis_server.kill, redis_server.freeze, redis_server.flush)
    mended: tuple[Callable[[], object], ...] = (redis_server.start, redis_server.thaw, lambda: None)
    seen = []
    servers = Servers(database_address, tmp_path, settings={"KEYDESK_REDIS_URL": redis_server.url})
    async with serving((servers, 2)) as two, calling(two, busy, callers_each=1) as callers:
        for key, break_it, mend_it in zip(keys, broken, mended, strict=True):
            before = await ask_all(two, key, 40)

            break_it()
            if break_it != redis_server.flush:
                await until(lambda: are_ready(two, {"status": "ready", "degraded": "limiter"}))
            within = await ask_all(two, key, 40)
            # Each process gets the other's requests once they are written.
            await until(partial(is_written, database, key, 160))

            mend_it()
            await until(lambda: are_ready(two, {"status": "ready"}))
            seen.append((before, within, await ask_all(two, key, 120)))
        await callers.stop()
        await until(lambda: is_written(database, busy, callers.seen.total()))

    assert seen == [({"good": 80}, {"good": 80}, {"good": 140, "quota_exceeded": 100})] * 3
    assert (set(callers.seen), callers.unanswered) == ({"good"}, 0)
    for server in two:
        said = re.findall("can't be reached|emptied|counted across processes", server.log.read_text())
        over = "counted across processes"
        every = ["can't be reached", over, "can't be reached", over, "emptied", over]
        assert said[:2] == every[:2]
        assert said == every[: len(said)]  # short outages within a minute of a logged one have no lines


async def test_where_the_limiter_fails_closed_nothing_passes_until_redis_is_back(
    database: Database, database_address: str, services: KeyServices, redis_server: RedisServer, tmp_path: Path
) -> None:
    """503 with Retry-After at both addresses; once Redis is back, verification goes on by itself."""
    key = await issue(database, services, quota=60)
    settings = {"KEYDESK_REDIS_URL": redis_server.url, "KEYDESK_LIMITER_FAILURE": "closed"}
    async with serving((Servers(database_address, tmp_path, settings=settings), 1)) as [server]:
        before = await ask_all([server], key, 40)
        redis_server.stop()
        within = await ask_all([server], key, 40)
        answer, ready = await ask(server, key.request), await readiness(server)
        alive = await ask(server, request_bytes("GET", "/healthz", {}))
        redis_server.start()
        await until(lambda: are_ready([server], {"status": "ready"}))
        after = await ask_all([server], key, 40)

    assert (before, within) == ({"good": 40}, {"unavailable": 40})
    assert answer.status == 503
    assert int(answer.header("Retry-After") or 0) >= 1
    assert ready == (503, {"status": "unavailable", "cause": "limiter"})
    assert alive.status == 200
    assert after == {"good": 20, "quota_exceeded": 20}


def quota_left(answer: Answer) -> int:
    """The remaining quota in the answer."""
    members: Any = http_sf.parse((answer.header("RateLimit") or "").encode(), tltype="list")
    policies = dict(members)
    return int(policies["quota"]["r"])
