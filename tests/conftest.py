"""What every test may ask for: a fresh database made by the migrations, on SQLite or on the PostgreSQL named."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from uuid import uuid4

import asyncpg
import pytest

from models.database import Database, database_url
from models.migrations import migrate

POSTGRES_URL = os.environ.get("KEYDESK_TEST_POSTGRES_URL")
"""Where tests may make databases of their own, such as postgresql+asyncpg://postgres@127.0.0.1/postgres."""


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


async def _run_on_server(statement: str) -> None:
    assert POSTGRES_URL is not None
    dsn = database_url(POSTGRES_URL).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _named(name: str) -> str:
    assert POSTGRES_URL is not None
    return database_url(POSTGRES_URL).set(database=name).render_as_string(hide_password=False)


async def _migrated(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()


@pytest.fixture(scope="session")
def make_database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Makes a fresh migrated database at each call and returns its address."""
    if POSTGRES_URL is None:
        template = tmp_path_factory.mktemp("databases") / "template.db"
        asyncio.run(_migrated(f"sqlite+aiosqlite:///{template}"))

        def copy() -> str:
            path: Path = template.parent / f"{uuid4().hex}.db"
            shutil.copy(template, path)
            return f"sqlite+aiosqlite:///{path}"

        yield copy
        return

    template_name = f"keydesk_test_{uuid4().hex[:12]}"
    made: list[str] = []
    asyncio.run(_run_on_server(f'CREATE DATABASE "{template_name}"'))
    asyncio.run(_migrated(_named(template_name)))

    def create() -> str:
        name = f"{template_name}_{len(made)}"
        made.append(name)
        _in_thread(_run_on_server(f'CREATE DATABASE "{name}" TEMPLATE "{template_name}"'))
        return _named(name)

    yield create
    for name in [*made, template_name]:
        asyncio.run(_run_on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def _in_thread(coroutine: object) -> None:
    """Runs a coroutine to its end from wherever a loop may already be running."""
    failure: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(coroutine)  # type: ignore[arg-type]
        except BaseException as error:
            failure.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


@pytest.fixture
def database_address(make_database_url: Callable[[], str]) -> str:
    """The address of a fresh database of this test's own."""
    return make_database_url()


@pytest.fixture
async def database(database_address: str) -> AsyncIterator[Database]:
    """A fresh database of this test's own."""
    opened = Database(database_address)
    yield opened
    await opened.close()
