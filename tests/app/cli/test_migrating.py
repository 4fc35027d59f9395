"""`keydesk migrate`, and the commands and the server on a schema that is ahead of them."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from app.cli_errors import blocked_failure
from models.engine.database import Database
from models.engine.sqlite import connect
from models.migrations.locks import Blocked, Holder, Obstacle
from models.migrations.revisions import newest_revision
from tests.support.ahead import AHEAD, NEXT_MAJOR, go_ahead, go_back
from tests.support.command_line import InDatabase, Keydesk, finding
from tests.support.servers.servers import REAL, Servers
from tests.support.world import World

SINCE = datetime(2026, 11, 30, 13, 3, 4, tzinfo=UTC)
HOLDER = Holder(4711, "ada", "psql", "10.0.0.5", "idle in transaction", SINCE.astimezone())
UNKNOWN = Holder(4712, None, None, None, None, None)


@pytest.fixture
def schema_ahead(in_database: InDatabase) -> Iterator[None]:
    """The schema of a newer program of the same major version."""
    in_database(go_ahead)
    yield
    in_database(go_back)


@pytest.mark.usefixtures("schema_ahead")
def test_a_schema_ahead_is_used(keydesk: Keydesk, acme: World) -> None:
    """Commands work on it, doctor names it, and migrating to the newest schema changes nothing."""
    listed = keydesk("organization", "list", "--json")
    examined = finding(keydesk("doctor", "--json"), "schema")
    migrated = keydesk("migrate")

    assert [each["name"] for each in listed.value] == ["Acme", "Globex"]
    words = f"the schema is at {AHEAD}, newer than this Keydesk's {newest_revision()}, and works with it"
    assert examined == (True, words)
    assert (migrated.status, migrated.out) == (0, f"Nothing was changed: {words}.\n")


@pytest.mark.usefixtures("schema_ahead")
def test_a_schema_ahead_is_served(database_address: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The server starts, says so, and is ready."""
    servers = Servers(database_address, tmp_path_factory.mktemp("servers"), program=REAL)
    try:
        [server] = servers.start()
        assert f"newer than this Keydesk's {newest_revision()}" in server.log.read_text()
    finally:
        servers.close()


@pytest.mark.usefixtures("schema_ahead")
def test_an_older_program_changes_no_schema_that_it_does_not_have(keydesk: Keydesk) -> None:
    """Only the newer program has the way back."""
    refused = keydesk("migrate", "--to", "0001", "--yes")

    assert (refused.status, refused.out) == (1, "")
    assert "Run this command with the newer Keydesk." in refused.err


def test_the_next_major_version_is_refused(keydesk: Keydesk, in_database: InDatabase) -> None:
    """The sentence says which Keydesk it takes."""
    in_database(lambda database: go_ahead(database, NEXT_MAJOR))
    try:
        runs = [keydesk("serve"), keydesk("organization", "list"), keydesk("migrate")]
        examined = finding(keydesk("doctor", "--json"), "schema")
    finally:
        in_database(go_back)

    said = (
        f"The database's schema ({AHEAD}) is newer than this Keydesk ({newest_revision()}), and of major version 2: it "
        f"works only with a Keydesk that has revision {AHEAD}. Update Keydesk."
    )
    assert [(run.status, run.out, run.err) for run in runs] == [(1, "", said + "\n")] * 3
    assert examined == (False, said)


def test_migrate_gives_up_and_says_who_is_in_the_way(keydesk: Keydesk, in_database: InDatabase) -> None:
    """With --wait, after that many seconds; nothing was changed."""
    keydesk("migrate", "--to", "0004")

    async def blocked(database: Database) -> tuple[int, str]:
        if database.sqlite_path is not None:
            with closing(connect(database.sqlite_path, busy_timeout_ms=0)) as other:
                other.execute("BEGIN IMMEDIATE")
                run = await asyncio.to_thread(keydesk, "migrate", "--wait", "0")
            return run.status, run.err
        async with database.transaction() as session:
            await session.execute(text("SET LOCAL application_name = 'an open psql'"))
            await session.execute(text("SELECT pg_advisory_xact_lock(7065171)"))
            run = await asyncio.to_thread(keydesk, "migrate", "--wait", "0")
        return run.status, run.err

    status, said = in_database(blocked)
    after = keydesk("migrate", "--json").value

    assert status == 1
    assert "writing to the SQLite database" in said or "an open psql" in said
    assert "Nothing was changed" in said
    assert after == {"from": "0004", "to": newest_revision()}


@pytest.mark.parametrize(
    ("blocked", "words"),
    [
        (
            Blocked(Obstacle.TABLES, [HOLDER]),
            "A table that has to change stayed in use, by process 4711 (psql, user ada, from 10.0.0.5, idle in "
            "transaction, since 2026-11-30 13:03:04 UTC). Nothing was changed. End that transaction (SELECT "
            "pg_terminate_backend(4711)) and run `keydesk migrate` again, or wait longer with --wait SECONDS.",
        ),
        (
            Blocked(Obstacle.TABLES),
            "A table that has to change stayed in use. Nothing was changed. End that transaction and run `keydesk "
            "migrate` again, or wait longer with --wait SECONDS.",
        ),
        (
            Blocked(Obstacle.OTHER_MIGRATION, [UNKNOWN]),
            "Another migration of this database is running, in process 4712. Nothing was changed. Run `keydesk "
            "migrate` again when it is done, or wait longer with --wait SECONDS.",
        ),
        (
            Blocked(Obstacle.OTHER_MIGRATION),
            "Another migration of this database is running. Nothing was changed. Run `keydesk migrate` again when it "
            "is done, or wait longer with --wait SECONDS.",
        ),
    ],
)
def test_the_sentence_says_what_is_known(blocked: Blocked, words: str) -> None:
    """A database user without rights sees little of other sessions: what is missing is left out."""
    assert str(blocked_failure(blocked)) == words


def test_seconds_are_a_number(keydesk: Keydesk) -> None:
    """A negative wait is wrong usage."""
    assert keydesk("migrate", "--wait", "-1").status == 2
