"""Tickets are listed whole, and outlive their conversation."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlmodel import col, select

from models import Conversation, Ticket
from models.engine.database import Database
from models.engine.ids import new_id
from models.engine.reader import Reader, Source
from models.engine.statements import drop_before
from models.mailed import Claim, mark_sent
from models.person import NamedPerson
from models.support.conversation import ConversationRecord
from models.support.ticket import (
    KEPT_DAYS,
    OutgoingTicket,
    count_handed_over,
    handed_over_since,
    newest_tickets,
    record_of,
    send_ticket_to,
    ticket_to_mail,
    tickets_of,
)
from tests.support.assistant.conversations import NOON, begun
from tests.support.world import World, make_world

SUPPORT = "support@example.com"


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


async def row_of(database: Database, ticket: Ticket) -> Ticket:
    async with database.reading() as session:
        return (await session.execute(select(Ticket).where(col(Ticket.id) == ticket.id))).scalar_one()


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
        await mark_sent(session, Ticket, Claim(sent.id, 0, 1, NOON), NOON)

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


async def test_a_tickets_mail_is_read_whole(database: Database, world: World) -> None:
    """With the address that it is to be sent to by now."""
    ticket = await written(database, world, 1, is_addressed=False)

    async with database.transaction() as session:
        await send_ticket_to(session, ticket.id, "new@example.com")
        found = [await ticket_to_mail(session, ticket_id) for ticket_id in (ticket.id, new_id())]

    assert found == [
        OutgoingTicket(ticket.id, ticket.created_at, "new@example.com", "mel@example.com", "Ticket 1", "Grüße\n"),
        None,
    ]


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
