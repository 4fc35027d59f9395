"""Fixtures for every test: a fresh database made by the migrations, on SQLite or on the configured PostgreSQL."""

import asyncio
import gc
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Literal, Protocol
from uuid import uuid4

import asyncpg
import pytest
from argon2 import PasswordHasher
from hypothesis import settings
from sqlalchemy import URL

from keys.hashing import Argon2Parameters, HashingPool
from keys.issuer import Issuer
from keys.token import ServerKeys
from models import metadata
from models.engine.database import Database
from models.engine.database_address import database_url
from models.engine.postgresql import connect
from models.migrations.migrate import migrate
from models.schema_compatibility import SchemaCompatibility
from resolvers.services import KeyServices
from tests.support.client import Site, open_site
from tests.support.command_line import InDatabase, Keydesk, in_database_of, keydesk_on
from tests.support.faults_in_ci import is_in_ci
from tests.support.same_on_every_database import is_same_on_every_database
from tests.support.world import World, make_world

settings.register_profile("keydesk", deadline=None)
settings.load_profile("keydesk")
"""No example of a test has a deadline: on a busy machine that would be a test of the machine."""

# A shell's job in the background ignores the first two and `nohup` the third, and so would every program that a test
# starts and stops by them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for ignored in (signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.SIG_DFL)

POSTGRES_URL = os.environ.get("KEYDESK_TEST_POSTGRES_URL")
"""A server on which tests may create databases, such as postgresql+asyncpg://postgres@127.0.0.1/postgres."""


END_TO_END = Path(__file__).parent / "end_to_end"
"""Its folders are named after markers."""
FAULTS = Path(__file__).parent / "faults"
"""Its tests take minutes. They run only if `-m` names a marker of theirs, or if the command names their files."""
MARKED_BY_IMPORT = {
    "tests.support.servers.servers": "processes",
    "tests.support.servers.serve_command": "processes",
    "tests.support.gateways.site": "processes",
    "tests.support.servers.redis_server": "redis",
}
"""A module that uses these starts processes of Keydesk, or a Redis."""
WAITS_FOR_OTHER_PROGRAMS = ("browser", "gateways", "processes", "redis")
"""
Tests with these markers are flaky: they wait some seconds for a browser or a server, and a shared machine can stand
still for longer. Such a test gets a second attempt, which the report counts as rerun. No other test gets one.
"""


MADE_ANEW = re.compile(r"(?<=kd_)\w{6,}(?:…\w+)?|(?<=_)[0-9a-f]{32}\b")
"""Keys, their hints, and ids."""


def pytest_make_parametrize_id(val: object) -> str | None:
    """Leaves keys and ids out of a test's name: each process that runs tests makes its own."""
    return MADE_ANEW.sub("…", val) if isinstance(val, str) and MADE_ANEW.search(val) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks each test with what it needs, before `-m` evaluates the markers."""
    if not _wants_faults(config):
        left_out = [item for item in items if FAULTS in item.path.parents]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if FAULTS not in item.path.parents]
    for item in items:
        if FAULTS in item.path.parents:
            item.add_marker("faults")
            if is_in_ci(item.nodeid):
                item.add_marker("faults_in_ci")
        if "databases" in getattr(item, "fixturenames", ()) and not is_same_on_every_database(item.nodeid):
            item.add_marker("postgres")
        if END_TO_END in item.path.parents:
            item.add_marker(item.path.relative_to(END_TO_END).parts[0])
        used = {str(getattr(each, "__module__", "")) for each in vars(getattr(item, "module", item)).values()}
        for module in used & MARKED_BY_IMPORT.keys():
            item.add_marker(MARKED_BY_IMPORT[module])
        if any(item.get_closest_marker(name) for name in WAITS_FOR_OTHER_PROGRAMS):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_collection_finish() -> None:
    """Looks for garbage less often, and not in what was imported: a fifth of the tests' processor time went there."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


def _wants_faults(config: pytest.Config) -> bool:
    named = [Path(argument.partition("::")[0]).absolute() for argument in config.invocation_params.args]
    return "faults" in config.option.markexpr or any(path == FAULTS or FAULTS in path.parents for path in named)


class Clock:
    """A clock that tests move by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **amount: float) -> None:
        """Moves the clock on."""
        self.now += timedelta(**amount)


@pytest.fixture
def clock() -> Clock:
    """Noon of a day in November, until the test moves it."""
    return Clock()


class Databases(Protocol):
    """The source of the tests' databases."""

    def fresh(self, number: int) -> str:
        """The address of an empty migrated database: the test's first, second and so on."""

    def close(self) -> None:
        """Removes the databases."""


class SqliteDatabases:
    """Copies of one migrated file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.db"
        migrated_in_thread(f"sqlite+aiosqlite:///{self._template}")

    def fresh(self, number: int) -> str:
        """A new copy."""
        path = self._folder / f"{uuid4().hex}.db"
        shutil.copy(self._template, path)
        return f"sqlite+aiosqlite:///{path}"

    def close(self) -> None:
        """Does nothing: pytest removes the folder."""


FILLED_BY_MIGRATIONS = {SchemaCompatibility.__tablename__}
ALONE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class PostgresqlDatabases:
    """A few databases for the whole run, emptied for each test: creating one takes half a second."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._run = f"keydesk_test_{uuid4().hex[:12]}"
        self._made: list[str] = []

    def fresh(self, number: int) -> str:
        """The database of this number, without rows, and without connections that a test may have left."""
        name = f"{self._run}_{number}"
        if name in self._made:
            _in_thread(self._emptied(name))
        else:
            self._made.append(name)
            _in_thread(self._on_server(f'CREATE DATABASE "{name}"'))
            migrated_in_thread(self._address(name))
        return self._address(name)

    def close(self) -> None:
        """Drops them."""
        for name in self._made:
            _in_thread(self._on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    def _address(self, name: str) -> str:
        return database_url(self._url).set(database=name).render_as_string(hide_password=False)

    async def _emptied(self, name: str) -> None:
        """Also if the previous test has left an older schema. DELETE takes a tenth of the time of TRUNCATE."""
        tables = [table.name for table in reversed(metadata.sorted_tables) if table.name not in FILLED_BY_MIGRATIONS]
        delete = f"{ALONE}; " + "; ".join(f"DELETE FROM {name}" for name in tables)
        try:
            await self._on(name, delete)
        except asyncpg.UndefinedTableError:
            await _migrated(self._address(name))
            await self._on(name, delete)

    async def _on_server(self, statement: str) -> None:
        await _execute(database_url(self._url), statement)

    async def _on(self, name: str, statement: str) -> None:
        await _execute(database_url(self._url).set(database=name), statement)


async def _execute(url: URL, statement: str) -> None:
    connection = await connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _migrated(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()


def _in_thread(coroutine: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine to its end, also if a loop is already running in this thread."""
    with ThreadPoolExecutor(1) as executor:
        executor.submit(asyncio.run, coroutine).result()


def migrated_in_thread(url: str) -> None:
    """Gives an empty database Keydesk's schema, also if a loop is already running in this thread."""
    _in_thread(_migrated(url))


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """On the PostgreSQL that KEYDESK_TEST_POSTGRES_URL names, otherwise on SQLite."""
    made: Databases = (
        SqliteDatabases(tmp_path_factory.mktemp("databases"))
        if POSTGRES_URL is None
        else PostgresqlDatabases(POSTGRES_URL)
    )
    yield made
    made.close()


@pytest.fixture
def make_database_url(databases: Databases) -> Callable[[], str]:
    """Makes a fresh migrated database at each call and returns its address."""
    numbers = count()
    return lambda: databases.fresh(next(numbers))


@pytest.fixture
def database_address(make_database_url: Callable[[], str]) -> str:
    """The address of a fresh database of this test's own."""
    return make_database_url()


CHEAP = Argon2Parameters(time_cost=1, memory_kib=8, parallelism=1)
"""What tests hash with: the same code, at no cost."""


class CountingHasher(PasswordHasher):
    """Hashes cheaply, and counts how often."""

    def __init__(self) -> None:
        super().__init__(CHEAP.time_cost, CHEAP.memory_kib, CHEAP.parallelism)
        self.hashed = 0
        self.verified = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.hashed += 1
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.verified += 1
        return super().verify(hash, password)


SERVER_KEYS = ServerKeys((b"0123456789abcdef0123456789abcdef",))


@pytest.fixture
def key_hasher() -> CountingHasher:
    """The hasher of keys' secrets."""
    return CountingHasher()


@pytest.fixture
def services(database: Database, clock: Clock, key_hasher: CountingHasher) -> Iterator[KeyServices]:
    """The services for operations on keys, on this test's database and clock."""
    pool = HashingPool(key_hasher, threads=2, queue_limit=500, name="test")
    yield KeyServices(database, clock, mutations_per_minute=300, issuer=Issuer(SERVER_KEYS, "kd", pool))
    pool.close()


@pytest.fixture
async def world(database: Database) -> World:
    """Acme and Globex."""
    return await make_world(database)


@pytest.fixture
async def database(database_address: str) -> AsyncIterator[Database]:
    """A fresh database of this test's own."""
    opened = Database(database_address)
    yield opened
    await opened.close()


@pytest.fixture
async def site(database_address: str, clock: Clock) -> AsyncIterator[Site]:
    """The whole application, with Acme and Globex."""
    async with open_site(database_address, clock) as opened:
        yield opened


@pytest.fixture
def keydesk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_address: str, tmp_path: Path
) -> Keydesk:
    """The command, in an empty folder, on a fresh database."""
    return keydesk_on(database_address, tmp_path, monkeypatch, capsys)


@pytest.fixture
def in_database(database_address: str) -> InDatabase:
    """Runs a coroutine function on the test's database."""
    return in_database_of(database_address)


@pytest.fixture
def acme(in_database: InDatabase) -> World:
    """Acme and Globex, for a test that is not a coroutine."""
    world: World = in_database(make_world)
    return world
