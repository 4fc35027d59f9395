"""Deleting rows in limited numbers, beside other writers."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from models.engine.database import Database
from models.engine.statements import delete_rows, drop_before
from models.support.pasted_key import PastedKey
from models.usage.writer import UsageWriter
from tests.conftest import POSTGRES_URL
from tests.support.world import World

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


async def add_writers(database: Database, *minutes: int) -> None:
    """Adds a writer for each number, last seen that many minutes after noon, with the number as its batch."""
    async with database.transaction() as session:
        session.add_all(UsageWriter(batch=each, seen_at=NOON + timedelta(minutes=each)) for each in minutes)


async def batches(database: Database) -> set[int]:
    async with database.reading() as session:
        return set((await session.execute(select(col(UsageWriter.batch)))).scalars())


async def test_rows_are_deleted_the_oldest_first(database: Database) -> None:
    """At most the given number of rows goes, and never a row at or after the given moment."""
    await add_writers(database, 3, 1, 4, 2, 5)
    deleted, left = [], []
    for _ in range(3):
        async with database.transaction() as session:
            deleted.append(await drop_before(session, UsageWriter.seen_at, NOON + timedelta(minutes=4), at_most=2))
        left.append(await batches(database))

    assert deleted == [2, 1, 0]
    assert left == [{3, 4, 5}, {4, 5}, {4, 5}]


async def test_without_a_number_all_old_rows_are_deleted(database: Database) -> None:
    await add_writers(database, 1, 2, 3)

    async with database.transaction() as session:
        deleted = await drop_before(session, UsageWriter.seen_at, NOON + timedelta(minutes=3))

    assert deleted == 2
    assert await batches(database) == {3}


async def test_a_key_of_two_columns_names_one_row(database: Database, world: World) -> None:
    """With a primary key of two columns, rows that share only one of them stay. The requested columns are returned."""
    async with database.transaction() as session:
        session.add_all(
            PastedKey(person_id=person.id, public_id=public_id, at=NOON)
            for person in (world.ada, world.grace)
            for public_id in ("a", "b")
        )
    async with database.transaction() as session:
        deleted = await delete_rows(
            session,
            PastedKey,
            col(PastedKey.person_id) == world.ada.id,
            col(PastedKey.public_id) == "a",
            returning=[col(PastedKey.public_id), col(PastedKey.at)],
        )

    async with database.reading() as session:
        left = (await session.execute(select(col(PastedKey.person_id), col(PastedKey.public_id)))).all()
    assert [tuple(row) for row in deleted] == [("a", NOON)]
    assert set(map(tuple, left)) == {(world.ada.id, "b"), (world.grace.id, "a"), (world.grace.id, "b")}


@pytest.mark.skipif(POSTGRES_URL is None, reason="SQLite has one writer at a time")
async def test_a_row_that_another_transaction_holds_stays(database: Database) -> None:
    """The deletion skips the locked row and does not wait for it."""
    await add_writers(database, 1, 2, 3)
    async with database.transaction() as other:
        await other.execute(update(UsageWriter).where(col(UsageWriter.batch) == 2).values(batch=20))

        async with database.transaction() as session:
            deleted = await drop_before(session, UsageWriter.seen_at, NOON + timedelta(minutes=9), at_most=5)

    assert deleted == 2
    assert await batches(database) == {20}
