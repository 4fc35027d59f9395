"""Backups and restores on PostgreSQL: beside other programs' tables, and when the migration afterwards fails."""

from typing import Any, NoReturn

import pytest
from sqlalchemy import text

from models.engine.database import Database
from models.migrations.locks import Blocked, Obstacle
from tests.support.command_line import InDatabase, Keydesk
from tests.support.world import World

SIGN_IN = """
    INSERT INTO sign_in_sessions (id, token_digest, person_id, created_at, last_seen_at)
    SELECT gen_random_uuid(), 'digest', id, now(), now() FROM people LIMIT 1
"""


@pytest.fixture(autouse=True)
def _postgresql(database_address: str) -> None:
    if not database_address.startswith("postgresql"):
        pytest.skip("SQLite is replaced as one file, after it was migrated")


def run(in_database: InDatabase, *statements: str) -> Any:
    """Runs the statements; returns the first value of the last one, if it has any."""

    async def all_of_them(database: Database) -> Any:
        async with database.transaction() as session:
            for statement in statements:
                result: Any = await session.execute(text(statement))
            return result.scalar() if result.returns_rows else None

    return in_database(all_of_them)


def test_other_programs_tables_stay_as_they_are(
    keydesk: Keydesk, acme: World, in_database: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not in the backup, so that it can be restored beside them. A service of libpq's leads nowhere else."""
    monkeypatch.setenv("PGSERVICE", "of_another_database")
    run(in_database, 'CREATE TABLE "Other" (word text)', 'CREATE INDEX of_other ON "Other" (word)')
    try:
        assert keydesk("backup", "backup").status == 0
        run(in_database, "INSERT INTO \"Other\" VALUES ('since')")

        restored = keydesk("restore", "backup", "--yes")

        assert (restored.status, restored.err) == (0, "")
        assert run(in_database, 'SELECT word FROM "Other"') == "since"
        assert len(keydesk("organization", "list", "--json").value) == 2
    finally:
        run(in_database, 'DROP TABLE "Other"')


def test_a_restore_that_could_not_migrate_is_finished_later(
    keydesk: Keydesk, acme: World, in_database: InDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backup is in place: the command says so, nobody is signed in, and it is not served, even once migrated."""
    monkeypatch.setattr("app.cli.serving.run_server", lambda *_, **__: None)
    run(in_database, SIGN_IN)
    assert keydesk("migrate", "--to", "0004", "--yes").status == 0
    assert keydesk("backup", "old").status == 0

    async def blocked(*_: object) -> NoReturn:
        raise Blocked(Obstacle.TABLES)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("resolvers.operator.backups.migrate", blocked)
        unfinished = keydesk("restore", "old", "--yes")

    assert unfinished.status == 1
    assert "The backup is in place, but the restore is not finished: run `keydesk restore` again." in unfinished.err
    assert run(in_database, "SELECT count(*) FROM sign_in_sessions") == 0
    assert keydesk("migrate").status == 0
    assert "restored from a backup" in keydesk("serve", "--port", "0").err
    assert keydesk("restore", "old", "--yes", "--json").value["from"] == "0004"
    assert "restored from a backup" in keydesk("serve", "--port", "0").err
