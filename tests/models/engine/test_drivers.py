"""A driver's connection is opened at its first use, and again after it was closed."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from models.engine.database import Database
from models.engine.database_address import database_url
from models.engine.postgresql import FAULTS, LOST, PostgresConnection
from models.engine.primary import Primary
from models.engine.sqlite import SqliteConnection, SqliteFile
from models.engine.sqlite import connect as connect_sqlite
from tests.conftest import POSTGRES_URL


def test_a_file_is_not_made(tmp_path: Path) -> None:
    """Opening does not create a missing file. Once the file exists, the next use opens it."""
    path = tmp_path / "later.db"
    connection = SqliteConnection(SqliteFile(path), busy_timeout_ms=0, is_read_only=True)
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError):
            connection.open()
    assert not path.exists()

    path.touch()
    first = connection.open()
    again = connection.open()
    connection.close()
    connection.close()
    after = connection.open()
    connection.close()

    assert first is again
    assert after is not first


@pytest.mark.parametrize("is_read_only", [True, False])
def test_only_a_connection_for_writing_writes(tmp_path: Path, *, is_read_only: bool) -> None:
    path = tmp_path / "there.db"
    path.touch()
    connection = SqliteConnection(SqliteFile(path), busy_timeout_ms=0, is_read_only=is_read_only)

    try:
        connection.open().execute("CREATE TABLE t (c)")
        wrote = True
    except sqlite3.OperationalError:
        wrote = False
    connection.close()

    assert wrote is not is_read_only


@pytest.mark.skipif(POSTGRES_URL is None, reason="needs a server")
async def test_a_connection_that_was_lost_is_opened_again(database: Database) -> None:
    """The new connection has the same settings. Until the connection is lost, it is reused."""
    connection = PostgresConnection(database.primary, {"application_name": "keydesk testing"})
    assert not connection.is_open
    first = await connection.open()
    assert connection.is_open
    assert await connection.open() is first
    with pytest.raises(LOST):
        await first.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert not connection.is_open

    second = await connection.open()

    assert await second.fetchval("SHOW application_name") == "keydesk testing"
    connection.close()
    connection.close()
    assert not connection.is_open


async def test_a_server_that_is_not_there_is_a_fault() -> None:
    connection = PostgresConnection(Primary(database_url("postgresql://postgres@127.0.0.1:1/keydesk")), {})

    with pytest.raises(FAULTS):
        await connection.open()

    assert not connection.is_open


def test_a_locked_file_is_not_waited_for_again_and_again(database: Database) -> None:
    """Once a read has waited in vain, reads fail at once for the length of the pause, then they are tried again."""
    if database.sqlite_path is None:
        pytest.skip("SQLite has locks of the file")
    file = SqliteFile(database.sqlite_path)
    connections = [
        SqliteConnection(file, busy_timeout_ms=1, is_read_only=True, pause_seconds=seconds) for seconds in (3600, 0)
    ]
    failures: list[list[str]] = [[], []]

    with closing(connect_sqlite(database.sqlite_path, busy_timeout_ms=0)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        for connection, failed in zip(connections, failures, strict=True):
            for _ in range(3):
                with pytest.raises(sqlite3.OperationalError) as failure:
                    connection.open().execute("SELECT count(*) FROM organizations")
                failed.append(type(failure.value).__name__)
                connection.failed(failure.value)
    read = connections[1].open().execute("SELECT count(*) FROM organizations").fetchone()
    connections[1].close()

    assert failures == [["OperationalError", "StillLocked", "StillLocked"], ["OperationalError"] * 3]
    assert read == (0,)
