"""Sets up what benchmarks need: databases with keys, and servers in processes of their own."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from sqlalchemy import URL, insert

from keys.hashing import KEY_PARAMETERS, Argon2Parameters
from keys.secret_digest import SecretDigests
from keys.token import Minted, ServerKeys, mint
from models import Agent, ApiKey, Organization
from models.engine.database import Database
from models.engine.database_address import database_url
from models.engine.ids import new_id
from models.engine.postgresql import connect
from models.migrations.migrate import migrate

ROOT = Path(__file__).parent.parent
SECRET_KEY = "0123456789abcdef0123456789abcdef"
SERVER_KEYS = ServerKeys((SECRET_KEY.encode(),))
START_SECONDS = 60.0
KEYS_AN_ORGANIZATION = 10
AT_ONCE = 5000
"""The number of keys that are stored in one transaction."""
NO_LIMIT = 2**31 - 1
"""A rate limit and quota that is never reached. Requests are counted nevertheless."""
CHEAP = Argon2Parameters(time_cost=1, memory_kib=8, parallelism=1)
"""Parameters for large numbers of keys, if their first use is not measured."""


def mint_keys(number: int, parameters: Argon2Parameters = KEY_PARAMETERS) -> list[tuple[Minted, str]]:
    """Mints keys with their hashes. With the real parameters, each takes about 23 ms of a core."""
    minted = [mint(SERVER_KEYS, "kd") for _ in range(number)]
    hasher = parameters.hasher()
    with ThreadPoolExecutor(os.cpu_count()) as executor:
        return list(zip(minted, executor.map(lambda key: hasher.hash(key.secret.reveal()), minted), strict=True))


async def fill(
    address: str, keys: Sequence[tuple[Minted, str]], *, tombstones: int = 0, without_digest: int = 0
) -> None:
    """
    Migrates a database and stores the keys in it: ten in each organization, every second one for an agent.

    `tombstones` is the number of deleted keys that are added. The last `without_digest` keys have no digest, as a
    version before digests stored them.
    """
    database = Database(address)
    await migrate(database)
    now = datetime.now(UTC)
    digests = SecretDigests(SERVER_KEYS)
    for first in range(0, len(keys), AT_ONCE):
        organizations, agents, rows = [], [], []
        for place, (minted, secret_hash) in enumerate(keys[first : first + AT_ONCE]):
            if place % KEYS_AN_ORGANIZATION == 0:
                organization = Organization(
                    name="Benchmark", rate_limit=NO_LIMIT, monthly_quota=NO_LIMIT, created_at=now
                )
                agent = Agent(organization_id=organization.id, name="Crawler", created_at=now)
                organizations.append(organization.model_dump())
                agents.append(agent.model_dump())
            key = ApiKey(
                organization_id=organization.id,
                agent_id=agent.id if place % 2 else None,
                name=f"key {first + place}",
                prefix=minted.prefix,
                public_id=minted.public_id,
                last_four=minted.last_four,
                secret_hash=secret_hash,
                secret_digest=None
                if first + place >= len(keys) - without_digest
                else digests.make(minted.server_key_id, secret_hash, minted.secret.reveal()),
                server_key_id=minted.server_key_id,
                created_at=now,
            )
            rows.append(key.model_dump())
        async with database.transaction() as session:
            await session.execute(insert(Organization), organizations)
            await session.execute(insert(Agent), agents)
            await session.execute(insert(ApiKey), rows)
    for first in range(0, tombstones, AT_ONCE):
        buried = {**rows[0], "secret_hash": None, "secret_digest": None, "server_key_id": None, "deleted_at": now}
        graves = [
            {**buried, "id": new_id(), "public_id": f"{first + place:016d}"}
            for place in range(min(AT_ONCE, tombstones - first))
        ]
        async with database.transaction() as session:
            await session.execute(insert(ApiKey), graves)
    await database.close()


@asynccontextmanager
async def postgresql_database(server: str) -> AsyncIterator[str]:
    """Makes a new database on this PostgreSQL server. Yields its URL, and drops it at the end."""
    url, name = database_url(server), f"keydesk_benchmark_{uuid4().hex[:12]}"
    await _execute(url, f'CREATE DATABASE "{name}"')
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        await _execute(url, f'DROP DATABASE "{name}" WITH (FORCE)')


async def analyze(address: str) -> None:
    """Runs ANALYZE, which a database that runs for a while does by itself."""
    await _execute(database_url(address), "ANALYZE")


async def postgresql_version(server: str) -> str:
    """As the server names it."""
    connection = await connect(database_url(server))
    try:
        return str(await connection.fetchval("SHOW server_version")).split()[0]
    finally:
        await connection.close()


async def _execute(url: URL, statement: str) -> None:
    connection = await connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Server:
    """A server process that listens on this port of loopback."""

    process: subprocess.Popen[str]
    port: int

    def pin(self, core: int | None) -> None:
        """Moves all threads and workers to one core, or to any core for None. Does nothing where that is impossible."""
        if hasattr(os, "sched_setaffinity"):
            cores = range(os.cpu_count() or 1) if core is None else {core}
            for process in self._family():
                for thread in Path(f"/proc/{process}/task").iterdir():
                    os.sched_setaffinity(int(thread.name), cores)

    def processor_seconds(self) -> float | None:
        """The processor time of the process and its workers, in seconds; None on systems other than Linux."""
        used = 0
        for process in self._family():
            told = Path(f"/proc/{process}/stat")
            if not told.exists():
                return None
            fields = told.read_text().rpartition(") ")[2].split()
            used += int(fields[11]) + int(fields[12])
        return used / os.sysconf("SC_CLK_TCK")

    def resident_mib(self) -> float:
        """The resident memory of the process, in MiB. Only on Linux."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) / 1024

    def _family(self) -> list[int]:
        """The ids of the process and its workers."""
        told = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [self.process.pid, *(map(int, told.read_text().split()) if told.exists() else ())]

    def stop(self) -> None:
        """Stops the process, within 20 seconds."""
        self.process.terminate()
        try:
            self.process.wait(20)
        finally:
            self.process.kill()


async def start(command: Sequence[str], environment: Mapping[str, str] | None = None, *, port: int | None) -> Server:
    """
    Starts a server and waits until it accepts connections.

    If `port` is None, the server must print its address as JSON on the first line.
    """
    process = subprocess.Popen(  # noqa: ASYNC220 - before anything is measured
        command,
        cwd=ROOT,
        env={**_environment(), **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    if port is None:
        if process.stdout is None or not (line := await asyncio.to_thread(process.stdout.readline)):
            raise RuntimeError(f"{command} did not start")
        port = urlsplit(json.loads(line)["address"]).port
    if port is None:
        raise RuntimeError(f"{command} has no port")
    server = Server(process, port)
    await _wait_for(server)
    return server


async def _wait_for(server: Server) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at and server.process.poll() is None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise RuntimeError("a server did not start")


async def start_keydesk(
    address: str,
    *,
    redis: str | None = None,
    workers: int = 1,
    program: Sequence[str] = ("-c", "from app.cli import main; main()", "serve"),
) -> Server:
    """Starts `keydesk serve` as an operator does, or another program with the same settings and options."""
    environment = {"KEYDESK_DATABASE_URL": address, "KEYDESK_SECRET_KEY": SECRET_KEY, "KEYDESK_LOG": "warning"}
    if redis is not None:
        environment["KEYDESK_REDIS_URL"] = redis
    command = [sys.executable, *program, "--port", "0", "--workers", str(workers), "--json"]
    return await start(command, environment, port=None)


def free_port() -> int:
    """A free port on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("KEYDESK_")}
