"""Requests for API keys, from people who may not create them, to the admins of their organization."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Index, Integer, Select, Uuid, bindparam, update
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col, select

from models.agent import Agent, NamedAgent
from models.engine.columns import instant, optional_instant, optional_reference, reference
from models.engine.reader import Source, fetch
from models.mailed import Mailed
from models.organization import Organization
from models.person import NamedPerson, Person

REASON_LENGTH_AT_MOST = 1000
KEPT_DAYS = 90
SHOWN_AT_MOST = 50


class KeyRequest(Mailed, table=True):
    """A person asks for a key, for one agent or the organization. It is closed once an admin has dealt with it."""

    __tablename__ = "key_requests"
    __table_args__ = (
        Index("ix_key_requests_created_at", "created_at"),
        Index("ix_key_requests_next_attempt_at", "next_attempt_at"),
        Index("ix_key_requests_organization_id_id", "organization_id", "id"),
        Index("ix_key_requests_person_id_created_at", "person_id", "created_at"),
    )

    organization_id: UUID = reference("organizations.id")
    person_id: UUID = reference("people.id")
    agent_id: UUID | None = optional_reference("agents.id")
    name: str = Field(max_length=64)
    reason: str = Field(max_length=REASON_LENGTH_AT_MOST)
    created_at: datetime = instant()
    closed_at: datetime | None = optional_instant()


class KeyRequestRecord(NamedTuple):
    """A request as it is shown. `agent` is None if the key is for the organization."""

    id: UUID
    organization_id: UUID
    organization_name: str
    person: NamedPerson
    agent: NamedAgent | None
    name: str
    reason: str
    created_at: datetime


_SHOWN: list[Any] = [
    KeyRequest.id,
    KeyRequest.organization_id,
    Organization.name,
    Person.id,
    Person.email,
    Person.name,
    Agent.id,
    Agent.name,
    Agent.deleted_at,
    Agent.external_id,
    KeyRequest.name,
    KeyRequest.reason,
    KeyRequest.created_at,
]
_OPEN: Select[Any] = (
    columns(*_SHOWN)
    .select_from(KeyRequest)
    .join(
        Organization, (col(Organization.id) == col(KeyRequest.organization_id)) & col(Organization.deleted_at).is_(None)
    )
    .join(Person, col(Person.id) == col(KeyRequest.person_id))
    .outerjoin(Agent, col(Agent.id) == col(KeyRequest.agent_id))
    .where(col(KeyRequest.closed_at).is_(None))
)
_OF_ORGANIZATION = (
    _OPEN.where(col(KeyRequest.organization_id) == bindparam("organization_id", type_=Uuid()))
    .order_by(col(KeyRequest.id).desc())
    .limit(bindparam("limit", type_=Integer()))
)
_OF_PERSON = _OF_ORGANIZATION.where(col(KeyRequest.person_id) == bindparam("person_id", type_=Uuid()))
_BY_ID = _OPEN.where(col(KeyRequest.id) == bindparam("id", type_=Uuid()))


async def open_requests(source: Source, organization_id: UUID) -> list[KeyRequestRecord]:
    """The newest requests of the organization that nobody has dealt with, newest first."""
    parameters = {"organization_id": organization_id, "limit": SHOWN_AT_MOST}
    return [_record(row) for row in await fetch(source, _OF_ORGANIZATION, parameters)]


async def open_requests_of(source: Source, organization_id: UUID, person_id: UUID) -> list[KeyRequestRecord]:
    """This person's requests in the organization that nobody has dealt with, newest first."""
    parameters = {"organization_id": organization_id, "person_id": person_id, "limit": SHOWN_AT_MOST}
    return [_record(row) for row in await fetch(source, _OF_PERSON, parameters)]


async def open_request(source: Source, request_id: UUID) -> KeyRequestRecord | None:
    """The request with this id; None if there is none, or if it is closed."""
    return next((_record(row) for row in await fetch(source, _BY_ID, {"id": request_id})), None)


def _record(row: Sequence[Any]) -> KeyRequestRecord:
    agent = None if row[6] is None else NamedAgent(*row[6:10])
    return KeyRequestRecord._make([*row[:3], NamedPerson(*row[3:6]), agent, *row[10:]])


async def asked_since(session: AsyncSession, person_id: UUID, moment: datetime) -> list[datetime]:
    """The times of the person's requests after the moment, oldest first."""
    statement = (
        select(KeyRequest.created_at)
        .where(col(KeyRequest.person_id) == person_id, col(KeyRequest.created_at) > moment)
        .order_by(col(KeyRequest.created_at))
    )
    return list((await session.execute(statement)).scalars())


async def close_request(session: AsyncSession, request_id: UUID, *, at: datetime) -> bool:
    """Closes the request, which is then not mailed any more. False if it was closed before."""
    closed = await session.execute(
        update(KeyRequest)
        .where(col(KeyRequest.id) == request_id, col(KeyRequest.closed_at).is_(None))
        .values(closed_at=at, next_attempt_at=None)
        .returning(col(KeyRequest.id))
        .execution_options(synchronize_session=False)
    )
    return closed.first() is not None


async def close_requests_of(session: AsyncSession, organization_id: UUID, person_id: UUID, *, at: datetime) -> None:
    """Closes all requests of a person who is no longer in the organization."""
    await session.execute(
        update(KeyRequest)
        .where(
            col(KeyRequest.organization_id) == organization_id,
            col(KeyRequest.person_id) == person_id,
            col(KeyRequest.closed_at).is_(None),
        )
        .values(closed_at=at, next_attempt_at=None)
        .execution_options(synchronize_session=False)
    )
