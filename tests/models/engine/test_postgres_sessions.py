"""A connection to PostgreSQL is replaced before it is too old, and only its own session's answers count."""

import asyncio
import time
from datetime import UTC, datetime

import asyncpg
import pytest
from sqlalchemy import text

from models.backups.postgresql import environment
from models.engine import primary as primary_module
from models.engine.database import Database
from models.engine.database_address import POSTGRESQL, database_url
from models.engine.postgresql import PostgresConnection
from models.engine.primary import Primary
from models.engine.server_state import Process, ReadOnlyPrimary, SharedSessions
from models.key_lookup import DatabaseUnavailable, PostgresKeyReader

GIVE_UP_SECONDS = 30.0


@pytest.fixture
def postgresql(database: Database) -> Database:
    """Skips tests that only PostgreSQL can run."""
    if database.backend != POSTGRESQL:
        pytest.skip("SQLite has no sessions")
    return database


async def test_a_connection_that_is_too_old_is_not_used(postgresql: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next use opens another one and closes it."""
    monkeypatch.setattr(primary_module, "GREATEST_AGE_SECONDS", (0.0, 0.0))
    connection = PostgresConnection(postgresql.primary, {})

    first = await connection.open()
    assert not connection.is_open
    second = await connection.open()
    connection.close()

    assert second is not first
    assert first.is_closed()


async def test_a_pool_replaces_a_connection_that_is_too_old(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its next use; until then, it is used again."""
    processes = []
    used = Primary.may_use
    for _ in range(2):
        async with postgresql.reading() as session:
            processes.append((await session.execute(text("SELECT pg_backend_pid()"))).scalar_one())
    old = processes[0]

    def may_use(primary: Primary, connection: asyncpg.Connection) -> bool:
        return used(primary, connection) and primary.session_of(connection).number != old

    monkeypatch.setattr(Primary, "may_use", may_use)
    async with postgresql.reading() as session:
        processes.append((await session.execute(text("SELECT pg_backend_pid()"))).scalar_one())

    assert processes[1] == old
    assert processes[2] != old


async def test_an_ageing_connection_gets_a_successor(postgresql: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is used until the successor, which is opened in the background, is there."""
    monkeypatch.setattr(primary_module, "RENEW_SECONDS", 2 * primary_module.GREATEST_AGE_SECONDS[1])
    connection = PostgresConnection(postgresql.primary, {"application_name": "keydesk testing"})
    first = await connection.open()
    assert connection.is_open
    assert await connection.open() is first

    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while connection.is_open:
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.01)
    assert not first.is_closed()
    second = await connection.open()

    assert second is not first
    assert first.is_closed()
    assert await second.fetchval("SHOW application_name") == "keydesk testing"
    connection.close()


async def test_an_answer_of_another_session_does_not_count(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verification and pools notice that a pooler has given them another session."""
    reader = PostgresKeyReader(postgresql.primary, lanes=1)
    driver = await postgresql.primary.connect({}, for_writing=False)
    assert await reader.read("0" * 16, None) is None
    await reader.close()

    with monkeypatch.context() as patched:
        patched.setattr(Primary, "session_of", lambda _self, _connection: Process(0, datetime.now(UTC)))
        with pytest.raises(DatabaseUnavailable):
            await reader.read("0" * 16, None)
        await reader.close()
        assert driver.is_closed()
        driver = await postgresql.primary.connect({}, for_writing=False)
        with pytest.raises(SharedSessions):
            await postgresql.primary.check(driver, for_writing=False)
    assert driver.is_closed()


async def test_a_read_only_session_is_refused_for_writing(postgresql: Database) -> None:
    """A user for whom the operator has set it, for example, can read but not write."""
    driver = await postgresql.primary.connect({"default_transaction_read_only": "on"}, for_writing=False)

    await postgresql.primary.check(driver, for_writing=False)
    with pytest.raises(ReadOnlyPrimary):
        await postgresql.primary.check(driver, for_writing=True)
    await driver.close()


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("postgresql://u@one:5433,[::1]:5434/d", "one,::1", "5433,5434"),
        ("postgresql://u@one/d", "one", None),
        ("postgresql:///d?host=/run/one&port=6000", "/run/one", "6000"),
    ],
)
def test_the_programs_of_postgresql_use_the_primary(
    monkeypatch: pytest.MonkeyPatch, address: str, host: str, port: str | None
) -> None:
    """They get all hosts, in the form of libpq."""
    monkeypatch.delenv("PGPORT", raising=False)

    given = environment(database_url(address))

    assert (given["PGHOST"], given.get("PGPORT"), given["PGTARGETSESSIONATTRS"]) == (host, port, "read-write")
