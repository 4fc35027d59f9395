"""Fixtures of the tests of faults: servers of the test's own, with Keydesk's schema in the database `keydesk`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from keys.hashing import HashingPool
from keys.issuer import Issuer
from models.engine.database import Database
from resolvers.services import KeyServices
from tests.conftest import CHEAP, SERVER_KEYS, migrated_in_thread
from tests.support.servers.postgres_pair import PostgresPair, PostgresServer, running_pair, running_postgres

NAME = "keydesk"
"""The database that these fixtures create."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what the tests have measured with `record_property`."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{report.nodeid}: {name}: {value}")


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """A server of the test's own. Its database `keydesk` has Keydesk's schema and no rows."""
    with running_postgres() as server:
        server.sql(f"CREATE DATABASE {NAME}")
        migrated_in_thread(server.url(NAME))
        yield server


@pytest.fixture
def pair() -> Iterator[PostgresPair]:
    """A primary and its asynchronous replica. Their database `keydesk` has Keydesk's schema and no rows."""
    with running_pair() as running:
        running.primary.sql(f"CREATE DATABASE {NAME}")
        migrated_in_thread(running.primary.url(NAME))
        running.catch_up()
        yield running


@contextmanager
def operator_services(database: Database) -> Iterator[KeyServices]:
    """What operations on keys work with, as on the command line."""
    pool = HashingPool(CHEAP.hasher(), threads=1, queue_limit=500, name="test")
    yield KeyServices(
        database, lambda: datetime.now(UTC), mutations_per_minute=1, issuer=Issuer(SERVER_KEYS, "kd", pool)
    )
    pool.close()
