"""A killed process costs no slot, loses no answered change, and leaves nothing half done."""

import asyncio
import contextlib
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlmodel import col

from keys.refusals import KeyLimitReached
from models import Agent, ApiKey, AuditEvent
from models.audit import AuditAction
from models.engine.database import Database
from resolvers.services import KeyServices
from tests.support.http.client import connected, verification
from tests.support.servers.servers import ROOT, Server, Servers
from tests.support.tenant_setup import ISSUED, Console, MutationResult, Tenant, create_as_operator, make_tenant, slots

LIMIT = 10
PROCESSES = 4
PEOPLE = 12
ANSWERED_BEFORE_A_KILL = 40


class Dying:
    """The test's end of `tests.support.servers.dying_process`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.servers.dying_process"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def operate(self, database: Database, operation: str, subject: UUID, *, killed_before_statement: int) -> bool:
        """Runs the operation, and returns whether it was done; otherwise the process was killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        wanted = {
            "database": database.url.render_as_string(hide_password=False),
            "operation": operation,
            "subject": str(subject),
            "statement": killed_before_statement,
        }
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline().strip()
        assert said in {"done", "killed"}
        return said == "done"

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


@pytest.fixture(scope="module")
def dying() -> Iterator[Dying]:
    process = Dying()
    yield process
    process.close()


@dataclass(frozen=True)
class Story:
    """An organization's history in the database, by its rows and by its audit log."""

    by_rows: dict[AuditAction, int]
    by_log: dict[AuditAction, int]


async def story(database: Database, tenant: Tenant) -> Story:
    """Counts the rows and events of the organization."""
    async with database.reading() as session:
        of_tenant = col(ApiKey.organization_id) == tenant.organization_id
        keys = (await session.execute(select(ApiKey).where(of_tenant))).scalars().all()
        of_tenant = col(Agent.organization_id) == tenant.organization_id
        agents = (await session.execute(select(Agent).where(of_tenant))).scalars().all()
        of_tenant = col(AuditEvent.organization_id) == tenant.organization_id
        events = (await session.execute(select(AuditEvent).where(of_tenant))).scalars().all()
    by_rows = {
        AuditAction.API_KEY_CREATED: len(keys),
        AuditAction.API_KEY_RENAMED: sum(key.name == "renamed" for key in keys),
        AuditAction.API_KEY_ROTATED: sum(key.rotated_at is not None for key in keys),
        AuditAction.API_KEY_DELETED: sum(key.deleted_at is not None for key in keys),
        AuditAction.AGENT_DELETED: sum(agent.deleted_at is not None for agent in agents),
    }
    by_log = Counter(event.action for event in events)
    return Story(by_rows, {action: by_log[action] for action in by_rows})


async def fill(services: KeyServices, tenant: Tenant) -> None:
    """Creates keys until no slot is free."""
    with pytest.raises(KeyLimitReached):
        while True:
            await create_as_operator(services, tenant)


@pytest.mark.parametrize("operation", ["create", "rename", "rotate", "delete", "delete agent", "delete organization"])
async def test_killed_between_any_two_statements(
    database: Database, services: KeyServices, dying: Dying, operation: str
) -> None:
    """The operation is done completely, with its audit event, or not at all: slots are taken or free as before."""
    tenant = await make_tenant(database, key_limit=4, agents=1)
    [agent_id] = tenant.agent_ids
    keys = [await create_as_operator(services, tenant, agent_id) for _ in range(2)]
    subjects = {
        "create": tenant.organization_id,
        "delete agent": agent_id,
        "delete organization": tenant.organization_id,
    }
    subject = subjects.get(operation, keys[0].record.id)
    before = await story(database, tenant), await slots(database, tenant)
    statement = 1

    while not dying.operate(database, operation, subject, killed_before_statement=statement):
        assert (await story(database, tenant), await slots(database, tenant)) == before
        statement += 1

    assert statement > 5, "it has several statements, and was killed before each"
    done, taken = await story(database, tenant), await slots(database, tenant)
    assert done != before[0]
    assert done.by_rows == done.by_log
    assert taken.is_sound
    if operation != "delete organization":
        await fill(services, tenant)
        assert await slots(database, tenant) == (4, 4, 4, 4)


class Storm:
    """People at several servers who create, rotate and delete keys, and what the answers prove."""

    def __init__(self, servers: list[Server], tenants: list[Tenant]) -> None:
        self._tenants = tenants
        self.living = list(servers)
        self.answered = 0
        self.unanswered = 0
        self.good: set[str] = set()
        """Secrets of keys whose last change was answered, and left them active."""
        self.over: set[str] = set()
        """Secrets that an answered change has ended."""

    async def person(self) -> None:
        """Continues at another server when one stops, until none is left."""
        own: list[tuple[int, MutationResult]] = []
        while self.living:
            with contextlib.suppress(ConnectionError):
                async with connected(random.choice(self.living)) as connection:
                    await self._at([Console(tenant, connection) for tenant in self._tenants], own)

    async def _at(self, consoles: list[Console], own: list[tuple[int, MutationResult]]) -> None:
        """`own` has this person's keys, each with the index of its tenant."""
        while True:
            if own and random.random() < 0.5:
                place, key = own.pop(random.randrange(len(own)))
                changed = await self._change(consoles[place], key)
                if changed is not None:
                    own.append((place, changed))
            else:
                place = random.randrange(len(consoles))
                created = await self._told(consoles[place].create())
                if created.outcome == ISSUED:
                    self.good.add(created.secret)
                    own.append((place, created))

    async def _change(self, console: Console, key: MutationResult) -> MutationResult | None:
        """Rotates or deletes a key of this person; until the answer, neither of its secrets is certainly good."""
        self.good.remove(key.secret)
        if random.random() < 0.3:
            rotated = await self._told(console.rotate(key.key_id))
            self.good.add(rotated.secret)
            self.over.add(key.secret)
            return rotated
        await self._told(console.delete(key.key_id))
        self.over.add(key.secret)
        return None

    async def _told(self, asking: Awaitable[MutationResult]) -> MutationResult:
        self.unanswered += 1
        told = await asking
        self.unanswered -= 1
        self.answered += 1
        return told


async def verified(server: Server, secrets: Iterable[str]) -> set[int]:
    """The statuses of verifications with these secrets."""
    async with connected(server) as connection:
        return {(await connection.ask(verification(secret))).status for secret in secrets}


async def test_servers_killed_in_a_storm(database: Database, database_address: str, tmp_path: Path) -> None:
    """There are never more keys than slots, answered changes hold, and afterwards every slot can be taken."""
    servers = Servers(database_address, tmp_path)
    tenants = [await make_tenant(database, key_limit=LIMIT) for _ in range(3)]
    try:
        storm = Storm(await asyncio.to_thread(servers.start, PROCESSES), tenants)
        people = [asyncio.ensure_future(storm.person()) for _ in range(PEOPLE)]

        for server in list(storm.living):
            until = storm.answered + ANSWERED_BEFORE_A_KILL
            while storm.answered < until:
                assert not any(person.done() for person in people)
                assert all([(await slots(database, tenant)).is_sound for tenant in tenants])
                await asyncio.sleep(0.01)
            storm.living.remove(server)
            await asyncio.to_thread(server.kill)
        await asyncio.gather(*people)

        assert storm.unanswered > 0, "some were killed in the middle of an operation"
        assert all([(await slots(database, tenant)).is_sound for tenant in tenants])
        [another] = await asyncio.to_thread(servers.start)
        assert await verified(another, storm.good) == {200}
        assert await verified(another, storm.over) == {401}
        async with connected(another) as connection:
            for tenant in tenants:
                while (await Console(tenant, connection).create()).outcome == ISSUED:
                    pass
                assert await slots(database, tenant) == (LIMIT, LIMIT, LIMIT, LIMIT)
        assert await verified(another, storm.good) == {200}
    finally:
        await asyncio.to_thread(servers.close)
