"""Limits across real server processes: exact with Redis, and no more is lost than is promised when one of them dies."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlmodel import col

from keys.ledger import EVERY_SECONDS
from models import ApiKey, RefusedRequest, UsageHour, UsageMonth
from models.database import Database
from resolvers.desk import Desk
from tests.redis_server import RedisServer, running_redis
from tests.servers import REAL, Server, Servers
from tests.tenants import create_as_operator, make_tenant
from tests.wire import Answer, connected, request_bytes, verification

PROCESSES = 4
CONNECTIONS_EACH = 8
MANY = 2**31 - 1
GIVE_UP_SECONDS = 120.0
READY = request_bytes("GET", "/readyz", {})
QUOTA_LEFT = re.compile(r'"quota";r=([0-9]+)')


class Key(NamedTuple):
    """A key that callers present."""

    id: UUID
    request: bytes


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    with running_redis(folder) as server:
        yield server


@asynccontextmanager
async def serving(servers: Servers, count: int) -> AsyncIterator[list[Server]]:
    """So many that are ready; those that are left at the end are stopped."""
    try:
        yield await asyncio.to_thread(servers.start, count)
    finally:
        await asyncio.to_thread(servers.close)


async def issue(database: Database, desk: Desk, *, rate_limit: int = MANY, quota: int = MANY) -> Key:
    """A key with limits of its own."""
    issued = await create_as_operator(desk, await make_tenant(database))
    await limit(database, issued.record.id, rate_limit=rate_limit, monthly_quota=quota)
    return Key(issued.record.id, verification(issued.secret.reveal()))


async def limit(database: Database, key_id: UUID, **limits: int) -> None:
    async with database.transaction() as session:
        await session.execute(update(ApiKey).where(col(ApiKey.id) == key_id).values(**limits))


async def ask(server: Server, request: bytes) -> Answer:
    """On a connection of its own."""
    async with connected(server) as connection:
        return await connection.ask(request)


async def ask_all(servers: Sequence[Server], key: Key, times_each: int) -> Counter[str]:
    """What came of so many at each server, over several connections at once."""
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
        while not await is_so():
            await asyncio.sleep(0.02)


async def written(database: Database, key: Key) -> int:
    """What is written down of the key's requests that passed."""
    async with database.reading() as session:
        statement = select(func.sum(UsageMonth.allowed)).where(col(UsageMonth.key_id) == key.id)
        return int((await session.execute(statement)).scalar_one() or 0)


async def readiness(server: Server) -> tuple[int, dict[str, str]]:
    answer = await ask(server, READY)
    return answer.status, answer.json


class Callers:
    """Keep on presenting a key until they are told to stop; then each waits for its last answer."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.unanswered = 0
        """Requests whose server went away."""
        self._is_over = False
        self._tasks: list[asyncio.Task[None]] = []

    def call(self, server: Server, key: Key) -> None:
        """One more."""
        self._tasks.append(asyncio.ensure_future(self._go_on(server, key)))

    async def _go_on(self, server: Server, key: Key) -> None:
        try:
            async with connected(server) as connection:
                while not self._is_over:
                    self.unanswered += 1
                    answer = await connection.ask(key.request)
                    self.unanswered -= 1
                    self.seen[code_of(answer)] += 1
        except ConnectionError:
            """The server was killed or stopped."""

    async def stop(self) -> None:
        self._is_over = True
        await asyncio.gather(*self._tasks)


@asynccontextmanager
async def calling(servers: Sequence[Server], key: Key) -> AsyncIterator[Callers]:
    callers = Callers()
    for server in servers:
        for _ in range(CONNECTIONS_EACH):
            callers.call(server, key)
    try:
        yield callers
    finally:
        await callers.stop()


async def test_exactly_the_limits_pass_whichever_process_is_asked(
    database: Database, database_address: str, desk: Desk, redis_server: RedisServer, tmp_path: Path
) -> None:
    """Rate limit and quota; also while a process is killed. What was refused is counted and written down, too."""
    rated = await issue(database, desk, rate_limit=100)
    quoted = await issue(database, desk, quota=150)
    large = await issue(database, desk, quota=2000)
    servers = Servers(database_address, tmp_path, settings={"KEYDESK_REDIS_URL": redis_server.url})
    async with serving(servers, PROCESSES) as four:
        loop = asyncio.get_running_loop()
        began = loop.time()
        of_rated = await ask_all(four, rated, 100)
        windows = 1 + int((loop.time() - began) // 59)
        of_quoted = await ask_all(four, quoted, 100)

        async with calling(four, large) as callers:
            while callers.seen["good"] < 500:
                await asyncio.sleep(0)
            await asyncio.to_thread(four[0].kill)
            while callers.seen["quota_exceeded"] < 100:
                await asyncio.sleep(0)

        for server in four[1:]:
            await asyncio.to_thread(server.stop)

    assert 100 <= of_rated["good"] <= 100 * windows
    assert of_rated["good"] + of_rated["rate_limited"] == 4 * 96
    assert of_quoted == {"good": 150, "quota_exceeded": 4 * 96 - 150}
    # What the killed process had under way may be counted, and was not answered.
    assert 2000 - CONNECTIONS_EACH <= callers.seen["good"] <= 2000
    assert callers.unanswered <= CONNECTIONS_EACH
    assert await written(database, large) <= 2000
    async with database.reading() as session:
        hours = (await session.execute(select(UsageHour).where(col(UsageHour.key_id) == quoted.id))).scalars().all()
        of_key = select(func.count()).where(col(RefusedRequest.key_id) == quoted.id)
        refused = (await session.execute(of_key)).scalar_one()
    assert refused <= sum(hour.quota_exceeded for hour in hours) <= of_quoted["quota_exceeded"]


class Watched(NamedTuple):
    """How many were answered before a look into the database, and what was written down then."""

    answered: int
    written: int


async def test_a_process_that_is_killed_loses_a_second_of_counts_at_most_and_one_that_is_stopped_none(
    database: Database, database_address: str, desk: Desk, tmp_path: Path
) -> None:
    """
    What was answered before a write shows is in the next but one, since that begins after it. So of all that was
    answered before the last but one, nothing is lost.
    """
    killed_key, stopped_key = await issue(database, desk), await issue(database, desk)
    servers = Servers(database_address, tmp_path)
    async with serving(servers, 2) as (killed, stopped):
        async with calling([killed], killed_key) as at_killed, calling([stopped], stopped_key) as at_stopped:
            looks = [Watched(0, 0)]
            while len({look.written for look in looks}) < 4:
                answered = at_killed.seen["good"]
                looks.append(Watched(answered, await written(database, killed_key)))
            await asyncio.to_thread(killed.kill)
            await asyncio.to_thread(stopped.stop)
        kept = await written(database, killed_key)
        kept_of_stopped = await written(database, stopped_key)

        await limit(database, killed_key.id, monthly_quota=kept + 20)
        afterwards = await ask_all(await asyncio.to_thread(servers.start), killed_key, 40)

    numbers = sorted({look.written for look in looks})
    for look in looks:
        later = [number for number in numbers if number > look.written]
        if len(later) >= 2:
            assert look.answered <= later[1]
    last_but_one = max(look.answered for look in looks if look.written <= numbers[-3])
    assert 0 < last_but_one <= kept <= at_killed.seen["good"] + at_killed.unanswered
    assert 2 * EVERY_SECONDS <= 1
    assert kept_of_stopped == at_stopped.seen["good"] > 0
    assert afterwards == {"good": 20, "quota_exceeded": 20}


@pytest.mark.parametrize("how", ["killed", "frozen", "emptied"])
async def test_the_quota_is_exact_over_an_outage_of_redis(
    database: Database, database_address: str, desk: Desk, redis_server: RedisServer, tmp_path: Path, how: str
) -> None:
    """Verification goes on, says so, and comes back by itself, while others call all the time."""
    key, busy = await issue(database, desk, quota=400), await issue(database, desk)
    servers = Servers(database_address, tmp_path, settings={"KEYDESK_REDIS_URL": redis_server.url})
    async with serving(servers, 2) as two, calling(two, busy) as callers:
        before = await ask_all(two, key, 48)

        if how == "emptied":
            redis_server.flush()
        elif how == "frozen":
            redis_server.freeze()
        else:
            redis_server.kill()
        if how != "emptied":
            await until(lambda: all_ready(two, {"status": "ready", "degraded": "limiter"}))
        within = await ask_all(two, key, 56)
        # Each process knows of the others' requests once they are written down.
        await until(lambda: is_written(database, key, before["good"] + within["good"]))

        if how == "frozen":
            redis_server.thaw()
        elif how == "killed":
            redis_server.start()
        await until(lambda: all_ready(two, {"status": "ready"}))
        after = await ask_all(two, key, 160)
        await callers.stop()
        await until(lambda: is_written(database, busy, callers.seen["good"]))

    assert (before, within) == ({"good": 96}, {"good": 112})
    assert after == {"good": 400 - 96 - 112, "quota_exceeded": 320 - 192}
    assert set(callers.seen) == {"good"}
    assert callers.unanswered == 0
    for server in two:
        said = [line for line in map(logged, server.log.read_text().splitlines()) if "Redis" in line]
        assert [bool(re.search("out of reach|emptied", line)) for line in said] == [True, False]


async def all_ready(servers: Sequence[Server], body: dict[str, str]) -> bool:
    """Whether each says exactly this."""
    return [await readiness(server) for server in servers] == [(200, body)] * len(servers)


async def is_written(database: Database, key: Key, number: int) -> bool:
    return await written(database, key) == number


def logged(line: str) -> str:
    """What a line of the log says."""
    return str(json.loads(line).get("message", "")) if line.startswith("{") else line


async def test_where_the_limiter_fails_closed_nothing_passes_until_redis_is_back(
    database: Database, database_address: str, desk: Desk, redis_server: RedisServer, tmp_path: Path
) -> None:
    """503 with Retry-After at both addresses, and by itself as before once it is there."""
    key = await issue(database, desk, quota=60)
    settings = {"KEYDESK_REDIS_URL": redis_server.url, "KEYDESK_LIMITER_FAILURE": "closed"}
    async with serving(Servers(database_address, tmp_path, settings=settings), 1) as [server]:
        before = await ask_all([server], key, 40)
        redis_server.stop()
        within = await ask_all([server], key, 40)
        answer, readiness_within = await ask(server, key.request), await readiness(server)
        alive = await ask(server, request_bytes("GET", "/healthz", {}))
        redis_server.start()
        await until(lambda: all_ready([server], {"status": "ready"}))
        after = await ask_all([server], key, 40)

    assert before == {"good": 40}
    assert within == {"unavailable": 40}
    assert answer.status == 503
    assert int(answer.header("Retry-After") or 0) >= 1
    assert readiness_within == (503, {"status": "unavailable", "cause": "limiter"})
    assert alive.status == 200
    assert after == {"good": 20, "quota_exceeded": 20}


async def test_several_processes_without_redis_agree_on_the_quota_and_warn(
    database: Database, database_address: str, desk: Desk, tmp_path: Path
) -> None:
    """Once each has written and learned, what is left is the same at all; then not one too many passes."""
    key, other = await issue(database, desk, quota=300), await issue(database, desk)
    async with serving(Servers(database_address, tmp_path), 2) as two:
        passed = (await ask_all(two, key, 56))["good"]

        for server in two:
            left = -1
            while left != 300 - passed:
                answer = await ask(server, key.request)
                passed += answer.status == 200
                left = int((QUOTA_LEFT.search(answer.header("RateLimit") or "") or ["", "-1"])[1])
                await until(lambda: is_written(database, key, passed))
        rest = await ask_all([two[1]], key, 240)
        async with calling(two, other):
            await until(lambda: have_warned(two))

    assert passed < 200
    assert rest == {"good": 300 - passed, "quota_exceeded": passed - 60}


async def have_warned(servers: Sequence[Server]) -> bool:
    return all("Another process serves this database" in server.log.read_text() for server in servers)


async def test_workers_of_one_server_share_their_limits_and_lose_nothing_when_it_is_stopped(
    database: Database, database_address: str, desk: Desk, redis_server: RedisServer, tmp_path: Path
) -> None:
    """As an operator starts it."""
    key, free = await issue(database, desk, quota=100), await issue(database, desk)
    settings = {"KEYDESK_REDIS_URL": redis_server.url}
    program = (*REAL, "--workers", "2")
    async with serving(Servers(database_address, tmp_path, program=program, settings=settings), 1) as [server]:
        seen = await ask_all([server] * 2, key, 80)
        async with calling([server] * 2, free) as callers:
            while callers.seen["good"] < 200:
                await asyncio.sleep(0)
            await asyncio.to_thread(server.stop)

    assert seen == {"good": 100, "quota_exceeded": 60}
    assert await written(database, free) == callers.seen["good"]
