"""A store of usage and a recorder that writes to it, on the test's database and clock."""

from collections.abc import AsyncIterator

import pytest

from keys.usage.recorder import UsageRecorder
from models.engine.database import Database
from models.usage.store import UsageStore
from tests.conftest import Clock
from tests.support.usage.usage_stores import make_store


@pytest.fixture
async def store(database: Database) -> AsyncIterator[UsageStore]:
    """The store of the test's database."""
    made = make_store(database)
    yield made
    await made.close()


@pytest.fixture
def recorder(store: UsageStore, clock: Clock) -> UsageRecorder:
    """Writes only when the test says so."""
    return UsageRecorder(store, clock=clock)
