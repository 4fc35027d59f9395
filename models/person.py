"""The tables of people, their memberships with a role, and the agents that agent admins administer."""

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import idna
from sqlalchemy import Enum, ForeignKeyConstraint, Index, Select, Uuid, bindparam, delete, false, func
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.agent import Agent
from models.engine.columns import EXTERNAL_ID_LENGTH_AT_MOST, instant, optional_instant, reference, storable
from models.engine.ids import new_id
from models.engine.reader import Source, fetch
from models.organization import Organization

EMAIL_LENGTH_AT_MOST = 254


class Role(StrEnum):
    """What a person may do in an organization. `keys.policy` has the details."""

    ORGANIZATION_ADMIN = "organization-admin"
    AGENT_ADMIN = "agent-admin"
    MEMBER = "member"


class Person(SQLModel, table=True):
    """
    A person who can sign in. `email` is in its canonical form (`canonical_email`).

    A person with a one-time password must choose another at the first sign-in.
    """

    __tablename__ = "people"
    __table_args__ = (Index("uq_people_external_id", "external_id", unique=True),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    email: str = Field(max_length=EMAIL_LENGTH_AT_MOST, unique=True)
    name: str = Field(max_length=128)
    password_hash: str | None = Field(default=None, max_length=255)
    password_is_one_time: bool = False
    password_expires_at: datetime | None = optional_instant()
    created_at: datetime = instant()
    last_signed_in_at: datetime | None = optional_instant()
    is_address_unproved: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """
    True if nobody has shown whose address it is: an account that was made by a link that an admin passed on, or by a
    host product, which may send addresses that it has not verified.
    """
    external_id: str | None = Field(default=None, max_length=EXTERNAL_ID_LENGTH_AT_MOST)
    """The host product's id of the person, who is found by it and never by the address; None for all others."""
    is_linkable: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether the operator made the account for its address: then an identity with this address may be linked to it."""
    is_break_glass: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    """Whether the person may use a password where KEYDESK_PASSWORDS=break-glass allows few people to."""


class NamedPerson(NamedTuple):
    """The parts of a person that are shown with a key or an event."""

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
    """An agent that an agent admin administers. The row stays after the agent was deleted."""

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
    """The parts of an organization that all its people may see."""

    id: UUID
    name: str
    key_limit: int
    rate_limit: int
    monthly_quota: int
    live_key_count: int
    allows_assistant_model: bool = True
    """Whether the operator's model, if there is one, may help with unclear messages."""


@dataclass(frozen=True, slots=True)
class MembershipRecord:
    """A membership with its organization and the agents that the person administers there, including deleted ones."""

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
    Organization.allows_assistant_model,
    Membership.role,
    AdministeredAgent.agent_id,
]
"""The columns that `fold_memberships` reads, in this order. They are all null if there is no membership."""
ADMINISTERED_THERE = (col(AdministeredAgent.person_id) == col(Membership.person_id)) & (
    col(AdministeredAgent.organization_id) == col(Membership.organization_id)
)


def fold_memberships(rows: Iterable[Sequence[Any]]) -> list[MembershipRecord]:
    """Makes memberships from rows of MEMBERSHIP_COLUMNS. An agent admin has a row for each administered agent."""
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
    The form in which an e-mail address is stored and looked up: without white space around it, in NFKC and lower case,
    its domain in ASCII.

    A text that can't be stored becomes an address that nobody has: NUL and half a surrogate pair become U+FFFD. A text
    that is too long stays too long, but is cut before it is normalized, because normalizing takes quadratic time.
    """
    address = storable(text.strip(), EMAIL_LENGTH_AT_MOST + 1)
    address = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", address).lower()).strip()
    local, at, domain = address.rpartition("@")
    return local + at + ascii_domain(domain)


def ascii_domain(domain: str) -> str:
    """
    The domain as its labels are sent in mail and DNS (IDNA 2008, RFC 5891; mapped by UTS 46). Unchanged if it can't be.

    The codec `idna` of Python is of 2003: it turns ß into ss, which is another domain.
    """
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain


async def person_by_email(session: AsyncSession, email: str) -> Person | None:
    """The person with this address, which must be in its canonical form."""
    found = (await session.execute(select(Person).where(Person.email == email))).scalar_one_or_none()
    before = _with_domain_as_before(email)
    if found is None and before is not None:
        found = (await session.execute(select(Person).where(Person.email == before))).scalar_one_or_none()
    return found


def _with_domain_as_before(email: str) -> str | None:
    """The form in which older versions stored an address whose domain is not ASCII; None for all others."""
    local, _, domain = email.rpartition("@")
    if "xn--" not in domain:
        return None
    try:
        return f"{local}@{idna.decode(domain)}"
    except idna.IDNAError:
        return None


async def person_by_external_id(session: AsyncSession, external_id: str) -> Person | None:
    """The person with this id of the host product, in whichever organization."""
    statement = select(Person).where(Person.external_id == external_id)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def every_email(session: AsyncSession) -> list[str]:
    """The addresses of all people."""
    return list((await session.execute(select(Person.email).order_by(Person.email))).scalars())


async def person_by_id(session: AsyncSession, person_id: UUID) -> Person | None:
    """The person, or None."""
    return await session.get(Person, person_id, populate_existing=True)


async def person_for_update(session: AsyncSession, person_id: UUID) -> Person | None:
    """
    The person's current row, locked until the transaction ends; None if there is no such person.

    Use it before changing a password or sessions.
    """
    statement = (
        select(Person)
        .where(Person.id == person_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def memberships_of(session: AsyncSession, person_id: UUID) -> list[MembershipRecord]:
    """The person's memberships in organizations that are not deleted, in one query, sorted by organization name."""
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
    """The person's membership in the organization, or None."""
    return await session.get(Membership, (organization_id, person_id), populate_existing=True)


async def members_of(session: AsyncSession, organization_id: UUID) -> list[tuple[Person, Role]]:
    """All people in the organization with their roles, sorted by name."""
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
    """The organization's admins, sorted by name."""
    return [NamedPerson._make(row) for row in await fetch(source, _ADMINS, {"organization_id": organization_id})]


async def administered_in(session: AsyncSession, organization_id: UUID) -> dict[UUID, list[Agent]]:
    """For each agent admin of the organization, the administered agents that are not deleted, sorted by name."""
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
    Sets the agents that the person administers in the organization.

    Rows of deleted agents stay, so that the person can still see the tombstones of their keys.
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


async def count_break_glass_passwords(session: AsyncSession) -> int:
    """How many people who are in an organization may use a password at all times, and have one that lasts."""
    is_member = select(Membership.person_id).where(Membership.person_id == Person.id).exists()
    statement = select(func.count()).where(
        col(Person.is_break_glass), col(Person.password_hash).is_not(None), ~col(Person.password_is_one_time), is_member
    )
    return int((await session.execute(statement.select_from(Person))).scalar_one())
