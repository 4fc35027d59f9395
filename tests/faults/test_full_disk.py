"""
The disk is full under the database, or under the revocation journal: no dead key passes, nothing that was answered is
lost, and everything that waits is written once there is room.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from keys.policy import OPERATOR
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from models.revocations.journal import Journal, journal_beside
from models.revocations.line import Revoked
from models.usage.counts import UsageHour
from resolvers.api_keys import delete_api_key
from resolvers.services import Issued
from tests.conftest import migrated_in_thread
from tests.faults.conftest import NAME, operator_services
from tests.support.http.client import Answer, request_bytes, verification
from tests.support.servers.asking import GIVE_UP_SECONDS, ask, get, until, until_answer
from tests.support.servers.postgres_pair import PostgresServer, running_postgres
from tests.support.servers.servers import REAL, Server, Servers
from tests.support.servers.small_disk import SmallDisk, small_disk
from tests.support.servers.steady_load import SteadyLoad, steady_load
from tests.support.tenant_setup import CREATE, DELETE, Tenant, create_as_operator, make_tenant
from tests.support.usage.usage_stores import rows

ANSWERS = 200
"""How many answers each load gets before and after each event."""
EXTRA = 40
"""How many keys a test may delete."""
GOOD, DEAD = 200, 401
GROW = "SELECT pg_logical_emit_message(true, 'keydesk', repeat('x', 1000000))"
"""Makes PostgreSQL's log grow by a megabyte, which is one of its files."""


class Keys(NamedTuple):
    """Keys of one organization."""

    tenant: Tenant
    living: str
    dead: str
    """The secret of a key that was deleted before the disk was full."""
    dead_id: str
    doomed: list[Issued]
    """Keys that the test deletes."""


async def keys_in(database: Database) -> Keys:
    """Issues the keys, in the test's own process."""
    tenant = await make_tenant(database, key_limit=100)
    with operator_services(database) as services:
        living, dead, *doomed = [await create_as_operator(services, tenant) for _ in range(EXTRA + 2)]
        await delete_api_key(services, OPERATOR, key_id=dead.record.id)
    return Keys(tenant, living.secret.reveal(), dead.secret.reveal(), dead.record.public_id, doomed)


@asynccontextmanager
async def loads(server: Server, keys: Keys) -> AsyncIterator[tuple[SteadyLoad, SteadyLoad]]:
    """Callers with the living key, and callers with the dead one."""
    async with (
        steady_load(server.host, server.port, verification(keys.living), keeping=2, connecting=1) as good,
        steady_load(server.host, server.port, verification(keys.dead), keeping=2, connecting=1) as bad,
    ):
        yield good, bad


async def asked(server: Server, tenant: Tenant, document: str, **wanted: str) -> Answer:
    """The answer to a mutation of the tenant's admin."""
    headers = {"Content-Type": "application/json", "Cookie": f"keydesk_session={tenant.session_token}"}
    body = json.dumps({"query": document, "variables": {"input": wanted}}).encode()
    return await ask(server, request_bytes("POST", "/graphql", headers, body))


async def delete(server: Server, tenant: Tenant, key: Issued) -> bool:
    """Asks for the deletion. Returns whether the answer says that the key is deleted; if not, it must be an error."""
    answer = await asked(server, tenant, DELETE, id=external_id(Prefix.API_KEY, key.record.id))
    return done(answer, "ApiKeyDeleted")


async def create(server: Server, tenant: Tenant) -> str | None:
    """Asks for a key. Returns its secret, None after an error."""
    answer = await asked(server, tenant, CREATE, organizationId=tenant.id, name="deploy", scope="ORGANIZATION")
    return str(answer.json["data"]["done"]["secret"]) if done(answer, "ApiKeyIssued") else None


def done(answer: Answer, outcome: str) -> bool:
    """Whether it has this outcome. If not, it must be an error with a request id, under which the log has the cause."""
    read = answer.json
    if "errors" not in read:
        assert read["data"]["done"]["__typename"] == outcome
        return True
    [error] = read["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert error["extensions"]["requestId"]
    return False


async def status_of(server: Server, key: Issued) -> int:
    return (await ask(server, verification(key.secret.reveal()))).status


async def counted(database: Database) -> tuple[int, int]:
    """The requests that passed, and those with a deleted key."""
    found = await rows(database, UsageHour)
    return sum(each.allowed for each in found), sum(each.deleted_key for each in found)


def deleted_in(journal: Journal) -> set[str]:
    """The public ids of the keys that are deleted in the journal, which must be whole."""
    contents = journal.read()
    assert contents.damage == []
    return set(Revoked(contents.revocations).deleted)


async def until_stopped(server: Server, keys: Keys, postgres: PostgresServer, disk: SmallDisk) -> list[Issued]:
    """
    Fills the disk and deletes keys while PostgreSQL's log grows, until PostgreSQL stops. Returns the keys whose
    deletion was answered.
    """
    answered = []
    doomed = iter(keys.doomed)
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while postgres.is_running:
            if (key := next(doomed, None)) is not None and await delete(server, keys.tenant, key):
                answered.append(key)
            disk.fill()
            with suppress(RuntimeError):
                await asyncio.to_thread(postgres.sql, GROW)
    return answered


async def test_a_full_disk_under_sqlite(tmp_path: Path) -> None:
    """
    The file and its journal have no room: keys are verified all the same. What can't be stored is refused with an error
    and changes nothing; counts wait, and are exact in the end.
    """
    with small_disk(tmp_path / "disk", megabytes=8) as disk:
        path = disk.folder / "keydesk.db"
        address = f"sqlite+aiosqlite:///{path}"
        migrated_in_thread(address)
        database = Database(address)
        keys = await keys_in(database)
        await database.close()
        servers = Servers(address, tmp_path, program=REAL)
        try:
            [server] = servers.start()
            async with loads(server, keys) as (good, bad):
                await good.until_more(ANSWERS)
                disk.fill()
                await until_answer(server, get("/readyz"), 200, b'"degraded":"ledger')
                refused: list[Issued] = []
                while (full := (await ask(server, get("/readyz"))).json)["degraded"] != "ledger, journal":
                    refused.append(keys.doomed[len(refused)])
                    assert not await delete(server, keys.tenant, refused[-1])
                assert await create(server, keys.tenant) is None
                assert {await status_of(server, key) for key in keys.doomed} == {GOOD}
                await good.until_more(ANSWERS)
                await bad.until_more(ANSWERS)

                disk.free()
                await until_answer(server, get("/readyz"), 200, b'{"status":"ready"}')
                assert {await status_of(server, key) for key in keys.doomed} == {GOOD}
                assert await delete(server, keys.tenant, refused[0])
                assert await status_of(server, refused[0]) == DEAD
                created = await create(server, keys.tenant)
                assert created is not None
                assert (await ask(server, verification(created))).status == GOOD
                await good.until_more(ANSWERS)
            await asyncio.to_thread(server.stop)
        finally:
            servers.close()

        assert full["status"] == "ready"
        assert [(load.faults, set(load.statuses)) for load in (good, bad)] == [([], {GOOD}), ([], {DEAD})]
        assert server.process.returncode == 0
        assert "Usage can't be written to the database (OperationalError SQLITE_FULL)" in server.log.read_text()
        database = Database(address)
        passed, dead = await counted(database)
        await database.close()
        others = 2 * EXTRA + 1
        assert good.answered + others <= passed <= good.answered + good.callers + others
        assert bad.answered + 1 <= dead <= bad.answered + bad.callers + 1
        assert deleted_in(journal_beside(path)) == {keys.dead_id, refused[0].record.public_id}


async def test_a_full_disk_under_the_revocation_journal(
    database: Database, database_address: str, tmp_path: Path
) -> None:
    """Deletions take effect at once, and are in the journal once it has room again."""
    keys = await keys_in(database)
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        journal = Journal(disk.folder / "keydesk.revocations")
        servers = Servers(
            database_address, tmp_path, program=REAL, settings={"KEYDESK_REVOCATION_JOURNAL": str(journal.path)}
        )
        try:
            [server] = servers.start()
            async with loads(server, keys) as (good, bad):
                before = len(journal.read().revocations)
                disk.fill()
                deleted: list[Issued] = []
                while (full := (await ask(server, get("/readyz"))).json) == {"status": "ready"}:
                    deleted.append(keys.doomed[len(deleted)])
                    assert await delete(server, keys.tenant, deleted[-1])
                    assert await status_of(server, deleted[-1]) == DEAD
                written = len(journal.read().revocations) - before
                await good.until_more(ANSWERS)

                disk.free()
                await until_answer(server, get("/readyz"), 200, b'{"status":"ready"}')
                await bad.until_more(ANSWERS)
            await asyncio.to_thread(server.stop)
        finally:
            servers.close()

        assert full == {"status": "ready", "degraded": "journal"}
        assert written < len(deleted)
        assert [(load.faults, set(load.statuses)) for load in (good, bad)] == [([], {GOOD}), ([], {DEAD})]
        assert deleted_in(journal) == {keys.dead_id, *(key.record.public_id for key in deleted)}


async def test_a_full_disk_under_postgresql(tmp_path: Path) -> None:
    """
    PostgreSQL stops, since it can't write its log. Meanwhile nobody gets a wrong verdict. Once it runs again, every
    deletion that was answered holds, and the counts that waited are exact.
    """
    journal = Journal(tmp_path / "keydesk.revocations")
    with running_postgres(megabytes=96) as postgres:
        disk = postgres.disk
        assert disk is not None
        postgres.sql(f"CREATE DATABASE {NAME}")
        migrated_in_thread(postgres.url(NAME))
        database = Database(postgres.url(NAME))
        keys = await keys_in(database)
        servers = Servers(
            postgres.url(NAME), tmp_path, program=REAL, settings={"KEYDESK_REVOCATION_JOURNAL": str(journal.path)}
        )
        try:
            [server] = servers.start()
            async with loads(server, keys) as (good, bad):
                await good.until_more(ANSWERS)
                deleted = await until_stopped(server, keys, postgres, disk)
                await until(lambda: min(good.statuses[503], bad.statuses[503]) > 0)
                await good.until_more(ANSWERS)

                disk.free()
                await asyncio.to_thread(postgres.start)
                await until_answer(server, get("/readyz"), 200, b'{"status":"ready"}')
                await until_answer(server, verification(keys.living), GOOD)
                assert {await status_of(server, key) for key in deleted} == {DEAD}
                await bad.until_more(ANSWERS)
            await asyncio.to_thread(server.stop)
        finally:
            servers.close()

        assert [(load.faults, set(load.statuses)) for load in (good, bad)] == [([], {GOOD, 503}), ([], {DEAD, 503})]
        passed, dead = await counted(database)
        await database.close()
        assert good.statuses[GOOD] + 1 <= passed <= good.statuses[GOOD] + 1 + good.callers
        assert bad.statuses[DEAD] + len(deleted) <= dead <= bad.statuses[DEAD] + len(deleted) + bad.callers
        assert deleted_in(journal) >= {keys.dead_id, *(key.record.public_id for key in deleted)}
