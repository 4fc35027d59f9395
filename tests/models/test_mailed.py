"""Rows that are mailed: each is claimed by one process at a time, and what became of the mail is stored."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from sqlmodel import col, select

from models import Ticket
from models.engine.database import Database
from models.engine.ids import new_id
from models.mailed import FAILURE_LENGTH_AT_MOST, Claim, claim, claim_due, is_due, mark_failed, mark_sent
from tests.support.assistant.conversations import NOON
from tests.support.world import World, make_world

LATER = NOON + timedelta(minutes=5)


async def written(database: Database, world: World, minute: int | None) -> Ticket:
    """A row that is due so many minutes after noon, or never if None."""
    row = Ticket(
        organization_id=world.acme.id,
        person_id=world.mel.id,
        created_at=NOON,
        sent_to="support@example.com",
        reply_to=world.mel.email,
        subject="Ticket",
        body="Hello",
        next_attempt_at=None if minute is None else NOON + timedelta(minutes=minute),
    )
    async with database.transaction() as session:
        session.add(row)
    return row


async def row_of(database: Database, row: Ticket) -> Ticket:
    async with database.reading() as session:
        return (await session.execute(select(Ticket).where(col(Ticket.id) == row.id))).scalar_one()


async def claimed(database: Database, *, minute: int = 60) -> Claim | None:
    now = NOON + timedelta(minutes=minute)
    async with database.transaction() as session:
        return await claim_due(session, Ticket, now=now, until=now + timedelta(minutes=5))


async def test_what_is_due_for_longest_is_claimed_first(database: Database, world: World) -> None:
    """A claimed row is not claimed again before its claim ends. One that is never due, or not yet, is skipped."""
    second, first = await written(database, world, 2), await written(database, world, 1)
    await written(database, world, None)
    last = await written(database, world, 61)

    async with database.reading() as session:
        due = [await is_due(session, Ticket, NOON + timedelta(minutes=minute)) for minute in (0, 1)]
    claims = [await claimed(database) for _ in range(3)]
    after_all = await claimed(database, minute=65)

    assert due == [False, True]
    assert claims == [
        Claim(first.id, 0, 1, NOON + timedelta(minutes=65)),
        Claim(second.id, 0, 1, NOON + timedelta(minutes=65)),
        None,
    ]
    assert after_all is not None
    assert after_all.id == last.id


async def test_a_claim_is_one_processs(make_database_url: Callable[[], str]) -> None:
    """Of twelve concurrent claims on five rows, each row gets one."""
    address = make_database_url()
    databases = [Database(address), Database(address)]
    world = await make_world(databases[0])
    rows = [await written(databases[0], world, number) for number in range(5)]

    claims = await asyncio.gather(*(claimed(databases[number % 2]) for number in range(12)))

    for each in databases:
        await each.close()
    assert sorted(each.id for each in claims if each is not None) == sorted(row.id for row in rows)


async def test_by_hand_a_row_is_sent_again(database: Database, world: World) -> None:
    """A row that was sent, or is not due, can be claimed; its attempts start at 1."""
    sent, idle = await written(database, world, 0), await written(database, world, None)
    first = await claimed(database)
    assert first is not None
    async with database.transaction() as session:
        await mark_sent(session, Ticket, first, NOON)

    async with database.transaction() as session:
        claims = [await claim(session, Ticket, row_id, until=LATER) for row_id in (sent.id, idle.id, new_id())]

    assert claims == [Claim(sent.id, 1, 1, LATER), Claim(idle.id, 1, 1, LATER), None]
    assert (await row_of(database, sent)).sent_at is None


async def test_what_became_of_it_is_noted(database: Database, world: World) -> None:
    """A failure is cut to the column's length. A row that was sent meanwhile stays sent, without a failure."""
    rows = [await written(database, world, minute) for minute in (1, 2)]
    failed, sent = await claimed(database), await claimed(database)
    assert failed is not None
    assert sent is not None

    async with database.transaction() as session:
        await mark_failed(session, Ticket, failed, failure="é" * 400, next_attempt_at=LATER)
        await mark_sent(session, Ticket, sent, NOON)
        await mark_failed(session, Ticket, sent, failure="too late", next_attempt_at=LATER)

    found = [await row_of(database, row) for row in rows]
    assert [(row.sent_at, row.next_attempt_at, row.failure) for row in found] == [
        (None, LATER, "é" * FAILURE_LENGTH_AT_MOST),
        (NOON, None, None),
    ]


async def test_the_outcome_of_an_earlier_mail_does_not_count(database: Database, world: World) -> None:
    """While a mail was being sent, its row was made another mail: that one is due, whatever became of the first."""
    row = await written(database, world, 1)
    before = await claimed(database)
    assert before is not None
    async with database.transaction() as session:
        current = await session.merge(row)
        current.mailing, current.next_attempt_at = 1, NOON

    async with database.transaction() as session:
        await mark_failed(session, Ticket, before, failure="too late", next_attempt_at=LATER)
        await mark_sent(session, Ticket, before, NOON)

    after = await row_of(database, row)
    assert (after.next_attempt_at, after.failure, after.sent_at) == (NOON, None, None)


async def test_whatever_a_mail_server_says_is_noted(database: Database, world: World) -> None:
    """Characters that the column can't store are replaced; otherwise the failure could not be stored."""
    row = await written(database, world, 1)
    failed = await claimed(database)
    assert failed is not None

    async with database.transaction() as session:
        failure = "550 no\0\udfff" + "\N{ROCKET}" * 400
        await mark_failed(session, Ticket, failed, failure=failure, next_attempt_at=LATER)

    after = await row_of(database, row)
    assert after.next_attempt_at == LATER
    assert (after.failure or "").startswith("550 no\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}\N{ROCKET}")
    assert len(after.failure or "") == FAILURE_LENGTH_AT_MOST
