"""A schema that is ahead of the program: it is served within its major version, and refused otherwise."""

import pytest
from sqlalchemy import text

from models.engine.database import Database
from models.migrations.migrate import migrate
from models.migrations.revisions import known_revisions, newest_revision
from models.migrations.state import Standing, schema_state
from models.schema_compatibility import Compatibility
from tests.support.ahead import AHEAD, NEXT_MAJOR, SAME_MAJOR, ahead


async def test_a_migration_stores_which_programs_work_with_it(database: Database) -> None:
    """Upwards and downwards, as far as the schema has a place for it."""
    await migrate(database)
    assert await schema_state(database) == (Standing.CURRENT, newest_revision(), None)
    async with database.reading() as session:
        stored = (await session.execute(text("SELECT revision, major, serves_from FROM schema_compatibility"))).all()
    assert [tuple(row) for row in stored] == [(newest_revision(), 1, "0001")]

    await migrate(database, "0004")
    assert await schema_state(database) == (Standing.BEHIND, "0004", None)
    await migrate(database, "base")
    assert await schema_state(database) == (Standing.EMPTY, None, None)


@pytest.mark.parametrize(
    ("compatibility", "standing"),
    [
        (SAME_MAJOR, Standing.AHEAD),
        (Compatibility(2, known_revisions()[-2]), Standing.AHEAD),
        (NEXT_MAJOR, Standing.TOO_NEW),
        (None, Standing.TOO_NEW),
    ],
)
async def test_a_schema_ahead_says_who_can_serve_it(
    database: Database, compatibility: Compatibility | None, standing: Standing
) -> None:
    """A program serves an unknown revision only if it has the revision that this one's migration has named."""
    async with ahead(database, compatibility):
        assert await schema_state(database) == (standing, AHEAD, compatibility)


async def test_what_is_stored_about_another_revision_does_not_count(database: Database) -> None:
    """If somebody changes the revision by hand, no program that does not have it serves it."""
    async with ahead(database):
        async with database.transaction() as session:
            await session.execute(text("UPDATE alembic_version SET version_num = '0100'"))

        assert await schema_state(database) == (Standing.TOO_NEW, "0100", None)


async def test_a_migration_by_an_older_program_changes_nothing(database: Database) -> None:
    """As after going back to the older program, whose start begins with a migration."""
    async with ahead(database):
        assert await migrate(database) == (AHEAD, AHEAD)
        assert (await schema_state(database)).is_served
