"""A SQLite file that is moved or replaced while a process uses it: nothing uses two databases at once."""

import asyncio
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col

from models import Organization
from models.engine.database import Database
from models.engine.database_address import database_url
from models.engine.reader import Reader
from models.engine.sqlite import CHECK_SECONDS, FileMoved, SqliteFile, connect
from models.key_lookup import DatabaseUnavailable, SqliteKeyReader
from models.secret_digests import SqliteDigestStore
from models.usage.store import Batch
from models.usage.store_sqlite import SqliteUsageStore

NAMES = select(col(Organization.name))
Use = Callable[[], Awaitable[object]]


class Uses:
    """Every way in which a process uses the database, each by a connection of its own."""

    def __init__(self, database: Database) -> None:
        assert database.sqlite_file is not None
        self._database = database
        self._keys = SqliteKeyReader(database.sqlite_file)
        self._reader = Reader(database)
        self._digests = SqliteDigestStore(database.sqlite_file)
        self._usage = SqliteUsageStore(database.sqlite_file)

    def all(self) -> dict[str, Use]:
        return {
            "keys": lambda: self._keys.read("none", None),
            "pages": lambda: self._reader.rows(NAMES, {}),
            "usage written": lambda: self._usage.write(Batch(number=0)),
            "usage read": self._usage.has_company,
            "digests": lambda: self._digests.store({}),
            "session": self._read,
            "transaction": self._write,
        }

    async def close(self) -> None:
        await self._keys.close()
        await self._reader.close()
        await self._usage.close()

    async def _read(self) -> None:
        async with self._database.reading() as session:
            await session.execute(text("SELECT count(*) FROM organizations"))

    async def _write(self) -> None:
        async with self._database.transaction() as session:
            await session.execute(text("UPDATE organizations SET name = name"))


@pytest.fixture
def path(database: Database) -> Path:
    """The file of the test's database."""
    if database.sqlite_path is None:
        pytest.skip("PostgreSQL's connections are to a server")
    return database.sqlite_path


async def failing(uses: Uses) -> dict[str, bool]:
    """Which uses fail, and raise what callers expect of a database that can't be used."""
    await asyncio.sleep(CHECK_SECONDS)
    found = {}
    for name, use in uses.all().items():
        try:
            await use()
        except (DatabaseUnavailable, DBAPIError, FileMoved):
            found[name] = True
        else:
            found[name] = False
    return found


def move(file: Path, to: Path) -> None:
    """As somebody does who restores a copy."""
    file.rename(to)


def exists(path: Path) -> bool:
    return path.exists()


@pytest.mark.parametrize("are_open", [True, False], ids=["open connections", "no connection yet"])
async def test_no_connection_uses_a_file_that_was_moved_or_replaced(
    database: Database, path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, are_open: bool
) -> None:
    """
    The file is moved away, another one comes into its place, and the first one comes back.

    Only the first file is used, and each step is logged once. No new file is made in its place.
    """
    uses = Uses(database)
    works, fails = dict.fromkeys(uses.all(), False), dict.fromkeys(uses.all(), True)
    if are_open:
        assert await failing(uses) == works
    copy, elsewhere = tmp_path / "copy.db", tmp_path / "elsewhere.db"
    shutil.copy(path, copy)

    with caplog.at_level(logging.WARNING, logger="keydesk.database"):
        move(path, elsewhere)
        assert await failing(uses) == fails
        assert not exists(path)
        move(copy, path)
        assert await failing(uses) == fails
        move(elsewhere, path)
        assert await failing(uses) == works
    await uses.close()

    logged = [record.getMessage() for record in caplog.records if record.name == "keydesk.database"]
    assert [words in line for words, line in zip(("is gone", "restart Keydesk", "is back"), logged, strict=True)] == (
        [True] * 3
    )


@pytest.mark.parametrize("is_there", [True, False], ids=["there before", "comes later"])
def test_a_file_that_gets_the_inode_of_the_first_one_is_another(tmp_path: Path, is_there: bool) -> None:
    """A file system gives the inode of a file that is gone to the next file, if nothing holds it."""
    path = tmp_path / "keys.db"
    if is_there:
        path.touch()
    file = SqliteFile(path)
    path.touch()
    file.check()

    for _ in range(20):
        path.unlink()
        path.touch()
        with pytest.raises(FileMoved):
            file.check()


def test_an_end_of_watching_leaves_the_locks_of_connections(tmp_path: Path) -> None:
    """POSIX locks of a process end when it closes any ordinary descriptor of the file."""
    path = tmp_path / "keys.db"
    sqlite3.connect(path).close()
    file = SqliteFile(path)
    connection = connect(path, busy_timeout_ms=0)
    connection.execute("BEGIN EXCLUSIVE")
    other = (
        "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute('BEGIN IMMEDIATE')"
    )

    del file

    tried = subprocess.run([sys.executable, "-c", other, str(path)], capture_output=True, text=True, check=False)
    assert "database is locked" in tried.stderr
    connection.close()


async def test_a_closed_database_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections close one after the other: of two that close in the same moment, neither removes the `-wal`."""
    dispose = AsyncEngine.dispose
    closing: list[AsyncEngine] = []

    async def dispose_alone(engine: AsyncEngine) -> None:
        assert not closing
        closing.append(engine)
        await asyncio.sleep(0)
        await dispose(engine)
        closing.remove(engine)

    monkeypatch.setattr(AsyncEngine, "dispose", dispose_alone)
    database = Database(database_url(f"sqlite:///{tmp_path / 'keys.db'}"))
    async with database.transaction() as session:
        await session.execute(text("CREATE TABLE kept (number INTEGER)"))
    async with database.reading() as session:
        await session.execute(text("SELECT number FROM kept"))

    await database.close()

    assert os.listdir(tmp_path) == ["keys.db"]
