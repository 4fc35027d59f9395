"""The answer lease: one question of a person is answered at a time, also with several processes, for a limited time."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from models.engine.database import Database, database_now
from models.engine.ids import new_id
from models.engine.statements import drop_before
from models.support.answer_lease import Answering, begin_answering, end_answering, is_being_answered

ADA, MEL = UUID(int=1), UUID(int=2)


async def begin(database: Database, person_id: UUID, question_id: UUID, *, seconds: int = 60) -> bool:
    async with database.transaction() as session:
        return await begin_answering(session, person_id, question_id, seconds=seconds)


async def end(database: Database, person_id: UUID, question_id: UUID) -> None:
    async with database.transaction() as session:
        await end_answering(session, person_id, question_id)


async def under_way(database: Database) -> list[UUID]:
    async with database.reading() as session:
        return list(
            (await session.execute(select(col(Answering.question_id)).order_by(col(Answering.person_id)))).scalars()
        )


async def test_of_many_that_begin_at_once_one_does(make_database_url: Callable[[], str]) -> None:
    """Of twenty questions of a person, begun through two databases as separate processes would, one gets the lease."""
    address = make_database_url()
    databases = [Database(address), Database(address)]
    questions = [new_id() for _ in range(20)]

    begun = await asyncio.gather(
        *(begin(databases[number % 2], ADA, question) for number, question in enumerate(questions))
    )

    [kept] = await under_way(databases[0])
    for database in databases:
        await database.close()
    assert begun == [question == kept for question in questions]


async def test_of_many_that_take_over_at_once_one_does(make_database_url: Callable[[], str]) -> None:
    """Of twenty questions that try to take over an expired lease, one gets it."""
    address = make_database_url()
    databases = [Database(address), Database(address)]
    questions = [new_id() for _ in range(20)]
    await begin(databases[0], ADA, new_id(), seconds=0)

    begun = await asyncio.gather(
        *(begin(databases[number % 2], ADA, question) for number, question in enumerate(questions))
    )

    [kept] = await under_way(databases[0])
    for database in databases:
        await database.close()
    assert begun == [question == kept for question in questions]


async def test_the_next_begins_when_it_has_ended(database: Database) -> None:
    """Until the lease is ended, the person's questions wait, the same question included. Other people's do not."""
    first, second, other = new_id(), new_id(), new_id()

    begun = [await begin(database, ADA, question) for question in (first, first, second)]
    others = await begin(database, MEL, other)
    await end(database, ADA, second)
    await end(database, MEL, first)
    still = await under_way(database)
    await end(database, ADA, first)

    assert begun == [True, False, False]
    assert others
    assert still == [first, other]
    assert await begin(database, ADA, second)


async def test_who_had_their_time_ends_nobody_elses(database: Database) -> None:
    """A question whose lease ran out can't end its successor's lease, and can't begin again while that one holds."""
    slow, next_one = new_id(), new_id()
    await begin(database, ADA, slow, seconds=0)

    taken_over = await begin(database, ADA, next_one)
    await end(database, ADA, slow)

    assert taken_over
    assert not await begin(database, ADA, slow)
    assert await under_way(database) == [next_one]


async def test_it_lasts_so_long_by_the_databases_clock(database: Database) -> None:
    """A lease ends the given number of seconds after the database's current time."""
    async with database.reading() as session:
        before = await database_now(session)

    await begin(database, ADA, new_id(), seconds=90)

    async with database.reading() as session:
        after = await database_now(session)
        until = (await session.execute(select(col(Answering.until)))).scalar_one()
    assert before <= until - timedelta(seconds=90) <= after


async def test_what_nobody_ended_is_dropped(database: Database) -> None:
    """Expired leases are deleted, at most the given number at a time; one that still holds stays."""
    for number in range(3, 6):
        await begin(database, UUID(int=number), new_id(), seconds=0)
    living = new_id()
    await begin(database, ADA, living, seconds=3600)
    async with database.reading() as session:
        moment = await database_now(session) + timedelta(minutes=1)
    dropped = []

    for _ in range(3):
        async with database.transaction() as session:
            dropped.append(await drop_before(session, Answering.until, moment, at_most=2))

    assert dropped == [2, 1, 0]
    assert await under_way(database) == [living]


async def test_a_question_is_being_answered_until_it_ends_or_its_time_is_up(database: Database) -> None:
    """The lease counts for its person only, and until it ends or runs out."""
    question = new_id()
    seen = []
    for seconds in (60, 0):
        await begin(database, ADA, question, seconds=seconds)
        async with database.reading() as session:
            seen.append([await is_being_answered(session, person) for person in (ADA, MEL)])
        await end(database, ADA, question)
    async with database.reading() as session:
        seen.append([await is_being_answered(session, ADA)])

    assert seen == [[True, False], [False, False], [False]]
