"""Connections to a PostgreSQL whose settings, faults and promotions come at an inconvenient moment."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import asyncpg
import pytest
from sqlalchemy import text

from models.engine import primary as primary_module
from models.engine.database import Database
from models.engine.database_address import POSTGRESQL
from models.engine.postgresql import PostgresConnection
from models.engine.primary import Primary
from models.engine.server_state import History
from models.key_lookup import PostgresKeyReader

GIVE_UP_SECONDS = 30.0
LATER = History(1, 0xFFFFFFF)


@pytest.fixture
def postgresql(database: Database) -> Database:
    """Skips tests that only PostgreSQL can run."""
    if database.backend != POSTGRESQL:
        pytest.skip("SQLite has no sessions")
    return database


@pytest.fixture
async def elsewhere(postgresql: Database) -> AsyncIterator[Database]:
    """The database while its operator has other ideas of how a moment is written."""
    name = postgresql.url.database
    settings = {
        "timezone": "Asia/Kolkata",
        "datestyle": "German",
        "intervalstyle": "iso_8601",
        "bytea_output": "escape",
    }
    async with postgresql.reading() as session:
        for setting, value in settings.items():
            await session.execute(text(f"ALTER DATABASE \"{name}\" SET {setting} = '{value}'"))
    opened = Database(postgresql.url)
    yield opened
    await opened.close()
    async with postgresql.reading() as session:
        await session.execute(text(f'ALTER DATABASE "{name}" RESET ALL'))


async def test_the_servers_time_zone_and_forms_do_not_matter(elsewhere: Database) -> None:
    """Pools, verification and the checks before commands recognize their own sessions."""
    reader = PostgresKeyReader(elsewhere.primary, lanes=1)
    for _ in range(2):
        await elsewhere.primary.require_writable()
        async with elsewhere.transaction() as session:
            assert (await session.execute(text("SHOW timezone"))).scalar_one() == "UTC"
        async with elsewhere.reading() as session:
            assert (await session.execute(text("SELECT 1"))).scalar_one() == 1
        assert await reader.read("0" * 16, None) is None
    await reader.close()


async def test_a_fault_of_a_fresh_connection_keeps_its_name(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool tries one other connection. When that is faulty too, its fault is raised. Afterwards the pool works."""
    asked = []

    async def check(_primary: Primary, connection: asyncpg.Connection, *, for_writing: bool) -> None:
        asked.append(connection)
        raise asyncpg.CannotConnectNowError("the database system is shutting down")

    with monkeypatch.context() as patched:
        patched.setattr(Primary, "check", check)
        for _ in range(2):
            with pytest.raises(asyncpg.CannotConnectNowError, match="shutting down"):
                async with postgresql.reading() as session:
                    await session.execute(text("SELECT 1"))
    assert len(set(asked)) == 4

    async with postgresql.reading() as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1


@pytest.mark.parametrize("event", [Primary.close_connections, lambda primary: primary._admit(LATER)])
async def test_a_connection_that_is_being_opened_is_closed_too(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch, event: Callable[[Primary], None]
) -> None:
    """A promotion is noticed after the server was checked, while the session's settings are set."""
    primary = postgresql.primary
    execute = asyncpg.Connection.execute
    opened = []

    async def promoted_meanwhile(connection: asyncpg.Connection, query: str) -> str:
        opened.append(connection)
        event(primary)
        answer: str = await execute(connection, query)
        return answer

    monkeypatch.setattr(asyncpg.Connection, "execute", promoted_meanwhile)
    with pytest.raises((asyncpg.InterfaceError, asyncpg.PostgresConnectionError)):
        await primary.connect({"application_name": "keydesk"}, for_writing=False)

    assert [connection.is_closed() for connection in opened] == [True]
    assert not primary._opened


async def test_a_connection_that_is_too_old_gives_its_place_to_the_next(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the server has no free connection, its successor is opened as soon as it is closed."""
    name, password = f"{postgresql.url.database}_lone", "of-a-test"
    url = postgresql.url.set(username=name, password=password)
    async with postgresql.reading() as session:
        await session.execute(text(f"CREATE ROLE \"{name}\" LOGIN PASSWORD '{password}' CONNECTION LIMIT 1"))
        monkeypatch.setattr(primary_module, "GREATEST_AGE_SECONDS", (0.0, 0.0))
        try:
            connection = PostgresConnection(Primary(url), {})
            await connection.open()
            with pytest.raises(asyncpg.TooManyConnectionsError):
                await Primary(url).connect({}, for_writing=False)

            async with asyncio.timeout(GIVE_UP_SECONDS):
                while True:
                    with suppress(asyncpg.TooManyConnectionsError):
                        fresh = await connection.open()
                        break
                    await asyncio.sleep(0.01)
            assert await fresh.fetchval("SELECT current_user") == name
            connection.close()
        finally:
            await session.execute(text(f'DROP ROLE "{name}"'))
