"""The reader of keys of a test's database."""

from collections.abc import AsyncIterator

import pytest

from models.engine.database import Database
from models.engine.database_address import POSTGRESQL
from models.key_lookup import KeyReader, key_reader


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
