"""The table of programs' tokens: service tokens of organizations, and operator tokens. Only digests are stored."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Enum, ForeignKey, Index, Select, Uuid, bindparam, func, update
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.engine.columns import instant, optional_instant, optional_reference, reference
from models.engine.ids import new_id
from models.engine.reader import Source, fetch
from models.organization import Organization
from models.person import MembershipRecord, Role, fold_memberships
from models.revocations.line import Kind, Revocation
from models.revocations.recorder import note_revoked

DIGEST_LENGTH = 64
NAME_LENGTH_AT_MOST = 64


class ProgramToken(SQLModel, table=True):
    """
    A token with which a program acts. `digest` is of the whole token, `kind` is one of `keys.program_token.Kind`.

    A service token has an organization and a role, and agents if the role is that of an agent admin. An operator token
    has rights instead. `created_by_id` and `revoked_by_id` are null if the operator did it. Rows are not deleted,
    because events and keys name the token.
    """

    __tablename__ = "program_tokens"
    __table_args__ = (
        CheckConstraint(
            "(kind = 'service' AND organization_id IS NOT NULL AND role IS NOT NULL) OR "
            "(kind = 'operator' AND organization_id IS NULL AND role IS NULL)",
            name="kind",
        ),
        Index("ix_program_tokens_organization_id_id", "organization_id", "id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    kind: str = Field(max_length=8)
    organization_id: UUID | None = optional_reference("organizations.id")
    name: str = Field(max_length=NAME_LENGTH_AT_MOST)
    role: Role | None = Field(
        default=None,
        sa_type=Enum(
            Role,
            native_enum=False,
            create_constraint=True,
            length=32,
            name="role",
            values_callable=lambda roles: [role.value for role in roles],
        ),
        nullable=True,
    )
    may_provision: bool = False
    may_sign_in: bool = False
    prefix: str = Field(max_length=13)
    public_id: str = Field(max_length=16)
    last_four: str = Field(max_length=4)
    digest: str = Field(max_length=DIGEST_LENGTH, unique=True)
    server_key_id: str = Field(max_length=16)
    created_at: datetime = instant()
    created_by_id: UUID | None = optional_reference("people.id")
    expires_at: datetime = instant()
    last_used_at: datetime | None = optional_instant()
    revoked_at: datetime | None = optional_instant()
    revoked_by_id: UUID | None = optional_reference("people.id")


class ProgramTokenAgent(SQLModel, table=True):
    """An agent that a service token administers. The row stays after the agent was deleted."""

    __tablename__ = "program_token_agents"

    token_id: UUID = Field(
        sa_column=Column(Uuid(), ForeignKey("program_tokens.id", ondelete="CASCADE"), primary_key=True)
    )
    agent_id: UUID = reference("agents.id", primary_key=True)


class NamedToken(NamedTuple):
    """The parts of a token that are shown with a key or an event that its program caused."""

    id: UUID
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """
    A stored token, as it is needed to decide what its program may do.

    `membership` is a service token's role in its organization. It is None for an operator token, and for a service
    token whose organization was deleted.
    """

    id: UUID
    kind: str
    name: str
    may_provision: bool
    may_sign_in: bool
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    membership: MembershipRecord | None

    def works(self, now: datetime) -> bool:
        """Whether it has neither expired nor been revoked. A service token ends with its organization, too."""
        has_place = self.kind == "operator" or self.membership is not None
        return has_place and self.revoked_at is None and now < self.expires_at


_OWN: list[Any] = [
    ProgramToken.id,
    ProgramToken.kind,
    ProgramToken.name,
    ProgramToken.may_provision,
    ProgramToken.may_sign_in,
    ProgramToken.expires_at,
    ProgramToken.last_used_at,
    ProgramToken.revoked_at,
]
_PLACE: list[Any] = [
    Organization.id,
    Organization.name,
    Organization.key_limit,
    Organization.rate_limit,
    Organization.monthly_quota,
    Organization.live_key_count,
    Organization.allows_assistant_model,
    ProgramToken.role,
    ProgramTokenAgent.agent_id,
]
# Built once: every GraphQL request of a program reads this. The columns of a deleted organization are null.
_ANY: Select[*tuple[Any, ...]] = (
    columns(*_OWN, *_PLACE)
    .select_from(ProgramToken)
    .outerjoin(
        Organization,
        (col(Organization.id) == col(ProgramToken.organization_id)) & col(Organization.deleted_at).is_(None),
    )
    .outerjoin(ProgramTokenAgent, col(ProgramTokenAgent.token_id) == col(ProgramToken.id))
)
_BY_DIGEST = _ANY.where(col(ProgramToken.digest) == bindparam("digest"))
_BY_ID = _ANY.where(col(ProgramToken.id) == bindparam("id", type_=Uuid()))


async def token_with_digest(source: Source, digest: str) -> PresentedToken | None:
    """The token with this digest, whether it works or not, in one query."""
    return _presented(await fetch(source, _BY_DIGEST, {"digest": digest}))


async def token_with_id(source: Source, token_id: UUID) -> PresentedToken | None:
    """The token with this id, whether it works or not, in one query."""
    return _presented(await fetch(source, _BY_ID, {"id": token_id}))


def _presented(rows: Sequence[Sequence[Any]]) -> PresentedToken | None:
    if not rows:
        return None
    place = fold_memberships(row[len(_OWN) :] for row in rows)
    own: list[Any] = [*rows[0][: len(_OWN)], next(iter(place), None)]
    return PresentedToken(*own)


async def token_for_update(session: AsyncSession, token_id: UUID) -> ProgramToken | None:
    """The token's current row, locked until the transaction ends; None if there is no such token."""
    statement = (
        select(ProgramToken)
        .where(ProgramToken.id == token_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def unrevoked_token(session: AsyncSession, token_id: UUID) -> ProgramToken | None:
    """
    The token's row if it was not revoked, also if it has expired. It can't be revoked until the transaction ends.

    Several transactions may hold it at once.
    """
    statement = (
        select(ProgramToken)
        .where(ProgramToken.id == token_id, col(ProgramToken.revoked_at).is_(None))
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(statement)).scalar_one_or_none()


def mark_revoked(session: AsyncSession, row: ProgramToken, *, at: datetime, by: UUID | None) -> None:
    """Revokes a token whose row is locked, and notes it for the revocation journal. `by` is None for the operator."""
    row.revoked_at, row.revoked_by_id = at, by
    note_revoked(session, Revocation(Kind.DELETED, row.public_id, at, at))


async def add_token(session: AsyncSession, row: ProgramToken, agent_ids: Collection[UUID] = ()) -> None:
    """Stores a token with the agents that it administers."""
    session.add(row)
    await session.flush()
    session.add_all(ProgramTokenAgent(token_id=row.id, agent_id=each) for each in agent_ids)
    await session.flush()


async def operator_tokens(session: AsyncSession) -> list[ProgramToken]:
    """All operator tokens, newest first."""
    statement = select(ProgramToken).where(ProgramToken.kind == "operator").order_by(col(ProgramToken.id).desc())
    return list((await session.execute(statement)).scalars())


async def tokens_by_server_key(session: AsyncSession, *, now: datetime) -> dict[str, int]:
    """For each server key's id, the number of tokens that work and were made with it."""
    statement = (
        columns(col(ProgramToken.server_key_id), func.count())
        .outerjoin(Organization, col(Organization.id) == col(ProgramToken.organization_id))
        .where(
            col(ProgramToken.revoked_at).is_(None),
            col(ProgramToken.expires_at) > now,
            col(Organization.deleted_at).is_(None),
        )
        .group_by(col(ProgramToken.server_key_id))
    )
    return {row[0]: row[1] for row in await session.execute(statement)}


async def mark_token_used(session: AsyncSession, token_id: UUID, *, at: datetime, unless_since: datetime) -> None:
    """Stores when the token was used, unless this or another process stored a use after `unless_since`."""
    last_used = col(ProgramToken.last_used_at)
    await session.execute(
        update(ProgramToken)
        .where(col(ProgramToken.id) == token_id, last_used.is_(None) | (last_used <= unless_since))
        .values(last_used_at=at)
        .execution_options(synchronize_session=False)
    )
