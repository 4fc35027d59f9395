"""Tickets of people in Acme and Globex, and their rows in the database."""

from uuid import UUID

from sqlmodel import col, select

from models import Ticket
from models.engine.database import Database
from models.person import NamedPerson
from models.support.conversation import ConversationRecord
from models.support.message import MessageRecord, latest_messages
from models.support.ticket import TicketRecord
from resolvers.tickets import SupportChannel, contact_support
from tests.conftest import Clock
from tests.support.world import World

SUPPORT = "support@example.com"
LINE = SupportChannel(SUPPORT, sends_mail=True)


def named(world: World, name: str) -> NamedPerson:
    """The person as the session has them."""
    person = world.people[name]
    return NamedPerson(person.id, person.email, person.name)


async def hand_over(
    database: Database,
    world: World,
    clock: Clock,
    name: str = "mel",
    *,
    conversation: ConversationRecord | UUID | None = None,
    note: str | None = None,
    organization_id: UUID | None = None,
    line: SupportChannel = LINE,
) -> TicketRecord:
    """Requests a person from support, by default as Mel."""
    return await contact_support(
        database,
        world.actor(name),
        named(world, name),
        line,
        organization_id=organization_id or world.acme.id,
        conversation_id=conversation.id if isinstance(conversation, ConversationRecord) else conversation,
        note=note,
        prefixes=("kd",),
        now=clock.now,
    )


async def tickets(database: Database) -> list[Ticket]:
    """All tickets, oldest first."""
    async with database.reading() as session:
        return list((await session.execute(select(Ticket).order_by(col(Ticket.id)))).scalars())


async def said(database: Database, conversation: ConversationRecord) -> list[MessageRecord]:
    """The messages of the conversation."""
    async with database.reading() as session:
        return await latest_messages(session, conversation.id, last=100)
