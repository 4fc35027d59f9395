"""Tickets: conversations that were handed over to people, and the state of the mail for each."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Column, ForeignKey, Index, Select, Text, Uuid, func, literal, update
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from models.engine.columns import instant, optional_instant, optional_outside_text, outside_text, reference
from models.engine.ids import new_id
from models.engine.in_clause import padded_size, padded_values, placeholders
from models.engine.reader import Source, fetch
from models.organization import Organization
from models.person import NamedPerson, Person

ADDRESS_LENGTH_AT_MOST = 320
KEPT_DAYS = 90
"""As long as conversations are kept, because a ticket contains one."""
SUBJECT_LENGTH_AT_MOST = 200
FAILURE_LENGTH_AT_MOST = 300


class Ticket(SQLModel, table=True):
    """
    A hand-over to people. A conversation has at most one ticket, and is dropped before its ticket.

    `sent_to` is null if the operator had set no address. `next_attempt_at` is when to mail it; it is null if the ticket
    was sent, has no address, or was given up.
    """

    __tablename__ = "tickets"
    __table_args__ = (
        Index("ix_tickets_sent_at_next_attempt_at", "sent_at", "next_attempt_at"),
        Index("ix_tickets_person_id_created_at", "person_id", "created_at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
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
    sent_at: datetime | None = optional_instant()
    attempts: int = 0
    next_attempt_at: datetime | None = optional_instant()
    failure: str | None = optional_outside_text(FAILURE_LENGTH_AT_MOST)


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
    """A ticket that the caller has claimed and is to mail now."""

    id: UUID
    created_at: datetime
    sent_to: str
    reply_to: str
    subject: str
    body: str
    attempts: int
    """The number of attempts, including this one."""
    claimed_until: datetime


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
    Ticket.attempts,
    Ticket.next_attempt_at,
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


async def is_ticket_due(session: AsyncSession, now: datetime) -> bool:
    """Whether a ticket is due. Check this before claiming one, because claiming waits for the database's writers."""
    return (await session.execute(_due(now))).first() is not None


async def claim_due_ticket(session: AsyncSession, *, now: datetime, until: datetime) -> OutgoingTicket | None:
    """
    Claims the ticket that has been due for longest: until `until`, no other process sends it. None if none is due.

    If the process dies before it stores the result, another process can claim the ticket after `until`.
    """
    due = _due(now).with_for_update(skip_locked=True).scalar_subquery()
    taken = await session.execute(
        update(Ticket)
        .where(col(Ticket.id) == due)
        .values(next_attempt_at=until, attempts=col(Ticket.attempts) + literal(1))
        .returning(*_OUTGOING)
        .execution_options(synchronize_session=False)
    )
    row = taken.first()
    return None if row is None else OutgoingTicket._make(row)


async def claim_ticket(
    session: AsyncSession, ticket_id: UUID, *, sent_to: str, until: datetime
) -> OutgoingTicket | None:
    """Claims this ticket, sent or not, to be mailed to this address. None if there is no such ticket."""
    taken = await session.execute(
        update(Ticket)
        .where(col(Ticket.id) == ticket_id)
        .values(sent_to=sent_to, sent_at=None, next_attempt_at=until, attempts=1, failure=None)
        .returning(*_OUTGOING)
        .execution_options(synchronize_session=False)
    )
    row = taken.first()
    return None if row is None else OutgoingTicket._make(row)


async def mark_sent(session: AsyncSession, ticket_id: UUID, at: datetime) -> None:
    """Stores that the mail server has accepted the ticket, even if another process has claimed it meanwhile."""
    await session.execute(
        update(Ticket)
        .where(col(Ticket.id) == ticket_id)
        .values(sent_at=at, next_attempt_at=None, failure=None)
        .execution_options(synchronize_session=False)
    )


async def mark_failed(
    session: AsyncSession, ticket: OutgoingTicket, *, failure: str, next_attempt_at: datetime | None
) -> None:
    """
    Stores why the ticket was not sent, and when to try again; None gives it up.

    Does nothing if another process has claimed the ticket meanwhile.
    """
    await session.execute(
        update(Ticket)
        .where(
            col(Ticket.id) == ticket.id,
            col(Ticket.sent_at).is_(None),
            col(Ticket.next_attempt_at) == ticket.claimed_until,
        )
        .values(failure=failure, next_attempt_at=next_attempt_at)
        .execution_options(synchronize_session=False)
    )


def _due(now: datetime) -> Select[UUID]:
    return (
        columns(col(Ticket.id))
        .where(col(Ticket.sent_at).is_(None), col(Ticket.sent_to).is_not(None), col(Ticket.next_attempt_at) <= now)
        .order_by(col(Ticket.next_attempt_at))
        .limit(1)
    )
