"""Reads service tokens for display: each with its agents and the person who made it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, Uuid, and_, bindparam, func, or_
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from models.agent import SHOWN, Agent, NamedAgent
from models.engine.columns import UtcDateTime
from models.engine.in_clause import in_parts, padded_size, padded_values, placeholders
from models.engine.reader import Source, fetch
from models.organization import Organization
from models.person import NamedPerson, Person, Role
from models.tokens.program_token import ProgramToken, ProgramTokenAgent

ENDED_LISTED_FOR = timedelta(days=90)
ENDED_LISTED_AT_MOST = 100


@dataclass(frozen=True, slots=True)
class ServiceTokenRecord:
    """A service token as it is shown, with its agents that are not deleted, by name."""

    id: UUID
    organization_id: UUID
    name: str
    role: Role
    prefix: str
    public_id: str
    last_four: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    created_by: NamedPerson | None
    agents: Sequence[NamedAgent]


_OWN: list[Any] = [
    ProgramToken.id,
    ProgramToken.organization_id,
    ProgramToken.name,
    ProgramToken.role,
    ProgramToken.prefix,
    ProgramToken.public_id,
    ProgramToken.last_four,
    ProgramToken.created_at,
    ProgramToken.expires_at,
    ProgramToken.last_used_at,
    ProgramToken.revoked_at,
]
_PERSON: list[Any] = [Person.id, Person.email, Person.name]
_RECORDS: Select[Any] = (
    columns(*_OWN, *_PERSON, *SHOWN)
    .select_from(ProgramToken)
    # Not those of deleted organizations, nor operator tokens, which have none.
    .join(
        Organization,
        and_(col(Organization.id) == col(ProgramToken.organization_id), col(Organization.deleted_at).is_(None)),
    )
    .outerjoin(Person, col(Person.id) == col(ProgramToken.created_by_id))
    .outerjoin(ProgramTokenAgent, col(ProgramTokenAgent.token_id) == col(ProgramToken.id))
    .outerjoin(Agent, and_(col(Agent.id) == col(ProgramTokenAgent.agent_id), col(Agent.deleted_at).is_(None)))
    .order_by(col(ProgramToken.id).desc(), col(Agent.name), col(Agent.id))
)
_HERE = col(ProgramToken.organization_id) == bindparam("organization_id", type_=Uuid())


def living(now: datetime | Any) -> ColumnElement[bool]:
    """Whether a token has neither been revoked nor expired."""
    return and_(col(ProgramToken.revoked_at).is_(None), col(ProgramToken.expires_at) > now)


_NOW = bindparam("now", type_=UtcDateTime())
_SINCE = bindparam("since", type_=UtcDateTime())
_LIVING = _RECORDS.where(_HERE, living(_NOW))
# The newest of those that have ended: there may be many, and none of them may hide one that works.
_ENDED = (
    columns(col(ProgramToken.id))
    .where(
        _HERE,
        or_(
            and_(col(ProgramToken.revoked_at).is_(None), col(ProgramToken.expires_at).between(_SINCE, _NOW)),
            col(ProgramToken.revoked_at) > _SINCE,
        ),
    )
    .order_by(col(ProgramToken.id).desc())
    .limit(bindparam("ended_at_most", type_=Integer()))
    .subquery()
)
_LISTED = _RECORDS.where(_HERE, or_(living(_NOW), col(ProgramToken.id).in_(columns(_ENDED.c.id))))


@cache
def _with_ids(room: int) -> Select[Any]:
    return _RECORDS.where(col(ProgramToken.id).in_(placeholders(room)))


async def living_service_tokens(source: Source, organization_id: UUID, *, now: datetime) -> list[ServiceTokenRecord]:
    """The organization's service tokens that work, newest first."""
    return _fold(await fetch(source, _LIVING, {"organization_id": organization_id, "now": now}))


async def listed_service_tokens(source: Source, organization_id: UUID, *, now: datetime) -> list[ServiceTokenRecord]:
    """The organization's service tokens that work, and the newest that ended in the last 90 days, newest first."""
    parameters = {
        "organization_id": organization_id,
        "now": now,
        "since": now - ENDED_LISTED_FOR,
        "ended_at_most": ENDED_LISTED_AT_MOST,
    }
    return _fold(await fetch(source, _LISTED, parameters))


async def service_tokens_with(source: Source, ids: Collection[UUID]) -> dict[UUID, ServiceTokenRecord]:
    """Those of these tokens that are service tokens of an organization that is not deleted, by id."""
    found: dict[UUID, ServiceTokenRecord] = {}
    for part in in_parts(ids):
        records = _fold(await fetch(source, _with_ids(padded_size(part)), padded_values(part)))
        found |= {record.id: record for record in records}
    return found


async def count_living_service_tokens(session: AsyncSession, organization_id: UUID, *, now: datetime) -> int:
    """The number of the organization's service tokens that work. The caller must hold the organization's lock."""
    statement = columns(func.count()).where(col(ProgramToken.organization_id) == organization_id, living(now))
    return int((await session.execute(statement)).scalar_one())


async def living_tokens_for_update(session: AsyncSession, organization_id: UUID) -> list[ProgramToken]:
    """
    The rows of the organization's tokens that were not revoked, also expired ones, locked until the transaction ends.

    The caller must hold the organization's lock, so that no token is added meanwhile.
    """
    statement = (
        select(ProgramToken)
        .where(ProgramToken.organization_id == organization_id, col(ProgramToken.revoked_at).is_(None))
        .order_by(col(ProgramToken.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return list((await session.execute(statement)).scalars())


def _fold(rows: Sequence[Sequence[Any]]) -> list[ServiceTokenRecord]:
    """Makes records of rows, of which a token has one for each agent."""
    agents: dict[UUID, list[NamedAgent]] = {}
    first: dict[UUID, Sequence[Any]] = {}
    for row in rows:
        first.setdefault(row[0], row)
        here = agents.setdefault(row[0], [])
        if row[14] is not None:
            here.append(NamedAgent(*row[14:]))
    return [
        ServiceTokenRecord(
            id=row[0],
            organization_id=row[1],
            name=row[2],
            role=Role(row[3]),
            prefix=row[4],
            public_id=row[5],
            last_four=row[6],
            created_at=row[7],
            expires_at=row[8],
            last_used_at=row[9],
            revoked_at=row[10],
            created_by=None if row[11] is None else NamedPerson(*row[11:14]),
            agents=agents[row[0]],
        )
        for row in first.values()
    ]
