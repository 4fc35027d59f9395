"""Leases: one holder at a time, also when several processes ask at once, and an end if the holder dies."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import event, select
from sqlmodel import col

from models.engine.database import Database, database_now
from models.engine.ids import new_id
from models.engine.lease import Lease, give_back_lease, take_lease

WORK = "tidying"


async def take(database: Database, holder: UUID, *, seconds: int = 60, name: str = WORK) -> bool:
    async with database.transaction() as session:
        return await take_lease(session, name, holder, seconds=seconds)


async def give_back(database: Database, holder: UUID) -> None:
    async with database.transaction() as session:
        await give_back_lease(session, WORK, holder)


async def test_of_many_that_race_one_gets_it(make_database_url: Callable[[], str]) -> None:
    """Twenty holders ask through two databases of the same address, as separate processes would."""
    address = make_database_url()
    databases = [Database(address), Database(address)]
    holders = [new_id() for _ in range(20)]

    taken = await asyncio.gather(*(take(databases[number % 2], holder) for number, holder in enumerate(holders)))

    async with databases[0].reading() as session:
        lease = await session.get(Lease, WORK)
    for database in databases:
        await database.close()
    assert lease is not None
    assert taken == [holder == lease.holder for holder in holders]


async def test_its_holder_renews_it_and_nobody_else_gets_it(database: Database) -> None:
    """The holder can renew its lease; others get it once it is given back. Leases of other names are independent."""
    first, second = new_id(), new_id()

    taken = [await take(database, holder) for holder in (first, first, second)]
    another = await take(database, second, name="baking")
    await give_back(database, second)
    still_held = not await take(database, second)
    await give_back(database, first)

    assert taken == [True, True, False]
    assert another
    assert still_held
    assert await take(database, second)


async def test_one_that_is_over_is_anybodys(database: Database) -> None:
    """A lease that has run out can be taken by another; its former holder is then refused."""
    dead, living = new_id(), new_id()
    await take(database, dead, seconds=0)

    assert await take(database, living)
    assert not await take(database, dead)


async def test_it_holds_for_so_long_by_the_databases_clock(database: Database) -> None:
    """A lease ends the given number of seconds after the database's current time."""
    async with database.reading() as session:
        before = await database_now(session)

    await take(database, new_id(), seconds=90)

    async with database.reading() as session:
        after = await database_now(session)
        lease = (await session.execute(select(Lease))).scalar_one()
        found = (await session.execute(select(col(Lease.name)).where(col(Lease.until) == lease.until))).all()
    assert before <= lease.until - timedelta(seconds=90) <= after
    assert found == [(WORK,)]


async def test_nobody_takes_it_while_its_holder_writes(make_database_url: Callable[[], str]) -> None:
    """While its holder's transaction renews an expired lease, another taker waits and is then refused."""
    address = make_database_url()
    ours, theirs = Database(address), Database(address)
    holder = new_id()
    await take(ours, holder, seconds=0)
    has_begun = asyncio.Event()
    event.listen(theirs.engine.sync_engine, "before_cursor_execute", lambda *_: has_begun.set())

    async with ours.transaction() as session:
        renewed = await take_lease(session, WORK, holder, seconds=60)
        taking = asyncio.create_task(take(theirs, new_id()))
        await has_begun.wait()
    taken = await taking

    await ours.close()
    await theirs.close()
    assert renewed
    assert not taken
