"""Invitations to an organization. A row is deleted once its invitation was accepted, revoked or replaced."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    Enum,
    ForeignKey,
    Index,
    Select,
    UniqueConstraint,
    Uuid,
    bindparam,
    delete,
    func,
    literal,
    update,
)
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.agent import SHOWN, Agent, NamedAgent
from models.engine.columns import instant, optional_reference, reference
from models.engine.ids import new_id
from models.engine.reader import Source, fetch
from models.mailed import Mailed
from models.organization import Organization
from models.person import EMAIL_LENGTH_AT_MOST, NamedPerson, Person, Role

LINK_DIGEST_LENGTH = 64
NONCE_LENGTH = 32
KEPT_DAYS = 90
MAILS_KEPT_DAYS = 1
"""How long an invitation is kept after it has expired."""


class Invitation(Mailed, table=True):
    """
    An invitation of an address. `link_digest` is of the token in its link, which is made of the row and a server key.

    `invited_by_id` is null if the operator invited.
    """

    __tablename__ = "invitations"
    __table_args__ = (
        UniqueConstraint("organization_id", "email"),
        Index("ix_invitations_next_attempt_at", "next_attempt_at"),
    )

    organization_id: UUID = reference("organizations.id")
    email: str = Field(max_length=EMAIL_LENGTH_AT_MOST)
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
    invited_by_id: UUID | None = optional_reference("people.id")
    created_at: datetime = instant()
    expires_at: datetime = instant()
    link_made_at: datetime = instant()
    link_nonce: str = Field(max_length=NONCE_LENGTH)
    link_digest: str = Field(max_length=LINK_DIGEST_LENGTH, unique=True)


class InvitationMail(SQLModel, table=True):
    """An invitation that was to be mailed, for a day: so many mails go to one address. The address is not stored."""

    __tablename__ = "invitation_mails"
    __table_args__ = (
        Index("ix_invitation_mails_at", "at"),
        Index("ix_invitation_mails_email_digest_at", "email_digest", "at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    email_digest: str = Field(max_length=64)
    at: datetime = instant()


class InvitedAgent(SQLModel, table=True):
    """An agent that the invited person will administer."""

    __tablename__ = "invited_agents"

    invitation_id: UUID = Field(
        sa_column=Column(Uuid(), ForeignKey("invitations.id", ondelete="CASCADE"), primary_key=True)
    )
    agent_id: UUID = reference("agents.id", primary_key=True)


@dataclass(frozen=True, slots=True)
class InvitationRecord:
    """An invitation as it is shown, with its organization's name, and its agents that are not deleted, by name."""

    id: UUID
    organization_id: UUID
    organization_name: str
    email: str
    role: Role
    agents: Sequence[NamedAgent]
    invited_by: NamedPerson | None
    created_at: datetime
    expires_at: datetime
    sent_at: datetime | None
    is_due: bool = False
    """Whether the mail is still to be sent, for the first time or again."""
    failure: str | None = None
    """Why the mail could not be sent the last time."""


_SHOWN: list[Any] = [
    Invitation.id,
    Invitation.organization_id,
    Organization.name,
    Invitation.email,
    Invitation.role,
    Invitation.created_at,
    Invitation.expires_at,
    Invitation.sent_at,
    Person.id,
    Person.email,
    Person.name,
    Invitation.next_attempt_at,
    Invitation.failure,
    *SHOWN,
]
_RECORDS: Select[Any] = (
    columns(*_SHOWN)
    .select_from(Invitation)
    .join(
        Organization, (col(Organization.id) == col(Invitation.organization_id)) & col(Organization.deleted_at).is_(None)
    )
    .outerjoin(Person, col(Person.id) == col(Invitation.invited_by_id))
    .outerjoin(InvitedAgent, col(InvitedAgent.invitation_id) == col(Invitation.id))
    .outerjoin(Agent, (col(Agent.id) == col(InvitedAgent.agent_id)) & col(Agent.deleted_at).is_(None))
    .order_by(col(Invitation.created_at).desc(), col(Invitation.id).desc(), col(Agent.name), col(Agent.id))
)
_OF_ORGANIZATION = _RECORDS.where(col(Invitation.organization_id) == bindparam("organization_id", type_=Uuid()))
_BY_ID = _RECORDS.where(col(Invitation.id) == bindparam("id", type_=Uuid()))


async def invitations_of(source: Source, organization_id: UUID) -> list[InvitationRecord]:
    """All invitations of the organization, expired ones too, newest first."""
    return _fold(await fetch(source, _OF_ORGANIZATION, {"organization_id": organization_id}))


async def invitation_record(source: Source, invitation_id: UUID) -> InvitationRecord | None:
    """The invitation with this id; None if there is none, or if its organization was deleted."""
    return next(iter(_fold(await fetch(source, _BY_ID, {"id": invitation_id}))), None)


def _fold(rows: Sequence[Sequence[Any]]) -> list[InvitationRecord]:
    """Makes records of rows, of which an invitation has one for each agent."""
    agents: dict[UUID, list[NamedAgent]] = {}
    first: dict[UUID, Sequence[Any]] = {}
    for row in rows:
        first.setdefault(row[0], row)
        here = agents.setdefault(row[0], [])
        if row[13] is not None:
            here.append(NamedAgent(*row[13:]))
    return [
        InvitationRecord(
            id=row[0],
            organization_id=row[1],
            organization_name=row[2],
            email=row[3],
            role=Role(row[4]),
            agents=agents[row[0]],
            invited_by=None if row[8] is None else NamedPerson(*row[8:11]),
            created_at=row[5],
            expires_at=row[6],
            sent_at=row[7],
            is_due=row[11] is not None,
            failure=row[12],
        )
        for row in first.values()
    ]


async def invitation_by_digest(session: AsyncSession, link_digest: str) -> Invitation | None:
    """The invitation whose link has this digest. Call it again under the organization's lock before using it up."""
    statement = select(Invitation).where(Invitation.link_digest == link_digest)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def invitation_by_id(session: AsyncSession, invitation_id: UUID) -> Invitation | None:
    """The invitation with this id."""
    return await session.get(Invitation, invitation_id, populate_existing=True)


async def renew_invitation(session: AsyncSession, invitation_id: UUID, **values: Any) -> bool:
    """Stores these values and makes the invitation a new mail. False if there is no such invitation."""
    renewed = await session.execute(
        update(Invitation)
        .where(col(Invitation.id) == invitation_id)
        .values(mailing=col(Invitation.mailing) + literal(1), sent_at=None, failure=None, attempts=0, **values)
        .returning(col(Invitation.id))
        .execution_options(synchronize_session=False)
    )
    return renewed.first() is not None


async def mailed_since(session: AsyncSession, email_digest: str, moment: datetime) -> list[datetime]:
    """When invitations were mailed to this address since then, by any organization, oldest first."""
    statement = (
        select(InvitationMail.at)
        .where(col(InvitationMail.email_digest) == email_digest, col(InvitationMail.at) > moment)
        .order_by(col(InvitationMail.at))
    )
    return list((await session.execute(statement)).scalars())


async def insert_invitation(session: AsyncSession, row: Invitation, agent_ids: Collection[UUID]) -> None:
    """Stores the invitation with its agents, instead of one to the same address."""
    await delete_invitations_of(session, row.organization_id, row.email)
    session.add(row)
    await session.flush()
    session.add_all(InvitedAgent(invitation_id=row.id, agent_id=agent_id) for agent_id in agent_ids)
    await session.flush()


async def delete_invitation(session: AsyncSession, invitation_id: UUID) -> bool:
    """Deletes the invitation with its agents. False if there is none."""
    statement = delete(Invitation).where(col(Invitation.id) == invitation_id).returning(col(Invitation.id))
    return (await session.execute(statement.execution_options(synchronize_session=False))).first() is not None


async def delete_invitations_of(session: AsyncSession, organization_id: UUID, email: str) -> None:
    """Deletes the organization's invitation of this address, if there is one."""
    statement = delete(Invitation).where(
        col(Invitation.organization_id) == organization_id, col(Invitation.email) == email
    )
    await session.execute(statement.execution_options(synchronize_session=False))


async def count_open(session: AsyncSession, organization_id: UUID, *, now: datetime, except_email: str) -> int:
    """The number of the organization's invitations that have not expired, without one of this address."""
    statement = columns(func.count()).where(
        col(Invitation.organization_id) == organization_id,
        col(Invitation.expires_at) > now,
        col(Invitation.email) != except_email,
    )
    return int((await session.execute(statement)).scalar_one())
