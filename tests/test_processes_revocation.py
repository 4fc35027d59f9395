"""What was revoked is refused by every server process from the moment of the answer on: there is no stale window."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

import pytest

from keys.hashing import HashingPool
from keys.issuer import Issuer
from keys.policy import Scope, operator
from models.database import Database, database_now
from resolvers.desk import Desk
from resolvers.key_creation import create_api_key
from resolvers.operator_agents import delete_agent
from resolvers.operator_organizations import delete_organization
from tests.conftest import CHEAP, SERVER_KEYS, Databases
from tests.crowd import GOOD, Crowd, Verified, crowd
from tests.servers import Server, Servers
from tests.tenants import Console, Tenant, make_tenant
from tests.wire import connected

PROCESSES = 4
CALLERS_EACH = 2
ENDED_AT_LEAST = 200
WITHIN_AT_LEAST = 10_000
WINDOW_SECONDS = 0.1
"""Verifications sent so soon after a secret's end are the ones that count."""
DATABASE_NUMBER = 101
"""A database that the tests of this file share: none of conftest's, which are emptied for each test."""


@pytest.fixture(scope="module")
def shared_address(databases: Databases) -> str:
    return databases.fresh(DATABASE_NUMBER)


@pytest.fixture(scope="module")
def servers(shared_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    started = Servers(shared_address, tmp_path_factory.mktemp("logs"))
    try:
        yield started.start(PROCESSES)
    finally:
        started.close()


@pytest.fixture
async def shared(shared_address: str) -> AsyncIterator[Database]:
    database = Database(shared_address)
    yield database
    await database.close()


@pytest.fixture
async def callers(servers: list[Server]) -> AsyncIterator[Crowd]:
    """Begin when they are given secrets to present, and never pause after that."""
    async with crowd(servers, callers_each=CALLERS_EACH) as gathered:
        yield gathered


@pytest.fixture
def operators_desk(shared: Database) -> Iterator[Desk]:
    """What the command line works with."""
    pool = HashingPool(CHEAP.hasher(), threads=1, queue_limit=500, name="test")
    yield Desk(shared, Issuer(SERVER_KEYS, "kd", pool), lambda: datetime.now(UTC), mutations_per_minute=1)
    pool.close()


async def consoles(stack: AsyncExitStack, servers: list[Server], tenant: Tenant) -> list[Console]:
    """The admin at every server."""
    return [Console(tenant, await stack.enter_async_context(connected(server))) for server in servers]


@dataclass
class Ends:
    """When secrets were certainly still good, when they were certainly over, and what the callers were told."""

    callers: Crowd
    good_until: dict[str, float] = field(default_factory=dict)
    over_since: dict[str, float] = field(default_factory=dict)
    within: int = 0
    """Verifications sent within the window after their secret's end."""

    @property
    def is_enough(self) -> bool:
        """Whether so many secrets have ended, and so many verifications followed at once."""
        return len(self.over_since) >= ENDED_AT_LEAST and self.within >= WITHIN_AT_LEAST

    def note(self, secret: str, *, good_until: float, over_since: float) -> None:
        """Of a revocation: when it was asked for, and when its answer had come."""
        self.good_until[secret], self.over_since[secret] = good_until, over_since

    async def observe(self, secrets: Sequence[str]) -> None:
        """Lets the callers go on for the window, and looks at what they were told since these secrets' ends."""
        window_ends = max(self.over_since[secret] for secret in secrets) + WINDOW_SECONDS
        wanted = {(secret, server) for secret in secrets for server in range(PROCESSES)}

        def is_seen() -> bool:
            return time.monotonic() > window_ends and wanted <= {
                (each.secret, each.server) for each in self._after(secrets)
            }

        await self.callers.until(is_seen)
        after = self._after(secrets)
        stale = [each for each in after if each.status == GOOD]
        assert stale == []
        assert {each.status for each in after} == {401}
        self.within += sum(each.sent <= self.over_since[each.secret] + WINDOW_SECONDS for each in after)

    def were_good_before(self) -> bool:
        """Whether each secret was good, and nothing else, until its revocation was asked for."""
        before = [each for each in self.callers.verified if each.arrived < self.good_until.get(each.secret, 0)]
        return {each.secret for each in before} == set(self.over_since) and all(each.status == GOOD for each in before)

    def _after(self, secrets: Sequence[str]) -> list[Verified]:
        since = {secret: self.over_since[secret] for secret in secrets}
        first = min(since.values())
        return [
            each for each in self.callers.sent_after(first) if each.secret in since and each.sent > since[each.secret]
        ]


async def test_a_deleted_key_is_refused_everywhere_at_once(
    shared: Database, servers: list[Server], callers: Crowd
) -> None:
    """Whichever process deletes it, and whichever is asked, with the key in use everywhere until then."""
    tenant = await make_tenant(shared)
    ends = Ends(callers)
    async with AsyncExitStack() as stack:
        at = await consoles(stack, servers, tenant)

        while not ends.is_enough:
            issued = await asyncio.gather(*(console.create() for console in at))
            secrets = [told.secret for told in issued]
            await callers.warm(secrets)
            others = at[1:] + at[:1]
            gone = await asyncio.gather(
                *(console.delete(told.key_id) for console, told in zip(others, issued, strict=True))
            )
            for secret, told in zip(secrets, gone, strict=True):
                ends.note(secret, good_until=told.answer.sent, over_since=told.answer.arrived)
            await ends.observe(secrets)

    assert ends.were_good_before()


async def test_a_replaced_secret_is_refused_everywhere_at_once(
    shared: Database, servers: list[Server], callers: Crowd
) -> None:
    """A rotation without overlap ends the secret before, in every process, and the new one is good from then on."""
    tenant = await make_tenant(shared)
    ends = Ends(callers)
    async with AsyncExitStack() as stack:
        at = await consoles(stack, servers, tenant)
        issued = await asyncio.gather(*(console.create() for console in at))
        key_ids, secrets = [told.key_id for told in issued], [told.secret for told in issued]

        while not ends.is_enough:
            await callers.warm(secrets)
            at = at[1:] + at[:1]
            rotated = await asyncio.gather(
                *(console.rotate(key_id) for console, key_id in zip(at, key_ids, strict=True))
            )
            for secret, told in zip(secrets, rotated, strict=True):
                ends.note(secret, good_until=told.answer.sent, over_since=told.answer.arrived)
            await ends.observe(secrets)
            secrets = [told.secret for told in rotated]

    assert ends.were_good_before()


async def clock_bounds(database: Database) -> tuple[float, float]:
    """What to add to the database's time, in seconds since 1970, for that of time.monotonic: at least and at most."""
    async with database.reading() as session:
        await database_now(session)
        before = time.monotonic()
        now = (await database_now(session)).timestamp()
        after = time.monotonic()
    resolution = 0.001  # SQLite's
    return before - now - resolution, after - now


async def test_an_overlap_ends_everywhere_at_its_instant(
    shared: Database, servers: list[Server], callers: Crowd
) -> None:
    """By the database's clock: until then the secret before is good in every process, and from then on in none."""
    tenants = [await make_tenant(shared) for _ in range(4)]
    ends = Ends(callers)
    at_least, at_most = await clock_bounds(shared)
    async with AsyncExitStack() as stack:
        at = [console for tenant in tenants for console in await consoles(stack, servers, tenant)]
        issued = await asyncio.gather(*(console.create() for console in at))
        key_ids, secrets = [told.key_id for told in issued], [told.secret for told in issued]

        while not ends.is_enough:
            await callers.warm(secrets)
            rotated = await asyncio.gather(
                *(console.rotate(key_id, overlap_seconds=1) for console, key_id in zip(at, key_ids, strict=True))
            )
            for secret, told in zip(secrets, rotated, strict=True):
                end = told.previous_works_until.timestamp()
                ends.note(secret, good_until=end + at_least, over_since=end + at_most)
            for secret in sorted(secrets, key=ends.over_since.__getitem__):
                callers.present([secret])
                await ends.observe([secret])
            secrets = [told.secret for told in rotated]

    assert ends.were_good_before()


async def create_as_operator(desk: Desk, tenant: Tenant, agent: int) -> str:
    """The secret of a new key of the tenant's agent of this number."""
    issued = await create_api_key(
        desk,
        operator(),
        organization_id=tenant.organization_id,
        name="deploy",
        scope=Scope.AGENT,
        agent_id=tenant.agent_ids[agent],
    )
    return issued.secret.reveal()


async def test_a_deleted_agents_keys_are_refused_everywhere_at_once(
    shared: Database, callers: Crowd, operators_desk: Desk
) -> None:
    """The operator's deletion is as strict as an admin's."""
    ends = Ends(callers)
    together = 4

    while not ends.is_enough:
        tenant = await make_tenant(shared, agents=2 * together)
        agents = iter(range(2 * together))
        while numbers := list(islice(agents, together)):
            secrets = [await create_as_operator(operators_desk, tenant, number) for number in numbers]
            await callers.warm(secrets)
            for number, secret in zip(numbers, secrets, strict=True):
                asked = time.monotonic()
                async with shared.transaction() as session:
                    await delete_agent(session, agent_id=tenant.agent_ids[number], now=datetime.now(UTC))
                ends.note(secret, good_until=asked, over_since=time.monotonic())
            await ends.observe(secrets)

    assert ends.were_good_before()


async def test_a_deleted_organizations_keys_are_refused_everywhere_at_once(
    shared: Database, callers: Crowd, operators_desk: Desk
) -> None:
    """All of them, at the same instant."""
    ends = Ends(callers)
    keys = 4

    while not ends.is_enough:
        tenant = await make_tenant(shared, agents=1)
        secrets = [await create_as_operator(operators_desk, tenant, 0) for _ in range(keys)]
        await callers.warm(secrets)
        asked = time.monotonic()
        async with shared.transaction() as session:
            await delete_organization(session, organization_id=tenant.organization_id, now=datetime.now(UTC))
        answered = time.monotonic()
        for secret in secrets:
            ends.note(secret, good_until=asked, over_since=answered)
        await ends.observe(secrets)

    assert ends.were_good_before()
