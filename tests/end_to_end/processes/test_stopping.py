"""Workers that are replaced, hang or lose their parent, and a stop while the database is frozen, all under load."""

import asyncio
import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from models.engine.database import Database
from models.engine.database_address import database_url
from resolvers.services import KeyServices
from tests.conftest import POSTGRES_URL
from tests.end_to_end.processes.test_outage import Proxy
from tests.support.http.client import connected, request_bytes, verification
from tests.support.servers.servers import REAL, Server, Servers
from tests.support.servers.steady_load import steady_load
from tests.support.tenant_setup import create_as_operator, make_tenant
from tests.support.usage.usage_stores import hours

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="it finds the workers in /proc")

GIVE_UP_SECONDS = 240.0
NO_REDIS = {"KEYDESK_REDIS_URL": "redis://127.0.0.1:1"}
"""Several workers refuse to start without the setting; they work without the Redis."""


def workers_of(server: Server) -> set[int]:
    """The process ids of a server's workers."""
    parent = server.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return {int(pid) for pid in children if b"spawn_main" in command_line(int(pid))}


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def counted(database: Database) -> int:
    """The requests that are counted in the database."""
    return sum((await hours(database)).values())


async def until(condition: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.05)


async def test_workers_are_replaced_without_a_lost_request_and_never_outlive_their_parent(
    database: Database, services: KeyServices, database_address: str, tmp_path: Path
) -> None:
    """
    SIGHUP replaces all workers: every request is answered and counted. A worker that hangs is killed and replaced.
    When the parent is killed, the workers end by themselves, and the port is free.
    """
    tenant = await make_tenant(database)
    secret = (await create_as_operator(services, tenant)).secret.reveal()
    program = (*REAL, "--workers", "2")
    servers = Servers(database_address, tmp_path, program=program, settings=NO_REDIS)
    try:
        [server] = await asyncio.to_thread(servers.start)
        first = workers_of(server)
        async with steady_load(server.host, server.port, verification(secret)) as load:
            await load.until_more(50)
            os.kill(server.process.pid, signal.SIGHUP)
            await until(lambda: not first & workers_of(server) and len(workers_of(server)) == 2)
            await load.until_more(50)
        assert len(first) == 2
        assert (load.faults, set(load.statuses)) == ([], {200})
        # So that the worker that hangs has nothing to lose.
        while await counted(database) < load.answered:  # noqa: ASYNC110 - the database has no event for it
            await asyncio.sleep(0.1)

        hanging, other = sorted(workers_of(server))
        os.kill(hanging, signal.SIGSTOP)
        await until(lambda: hanging not in workers_of(server) and len(workers_of(server)) == 2)
        assert other in workers_of(server)
        assert f"(process {hanging}) has not answered" in server.log.read_text()
        async with connected(server) as connection:
            assert (await connection.ask(verification(secret))).status == 200

        orphans = workers_of(server)
        server.kill()
        await until(lambda: not any(b"spawn_main" in command_line(pid) for pid in orphans))
        socket.create_server((server.host, server.port)).close()
        # A caller of the load may have been cancelled before it read its answer.
        assert load.answered + 1 <= await counted(database) <= load.answered + 1 + load.callers
    finally:
        await asyncio.to_thread(servers.close)


@pytest.mark.skipif(POSTGRES_URL is None, reason="SQLite has no server that could freeze")
async def test_a_stop_ends_while_the_database_is_frozen(
    database: Database, services: KeyServices, database_address: str, tmp_path: Path
) -> None:
    """Requests in progress are answered with 503, half a body with 408, and the log says how much usage is lost."""
    tenant = await make_tenant(database)
    secret = (await create_as_operator(services, tenant)).secret.reveal()
    proxy = Proxy(database_url(database_address))
    await proxy.listen()
    address = database_url(database_address).set(host="127.0.0.1", port=proxy.port)
    servers = Servers(address.render_as_string(hide_password=False), tmp_path, program=REAL)
    try:
        [server] = await asyncio.to_thread(servers.start)
        async with connected(server) as connection:
            assert (await connection.ask(verification(secret))).status == 200
        await proxy.fail("silent")
        async with connected(server) as one, connected(server) as other, connected(server) as half:
            asked = [asyncio.ensure_future(each.ask(verification(secret))) for each in (one, other)]
            begun = request_bytes("POST", "/graphql", {"Content-Type": "application/json"}, b"{" * 100)[:-1]
            asked.append(asyncio.ensure_future(half.ask(begun)))
            await asyncio.sleep(0.2)
            server.process.terminate()
            statuses = [(await each).status for each in asked]
        ended = await asyncio.to_thread(server.process.wait, GIVE_UP_SECONDS)

        assert statuses == [503, 503, 408]
        log = server.log.read_text()
        assert re.search(r"The usage of \d+ request\(s\) could not be written to the database, and is lost", log)
        assert (ended, "by force" in log) == (0, False)
    finally:
        await proxy.close()
        await asyncio.to_thread(servers.close)
