"""
An upgrade from the version before to this one, under load: the schema is migrated while old servers run, then they are
replaced. No verification fails, and what one version does to a key holds at once in the other.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from models.engine.database import Database
from models.engine.ids import Prefix, parse_external_id
from models.migrations.revisions import current_revision, newest_revision
from tests.support.http.client import connected, request_bytes, verification
from tests.support.servers.postgres_pair import running_postgres
from tests.support.servers.servers import REAL, ROOT, Server, Servers
from tests.support.servers.version_before import REVISION, run, version_before
from tests.support.tenant_setup import ISSUED, Console, Tenant

EMAIL, PASSWORD = "ada@example.com", "a long passphrase of Ada's"
PACE_SECONDS = 0.02
CALLERS = 4
VERIFICATIONS_EACH_STEP = 200
GOOD, REFUSED = 200, 401


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a new, empty database."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/keydesk.db"
        return
    with running_postgres() as server:
        server.sql("CREATE DATABASE before")
        yield server.url("before")


class Callers:
    """Verifies the same keys in turn, at a steady pace, at all servers in rotation. Stores every answer's status."""

    def __init__(self) -> None:
        self.servers: list[Server] = []
        self.secrets: list[str] = []
        self.statuses: list[int] = []

    async def call(self, number: int) -> None:
        """One caller, which opens a connection for each request, as the pace allows it."""
        while True:
            number += 1
            secret, server = self.secrets[number % len(self.secrets)], self.servers[number % len(self.servers)]
            self.statuses.append(await status_of(server, secret))
            await asyncio.sleep(PACE_SECONDS)

    async def go_on(self) -> None:
        """Waits for some more answers."""
        enough = len(self.statuses) + VERIFICATIONS_EACH_STEP
        while len(self.statuses) < enough:  # noqa: ASYNC110 - counted by callers in this loop
            await asyncio.sleep(PACE_SECONDS)

    async def take_out(self, server: Server) -> None:
        """Takes the server out of rotation, and waits until no request to it can be left."""
        self.servers.remove(server)
        await self.go_on()


@asynccontextmanager
async def calling(callers: Callers) -> AsyncIterator[None]:
    """The callers call in this block. Raises what has stopped one of them."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(callers.call(number)) for number in range(CALLERS)]
        yield
        for task in tasks:
            task.cancel()


async def status_of(server: Server, secret: str) -> int:
    async with connected(server) as connection:
        return (await connection.ask(verification(secret))).status


async def signed_in(server: Server, organization_id: str) -> Tenant:
    """The tenant with a session of its admin, made by signing in."""
    document = "mutation ($input: SignInInput!) { signIn(input: $input) { __typename } }"
    body = {"query": document, "variables": {"input": {"email": EMAIL, "password": PASSWORD}}}
    request = request_bytes("POST", "/graphql", {"Content-Type": "application/json"}, json.dumps(body).encode())
    async with connected(server) as connection:
        answer = await connection.ask(request)
    cookie = answer.header("Set-Cookie")
    assert cookie is not None, answer.body
    organization = parse_external_id(Prefix.ORGANIZATION, organization_id)
    assert isinstance(organization, UUID)
    return Tenant(organization, cookie.partition(";")[0].partition("=")[2], ())


async def changes_hold(tenant: Tenant, by: Server, at: Server) -> None:
    """A key that one server creates, rotates and deletes is at each step what the other one says it is."""
    async with connected(by) as connection:
        console = Console(tenant, connection)
        created = await console.create()
        assert created.outcome == ISSUED
        assert await status_of(at, created.secret) == GOOD
        rotated = await console.rotate(created.key_id)
        assert [await status_of(at, each.secret) for each in (created, rotated)] == [REFUSED, GOOD]
        await console.delete(created.key_id)
        assert [await status_of(each, rotated.secret) for each in (at, by)] == [REFUSED, REFUSED]


async def test_an_upgrade_loses_no_verification(address: str, tmp_path: Path) -> None:
    """Migrate, add the new server, take out the old one: every verification on the way is answered with 200."""
    checkout = version_before((tmp_path / "before").absolute())
    old_servers = Servers(address, tmp_path, program=REAL, checkout=checkout)
    new_servers = Servers(address, tmp_path, program=REAL, log_name="new")
    database = Database(address)
    try:
        run(checkout, old_servers.environment, "migrate")
        organization = run(
            checkout, old_servers.environment, "organization", "create", "Acme", "--rate-limit", "1000000"
        )
        whose = ("--organization", organization["id"], "--role", "organization-admin", "--password-stdin")
        run(checkout, old_servers.environment, "user", "create", EMAIL, "--name", "Ada", *whose, typed=PASSWORD)
        assert await current_revision(database) == REVISION
        [old] = await asyncio.to_thread(old_servers.start)
        tenant = await signed_in(old, organization["id"])
        callers = Callers()
        callers.servers.append(old)
        async with connected(old) as connection:
            callers.secrets = [(await Console(tenant, connection).create()).secret for _ in range(4)]

        async with calling(callers):
            await callers.go_on()
            await asyncio.to_thread(run, ROOT, new_servers.environment, "migrate")
            assert await current_revision(database) == newest_revision()
            await callers.go_on()
            await changes_hold(tenant, by=old, at=old)

            [new] = await asyncio.to_thread(new_servers.start)
            callers.servers.append(new)
            await callers.go_on()
            await changes_hold(tenant, by=old, at=new)
            await changes_hold(tenant, by=new, at=old)

            await callers.take_out(old)
            await asyncio.to_thread(old.stop)
            await callers.go_on()
            await changes_hold(tenant, by=new, at=new)
    finally:
        await database.close()
        old_servers.close()
        new_servers.close()

    assert set(callers.statuses) == {GOOD}
