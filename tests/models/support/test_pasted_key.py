"""A person can have ten different pasted keys looked up per hour."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import col

from models import Person
from models.engine.database import Database
from models.engine.statements import drop_before
from models.support.pasted_key import LOOKED_UP_AT_MOST, PastedKey, look_up_allowed
from tests.support.assistant.conversations import NOON
from tests.support.world import World, make_world


async def allowed(
    database: Database, person: Person, public_ids: Iterable[str], *, at: datetime = NOON, at_most: int = 10
) -> set[str]:
    async with database.transaction() as session:
        return await look_up_allowed(session, person.id, public_ids, now=at, at_most=at_most)


def ids(numbers: Iterable[int]) -> list[str]:
    return [f"{number:064}" for number in numbers]


async def noted(database: Database) -> int:
    async with database.reading() as session:
        return len((await session.execute(select(col(PastedKey.public_id)))).all())


async def test_ten_different_ones_may_be_looked_up(database: Database, world: World) -> None:
    """Keys that were looked up can be repeated. Of new ones, the first take the places that are left."""
    first = await allowed(database, world.ada, ids(range(8)))
    beyond = await allowed(database, world.ada, ids([20, 3, 19, 3, 18, 20, 17]))
    again = await allowed(database, world.ada, ids([*range(8), 17, 18, 19, 20]))

    assert first == set(ids(range(8)))
    assert beyond == set(ids([3, 20, 19]))
    assert again == set(ids([*range(8), 19, 20]))
    assert LOOKED_UP_AT_MOST == 10


async def test_each_person_has_ten(database: Database, world: World) -> None:
    """The limit is each person's own, also for the same keys. An empty request stores nothing."""
    await allowed(database, world.ada, ids(range(10)))

    assert await allowed(database, world.ada, ids([10])) == set()
    assert await allowed(database, world.mel, ids([10, 1])) == set(ids([10, 1]))
    assert await allowed(database, world.grace, []) == set()
    assert await noted(database) == 12


async def test_an_hour_later_they_are_free_again(database: Database, world: World) -> None:
    """A key's hour begins at its latest lookup. Older rows are deleted."""
    await allowed(database, world.ada, ids(range(10)))
    almost = NOON + timedelta(minutes=59)
    later = NOON + timedelta(hours=1)

    kept_up = await allowed(database, world.ada, ids([0, 10]), at=almost)
    free = await allowed(database, world.ada, ids(range(20, 40)), at=later)

    assert kept_up == set(ids([0]))
    assert free == set(ids(range(20, 29)))
    assert await noted(database) == 10
    assert await allowed(database, world.ada, ids([0, 1]), at=later) == set(ids([0]))


async def test_concurrent_lookups_of_a_person_get_ten(make_database_url: Callable[[], str]) -> None:
    """Twelve concurrent transactions, through two databases as separate processes would, get ten keys together."""
    address = make_database_url()
    databases = [Database(address), Database(address)]
    world = await make_world(databases[0])

    given = await asyncio.gather(
        *(allowed(databases[number % 2], world.ada, ids(range(number * 3, number * 3 + 3))) for number in range(12))
    )

    count = await noted(databases[0])
    for database in databases:
        await database.close()
    assert len(set.union(*given)) == sum(len(each) for each in given) == count == 10


async def test_old_ones_are_dropped(database: Database, world: World) -> None:
    """Everybody's old lookups are deleted, at most the given number at a time."""
    for person in (world.ada, world.mel):
        await allowed(database, person, ids(range(2)))
    await allowed(database, world.grace, ids([0]), at=NOON + timedelta(minutes=1))
    dropped = []

    for _ in range(3):
        async with database.transaction() as session:
            dropped.append(await drop_before(session, PastedKey.at, NOON + timedelta(seconds=1), at_most=3))

    assert dropped == [3, 1, 0]
    assert await noted(database) == 1
