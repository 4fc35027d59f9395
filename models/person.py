"""Owns people, their memberships with a role, and which agents an agent admin administers."""

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Enum, ForeignKeyConstraint, Select, Uuid, bindparam, delete
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.agent import Agent
from models.engine.columns import instant, optional_instant, reference, storable
from models.engine.ids import new_id
from models.engine.reader import Source, fetch
from models.organization import Organization

EMAIL_LENGTH_AT_MOST = 254


class Role(StrEnum):
    """What a person is in one organization."""

    ORGANIZATION_ADMIN = "organization-admin"
    AGENT_ADMIN = "agent-admin"
    MEMBER = "member"


class Person(SQLModel, table=True):
    """Somebody who can sign in. `email` is kept in its canonical form; a one-time password is changed at sign-in."""

    __tablename__ = "people"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    email: str = Field(max_length=EMAIL_LENGTH_AT_MOST, unique=True)
    name: str = Field(max_length=128)
    password_hash: str | None = Field(default=None, max_length=255)
    password_is_one_time: bool = False
    password_expires_at: datetime | None = optional_instant()
    created_at: datetime = instant()


class NamedPerson(NamedTuple):
    """What is shown of a person beside a key or an event."""

    id: UUID
    email: str
    name: str


class Membership(SQLModel, table=True):
    """A person's role in an organization."""

    __tablename__ = "memberships"

    organization_id: UUID = reference("organizations.id", primary_key=True)
    person_id: UUID = reference("people.id", primary_key=True, index=True)
    role: Role = Field(
        sa_type=Enum(
            Role,
            native_enum=False,
            create_constraint=True,
            length=32,
            name="role",
            values_callable=lambda roles: [role.value for role in roles],
        )
    )
    created_at: datetime = instant()


class AdministeredAgent(SQLModel, table=True):
    """An agent that an agent admin administers, in the organization of the membership. It outlives the agent."""

    __tablename__ = "administered_agents"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "person_id"],
            ["memberships.organization_id", "memberships.person_id"],
            ondelete="CASCADE",
            name="fk_administered_agents_membership",
        ),
        ForeignKeyConstraint(
            ["agent_id", "organization_id"],
            ["agents.id", "agents.organization_id"],
            name="fk_administered_agents_agent",
        ),
    )

    person_id: UUID = Field(primary_key=True)
    agent_id: UUID = Field(primary_key=True, index=True)
    organization_id: UUID


class OrganizationRecord(NamedTuple):
    """What everybody in an organization may see of it."""

    id: UUID
    name: str
    key_limit: int
    rate_limit: int
    monthly_quota: int
    live_key_count: int


@dataclass(frozen=True, slots=True)
class MembershipRecord:
    """A membership with its organization, and the agents administered there, deleted ones included."""

    organization: OrganizationRecord
    role: Role
    agent_ids: frozenset[UUID]


MEMBERSHIP_COLUMNS: list[Any] = [
    Organization.id,
    Organization.name,
    Organization.key_limit,
    Organization.rate_limit,
    Organization.monthly_quota,
    Organization.live_key_count,
    Membership.role,
    AdministeredAgent.agent_id,
]
"""What `fold_memberships` reads, in this order; of nothing but nulls where there is no membership."""
ADMINISTERED_THERE = (col(AdministeredAgent.person_id) == col(Membership.person_id)) & (
    col(AdministeredAgent.organization_id) == col(Membership.organization_id)
)


def fold_memberships(rows: Iterable[Sequence[Any]]) -> list[MembershipRecord]:
    """The memberships in rows of MEMBERSHIP_COLUMNS, of which an agent admin has one for each agent."""
    found: dict[UUID, tuple[OrganizationRecord, Role, list[UUID]]] = {}
    for *organization, role, agent_id in rows:
        if organization[0] is None:
            continue
        agent_ids = found.setdefault(organization[0], (OrganizationRecord._make(organization), role, []))[2]
        if agent_id is not None:
            agent_ids.append(agent_id)
    return [MembershipRecord(organization, role, frozenset(ids)) for organization, role, ids in found.values()]


def canonical_email(text: str) -> str:
    """
    The form in which an address is kept and looked up: without white space around it, in NFKC and lower case.

    What no row can hold is made into an address that none has: a NUL or half a surrogate pair becomes U+FFFD, and
    what is too long stays too long, cut before it is normalised, since that takes quadratic time.
    """
    address = storable(text.strip(), EMAIL_LENGTH_AT_MOST + 1)
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", address).lower()).strip()


async def person_by_email(session: AsyncSession, email: str) -> Person | None:
    """The person with this address, which must be in its canonical form."""
    return (await session.execute(select(Person).where(Person.email == email))).scalar_one_or_none()


async def every_email(session: AsyncSession) -> list[str]:
    """The addresses of all people."""
    return list((await session.execute(select(Person.email).order_by(Person.email))).scalars())


async def person_by_id(session: AsyncSession, person_id: UUID) -> Person | None:
    """The person, or None."""
    return await session.get(Person, person_id, populate_existing=True)


async def person_for_update(session: AsyncSession, person_id: UUID) -> Person | None:
    """The person's row as it is now, held until the transaction ends: before a password or sessions are changed."""
    statement = (
        select(Person)
        .where(Person.id == person_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def memberships_of(session: AsyncSession, person_id: UUID) -> list[MembershipRecord]:
    """What the person is in each organization that is still there, in one query; by the organization's name."""
    statement = (
        columns(*MEMBERSHIP_COLUMNS)
        .select_from(Membership)
        .join(Organization, col(Organization.id) == col(Membership.organization_id))
        .outerjoin(AdministeredAgent, ADMINISTERED_THERE)
        .where(col(Membership.person_id) == person_id, col(Organization.deleted_at).is_(None))
        .order_by(col(Organization.name), col(Organization.id))
    )
    return fold_memberships((await session.execute(statement)).all())


async def membership(session: AsyncSession, organization_id: UUID, person_id: UUID) -> Membership | None:
    """The person's membership in the organization."""
    return await session.get(Membership, (organization_id, person_id), populate_existing=True)


async def members_of(session: AsyncSession, organization_id: UUID) -> list[tuple[Person, Role]]:
    """Everybody in the organization, by name."""
    statement = (
        select(Person, Membership.role)
        .join(Membership, col(Membership.person_id) == col(Person.id))
        .where(Membership.organization_id == organization_id)
        .order_by(col(Person.name), col(Person.id))
    )
    return [(person, Role(role)) for person, role in (await session.execute(statement)).all()]


_NAMED: list[Any] = [Person.id, Person.email, Person.name]
_ADMINS: Select[Any] = (
    columns(*_NAMED)
    .join(Membership, col(Membership.person_id) == col(Person.id))
    .where(
        col(Membership.organization_id) == bindparam("organization_id", type_=Uuid()),
        col(Membership.role) == Role.ORGANIZATION_ADMIN,
    )
    .order_by(col(Person.name), col(Person.id))
)


async def admins_of(source: Source, organization_id: UUID) -> list[NamedPerson]:
    """The organization's admins, by name."""
    return [NamedPerson._make(row) for row in await fetch(source, _ADMINS, {"organization_id": organization_id})]


async def administered_in(session: AsyncSession, organization_id: UUID) -> dict[UUID, list[Agent]]:
    """For each agent admin of the organization the living agents administered, by name."""
    statement = (
        select(AdministeredAgent.person_id, Agent)
        .join(Agent, col(Agent.id) == col(AdministeredAgent.agent_id))
        .where(AdministeredAgent.organization_id == organization_id, col(Agent.deleted_at).is_(None))
        .order_by(col(Agent.name), col(Agent.id))
    )
    found: dict[UUID, list[Agent]] = {}
    for person_id, agent in (await session.execute(statement)).all():
        found.setdefault(person_id, []).append(agent)
    return found


async def set_administered(
    session: AsyncSession, organization_id: UUID, person_id: UUID, agent_ids: Collection[UUID]
) -> None:
    """
    Makes these the living agents that the person administers in the organization. Deleted ones stay as they were,
    so that who administered an agent can still see its tombstone.
    """
    living = select(Agent.id).where(Agent.organization_id == organization_id, col(Agent.deleted_at).is_(None))
    await session.execute(
        delete(AdministeredAgent).where(
            col(AdministeredAgent.person_id) == person_id,
            col(AdministeredAgent.organization_id) == organization_id,
            col(AdministeredAgent.agent_id).in_(living),
        )
    )
    session.add_all(
        AdministeredAgent(person_id=person_id, agent_id=agent_id, organization_id=organization_id)
        for agent_id in agent_ids
    )
    await session.flush()
