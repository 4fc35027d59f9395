"""The lookup of a key at verification: what it returns, that it is never stale, and what callers get when it fails."""

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import CursorResult, text

from models.api_key import delete_living_keys
from models.engine.database import Database
from models.engine.database_address import POSTGRESQL, database_url
from models.engine.postgresql import connect
from models.key_lookup import (
    _POSTGRESQL,
    _SERVER_SETTINGS,
    DatabaseUnavailable,
    KeyReader,
    KeyState,
    PostgresKeyReader,
    SqliteKeyReader,
    key_reader,
)
from models.organization import DEFAULT_MONTHLY_QUOTA, DEFAULT_RATE_LIMIT
from resolvers.api_keys import delete_api_key, rotate_api_key
from resolvers.services import Issued, KeyServices
from tests.support.keys.issued_keys import NEVER_WAS, end_overlap, issue
from tests.support.world import World

ONES_OWN = (
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'keydesk verification' AND datname = current_database()"
)
NOBODY_LISTENS = database_url("postgresql+asyncpg://postgres@127.0.0.1:1/keydesk")


@pytest.fixture
async def reader(database: Database) -> AsyncIterator[KeyReader]:
    """The reader that the application uses for this database."""
    opened = key_reader(database)
    await opened.start()
    yield opened
    await opened.close()


@pytest.fixture
def postgresql(database: Database) -> Database:
    """Skips tests that only PostgreSQL can run."""
    if database.backend != POSTGRESQL:
        pytest.skip("a file is read in the loop, one key at a time")
    return database


async def state_of(reader: KeyReader, issued: Issued, agent_id: str | None = None) -> KeyState:
    state = await reader.read(issued.record.public_id, agent_id)
    assert state is not None
    return state


async def run(database: Database, statement: str) -> Sequence[Any]:
    async with database.transaction() as session:
        result = await session.execute(text(statement))
        return result.scalars().all() if isinstance(result, CursorResult) and result.returns_rows else []


async def test_a_key_s_state(reader: KeyReader, services: KeyServices, world: World) -> None:
    """A key's state has its ids, its agent and its hash; an unknown public id gives None."""
    of_all, of_one = await issue(services, world), await issue(services, world, world.own)

    whole, narrow = await state_of(reader, of_all), await state_of(reader, of_one)

    assert (whole.key_id, whole.organization_id, whole.agent_id) == (of_all.record.id.hex, world.acme.id.hex, None)
    assert (narrow.key_id, narrow.agent_id) == (of_one.record.id.hex, world.own.id.hex)
    assert whole.secret_hash is not None
    assert whole.secret_hash.startswith("$argon2id$")
    assert [bool(each) for each in whole[4:8]] == [False] * 4
    assert await reader.read("0" * 16, None) is None


async def test_a_key_s_limits(reader: KeyReader, services: KeyServices, world: World) -> None:
    """A key's limits are its own or else its organization's, as they are at the moment of the read."""
    issued = await issue(services, world)
    before = await state_of(reader, issued)

    await run(services.database, "UPDATE organizations SET rate_limit = 7, monthly_quota = 11")
    of_organization = await state_of(reader, issued)
    await run(services.database, "UPDATE api_keys SET rate_limit = 3")
    of_its_own = await state_of(reader, issued)

    assert (before.rate_limit, before.monthly_quota) == (DEFAULT_RATE_LIMIT, DEFAULT_MONTHLY_QUOTA)
    assert (of_organization.rate_limit, of_organization.monthly_quota) == (7, 11)
    assert (of_its_own.rate_limit, of_its_own.monthly_quota) == (3, 11)


async def test_a_tombstone_s_state(reader: KeyReader, services: KeyServices, world: World) -> None:
    """A tombstone is found as deleted, without any hash."""
    issued = await issue(services, world)
    await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id, overlap_seconds=3600)
    await delete_api_key(services, world.actor("ada"), key_id=issued.record.id)

    state = await state_of(reader, issued)

    assert (state.key_id, bool(state.is_deleted), bool(state.was_rotated)) == (issued.record.id.hex, True, True)
    assert (state.secret_hash, state.previous_secret_hash) == (None, None)


async def test_whether_the_wanted_agent_lives(reader: KeyReader, services: KeyServices, world: World) -> None:
    """An agent counts as living if it is in the key's organization and not deleted."""
    keys = [await issue(services, world), await issue(services, world, world.own)]
    agents = (world.own.id, world.other.id, world.retired.id, world.theirs.id, NEVER_WAS)

    for issued in keys:
        lives = [bool((await state_of(reader, issued, agent.hex)).wanted_agent_lives) for agent in agents]

        assert lives == [True, True, False, False, False]


@pytest.mark.parametrize(("seconds", "works"), [(-3600, False), (-0.002, False), (5, True), (3600, True)])
async def test_the_secret_before_is_there_while_it_works(
    reader: KeyReader, services: KeyServices, world: World, seconds: float, works: bool
) -> None:
    """The previous secret is returned until its overlap ends by the database's clock."""
    issued = await issue(services, world)
    before = (await state_of(reader, issued)).secret_hash
    await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id, overlap_seconds=60)

    await end_overlap(services.database, issued.record.id, in_seconds=seconds)
    state = await state_of(reader, issued)

    assert state.previous_secret_hash == (before if works else None)
    assert state.secret_hash not in {None, before}
    assert state.was_rotated


async def test_what_was_committed_is_seen_and_nothing_before(
    reader: KeyReader, services: KeyServices, world: World
) -> None:
    """A deletion is visible right after its commit, also to a reader that has read the key before."""
    issued = await issue(services, world)
    seen = [(await state_of(reader, issued)).is_deleted]

    async with services.database.transaction() as session:
        await delete_living_keys(session, at=services.clock(), by=None, key_id=issued.record.id)
        seen.append((await state_of(reader, issued)).is_deleted)
    seen.append((await state_of(reader, issued)).is_deleted)

    assert [bool(each) for each in seen] == [False, False, True]


async def test_many_at_once_get_each_their_own(reader: KeyReader, services: KeyServices, world: World) -> None:
    """Concurrent reads of the same keys, unknown keys and different agents each get their own answer."""
    keys = [await issue(services, world), await issue(services, world, world.own)]
    agents = [None, world.own.id.hex, world.retired.id.hex]
    asked = [(key.record.public_id, agent) for key in keys for agent in agents] + [("0" * 16, None)]

    states = await asyncio.gather(*(reader.read(*each) for each in asked * 15))

    facts = [None if state is None else (state.key_id, bool(state.wanted_agent_lives)) for state in states]
    expected = [(key.record.id.hex, agent == world.own.id.hex) for key in keys for agent in agents]
    assert facts == [*expected, None] * 15


async def test_one_that_hangs_up_takes_nobody_along(reader: KeyReader, services: KeyServices, world: World) -> None:
    """When callers cancel, before or during their batch, the other callers in it still get their answers."""
    issued = await issue(services, world)
    readers = [asyncio.create_task(state_of(reader, issued)) for _ in range(9)]

    for rounds, leaving in enumerate(readers[:3]):
        for _ in range(rounds):
            await asyncio.sleep(0)
        leaving.cancel()
    stayed = await asyncio.gather(*readers[3:])

    assert [state.key_id for state in stayed] == [issued.record.id.hex] * 6
    assert (await state_of(reader, issued)).key_id == issued.record.id.hex


@pytest.mark.parametrize("place", ["nobody listens", "no such database", "no file", "not a database"])
async def test_a_database_that_is_not_there(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    """All callers get DatabaseUnavailable. The log has one error, which does not show the address."""
    (tmp_path / "other.db").write_text("not a database, but long enough to be looked at as one" * 40)
    readers: dict[str, KeyReader] = {
        "nobody listens": PostgresKeyReader(NOBODY_LISTENS),
        "no file": SqliteKeyReader(tmp_path / "missing.db"),
        "not a database": SqliteKeyReader(tmp_path / "other.db"),
    }
    if place == "no such database":
        if database.backend != POSTGRESQL:
            pytest.skip("needs a server")
        readers[place] = PostgresKeyReader(database.url.set(database=f"{database.url.database}_missing"))
    reader = readers[place]

    with caplog.at_level(logging.INFO):
        outcomes = await asyncio.gather(*(reader.read("0" * 16, None) for _ in range(9)), return_exceptions=True)
    await reader.close()

    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 9
    assert not (tmp_path / "missing.db").exists()
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert not [word for word in ("127.0.0.1", "postgres", str(tmp_path)) if word in record.getMessage()]


async def test_a_database_that_comes_later(
    database: Database, tmp_path: Path, services: KeyServices, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Once the database file appears, it is read without a restart."""
    if database.sqlite_path is None:
        pytest.skip("a file can be put in its place")
    issued = await issue(services, world)
    reader = SqliteKeyReader(tmp_path / "later.db")
    with pytest.raises(DatabaseUnavailable):
        await reader.read(issued.record.public_id, None)
    await database.close()
    shutil.copy(database.sqlite_path, tmp_path / "later.db")

    with caplog.at_level(logging.INFO):
        states = [await state_of(reader, issued) for _ in range(2)]
    await reader.close()

    assert [state.key_id for state in states] == [issued.record.id.hex] * 2
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


async def test_connections_that_were_lost_are_replaced(
    postgresql: Database, reader: KeyReader, services: KeyServices, world: World
) -> None:
    """After the server has ended all connections, every read is still answered."""
    issued = await issue(services, world)
    for _ in range(3):
        await asyncio.gather(*(state_of(reader, issued) for _ in range(9)))
    ended = await run(postgresql, f"SELECT pg_terminate_backend(pid) FROM ({ONES_OWN}) AS ones_own")

    states = await asyncio.gather(*(state_of(reader, issued) for _ in range(30)))

    assert ended
    assert all(ended)
    assert {state.key_id for state in states} == {issued.record.id.hex}


async def test_a_query_that_fails_answers_all(
    postgresql: Database, reader: KeyReader, services: KeyServices, world: World
) -> None:
    """All callers of a failing query get DatabaseUnavailable. Once its cause is gone, the same reader works again."""
    issued = await issue(services, world)
    await state_of(reader, issued)

    await run(postgresql, "ALTER TABLE api_keys RENAME TO api_keys_elsewhere")
    try:
        outcomes = await asyncio.gather(*(state_of(reader, issued) for _ in range(30)), return_exceptions=True)
    finally:
        await run(postgresql, "ALTER TABLE api_keys_elsewhere RENAME TO api_keys")

    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 30
    assert (await state_of(reader, issued)).key_id == issued.record.id.hex


async def test_a_database_that_does_not_answer(postgresql: Database, services: KeyServices, world: World) -> None:
    """While the table is locked, callers get DatabaseUnavailable after the timeout. Once it is unlocked, reads work."""
    issued = await issue(services, world)
    reader = PostgresKeyReader(postgresql.url, lanes=2, timeout_seconds=0.3)
    await state_of(reader, issued)

    async with postgresql.transaction() as session:
        await session.execute(text("LOCK TABLE api_keys"))
        outcomes = await asyncio.gather(*(state_of(reader, issued) for _ in range(9)), return_exceptions=True)
    again = await state_of(reader, issued)
    await reader.close()

    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 9
    assert again.key_id == issued.record.id.hex


class HeldWire:
    """A proxy to the database, for one connection, that can hold back answers."""

    def __init__(self, database: Database) -> None:
        self._there = database.url.host or "", database.url.port or 5432
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.has_held = asyncio.Event()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copies bytes in both directions until either side ends."""
        there = await asyncio.open_connection(*self._there)
        with suppress(ConnectionError):
            await asyncio.gather(self._pump(reader, there[1]), self._pump(there[0], writer, is_answer=True))

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False
    ) -> None:
        while part := await reader.read(65536):
            if is_answer and not self.is_open.is_set():
                self.has_held.set()
                await self.is_open.wait()
            writer.write(part)
        writer.close()


async def test_nobody_rides_on_a_read_that_began_before(
    postgresql: Database, services: KeyServices, world: World
) -> None:
    """A read that begins after a deletion sees it, although an older read of the same key is still in progress."""
    issued = await issue(services, world)
    wire = HeldWire(postgresql)
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    address = postgresql.url.set(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    reader = PostgresKeyReader(address, lanes=1, timeout_seconds=30)
    await state_of(reader, issued)

    wire.is_open.clear()
    before = asyncio.create_task(state_of(reader, issued))
    await wire.has_held.wait()
    await delete_api_key(services, world.actor("ada"), key_id=issued.record.id)
    after = asyncio.create_task(state_of(reader, issued))
    await asyncio.sleep(0.02)
    wire.is_open.set()
    seen = [(await before).is_deleted, (await after).is_deleted]
    await reader.close()
    server.close()
    await server.wait_closed()

    assert seen == [False, True]


async def test_a_migration_beneath_it(
    postgresql: Database, reader: KeyReader, services: KeyServices, world: World
) -> None:
    """After a column's type changes, the prepared statement is replaced and every read is answered."""
    issued = await issue(services, world)
    for _ in range(3):
        await asyncio.gather(*(state_of(reader, issued) for _ in range(9)))

    await run(postgresql, "ALTER TABLE api_keys ALTER COLUMN secret_hash TYPE text")
    try:
        states = await asyncio.gather(*(state_of(reader, issued) for _ in range(30)))
    finally:
        await run(postgresql, "ALTER TABLE api_keys ALTER COLUMN secret_hash TYPE varchar(255)")

    assert {state.key_id for state in states} == {issued.record.id.hex}


@pytest.mark.parametrize("place", ["as it is", "nobody listens"])
async def test_closing_answers_who_waits(postgresql: Database, services: KeyServices, world: World, place: str) -> None:
    """Closing fails the reads in progress and those that wait. A later read opens new connections."""
    issued = await issue(services, world)
    reader = PostgresKeyReader(postgresql.url if place == "as it is" else NOBODY_LISTENS, lanes=1)
    waiting = [asyncio.create_task(state_of(reader, issued)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting += [asyncio.create_task(state_of(reader, issued)) for _ in range(3)]
    await asyncio.sleep(0)

    await reader.close()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 6
    if place == "as it is":
        assert (await state_of(reader, issued)).key_id == issued.record.id.hex
        await reader.close()


async def test_an_address_may_have_options(postgresql: Database, services: KeyServices, world: World) -> None:
    """The reader accepts the options of a database address that the application accepts."""
    issued = await issue(services, world)
    reader = PostgresKeyReader(database_url(postgresql.url.render_as_string(hide_password=False) + "?sslmode=disable"))

    state = await state_of(reader, issued)
    await reader.close()

    assert state.key_id == issued.record.id.hex


async def test_an_id_can_not_pass_for_several(postgresql: Database, reader: KeyReader) -> None:
    """Ids are sent as one comma-separated text, so an id with a comma, or an empty one, is refused."""
    for public_id, agent_id in (("a,b", None), ("", None), ("a", "b,c"), ("a", "")):
        with pytest.raises(ValueError, match="letters and digits"):
            await reader.read(public_id, agent_id)


async def test_only_indexes_are_looked_at(postgresql: Database) -> None:
    """The plan finds keys by public id and agents by id through their indexes, even without table statistics."""
    connection = await connect(postgresql.url, {**_SERVER_SETTINGS, "statement_timeout": "0"})
    try:
        await connection.execute(f"PREPARE hot (text, text) AS {_POSTGRESQL}")
        plan = "\n".join(row[0] for row in await connection.fetch("EXPLAIN EXECUTE hot ('a,b', ',')"))
    finally:
        await connection.close()

    assert "uq_api_keys_public_id" in plan
    assert "Index Cond: (id = wanted.agent_id)" in plan
    assert "Seq Scan" not in plan
    assert "organization_id =" not in plan
