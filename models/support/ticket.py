"""Tickets: conversations that were handed over to people, and the state of the mail for each."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Column, ForeignKey, Index, Select, Text, Uuid, func, update
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col

from models.engine.columns import instant, outside_text, reference
from models.engine.in_clause import padded_size, padded_values, placeholders
from models.engine.reader import Source, fetch
from models.mailed import Mailed
from models.organization import Organization
from models.person import NamedPerson, Person

ADDRESS_LENGTH_AT_MOST = 320
KEPT_DAYS = 90
"""As long as conversations are kept, because a ticket contains one."""
SUBJECT_LENGTH_AT_MOST = 200


class Ticket(Mailed, table=True):
    """
    A hand-over to people. A conversation has at most one ticket, and is dropped before its ticket.

    `sent_to` is null if the operator had set no address.
    """

    __tablename__ = "tickets"
    __table_args__ = (
        Index("ix_tickets_sent_at_next_attempt_at", "sent_at", "next_attempt_at"),
        Index("ix_tickets_person_id_created_at", "person_id", "created_at"),
    )

    organization_id: UUID = reference("organizations.id")
    person_id: UUID = reference("people.id")
    conversation_id: UUID | None = Field(
        default=None,
        sa_column=Column(Uuid(), ForeignKey("conversations.id", ondelete="SET NULL"), unique=True, nullable=True),
    )
    created_at: datetime = instant()
    sent_to: str | None = Field(default=None, max_length=ADDRESS_LENGTH_AT_MOST)
    reply_to: str = Field(max_length=ADDRESS_LENGTH_AT_MOST)
    subject: str = outside_text(SUBJECT_LENGTH_AT_MOST)
    body: str = Field(sa_type=Text)


class TicketRecord(NamedTuple):
    """A ticket without its text. `attempts` counts the attempts since it was made or last sent by hand."""

    id: UUID
    organization_id: UUID
    person_id: UUID
    conversation_id: UUID | None
    created_at: datetime
    sent_to: str | None
    sent_at: datetime | None
    attempts: int
    next_attempt_at: datetime | None
    failure: str | None


class ListedTicket(NamedTuple):
    """A ticket as the operator sees it, with its person and organization."""

    ticket: TicketRecord
    person: NamedPerson
    organization: str
    subject: str
    body: str


class OutgoingTicket(NamedTuple):
    """What a ticket's mail is made of."""

    id: UUID
    created_at: datetime
    sent_to: str
    reply_to: str
    subject: str
    body: str


_RECORD: list[Any] = [
    Ticket.id,
    Ticket.organization_id,
    Ticket.person_id,
    Ticket.conversation_id,
    Ticket.created_at,
    Ticket.sent_to,
    Ticket.sent_at,
    Ticket.attempts,
    Ticket.next_attempt_at,
    Ticket.failure,
]
_OUTGOING: list[Any] = [
    Ticket.id,
    Ticket.created_at,
    Ticket.sent_to,
    Ticket.reply_to,
    Ticket.subject,
    Ticket.body,
]


def record_of(ticket: Ticket) -> TicketRecord:
    """The parts of a row that are shown."""
    return TicketRecord(
        ticket.id,
        ticket.organization_id,
        ticket.person_id,
        ticket.conversation_id,
        ticket.created_at,
        ticket.sent_to,
        ticket.sent_at,
        ticket.attempts,
        ticket.next_attempt_at,
        ticket.failure,
    )


@cache
def _of_conversations(room: int) -> Select[Any]:
    return columns(*_RECORD).where(col(Ticket.conversation_id).in_(placeholders(room)))


async def tickets_of(source: Source, conversation_ids: Collection[UUID]) -> dict[UUID, TicketRecord]:
    """The tickets of these conversations, by the conversation's id. At least one id must be given."""
    rows = await fetch(source, _of_conversations(padded_size(conversation_ids)), padded_values(conversation_ids))
    return {row[3]: TicketRecord._make(row) for row in rows}


async def handed_over_since(session: AsyncSession, person_id: UUID, moment: datetime) -> list[datetime]:
    """The times of the person's hand-overs after the moment, oldest first."""
    statement = (
        columns(col(Ticket.created_at))
        .where(col(Ticket.person_id) == person_id, col(Ticket.created_at) > moment)
        .order_by(col(Ticket.created_at))
    )
    return list((await session.execute(statement)).scalars())


async def count_handed_over(session: AsyncSession, organization_id: UUID, *, since: datetime) -> int:
    """The number of hand-overs in the organization since then."""
    statement = columns(func.count()).where(
        col(Ticket.organization_id) == organization_id, col(Ticket.created_at) >= since
    )
    return int((await session.execute(statement)).scalar_one())


async def newest_tickets(
    session: AsyncSession, *, last: int, only_unsent: bool = False, ticket_id: UUID | None = None
) -> list[ListedTicket]:
    """
    Up to `last` tickets of all organizations for the operator, newest first.

    `only_unsent` leaves out those that were sent; `ticket_id` selects a single ticket.
    """
    statement = (
        columns(*_RECORD, Person.id, Person.email, Person.name, Organization.name, Ticket.subject, Ticket.body)  # type: ignore[call-overload]
        .join(Person, col(Person.id) == col(Ticket.person_id))
        .join(Organization, col(Organization.id) == col(Ticket.organization_id))
        .order_by(col(Ticket.created_at).desc(), col(Ticket.id).desc())
        .limit(last)
    )
    if only_unsent:
        statement = statement.where(col(Ticket.sent_at).is_(None))
    if ticket_id is not None:
        statement = statement.where(col(Ticket.id) == ticket_id)
    width = len(_RECORD)
    return [
        ListedTicket(TicketRecord._make(row[:width]), NamedPerson(*row[width : width + 3]), *row[width + 3 :])
        for row in (await session.execute(statement)).all()
    ]


async def ticket_to_mail(session: AsyncSession, ticket_id: UUID) -> OutgoingTicket | None:
    """The ticket's mail. None if there is no such ticket."""
    row = (await session.execute(columns(*_OUTGOING).where(col(Ticket.id) == ticket_id))).first()
    return None if row is None else OutgoingTicket._make(row)


async def send_ticket_to(session: AsyncSession, ticket_id: UUID, address: str) -> None:
    """Sets the address that the ticket goes to."""
    await session.execute(
        update(Ticket)
        .where(col(Ticket.id) == ticket_id)
        .values(sent_to=address)
        .execution_options(synchronize_session=False)
    )
