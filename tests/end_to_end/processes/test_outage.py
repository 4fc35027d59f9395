"""While PostgreSQL is unavailable, no key is called bad for it; once it is back, everything continues by itself."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from models.engine.database import Database
from models.engine.database_address import database_url
from resolvers.services import KeyServices
from tests.conftest import POSTGRES_URL
from tests.support.http.client import Answer, connected, request_bytes, verification
from tests.support.servers.servers import REAL, Server, Servers
from tests.support.tenant_setup import ISSUED, Console, create_as_operator, make_tenant

pytestmark = pytest.mark.skipif(POSTGRES_URL is None, reason="SQLite has no network that could fail")

GIVE_UP_SECONDS = 60.0
AT_ONCE = 12
"""More than the server's connections to its database."""


class Proxy:
    """
    Stands between a server and its database. It passes everything on until the test makes it refuse (it accepts no
    connection and cuts the open ones) or be silent (it accepts connections, and passes nothing on).
    """

    def __init__(self, database: URL) -> None:
        self._host, self._port = database.host or "127.0.0.1", database.port or 5432
        self._listener: asyncio.Server | None = None
        self._passing = asyncio.Event()
        self._passing.set()
        self._transports: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def listen(self) -> None:
        """Accepts connections: at first on a port that the system chooses, later on the same."""
        self._listener = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def fail(self, how: str) -> None:
        """Refuses connections, or is silent."""
        if how == "silent":
            self._passing.clear()
        else:
            await self.close()

    async def heal(self) -> None:
        """Passes everything on again, including what it held back."""
        self._passing.set()
        if self._listener is None:
            await self.listen()

    async def close(self) -> None:
        """Cuts all connections."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for transport in self._transports:
            transport.transport.abort()
        self._passing.set()
        await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._passing.wait()
        try:
            from_database, to_database = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, to_database}
        self._transports |= both
        try:
            await asyncio.gather(self._pass_on(reader, to_database), self._pass_on(from_database, writer))
        finally:
            self._transports -= both

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._passing.wait()
                writer.write(data)
        except OSError:
            pass
        writer.close()


@pytest.fixture
async def proxy(database_address: str) -> AsyncIterator[Proxy]:
    standing = Proxy(database_url(database_address))
    await standing.listen()
    yield standing
    await standing.close()


@pytest.fixture
async def server(database_address: str, proxy: Proxy, tmp_path: Path) -> AsyncIterator[Server]:
    address = database_url(database_address).set(host="127.0.0.1", port=proxy.port)
    servers = Servers(address.render_as_string(hide_password=False), tmp_path, program=REAL)
    try:
        [started] = await asyncio.to_thread(servers.start)
        yield started
    finally:
        await asyncio.to_thread(servers.close)


async def ask(server: Server, request: bytes) -> Answer:
    """Sends the request on a connection of its own."""
    async with connected(server) as connection:
        return await connection.ask(request)


def get(path: str) -> bytes:
    """A request without a key."""
    return request_bytes("GET", path, {})


async def until_status(server: Server, request: bytes, status: int) -> None:
    """Repeats the request until the answer has this status."""
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while (answer := await ask(server, request)).status != status:
        assert time.monotonic() < give_up_at, answer
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("how", ["refusing", "silent"])
async def test_a_database_that_cannot_be_asked(
    database: Database, services: KeyServices, proxy: Proxy, server: Server, how: str
) -> None:
    """A key that needs the database gets 503, one that needs none 401; afterwards all is well without a restart."""
    tenant = await make_tenant(database)
    secret = (await create_as_operator(services, tenant)).secret.reveal()
    altered = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    assert (await ask(server, verification(secret))).status == 200

    await proxy.fail(how)
    unavailable: list[Answer] = []
    unready: list[Answer] = []
    for _ in range(2):
        asked = [verification(secret), get("/readyz")] * AT_ONCE
        answers = await asyncio.gather(*(ask(server, request) for request in asked))
        unavailable += answers[::2]
        unready += answers[1::2]
    needs_none = {
        name: await ask(server, request)
        for name, request in {
            "missing_key": get("/v1/verify"),
            "malformed_key": verification("kd_short"),
            "invalid_key": verification(altered),
        }.items()
    }
    alive = await ask(server, get("/healthz"))

    assert {(each.status, each.json["code"]) for each in unavailable} == {(503, "unavailable")}
    assert all(int(each.header("retry-after") or 0) >= 1 for each in unavailable)
    assert {(each.status, each.body) for each in unready} == {(503, b'{"status":"unavailable","cause":"database"}')}
    assert {name: (each.status, each.json["code"]) for name, each in needs_none.items()} == {
        name: (401, name) for name in needs_none
    }
    assert alive.status == 200

    await proxy.heal()
    await until_status(server, verification(secret), 200)
    await until_status(server, get("/readyz"), 200)
    async with connected(server) as connection:
        created = await Console(tenant, connection).create()
    assert created.outcome == ISSUED
    assert (await ask(server, verification(created.secret))).status == 200
    assert server.is_alive
