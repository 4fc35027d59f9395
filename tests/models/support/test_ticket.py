"""Tickets are listed whole, mailed by one process at a time, and outlive their conversation."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from sqlmodel import col, select

from models import Conversation, Ticket
from models.engine.database import Database
from models.engine.ids import new_id
from models.engine.reader import Reader, Source
from models.engine.statements import drop_before
from models.person import NamedPerson
from models.support.conversation import ConversationRecord
from models.support.ticket import (
    FAILURE_LENGTH_AT_MOST,
    KEPT_DAYS,
    OutgoingTicket,
    claim_due_ticket,
    claim_ticket,
    count_handed_over,
    handed_over_since,
    is_ticket_due,
    mark_failed,
    mark_sent,
    newest_tickets,
    record_of,
    tickets_of,
)
from tests.support.assistant.conversations import NOON, begun
from tests.support.world import World, make_world

SUPPORT = "support@example.com"
LATER = NOON + timedelta(minutes=5)


@pytest.fixture(params=["reader", "session"])
async def source(database: Database, request: pytest.FixtureRequest) -> AsyncIterator[Source]:
    """Both ways to read: the reader and a session."""
    if request.param == "session":
        async with database.reading() as session:
            yield session
        return
    reader = Reader(database)
    yield reader
    await reader.close()


async def written(
    database: Database,
    world: World,
    number: int = 0,
    *,
    name: str = "mel",
    conversation: ConversationRecord | None = None,
    is_addressed: bool = True,
) -> Ticket:
    """A ticket that was written, and is due, `number` minutes after noon."""
    at = NOON + timedelta(minutes=number)
    row = Ticket(
        organization_id=world.acme.id,
        person_id=world.people[name].id,
        conversation_id=None if conversation is None else conversation.id,
        created_at=at,
        sent_to=SUPPORT if is_addressed else None,
        reply_to=world.people[name].email,
        subject=f"Ticket {number}",
        body="Grüße\n",
        next_attempt_at=at if is_addressed else None,
    )
    async with database.transaction() as session:
        session.add(row)
    return row


async def row_of(database: Database, ticket: Ticket | OutgoingTicket) -> Ticket:
    async with database.reading() as session:
        return (await session.execute(select(Ticket).where(col(Ticket.id) == ticket.id))).scalar_one()


async def claimed(database: Database, *, minute: int = 60) -> OutgoingTicket | None:
    now = NOON + timedelta(minutes=minute)
    async with database.transaction() as session:
        return await claim_due_ticket(session, now=now, until=now + timedelta(minutes=5))


async def test_conversations_have_their_tickets(database: Database, source: Source, world: World) -> None:
    """The tickets of several conversations are read at once; one without a ticket is left out."""
    first, second, third = [await begun(database, world.acme, world.mel) for _ in range(3)]
    ticket, other = (
        await written(database, world, conversation=first),
        await written(database, world, conversation=second),
    )

    found = await tickets_of(source, [first.id, second.id, third.id])

    assert found == {first.id: record_of(ticket), second.id: record_of(other)}


async def test_a_ticket_outlives_its_conversation(database: Database, world: World) -> None:
    """When its conversation is deleted, a ticket keeps its text."""
    conversation = await begun(database, world.acme, world.mel)
    ticket = await written(database, world, conversation=conversation)

    async with database.transaction() as session:
        dropped = await drop_before(session, Conversation.last_message_at, NOON + timedelta(days=1), at_most=10)

    row = await row_of(database, ticket)
    assert dropped == 1
    assert (row.conversation_id, row.body) == (None, ticket.body)


async def test_a_persons_are_told_by_when_they_were(database: Database, world: World) -> None:
    """The instants of a person's hand-overs after a moment come oldest first. An organization's are counted."""
    for number in range(3):
        await written(database, world, number)
    await written(database, world, 1, name="ada")

    async with database.reading() as session:
        instants = await handed_over_since(session, world.mel.id, NOON)
        counts = [
            await count_handed_over(session, organization.id, since=NOON + timedelta(minutes=1))
            for organization in (world.acme, world.globex)
        ]

    assert instants == [NOON + timedelta(minutes=1), NOON + timedelta(minutes=2)]
    assert counts == [3, 0]


async def test_the_operators_list_is_newest_first(database: Database, world: World) -> None:
    """Tickets are listed with text and person: all, the last ones, the unsent ones, or a single one."""
    sent, waiting, newest = [await written(database, world, number) for number in range(3)]
    async with database.transaction() as session:
        await mark_sent(session, sent.id, NOON)

    async with database.reading() as session:
        everything = await newest_tickets(session, last=10)
        last = await newest_tickets(session, last=1)
        unsent = await newest_tickets(session, last=10, only_unsent=True)
        one = await newest_tickets(session, last=10, ticket_id=waiting.id)
        none = await newest_tickets(session, last=10, ticket_id=new_id())

    assert [each.ticket.id for each in everything] == [newest.id, waiting.id, sent.id]
    assert (last, unsent, one, none) == (everything[:1], everything[:2], everything[1:2], [])
    assert one[0].person == NamedPerson(world.mel.id, "mel@example.com", "Mel")
    assert one[0][2:] == ("Acme", "Ticket 1", "Grüße\n")


async def test_what_is_due_for_longest_is_claimed_first(database: Database, world: World) -> None:
    """
    A claimed ticket is not claimed again before its claim ends. One without an address, or not yet due, is skipped.
    """
    second, first = await written(database, world, 2), await written(database, world, 1)
    await written(database, world, is_addressed=False)
    await written(database, world, 61)

    async with database.reading() as session:
        is_due = [await is_ticket_due(session, NOON + timedelta(minutes=minute)) for minute in (0, 1)]
    letters = [await claimed(database) for _ in range(3)]
    after_all = await claimed(database, minute=65)

    assert is_due == [False, True]
    assert [None if each is None else each.id for each in letters] == [first.id, second.id, None]
    assert letters[0] == OutgoingTicket(
        first.id,
        first.created_at,
        SUPPORT,
        "mel@example.com",
        "Ticket 1",
        "Grüße\n",
        1,
        NOON + timedelta(minutes=65),
    )
    assert after_all is not None
    assert after_all.subject == "Ticket 61"


async def test_a_claim_is_one_processs(make_database_url: Callable[[], str]) -> None:
    """Of twelve concurrent claims on five tickets, each ticket gets one."""
    address = make_database_url()
    databases = [Database(address), Database(address)]
    world = await make_world(databases[0])
    tickets = [await written(databases[0], world, number) for number in range(5)]

    letters = await asyncio.gather(*(claimed(databases[number % 2]) for number in range(12)))

    for each in databases:
        await each.close()
    assert sorted(each.id for each in letters if each is not None) == sorted(ticket.id for ticket in tickets)


async def test_by_hand_a_ticket_is_sent_again(database: Database, world: World) -> None:
    """A ticket that was sent, or had no address, can be claimed for a new address; its attempts start at 1."""
    sent, unaddressed = await written(database, world), await written(database, world, is_addressed=False)
    async with database.transaction() as session:
        await mark_sent(session, sent.id, NOON)

    async with database.transaction() as session:
        letters = [
            await claim_ticket(session, ticket_id, sent_to="new@example.com", until=LATER)
            for ticket_id in (sent.id, unaddressed.id, new_id())
        ]

    assert [
        None if each is None else (each.id, each.sent_to, each.attempts, each.claimed_until) for each in letters
    ] == [
        (sent.id, "new@example.com", 1, LATER),
        (unaddressed.id, "new@example.com", 1, LATER),
        None,
    ]
    assert (await row_of(database, sent)).sent_at is None


async def test_what_became_of_it_is_noted(database: Database, world: World) -> None:
    """A failure is cut to the column's length. A ticket that was sent meanwhile stays sent, without a failure."""
    await written(database, world, 1)
    await written(database, world, 2)
    failed, sent = await claimed(database), await claimed(database)
    assert failed is not None
    assert sent is not None

    async with database.transaction() as session:
        await mark_failed(session, failed, failure="é" * 400, next_attempt_at=LATER)
        await mark_sent(session, sent.id, NOON)
        await mark_failed(session, sent, failure="too late", next_attempt_at=LATER)

    async with database.reading() as session:
        rows = (await session.execute(select(Ticket).order_by(col(Ticket.created_at)))).scalars().all()
    assert [(row.sent_at, row.next_attempt_at, row.failure) for row in rows] == [
        (None, LATER, "é" * FAILURE_LENGTH_AT_MOST),
        (NOON, None, None),
    ]


async def test_whatever_a_mail_server_says_is_noted(database: Database, world: World) -> None:
    """Characters that the column can't store are replaced; otherwise the failure could not be stored."""
    await written(database, world, 1)
    failed = await claimed(database)
    assert failed is not None

    async with database.transaction() as session:
        await mark_failed(session, failed, failure="550 no\0\udfff" + "\N{ROCKET}" * 400, next_attempt_at=LATER)

    row = await row_of(database, failed)
    assert row.next_attempt_at == LATER
    assert (row.failure or "").startswith("550 no\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}\N{ROCKET}")
    assert len(row.failure or "") == FAILURE_LENGTH_AT_MOST


async def test_old_tickets_are_dropped(database: Database) -> None:
    """Old tickets are deleted whether sent or not, at most the given number at a time."""
    world = await make_world(database)
    days = (0, 1, 2, KEPT_DAYS + 2)
    rows = [
        Ticket(
            organization_id=world.acme.id,
            person_id=world.mel.id,
            created_at=NOON + timedelta(days=day),
            reply_to="mel@example.com",
            subject="Mel, Acme: help",
            body="help",
        )
        for day in days
    ]
    young = rows[-1].id
    async with database.transaction() as session:
        session.add_all(rows)
    moment = NOON + timedelta(days=3)

    async with database.transaction() as session:
        first = await drop_before(session, Ticket.created_at, moment, at_most=2)
    async with database.transaction() as session:
        then = await drop_before(session, Ticket.created_at, moment, at_most=2)

    assert (first, then) == (2, 1)
    async with database.reading() as session:
        assert list((await session.execute(select(col(Ticket.id)))).scalars()) == [young]
