"""Every server process refuses a revoked secret from the moment of the answer on: there is no stale window."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest

from keys.hashing import HashingPool
from keys.issuer import Issuer
from models.engine.database import Database, database_now
from models.engine.ids import Prefix, external_id
from resolvers.operator.agents import delete_agent
from resolvers.operator.organizations import delete_organization
from resolvers.services import KeyServices
from tests.conftest import CHEAP, SERVER_KEYS, Databases
from tests.support.http.client import connected
from tests.support.servers.load_generator import GOOD, LoadGenerator, load_generator
from tests.support.servers.servers import Server, Servers
from tests.support.tenant_setup import Console, Tenant, create_as_operator, make_tenant
from tests.support.thorough import thorough

PROCESSES = 4
CALLERS_EACH = 1
MANY, FEW = 200, 60
DELETIONS = thorough(MANY, FEW)
OTHER_ENDS = thorough(MANY, FEW)
"""How many secrets end in other ways than deletion: with KEYDESK_TEST_THOROUGH as many, in three times the time."""
WITHIN_EACH = 50
WINDOW_SECONDS = 0.1
"""Only verifications sent this soon after a secret's end count: 10,000 of them for 200 deletions."""
DATABASE_NUMBER = 101
"""The shared database of this file's tests; conftest's databases are emptied for each test."""


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
async def callers(servers: list[Server]) -> AsyncIterator[LoadGenerator]:
    """They start when they get secrets to present, and never pause after that."""
    async with load_generator(servers, callers_each=CALLERS_EACH) as gathered:
        yield gathered


@pytest.fixture
def operator_services(shared: Database) -> Iterator[KeyServices]:
    """The services that the command line uses."""
    pool = HashingPool(CHEAP.hasher(), threads=1, queue_limit=500, name="test")
    yield KeyServices(shared, lambda: datetime.now(UTC), mutations_per_minute=1, issuer=Issuer(SERVER_KEYS, "kd", pool))
    pool.close()


async def consoles(stack: AsyncExitStack, servers: list[Server], tenant: Tenant) -> list[Console]:
    """The admin at every server."""
    return [Console(tenant, await stack.enter_async_context(connected(server))) for server in servers]


class Ends:
    """When secrets were certainly still good, when they had certainly ended, and the verdicts since."""

    def __init__(self, callers: LoadGenerator, at_least: int) -> None:
        self._callers = callers
        self._at_least = at_least
        self._unread = callers.unread()
        self._good_until: dict[str, float] = {}
        self._over_since: dict[str, float] = {}
        self._within = 0

    @property
    def is_enough(self) -> bool:
        """Whether enough secrets have ended, and enough verifications followed within the window."""
        return len(self._over_since) >= self._at_least and self._within >= self._at_least * WITHIN_EACH

    def note(self, secret: str, *, good_until: float, over_since: float) -> None:
        """Records a revocation: when it was requested, and when its answer had arrived."""
        self._good_until[secret], self._over_since[secret] = good_until, over_since

    async def observe(self, secrets: Sequence[str]) -> None:
        """
        Waits until every process has verified each of these secrets since its end, and either the window is over or
        enough verifications followed. Each of them must be refused.
        """
        last = max(self._over_since[secret] for secret in secrets)
        unseen = {(secret, server) for secret in secrets for server in range(PROCESSES)}
        wanted = WITHIN_EACH * len(secrets)
        followed = 0

        def is_seen() -> bool:
            nonlocal followed
            for each in self._unread():
                over_since = self._over_since.get(each.secret)
                if over_since is None or each.sent <= over_since:
                    continue
                assert each.status == 401, f"{each} succeeded, {each.sent - over_since} seconds after its end"
                unseen.discard((each.secret, each.server))
                followed += 1
                self._within += each.sent <= over_since + WINDOW_SECONDS
            return not unseen and (followed >= wanted or time.monotonic() > last + WINDOW_SECONDS)

        await self._callers.until(is_seen)

    def near(self, secrets: Sequence[str]) -> list[str]:
        """The secrets that end now, or ended just before; if there is none, all."""
        now = time.monotonic()
        return [
            secret for secret in secrets if -WINDOW_SECONDS / 2 < now - self._over_since[secret] < WINDOW_SECONDS
        ] or list(secrets)

    def were_good_before(self) -> bool:
        """Whether each secret was verified, and every verdict was good, until its revocation was requested."""
        before = [each for each in self._callers.verified if each.arrived < self._good_until.get(each.secret, 0.0)]
        return {each.secret for each in before} == set(self._over_since) and {each.status for each in before} == {GOOD}


async def test_a_deleted_key_is_refused_everywhere_at_once(
    shared: Database, servers: list[Server], callers: LoadGenerator, operator_services: KeyServices
) -> None:
    """Whichever process deletes it, and whichever is asked, with the key in use everywhere until then."""
    tenant = await make_tenant(shared)
    ends = Ends(callers, DELETIONS)
    async with AsyncExitStack() as stack:
        at = await consoles(stack, servers, tenant)

        while not ends.is_enough:
            issued = [await create_as_operator(operator_services, tenant) for _ in at]
            await callers.warm([each.secret.reveal() for each in issued])
            for console, each in zip(at, issued, strict=True):
                secret = each.secret.reveal()
                callers.present([secret])
                gone = await console.delete(external_id(Prefix.API_KEY, each.record.id))
                ends.note(secret, good_until=gone.answer.sent, over_since=gone.answer.arrived)
                await ends.observe([secret])

    assert ends.were_good_before()


async def test_a_replaced_secret_is_refused_everywhere_at_once(
    shared: Database, servers: list[Server], callers: LoadGenerator
) -> None:
    """A rotation without overlap ends the previous secret in every process, and the new one is good from then on."""
    tenant = await make_tenant(shared)
    ends = Ends(callers, OTHER_ENDS)
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
    """The offset from the database's time, in seconds since 1970, to time.monotonic: lower and upper bound."""
    async with database.reading() as session:
        await database_now(session)
        before = time.monotonic()
        now = (await database_now(session)).timestamp()
        after = time.monotonic()
    resolution = 0.001  # SQLite's clock
    return before - now - resolution, after - now


async def focus(callers: LoadGenerator, ends: Ends, secrets: Sequence[str]) -> None:
    """Keeps the callers on the secrets that are near their end, in an endless loop."""
    while True:
        callers.present(ends.near(secrets))
        await asyncio.sleep(0.005)


async def test_an_overlap_ends_everywhere_at_its_instant(
    shared: Database, servers: list[Server], callers: LoadGenerator
) -> None:
    """By the database's clock: before, the previous secret is good in every process; afterwards, in none."""
    tenants = [await make_tenant(shared) for _ in range(4)]
    ends = Ends(callers, OTHER_ENDS)
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
            focusing = asyncio.ensure_future(focus(callers, ends, secrets))
            await ends.observe(secrets)
            focusing.cancel()
            secrets = [told.secret for told in rotated]

    assert ends.were_good_before()


async def test_a_deleted_agents_keys_are_refused_everywhere_at_once(
    shared: Database, callers: LoadGenerator, operator_services: KeyServices
) -> None:
    """The operator's deletion is as strict as an admin's."""
    ends = Ends(callers, OTHER_ENDS)
    agents = 8

    while not ends.is_enough:
        tenant = await make_tenant(shared, agents=agents)
        secrets = [
            (await create_as_operator(operator_services, tenant, agent_id)).secret.reveal()
            for agent_id in tenant.agent_ids
        ]
        await callers.warm(secrets)
        for agent_id, secret in zip(tenant.agent_ids, secrets, strict=True):
            callers.present([secret])
            asked = time.monotonic()
            async with shared.transaction() as session:
                await delete_agent(session, agent_id=agent_id, now=datetime.now(UTC))
            ends.note(secret, good_until=asked, over_since=time.monotonic())
            await ends.observe([secret])

    assert ends.were_good_before()


async def test_a_deleted_organizations_keys_are_refused_everywhere_at_once(
    shared: Database, callers: LoadGenerator, operator_services: KeyServices
) -> None:
    """All of them, at the same instant."""
    ends = Ends(callers, OTHER_ENDS)
    keys = 4

    while not ends.is_enough:
        tenant = await make_tenant(shared)
        secrets = [(await create_as_operator(operator_services, tenant)).secret.reveal() for _ in range(keys)]
        await callers.warm(secrets)
        asked = time.monotonic()
        async with shared.transaction() as session:
            await delete_organization(session, organization_id=tenant.organization_id, now=datetime.now(UTC))
        answered = time.monotonic()
        for secret in secrets:
            ends.note(secret, good_until=asked, over_since=answered)
        await ends.observe(secrets)

    assert ends.were_good_before()
