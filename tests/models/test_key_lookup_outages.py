"""The lookup of a key while the database is away, refuses, or loses connections, and afterwards."""

import asyncio
import logging
import shutil
from contextlib import suppress
from pathlib import Path
from typing import cast

import asyncpg
import pytest
from sqlalchemy import text

from models.engine.database import Database
from models.engine.database_address import POSTGRESQL, database_url
from models.engine.postgresql import PostgresConnection
from models.engine.primary import Primary
from models.engine.sqlite import SqliteFile
from models.key_lookup import (
    _NO_KEY,
    DatabaseUnavailable,
    KeyReader,
    KeyState,
    PostgresKeyReader,
    SqliteKeyReader,
)
from resolvers.services import Issued, KeyServices
from tests.support.keys.issued_keys import issue
from tests.support.keys.key_readers import HeldWire, run, state_of
from tests.support.keys.redis_limiters import until
from tests.support.world import World

ONES_OWN = (
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'keydesk verification' AND datname = current_database()"
)
GIVE_UP_SECONDS = 60.0
NOBODY_LISTENS = database_url("postgresql+asyncpg://postgres@127.0.0.1:1/keydesk")


@pytest.mark.parametrize("place", ["nobody listens", "no such database", "no file", "not a database"])
async def test_a_database_that_is_not_there(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    """All callers get DatabaseUnavailable. The log has one error, which does not show the address."""
    (tmp_path / "other.db").write_text("not a database, but long enough to be looked at as one" * 40)
    readers: dict[str, KeyReader] = {
        "nobody listens": PostgresKeyReader(Primary(NOBODY_LISTENS)),
        "no file": SqliteKeyReader(SqliteFile(tmp_path / "missing.db")),
        "not a database": SqliteKeyReader(SqliteFile(tmp_path / "other.db")),
    }
    if place == "no such database":
        if database.backend != POSTGRESQL:
            pytest.skip("needs a server")
        readers[place] = PostgresKeyReader(Primary(database.url.set(database=f"{database.url.database}_missing")))
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
    reader = SqliteKeyReader(SqliteFile(tmp_path / "later.db"))
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
    reader = PostgresKeyReader(postgresql.primary, lanes=2, timeout_seconds=0.3)
    await state_of(reader, issued)

    async with postgresql.transaction() as session:
        await session.execute(text("LOCK TABLE api_keys"))
        outcomes = await asyncio.gather(*(state_of(reader, issued) for _ in range(9)), return_exceptions=True)
    again = await state_once_it_works(reader, issued)
    await reader.close()

    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 9
    assert again.key_id == issued.record.id.hex


async def state_once_it_works(reader: KeyReader, issued: Issued) -> KeyState:
    """The key's state, as soon as reads are answered again."""
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while True:
            with suppress(DatabaseUnavailable):
                return await state_of(reader, issued)
            await asyncio.sleep(0.01)


def fails_at_once(reader: KeyReader) -> bool:
    """Whether a read fails without waiting for anything."""
    try:
        reading = reader.read("0" * 16, None)
    except DatabaseUnavailable:
        return True
    cast("asyncio.Future[KeyState | None]", reading).cancel()
    return False


async def test_a_known_outage_is_answered_at_once(
    postgresql: Database, services: KeyServices, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that is silent is waited for once. It is tried in the background, and reads go on when it answers."""
    issued = await issue(services, world)
    wire = HeldWire(postgresql)
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    address = postgresql.url.set(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    reader = PostgresKeyReader(Primary(address), timeout_seconds=0.4)
    assert not fails_at_once(reader)
    await state_once_it_works(reader, issued)

    wire.is_open.clear()
    outcomes = await asyncio.gather(*(state_of(reader, issued) for _ in range(30)), return_exceptions=True)
    await until(lambda: fails_at_once(reader))
    tried = wire.connections
    await until(lambda: wire.connections > tried)
    assert fails_at_once(reader)
    wire.is_open.set()
    again = await state_once_it_works(reader, issued)
    await reader.close()
    server.close()
    await server.wait_closed()

    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 30
    assert again.key_id == issued.record.id.hex
    logged = [record.getMessage() for record in caplog.records if record.name == "keydesk.verification"]
    assert [line.split(",")[0] for line in logged] == [
        "Keys can't be verified: the database can't be read (TimeoutError)",
        "Keys can be verified again",
    ]


async def test_a_connection_that_the_server_refuses_stops_no_other(
    postgresql: Database, services: KeyServices, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the server has no free connection, only the batch fails that needed a new one; open connections go on."""
    issued = await issue(services, world)
    reader = PostgresKeyReader(postgresql.primary, lanes=2)
    await asyncio.gather(*(state_of(reader, issued) for _ in range(9)))
    kept, lost = reader._batches._lanes
    await kept.answers([_NO_KEY])
    await lost.close()
    connected = PostgresConnection.open

    async def connect_unless_lost(connection: PostgresConnection) -> asyncpg.Connection:
        if not connection.is_open and connection is not kept._connection:  # type: ignore[attr-defined]
            raise asyncpg.TooManyConnectionsError("sorry, too many clients already")
        return await connected(connection)

    monkeypatch.setattr(PostgresConnection, "open", connect_unless_lost)
    outcomes = [await one_outcome(reader, issued) for _ in range(20)]
    monkeypatch.undo()
    await until(lambda: reader._batches.is_whole)
    await reader.close()

    assert outcomes.count(None) <= 1
    assert {key_id for key_id in outcomes if key_id} == {issued.record.id.hex}


async def one_outcome(reader: KeyReader, issued: Issued) -> str | None:
    """The id of the key, or None if the read failed; then whatever it started has its turn."""
    try:
        return (await state_of(reader, issued)).key_id
    except DatabaseUnavailable:
        return None
    finally:
        await asyncio.sleep(0.01)


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
    reader = PostgresKeyReader(Primary(postgresql.url if place == "as it is" else NOBODY_LISTENS), lanes=1)
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
