"""Within a major version, a revision only adds: programs that are older than the schema go on working."""

from collections.abc import Sequence

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from models.engine.database import Database
from models.migrations.majors import MAJORS, Major, compatibility
from models.migrations.migrate import alembic_config, migrate
from models.migrations.revisions import known_revisions
from models.schema_compatibility import Compatibility
from tests.support.schema_shape import Shape, broken_by, shape_of

FIRST_SERVED = "0004"
"""The schema of the oldest program that may be running during an upgrade: version 0.2.0."""
CHANGES = {
    "ALTER TABLE people DROP COLUMN name": "people: the column name is gone",
    "ALTER TABLE people RENAME COLUMN name TO label": "people: the column name is gone",
    "ALTER TABLE callers RENAME TO seen": "the table callers is gone",
    "DROP TABLE callers": "the table callers is gone",
    "CREATE UNIQUE INDEX only_one ON people (name)": (
        "people: the new unique index only_one may refuse rows that were fine before"
    ),
}
ON_POSTGRESQL = {
    "ALTER TABLE people ADD COLUMN age INTEGER NOT NULL": (
        "people: the new column age must not be NULL and has no server default"
    ),
    "ALTER TABLE people ALTER COLUMN password_hash SET NOT NULL": (
        "people: the column password_hash may no longer be left out"
    ),
    "ALTER TABLE people ALTER COLUMN name TYPE VARCHAR(20)": (
        "people: the column name was VARCHAR(128) and is VARCHAR(20)"
    ),
    "ALTER TABLE people ADD CONSTRAINT short CHECK (length(name) < 9)": (
        "people: the new check short may refuse rows that were fine before"
    ),
    "ALTER TABLE callers ADD CONSTRAINT fk FOREIGN KEY (key_id) REFERENCES api_keys (id)": (
        "callers: the new foreign key fk may refuse rows that were fine before"
    ),
}
"""Changes that SQLite can't make to an existing table."""
FINE = (
    "CREATE TABLE more (id INTEGER PRIMARY KEY)",
    "ALTER TABLE people ADD COLUMN nickname VARCHAR(64)",
    "ALTER TABLE people ADD COLUMN logins INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX ix_people_name ON people (name)",
)


async def shape(database: Database) -> Shape:
    async with database.engine.connect() as connection:
        return await connection.run_sync(shape_of)


async def changed_by(database: Database, statement: str) -> list[str]:
    """What the statement breaks; it is rolled back."""
    before = await shape(database)
    async with database.engine.connect() as connection:
        await connection.execute(text(statement))
        return broken_by(before, await connection.run_sync(shape_of))


async def test_revisions_of_one_major_version_only_add(database: Database) -> None:
    """Each revision leaves everything that older programs of its major version read and write."""
    revisions = known_revisions()[known_revisions().index(FIRST_SERVED) :]
    begins = {major.begins for major in MAJORS}
    await migrate(database, FIRST_SERVED)
    before = await shape(database)

    broken = {}
    for revision in revisions[1:]:
        await migrate(database, revision)
        after = await shape(database)
        if revision not in begins:
            broken[revision] = broken_by(before, after)
        before = after

    assert broken
    assert {revision: found for revision, found in broken.items() if found} == {}


@pytest.mark.parametrize("statement", [*CHANGES, *ON_POSTGRESQL])
async def test_a_change_that_breaks_older_programs_is_found(database: Database, statement: str) -> None:
    """Every kind of change that the rules forbid is named."""
    if statement in ON_POSTGRESQL and database.sqlite_path is not None:
        pytest.skip("SQLite can't make this change")

    assert (CHANGES | ON_POSTGRESQL)[statement] in await changed_by(database, statement)


@pytest.mark.parametrize("statement", FINE)
async def test_additions_are_fine(database: Database, statement: str) -> None:
    """Tables, indexes, and columns that an older program can leave out."""
    assert await changed_by(database, statement) == []


def test_the_major_versions_are_in_order() -> None:
    """Each begins with a revision, and is served by programs from a revision on that is not younger."""
    order = known_revisions()

    assert [major.number for major in MAJORS] == list(range(1, len(MAJORS) + 1))
    assert [major.begins for major in MAJORS] == sorted((major.begins for major in MAJORS), key=order.index)
    assert all(order.index(major.serves_from) <= order.index(major.begins) for major in MAJORS)


@pytest.mark.parametrize(
    ("revision", "expected"),
    [("1", (1, "1")), ("2", (1, "1")), ("3", (2, "2")), ("4", (2, "2"))],
)
def test_a_revision_belongs_to_the_newest_major_version_that_has_begun(
    revision: str, expected: Sequence[object]
) -> None:
    """A major version goes from its first revision to the next one's."""
    majors = (Major(1, begins="1", serves_from="1"), Major(2, begins="3", serves_from="2"))

    assert compatibility(revision, ["1", "2", "3", "4"], majors) == Compatibility._make(expected)


def test_the_names_of_the_files_are_the_revisions_in_their_order() -> None:
    """The revisions are read from the names. Alembic, which reads the files, finds the same ones in the same order."""
    scripts = list(ScriptDirectory.from_config(alembic_config()).walk_revisions())[::-1]

    assert tuple(script.revision for script in scripts) == known_revisions()
    assert [script.down_revision for script in scripts] == [None, *known_revisions()[:-1]]
