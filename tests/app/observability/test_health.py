"""/readyz: what it reports as degraded, and that frequent requests cost little."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from models.engine.database import Database
from models.migrations import newest_revision
from tests.conftest import Clock
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


async def test_the_revisions_are_read_from_the_folder_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest revision is read from the folder once, not at each request."""
    newest_revision()
    read: list[object] = []
    monkeypatch.setattr(ScriptDirectory, "from_config", read.append)

    assert [await readiness(site) for _ in range(3)] == [(200, {"status": "ready"})] * 3
    assert read == []


async def test_all_who_ask_at_once_take_one_connection(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Concurrent requests share one query, which leaves connections free. A cancelled one does not end the others."""
    asking = most = times = 0

    def counting(ask: Callable[[Database], Awaitable[str | None]]) -> Callable[[Database], Awaitable[str | None]]:
        async def counted(database: Database) -> str | None:
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
    monkeypatch.setattr(module, "current_revision", counting(module.current_revision))
    http = (await site.person("nobody")).http
    one, *others = [asyncio.ensure_future(http.get("/readyz")) for _ in range(40)]
    while not asking:  # noqa: ASYNC110 - the question is the server's, in this loop
        await asyncio.sleep(0)
    one.cancel()
    answers = await asyncio.gather(*others)

    assert {answer.status_code for answer in answers} == {200}
    assert most == 1
    assert 1 <= times < 40
