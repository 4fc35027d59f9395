"""A stranger's malicious request to a real server stops neither counting nor verification."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from models import RefusedRequest, UsageMonth
from models.engine.database import Database
from models.engine.ids import Prefix, parse_external_id
from models.usage.refused_request import DETAIL_LENGTH_AT_MOST
from resolvers.services import KeyServices
from tests.support.http.client import HEAD_END, Answer, connected, request_bytes, verification
from tests.support.servers.servers import REAL, Server, Servers
from tests.support.tenant_setup import create_as_operator, make_tenant
from tests.support.usage.usage_stores import rows

GIVE_UP_SECONDS = 60.0
EIGHT_DISGUISES = b'\xe2\x80\x8b\xc2\xa0Bearer FOO="a2RfJTQxYmMjZGVmZ2dnZ2cs"'
"""The description of its error had 323 characters, for a column of 300."""


@pytest.fixture
async def server(database_address: str, tmp_path: Path) -> AsyncIterator[Server]:
    servers = Servers(database_address, tmp_path, program=REAL)
    try:
        [started] = await asyncio.to_thread(servers.start)
        yield started
    finally:
        await asyncio.to_thread(servers.close)


async def ask(server: Server, request: bytes) -> Answer:
    async with connected(server) as connection:
        return await connection.ask(request)


async def until_counted(database: Database, number: int) -> None:
    """Waits until this many requests that passed are written."""
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while True:
            async with database.reading() as session:
                statement = select(func.coalesce(func.sum(UsageMonth.allowed), 0))
                if (await session.execute(statement)).scalar_one() == number:
                    return
            await asyncio.sleep(0.05)


async def test_a_header_whose_description_is_long_stops_nothing(
    database: Database, services: KeyServices, server: Server
) -> None:
    """It is written itself; counting continues, and a key that is new to this server passes."""
    tenant = await make_tenant(database)
    known = (await create_as_operator(services, tenant)).secret.reveal()
    assert (await ask(server, verification(known))).status == 200

    head = request_bytes("GET", "/v1/verify", {}).removesuffix(HEAD_END)
    poisonous = await ask(server, head + b"\r\nX-API-Key: " + EIGHT_DISGUISES + HEAD_END)
    await until_counted(database, 1)
    assert (await ask(server, verification(known))).status == 200
    new = (await create_as_operator(services, tenant)).secret.reveal()
    answer = await ask(server, verification(new))
    await until_counted(database, 3)

    [row] = await rows(database, RefusedRequest)
    told = poisonous.json
    assert (poisonous.status, told["code"], answer.status) == (401, "malformed_key", 200)
    assert row.request_id == parse_external_id(Prefix.REQUEST, told["requestId"])
    assert row.detail == told["detail"]
    assert len(told["detail"]) <= DETAIL_LENGTH_AT_MOST
    assert (await ask(server, request_bytes("GET", "/readyz", {}))).json == {"status": "ready"}


async def test_a_row_that_somebody_holds_keeps_no_key_waiting(
    database: Database, services: KeyServices, server: Server
) -> None:
    """As an idle psql does: usage waits; a key that is new to this server passes meanwhile."""
    tenant = await make_tenant(database)
    known = (await create_as_operator(services, tenant)).secret.reveal()
    new = (await create_as_operator(services, tenant)).secret.reveal()
    assert (await ask(server, verification(known))).status == 200
    await until_counted(database, 1)

    async with database.transaction() as session:
        await session.execute(select(col(UsageMonth.key_id)).with_for_update())
        await session.execute(UsageMonth.__table__.update().values(allowed=col(UsageMonth.allowed)))  # type: ignore[attr-defined]
        again = await ask(server, verification(known))
        await asyncio.sleep(1)  # until the server has begun to write
        first = await ask(server, verification(new))

    assert (again.status, first.status) == (200, 200)
    await until_counted(database, 3)
