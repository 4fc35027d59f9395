"""/readyz: what it reports as degraded, and that frequent requests cost little."""

import asyncio
import importlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from sqlalchemy import text

from models.engine import server_probe
from models.engine.database import Database
from models.engine.database_address import POSTGRESQL
from models.engine.sqlite import CHECK_SECONDS
from models.migrations.revisions import known_revisions, newest_revision
from models.migrations.state import SchemaState
from models.schema_compatibility import Compatibility
from tests.conftest import Clock
from tests.support.ahead import NEXT_MAJOR, SAME_MAJOR, ahead
from tests.support.client import Site, open_site

NOWHERE = {"KEYDESK_REDIS_URL": "redis://127.0.0.1:1/0"}
"""An address at which no Redis runs."""
GIVE_UP_SECONDS = 60.0


@asynccontextmanager
async def without_a_table(database: Database) -> AsyncIterator[None]:
    """Usage can't be written during the block; everything else can."""
    async with database.transaction() as session:
        await session.execute(text("ALTER TABLE usage_hours RENAME TO elsewhere"))
    try:
        yield
    finally:
        async with database.transaction() as session:
            await session.execute(text("ALTER TABLE elsewhere RENAME TO usage_hours"))


async def readiness(site: Site) -> tuple[int, dict[str, str]]:
    answer = await (await site.person("nobody")).http.get("/readyz")
    return answer.status_code, answer.json()


async def until_it_says(site: Site, body: dict[str, str]) -> None:
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while await readiness(site) != (200, body):  # noqa: ASYNC110 - as anybody outside would wait for it
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("settings", "as_ever", "meanwhile"),
    [
        ({}, {"status": "ready"}, {"status": "ready", "degraded": "ledger"}),
        (NOWHERE, {"status": "ready", "degraded": "limiter"}, {"status": "ready", "degraded": "limiter, ledger"}),
    ],
)
async def test_it_says_when_usage_cannot_be_written(
    database_address: str,
    database: Database,
    clock: Clock,
    settings: Mapping[str, str],
    as_ever: dict[str, str],
    meanwhile: dict[str, str],
) -> None:
    """/readyz reports it until usage can be written again. Verification goes on."""
    async with open_site(database_address, clock, settings) as site:
        secret = (await site.fill("deploy"))["deploy"]["secret"]
        assert await readiness(site) == (200, as_ever)

        async with without_a_table(database):
            assert (await site.verify(secret)).status_code == 200
            await until_it_says(site, meanwhile)

        await until_it_says(site, as_ever)


async def test_a_primary_that_refuses_writes_does_not_end_verification(
    database_address: str, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server stays ready, or else a load balancer would end what still works. Usage waits in memory."""
    if database.backend != POSTGRESQL:
        pytest.skip("SQLite has no such setting")
    monkeypatch.setattr(server_probe, "AGE_SECONDS", 0.0)
    change = f'ALTER DATABASE "{database.url.database}"'
    async with open_site(database_address, clock, {}) as site, database.reading() as before:
        secret = (await site.fill("deploy"))["deploy"]["secret"]

        await before.execute(text(f"{change} SET default_transaction_read_only = on"))
        try:
            await until_it_says(site, {"status": "ready", "degraded": "ledger"})
            assert (await site.verify(secret)).status_code == 200
        finally:
            await before.execute(text(f"{change} RESET default_transaction_read_only"))
        await until_it_says(site, {"status": "ready"})


async def test_it_turns_as_soon_as_the_process_is_to_stop(site: Site) -> None:
    """Before the server has noticed anything, so that load balancers send new connections elsewhere."""
    assert await readiness(site) == (200, {"status": "ready"})

    site.app._stop.over()  # nothing ends this process by force
    site.app._stop.begin("a test ends it")

    assert await readiness(site) == (503, {"status": "unavailable", "cause": "stopping"})


async def test_the_revisions_are_read_from_the_folder_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest revision is read from the folder once, not at each request."""
    newest_revision(), known_revisions()
    read: list[object] = []
    monkeypatch.setattr(Path, "glob", lambda path, _pattern: read.append(path))

    assert [await readiness(site) for _ in range(3)] == [(200, {"status": "ready"})] * 3
    assert read == []


async def test_all_who_ask_at_once_take_one_connection(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Concurrent requests share one query, which leaves connections free. A cancelled one does not end the others."""
    asking = most = times = 0

    def counting(ask: Callable[[Database], Awaitable[SchemaState]]) -> Callable[[Database], Awaitable[SchemaState]]:
        async def counted(database: Database) -> SchemaState:
            nonlocal asking, most, times
            times += 1
            asking += 1
            most = max(most, asking)
            try:
                return await ask(database)
            finally:
                asking -= 1

        return counted

    module = importlib.import_module("app.observability.health")
    monkeypatch.setattr(module, "schema_state", counting(module.schema_state))
    http = (await site.person("nobody")).http
    one, *others = [asyncio.ensure_future(http.get("/readyz")) for _ in range(40)]
    while not asking:  # noqa: ASYNC110 - the question is the server's, in this loop
        await asyncio.sleep(0)
    one.cancel()
    answers = await asyncio.gather(*others)

    assert {answer.status_code for answer in answers} == {200}
    assert most == 1
    assert 1 <= times < 40


@pytest.mark.parametrize(
    ("compatibility", "expected"),
    [
        (SAME_MAJOR, (200, {"status": "ready"})),
        (NEXT_MAJOR, (503, {"status": "unavailable", "cause": "schema"})),
        (None, (503, {"status": "unavailable", "cause": "schema"})),
    ],
)
async def test_a_schema_that_is_ahead_is_ready_within_its_major_version(
    site: Site, database: Database, compatibility: Compatibility | None, expected: tuple[int, dict[str, str]]
) -> None:
    """While servers are being replaced after a migration, those of the version before stay in service."""
    secret = (await site.fill("deploy"))["deploy"]["secret"]
    async with ahead(database, compatibility):
        assert await readiness(site) == expected
        assert (await site.verify(secret)).status_code == 200


async def test_a_replaced_sqlite_file_revives_no_key(site: Site, database: Database, tmp_path: Path) -> None:
    """
    A copy from before a deletion is put in the place of the running server's file: the server does not use it, says
    that it is not ready, and goes on when the first file is back.
    """
    if database.sqlite_path is None:
        pytest.skip("PostgreSQL's data is a server's")
    key = (await site.fill("deploy"))["deploy"]
    copy, first, path = tmp_path / "copy.db", tmp_path / "first.db", database.sqlite_path
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    await (await site.person("ada")).delete(key["apiKey"]["id"])
    deleted = await site.code_at_gateway(key["secret"])

    path.rename(first)
    copy.rename(path)
    await asyncio.sleep(CHECK_SECONDS)
    meanwhile = await site.code_at_gateway(key["secret"]), await readiness(site)
    first.rename(path)
    afterwards = await site.code_at_gateway(key["secret"])
    await until_it_says(site, {"status": "ready"})

    assert meanwhile == ("unavailable", (503, {"status": "unavailable", "cause": "database"}))
    assert (deleted, afterwards) == ("deleted_key", "deleted_key")
