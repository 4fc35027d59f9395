"""The ten slots hold while several server processes, and many people, request the last one at the same time."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import accumulate, cycle
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select
from sqlmodel import col

from keys.hashing import HashingPool
from keys.outcomes import Outcome
from keys.policy import Scope
from keys.verification.verdict import RequestedAgent
from keys.verification.verifier import KeyVerifier
from models import AuditEvent
from models.engine.database import Database
from models.key_lookup import key_reader
from resolvers.api_keys import delete_api_key, rotate_api_key
from resolvers.creation.create_api_key import create_api_key
from resolvers.services import Issued, KeyServices
from tests.conftest import SERVER_KEYS, Databases
from tests.support.http.client import connected, verification
from tests.support.servers.cheap_server import FOLDER
from tests.support.servers.servers import Server, Servers
from tests.support.tenant_setup import ISSUED, LIMIT_REACHED, Console, MutationResult, Tenant, make_tenant, slots
from tests.support.world import World

PROCESSES = 4
CREATIONS = 200
COME_AND_GO = 100
LIMIT = 10
DATABASE_NUMBER = 100
"""The shared database of this file's tests; conftest's databases are emptied for each test."""


@pytest.fixture(scope="module")
def shared_address(databases: Databases) -> str:
    return databases.fresh(DATABASE_NUMBER)


@pytest.fixture(scope="module")
def hashing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hashing")


@pytest.fixture(scope="module")
def servers(shared_address: str, hashing: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    started = Servers(shared_address, tmp_path_factory.mktemp("logs"), settings={FOLDER: str(hashing)})
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
async def tenant(shared: Database) -> Tenant:
    return await make_tenant(shared, key_limit=LIMIT)


async def consoles(stack: AsyncExitStack, servers: list[Server], tenant: Tenant, count: int) -> list[Console]:
    """This many connections, spread over the servers."""
    chosen = [server for server, _ in zip(cycle(servers), range(count), strict=False)]
    return [Console(tenant, await stack.enter_async_context(connected(server))) for server in chosen]


async def good_secrets(server: Server, secrets: list[str]) -> list[str]:
    """The secrets that pass verification."""
    async with connected(server) as connection:
        return [secret for secret in secrets if (await connection.ask(verification(secret))).status == 200]


async def refused_creations(database: Database, tenant: Tenant) -> int:
    """The number of refused creations in the audit log."""
    statement = select(func.sum(AuditEvent.count)).where(
        col(AuditEvent.organization_id) == tenant.organization_id, col(AuditEvent.refused_reason) == "limit"
    )
    async with database.reading() as session:
        return (await session.execute(statement)).scalar_one() or 0


def hashes(hashing: Path) -> int:
    """The number of new keys that the servers have hashed so far."""
    trace = hashing / "hashed"
    return trace.stat().st_size if trace.exists() else 0


async def test_of_two_hundred_creations_at_once_one_gets_the_last_slot(
    shared: Database, servers: list[Server], tenant: Tenant, hashing: Path
) -> None:
    """At 9 of 10, at any server: one key is issued, and 199 requests get the limit's refusal and nothing else."""
    async with AsyncExitStack() as stack:
        asking = await consoles(stack, servers, tenant, CREATIONS)
        earlier = [await asking[number].create() for number in range(LIMIT - 1)]
        hashed_before = hashes(hashing)
        closed = hashing / "closed"
        closed.touch()

        racing = asyncio.gather(*(console.create() for console in asking))
        try:
            await asyncio.sleep(1.5)  # so that many have found a free slot before one takes it
        finally:
            closed.unlink()
        told = await racing
        hashed = hashes(hashing) - hashed_before
        late = await asking[0].create()

    assert Counter(each.outcome for each in told) == {ISSUED: 1, LIMIT_REACHED: CREATIONS - 1}
    assert hashed <= CREATIONS, "the loser of a race costs one hash at most"
    assert late.outcome == LIMIT_REACHED
    assert hashes(hashing) - hashed_before == hashed, "one refused for a limit already reached costs none"
    assert await slots(shared, tenant) == (LIMIT, LIMIT, LIMIT, LIMIT)
    secrets = [each.secret for each in (*earlier, *told) if each.outcome == ISSUED]
    assert await good_secrets(servers[-1], secrets) == secrets
    assert await refused_creations(shared, tenant) == CREATIONS


async def test_of_fifty_aliases_in_each_of_several_documents_one_gets_the_last_slot(
    shared: Database, servers: list[Server], tenant: Tenant
) -> None:
    """Neither one document nor several at the same time get around the limit."""
    aliases = CREATIONS // PROCESSES
    async with AsyncExitStack() as stack:
        asking = await consoles(stack, servers, tenant, PROCESSES)
        for _ in range(LIMIT - 1):
            await asking[0].create()

        documents = await asyncio.gather(*(console.create_many(aliases) for console in asking))

    told = [each for document in documents for each in document]
    assert Counter(each.outcome for each in told) == {ISSUED: 1, LIMIT_REACHED: CREATIONS - 1}
    assert await slots(shared, tenant) == (LIMIT, LIMIT, LIMIT, LIMIT)


async def test_one_document_of_fifty_aliases_gets_the_last_slot_once(
    shared: Database, servers: list[Server], tenant: Tenant
) -> None:
    """Its fields are executed in order: the first gets the key, the others the limit's refusal."""
    async with AsyncExitStack() as stack:
        [console] = await consoles(stack, servers, tenant, 1)
        for _ in range(LIMIT - 1):
            await console.create()

        told = await console.create_many(50)

    assert [each.outcome for each in told] == [ISSUED] + 49 * [LIMIT_REACHED]
    assert await slots(shared, tenant) == (LIMIT, LIMIT, LIMIT, LIMIT)


async def test_there_are_never_eleven_while_keys_come_and_go(
    shared: Database, servers: list[Server], tenant: Tenant
) -> None:
    """Neither by the rows at any moment, nor by the keys that were issued and not yet deleted."""
    issued: list[MutationResult] = []
    deleted: list[MutationResult] = []
    changes: list[tuple[float, int]] = []
    """When a key certainly existed: from the answer that issued it until the request that deleted it."""

    async def come_and_go(console: Console) -> None:
        while len(issued) < COME_AND_GO:
            told = await console.create()
            if told.outcome == ISSUED:
                issued.append(told)
                changes.append((told.answer.arrived, +1))
            elif len(deleted) < len(issued):
                key_id = issued[len(deleted)].key_id
                deleted.append(told)
                gone = await console.delete(key_id)
                assert gone.outcome == "ApiKeyDeleted"
                changes.append((gone.answer.sent, -1))
            else:
                assert told.outcome == LIMIT_REACHED

    async def watch() -> list[bool]:
        seen = []
        while True:
            seen.append((await slots(shared, tenant)).is_sound)
            if not coming_and_going.done():
                await asyncio.sleep(0.01)
            else:
                return seen

    async with AsyncExitStack() as stack:
        people = await consoles(stack, servers, tenant, 4 * PROCESSES)
        coming_and_going = asyncio.gather(*(come_and_go(console) for console in people))
        seen = await watch()
        await coming_and_going

    assert len(seen) > 10
    assert all(seen)
    assert max(accumulate(change for _, change in sorted(changes))) <= LIMIT
    alive = len(issued) - len(deleted)
    assert (await slots(shared, tenant))[:2] == (alive, alive)
    assert len(await good_secrets(servers[0], [told.secret for told in issued])) == alive


class HeldHasher(PasswordHasher):
    """Reports that it was asked for a hash, and waits until the test releases it."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.asked, self.let_go = threading.Event(), threading.Event()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.asked.set()
        self.let_go.wait()
        return super().hash(password, salt=salt)


@pytest.mark.parametrize("held", ["create", "rotate"])
async def test_nothing_waits_for_another_ones_hash(held: str, services: KeyServices, world: World) -> None:
    """While argon2 runs for one key of an organization, others of it are created, rotated, deleted and verified."""
    ada = world.actor("ada")

    async def create(at: KeyServices) -> Issued:
        return await create_api_key(
            at, ada, organization_id=world.acme.id, name="deploy", scope=Scope.ORGANIZATION, agent_id=None
        )

    rotated, deleted = await create(services), await create(services)
    hasher = HeldHasher()
    pools = [HashingPool(each, threads=1, queue_limit=1, name="held") for each in (hasher, PasswordHasher(1, 8, 1))]
    holding = replace(services, issuer=replace(services.issuer, pool=pools[0]))
    reader = key_reader(services.database)
    verifier = KeyVerifier(server_keys=SERVER_KEYS, prefixes=["kd"], reader=reader, pool=pools[1], limiter=None)
    try:
        held_key = create(holding) if held == "create" else rotate_api_key(holding, ada, key_id=rotated.record.id)
        waiting = asyncio.ensure_future(held_key)
        await asyncio.to_thread(hasher.asked.wait)

        created = await create(services)
        replaced = await rotate_api_key(services, ada, key_id=rotated.record.id)
        await delete_api_key(services, ada, key_id=deleted.record.id)
        verdicts = [
            await verifier.verify(each.secret.reveal(), RequestedAgent())
            for each in (created, replaced, rotated, deleted)
        ]
        is_still_held = not waiting.done()
        hasher.let_go.set()
        last = await waiting
        verdicts.append(await verifier.verify(last.secret.reveal(), RequestedAgent()))
    finally:
        hasher.let_go.set()
        await reader.close()
        for pool in pools:
            pool.close()

    assert is_still_held
    assert [verdict.outcome for verdict in verdicts] == [
        Outcome.GOOD,
        Outcome.GOOD,
        Outcome.REPLACED_SECRET,
        Outcome.DELETED_KEY,
        Outcome.GOOD,
    ]
