"""The clock of one of two servers jumps by two hours, forwards and backwards, under load."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from keys.policy import OPERATOR
from models.engine.database import Database
from resolvers.api_keys import delete_api_key, rotate_api_key
from resolvers.services import Issued, KeyServices
from tests.faults.conftest import NAME
from tests.faults.test_stopping import counted, serving, started
from tests.support.http.client import connected, verification
from tests.support.servers.postgres_pair import PostgresServer
from tests.support.servers.servers import REAL, Server
from tests.support.servers.steady_load import steady_load
from tests.support.tenant_setup import create_as_operator, make_tenant

ANSWERS = 200
JUMPS = ("+2h", "-2h", "+0")


@pytest.fixture
def library() -> Path:
    """The library of faketime, which replaces the clock of a process. Skips the test if it is not installed."""
    program = shutil.which("faketime")
    found = sorted(Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1")) if program else []
    if not found:
        missing = "This test needs faketime. On Debian and Ubuntu, as root: apt-get install faketime"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found[0]


@pytest.fixture
def clock_file(tmp_path: Path) -> Path:
    """How far the clock of the server is off."""
    path = tmp_path / "clock"
    path.write_text("+0")
    return path


async def statuses(server: Server, *secrets: str) -> list[int]:
    """The answers to verifications with these secrets."""
    async with connected(server) as connection:
        return [(await connection.ask(verification(secret))).status for secret in secrets]


async def test_a_clock_that_jumps_changes_no_verdict_and_no_count(
    services: KeyServices, postgres: PostgresServer, tmp_path: Path, library: Path, clock_file: Path
) -> None:
    """
    Good keys stay good. What was deleted or replaced during a jump is refused by both servers at once, and a secret in
    its overlap is good at both, since it ends by PostgreSQL's clock. Every answer is counted once.
    """
    database_address = postgres.url(NAME)
    database = Database(database_address)
    services = replace(services, database=database)
    tenant = await make_tenant(database, key_limit=100)

    async def new() -> Issued:
        return await create_as_operator(services, tenant)

    async def rotate(key_id: UUID, overlap_seconds: int) -> None:
        await rotate_api_key(services, OPERATOR, key_id=key_id, overlap_seconds=overlap_seconds)

    secret = (await new()).secret.reveal()
    jumping = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock_file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    (tmp_path / "jumping").mkdir()
    good = 0
    with (
        serving(database_address, tmp_path, REAL) as [steady_starter],
        serving(database_address, tmp_path / "jumping", REAL, settings=jumping) as [jumping_starter],
    ):
        servers = [await started(steady_starter), await started(jumping_starter)]
        async with (
            steady_load(servers[0].host, servers[0].port, verification(secret)) as one,
            steady_load(servers[1].host, servers[1].port, verification(secret)) as other,
        ):
            for jump in JUMPS:
                await other.until_more(ANSWERS)
                clock_file.write_text(jump)  # noqa: ASYNC240 - four bytes
                await other.until_more(ANSWERS)
                deleted, replaced, overlapping = [await new() for _ in range(3)]
                presented = [each.secret.reveal() for each in (deleted, replaced, overlapping)]
                for server in servers:
                    assert await statuses(server, *presented) == [200, 200, 200], jump
                await delete_api_key(services, OPERATOR, key_id=deleted.record.id)
                await rotate(replaced.record.id, 0)
                await rotate(overlapping.record.id, 3600)
                for server in servers:
                    assert await statuses(server, *presented) == [401, 401, 200], jump
                good += 8
        for server in servers:
            server.stop()

    assert [(load.faults, set(load.statuses)) for load in (one, other)] == [([], {200})] * 2
    answered = one.answered + other.answered + good
    assert answered <= await counted(database) <= answered + one.callers + other.callers
    await database.close()
