"""A server is killed with SIGKILL under load: what it had answered holds, except for the counts of the last moment."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models.engine.database import Database
from tests.conftest import migrated_in_thread
from tests.faults.conftest import NAME
from tests.faults.test_full_disk import DEAD, GOOD, counted, delete, keys_in, status_of
from tests.support.http.client import verification
from tests.support.servers.asking import ask
from tests.support.servers.load_generator import load_generator
from tests.support.servers.postgres_pair import running_postgres
from tests.support.servers.servers import REAL, Servers

ANSWERS = 500
CALLERS = 4


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a new database with Keydesk's schema."""
    if request.param == "sqlite":
        file = f"sqlite+aiosqlite:///{tmp_path}/keydesk.db"
        migrated_in_thread(file)
        yield file
        return
    with running_postgres() as server:
        server.sql(f"CREATE DATABASE {NAME}")
        migrated_in_thread(server.url(NAME))
        yield server.url(NAME)


async def test_a_killed_server_loses_only_counts_of_the_last_moment(
    address: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """A deletion that was answered just before holds; what was counted stays counted, and nothing counts twice."""
    database = Database(address)
    keys = await keys_in(database)
    servers = Servers(address, tmp_path, program=REAL)
    try:
        [server] = servers.start()
        async with load_generator([server], callers_each=CALLERS) as callers:
            callers.present([keys.living])
            await callers.until(lambda: len(callers.verified) > ANSWERS)
            while (before := (await counted(database))[0]) == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            more = len(callers.verified) + ANSWERS
            await callers.until(lambda: len(callers.verified) > more)
            assert await delete(server, keys.tenant, keys.doomed[0])
            server.kill()
            killed_at = time.monotonic()

        [server] = servers.start()
        written, _ = await counted(database)
        assert await status_of(server, keys.doomed[0]) == DEAD
        assert (await ask(server, verification(keys.living))).status == GOOD
        await asyncio.to_thread(server.stop)
        later, _ = await counted(database)
    finally:
        servers.close()
        await database.close()

    answered = len(callers.verified)
    last_written = callers.verified[min(written, answered) - 1].arrived
    record_property("answers before the kill", answered)
    record_property("seconds of counts lost", round(killed_at - last_written, 2))
    assert before <= written <= answered + CALLERS
    assert later == written + 1
