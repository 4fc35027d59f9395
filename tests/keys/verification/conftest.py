"""Verifiers on the test's database, and a hasher that counts."""

from collections.abc import AsyncIterator

import pytest

from keys.verification.verifier import KeyVerifier
from models.engine.database import Database
from tests.conftest import CountingHasher
from tests.support.keys.issued_keys import Verifiers


@pytest.fixture
async def verifiers(database: Database) -> AsyncIterator[Verifiers]:
    """Key verifiers on this test's database."""
    made = Verifiers(database)
    yield made
    await made.close()


@pytest.fixture
def hasher() -> CountingHasher:
    """Counts the verifier's runs of argon2."""
    return CountingHasher()


@pytest.fixture
def verifier(verifiers: Verifiers, hasher: CountingHasher) -> KeyVerifier:
    """A verifier as in a process that has just started."""
    return verifiers.make(hasher)
