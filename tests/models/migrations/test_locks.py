"""A migration that can't get its locks gives up in time, says who holds them, and holds up nobody meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
from sqlalchemy import Connection, text

from models.engine.batching import TICKS, TICKS_WITHOUT_ANY_ANSWER
from models.engine.database import Database
from models.engine.sqlite import connect
from models.key_lookup import READ_TIMEOUT_SECONDS, PostgresKeyReader
from models.migrations.locks import LOCK_TIMEOUT_MS, Blocked, Obstacle, run_alone
from models.migrations.migrate import migrate
from models.migrations.revisions import current_revision, newest_revision

WAIT_SECONDS = 1.0
IN_TIME = 20.0
"""Far more than a short wait takes, and less than the time limits of requests."""


@pytest.fixture
def postgresql(database: Database) -> Database:
    """The test's database, if it is on PostgreSQL."""
    if database.sqlite_path is not None:
        pytest.skip("SQLite has one lock, of its file")
    return database


@asynccontextmanager
async def holding(database: Database, statement: str) -> AsyncIterator[int]:
    """A transaction that has run the statement and stays open. Returns its process."""
    async with database.engine.connect() as connection, connection.begin():
        await connection.execute(text("SET LOCAL application_name = 'an open psql'"))
        await connection.execute(text(statement))
        yield (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()


def add_column(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE people ADD COLUMN of_tomorrow INTEGER"))


def drop_column(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE people DROP COLUMN of_tomorrow"))


def to_tables_of_keys(connection: Connection) -> None:
    connection.execute(text("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE"))


def drop_nothing(connection: Connection) -> None:
    connection.execute(text("DROP TABLE nothing_of_this_name"))


async def test_the_holder_of_a_table_is_named(postgresql: Database) -> None:
    """The program, the state and the start of the transaction, so that the operator can end it."""
    async with holding(postgresql, "SELECT count(*) FROM people") as pid:
        with pytest.raises(Blocked) as given_up:
            await run_alone(postgresql, add_column, wait_seconds=WAIT_SECONDS)

    assert given_up.value.obstacle is Obstacle.TABLES
    [holder] = given_up.value.holders
    assert (holder.pid, holder.program, holder.state) == (pid, "an open psql", "idle in transaction")
    assert holder.since is not None


async def test_the_other_migration_is_named(postgresql: Database) -> None:
    """Two migrations at once: the second one says which process runs the first."""
    async with holding(postgresql, "SELECT pg_advisory_xact_lock(7065171)") as pid:
        with pytest.raises(Blocked) as given_up:
            await migrate(postgresql, wait_seconds=0)

    assert given_up.value.obstacle is Obstacle.OTHER_MIGRATION
    assert [holder.pid for holder in given_up.value.holders] == [pid]


async def test_a_table_that_becomes_free_is_changed(postgresql: Database) -> None:
    """The migration tries again, and is made once, as soon as the transaction in its way has ended."""
    async with holding(postgresql, "SELECT count(*) FROM people"):
        waiting = asyncio.ensure_future(run_alone(postgresql, add_column, wait_seconds=IN_TIME))
        await asyncio.sleep(WAIT_SECONDS)
        assert not waiting.done()
    await waiting

    await run_alone(postgresql, drop_column, wait_seconds=0)


async def test_verification_is_not_held_up_by_a_waiting_migration(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A change that waits for a table makes all later readers of that table wait behind it. So it waits only briefly at a
    time: every key is read within verification's own time limits while the transaction in the way is still open.
    """
    monkeypatch.setattr("models.migrations.locks.PAUSE_SECONDS", 0.05)
    reader = PostgresKeyReader(postgresql.primary)
    try:
        async with holding(postgresql, "SELECT count(*) FROM api_keys"):
            waiting = asyncio.ensure_future(run_alone(postgresql, to_tables_of_keys, wait_seconds=IN_TIME))
            for _ in range(30):
                assert await reader.read("0" * 16, None) is None
                await asyncio.sleep(0.1)
            assert not waiting.done()
        await waiting
    finally:
        await reader.close()

    longest = 3 * LOCK_TIMEOUT_MS / 1000
    assert longest < READ_TIMEOUT_SECONDS * TICKS_WITHOUT_ANY_ANSWER / TICKS


async def test_another_fault_is_not_taken_for_a_lock(database: Database) -> None:
    """A statement that fails is reported at once, as what it is."""
    with pytest.raises(Exception, match="nothing_of_this_name"):
        await run_alone(database, drop_nothing, wait_seconds=IN_TIME)


async def test_a_busy_file_is_given_up_in_time(database: Database) -> None:
    """SQLite has one writer. The migration waits for it only as long as it was told to."""
    if database.sqlite_path is None:
        pytest.skip("PostgreSQL has locks of tables")
    await migrate(database, "0004")
    with closing(connect(database.sqlite_path, busy_timeout_ms=0)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with asyncio.timeout(IN_TIME):
            with pytest.raises(Blocked) as given_up:
                await migrate(database, wait_seconds=0.1)
        before = await current_revision(database)
        other.execute("ROLLBACK")

    assert (given_up.value.obstacle, before) == (Obstacle.FILE, "0004")
    assert await migrate(database) == ("0004", newest_revision())
    async with database.engine.connect() as connection:
        assert (await connection.execute(text("PRAGMA busy_timeout"))).scalar_one() == 30_000
