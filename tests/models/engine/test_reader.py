"""The reader, which bypasses SQLAlchemy, returns the same values that a SQLAlchemy session would."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from sqlalchemy import bindparam, select, text
from sqlmodel import col

from models import Membership, Organization, Person, SignInSession
from models.engine.database import Database
from models.engine.reader import Reader
from tests.support.world import World

NOW = datetime(2026, 11, 24, 12, 0, 30, 123456, tzinfo=UTC)
select_columns: Any = select
"""Untyped, since the library types only a few columns."""
EVERY_TYPE = (
    select_columns(
        SignInSession.id,
        SignInSession.last_seen_at,
        Person.email,
        Person.password_is_one_time,
        Person.password_expires_at,
        Membership.role,
        Organization.key_limit,
    )
    .join(Person, col(Person.id) == SignInSession.person_id)
    .join(Membership, col(Membership.person_id) == Person.id)
    .join(Organization, col(Organization.id) == Membership.organization_id)
    .where(col(Person.id) == bindparam("person_id"), col(SignInSession.last_seen_at) > bindparam("since"))
    .where(col(Organization.key_limit) == 10)
    .order_by(col(Organization.name))
)
NAMES = select(col(Organization.name)).order_by(col(Organization.name))


@pytest.fixture
async def reader(database: Database) -> AsyncIterator[Reader]:
    opened = Reader(database, lanes=2)
    yield opened
    await opened.close()


async def test_values_come_in_their_columns_types(database: Database, reader: Reader, world: World) -> None:
    """Ids, instants, booleans, roles and nulls have the types that a session returns; parameters are converted."""
    async with database.transaction() as session:
        session.add(SignInSession(token_digest="d", person_id=world.grace.id, created_at=NOW, last_seen_at=NOW))
    parameters = {"person_id": world.grace.id, "since": datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)}

    rows = await reader.rows(EVERY_TYPE, parameters)

    async with database.reading() as session:
        expected = [list(row) for row in (await session.execute(EVERY_TYPE, parameters)).all()]
    assert rows == expected
    assert len(rows) == 2
    assert [type(value) for value in rows[0][1:]] == [type(value) for value in expected[0][1:]]


async def test_what_was_committed_is_seen_and_nothing_before(database: Database, reader: Reader, world: World) -> None:
    """A row is visible right after its commit, and not before."""
    async with database.transaction() as session:
        session.add(Organization(name="Initech", created_at=NOW))
        await session.flush()
        during = await reader.rows(NAMES, {})

    after = await reader.rows(NAMES, {})

    assert during == [["Acme"], ["Globex"]]
    assert after == [["Acme"], ["Globex"], ["Initech"]]


async def test_it_can_not_write(reader: Reader, world: World) -> None:
    """An UPDATE through the reader is refused."""
    name: Any = col(Organization.name)
    statement: Any = text("UPDATE organizations SET name = 'Mine' RETURNING name").columns(name)

    with pytest.raises((sqlite3.OperationalError, asyncpg.ReadOnlySQLTransactionError)):
        await reader.rows(statement, {})

    assert await reader.rows(NAMES, {}) == [["Acme"], ["Globex"]]


async def test_many_read_at_once(reader: Reader, world: World) -> None:
    """With more reads than connections, all are answered."""
    answers = await asyncio.gather(*(reader.rows(NAMES, {}) for _ in range(20)))

    assert answers == [[["Acme"], ["Globex"]]] * 20


async def test_a_connection_that_was_lost_is_replaced(database: Database, reader: Reader, world: World) -> None:
    """After the server has closed the connections, the next read opens a new one."""
    if database.backend == "sqlite":
        pytest.skip("a file is not lost")
    await asyncio.gather(*(reader.rows(NAMES, {}) for _ in range(2)))
    async with database.reading() as session:
        ended = await session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'keydesk reading' AND datname = current_database()"
            )
        )
        assert ended.scalars().all() == [True, True]

    assert await reader.rows(NAMES, {}) == [["Acme"], ["Globex"]]


async def test_a_reader_that_hangs_up_leaves_no_answer_for_the_next(reader: Reader, world: World) -> None:
    """After a read is cancelled, the next read gets its own answer and not the cancelled one's."""
    given_up = asyncio.ensure_future(reader.rows(EVERY_TYPE, {"person_id": world.ada.id, "since": NOW}))
    await asyncio.sleep(0)
    given_up.cancel()

    assert await reader.rows(NAMES, {}) == [["Acme"], ["Globex"]]
