"""Queries about the people of an organization: who they are, which keys' secrets they were shown."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, bindparam, case, func
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.agent import SHOWN, Agent, NamedAgent
from models.api_key import ApiKey
from models.audit import AuditAction, AuditEvent, is_one_of
from models.engine.columns import UtcDateTime
from models.engine.in_clause import in_parts, padded_size, padded_values, placeholders
from models.engine.reader import Source, fetch
from models.person import ADMINISTERED_THERE, AdministeredAgent, Membership, NamedPerson, Person, Role


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """A person in an organization. `agents` are those that an agent admin administers, by name, without deleted."""

    organization_id: UUID
    person: NamedPerson
    role: Role
    agents: Sequence[NamedAgent]
    joined_at: datetime
    last_signed_in_at: datetime | None
    external_id: str | None = None
    """The host product's id of the person."""


_SHOWN: list[Any] = [
    Membership.organization_id,
    Person.id,
    Person.email,
    Person.name,
    Membership.role,
    Membership.created_at,
    Person.last_signed_in_at,
    Person.external_id,
    *SHOWN,
]
_OF_ORGANIZATION: Select[Any] = (
    columns(*_SHOWN)
    .select_from(Membership)
    .join(Person, col(Person.id) == col(Membership.person_id))
    .outerjoin(AdministeredAgent, ADMINISTERED_THERE)
    .outerjoin(Agent, (col(Agent.id) == col(AdministeredAgent.agent_id)) & col(Agent.deleted_at).is_(None))
    .where(col(Membership.organization_id) == bindparam("organization_id", type_=Uuid()))
    .order_by(func.lower(Person.name), col(Person.id), col(Agent.name), col(Agent.id))
)
_ONE = _OF_ORGANIZATION.where(col(Membership.person_id) == bindparam("person_id", type_=Uuid()))


async def member_records(source: Source, organization_id: UUID) -> list[MemberRecord]:
    """All people in the organization, by name."""
    return _fold(await fetch(source, _OF_ORGANIZATION, {"organization_id": organization_id}))


async def member_record(source: Source, organization_id: UUID, person_id: UUID) -> MemberRecord | None:
    """The person, if they are in the organization."""
    parameters = {"organization_id": organization_id, "person_id": person_id}
    return next(iter(_fold(await fetch(source, _ONE, parameters))), None)


def _fold(rows: Sequence[Sequence[Any]]) -> list[MemberRecord]:
    """Makes records of rows, of which a person has one for each agent."""
    agents: dict[UUID, list[NamedAgent]] = {}
    first: dict[UUID, Sequence[Any]] = {}
    for row in rows:
        first.setdefault(row[1], row)
        here = agents.setdefault(row[1], [])
        if row[8] is not None and row[4] == Role.AGENT_ADMIN:
            here.append(NamedAgent(*row[8:]))
    return [
        MemberRecord(row[0], NamedPerson(*row[1:4]), Role(row[4]), agents[row[1]], row[5], row[6], row[7])
        for row in first.values()
    ]


@cache
def _admins_of_agents(room: int) -> Select[Any]:
    shown: list[Any] = [AdministeredAgent.agent_id, Person.id, Person.email, Person.name]
    return (
        columns(*shown)
        .select_from(AdministeredAgent)
        .join(Membership, ADMINISTERED_THERE)
        .join(Person, col(Person.id) == col(AdministeredAgent.person_id))
        .where(
            col(AdministeredAgent.agent_id).in_(placeholders(room)),
            # Rows of deleted agents stay where somebody has another role by now.
            col(Membership.role) == Role.AGENT_ADMIN,
        )
        .order_by(func.lower(Person.name), col(Person.id))
    )


async def admins_of_agents(source: Source, agent_ids: Collection[UUID]) -> dict[UUID, list[NamedPerson]]:
    """The people who administer each of these agents, by name. Agents that nobody administers are left out."""
    found: defaultdict[UUID, list[NamedPerson]] = defaultdict(list)
    for part in in_parts(agent_ids):
        for row in await fetch(source, _admins_of_agents(padded_size(part)), padded_values(part)):
            found[row[0]].append(NamedPerson(*row[1:4]))
    return found


@cache
def _standings(room: int) -> Select[Any]:
    shown: list[Any] = [Membership.organization_id, Membership.role, Person.id, Person.email, Person.name]
    return (
        columns(*shown)
        .join(Person, col(Person.id) == col(Membership.person_id))
        .where(
            col(Membership.person_id) == bindparam("person_id", type_=Uuid()),
            col(Membership.organization_id).in_(placeholders(room)),
        )
    )


async def person_in(
    source: Source, person_id: UUID, organization_ids: Collection[UUID]
) -> tuple[NamedPerson | None, dict[UUID, Role]]:
    """The person, if they are in one of these organizations, and their role in each that they are in."""
    person, roles = None, dict[UUID, Role]()
    for part in in_parts(organization_ids):
        parameters = {**padded_values(part), "person_id": person_id}
        for row in await fetch(source, _standings(padded_size(part)), parameters):
            person, roles[row[0]] = NamedPerson(*row[2:5]), Role(row[1])
    return person, roles


async def count_organization_admins(session: AsyncSession, organization_id: UUID, *, except_id: UUID) -> int:
    """The number of organization admins besides this person. The caller must hold the organization's lock."""
    statement = columns(func.count()).where(
        col(Membership.organization_id) == organization_id,
        col(Membership.role) == Role.ORGANIZATION_ADMIN,
        col(Membership.person_id) != except_id,
    )
    return int((await session.execute(statement)).scalar_one())


def _shown() -> Select[Any]:
    """Each person with each living key of an organization of which they were shown a secret that still works."""
    last_event = (
        columns(col(AuditEvent.actor_id))
        .where(
            col(AuditEvent.organization_id) == col(ApiKey.organization_id),
            col(AuditEvent.api_key_id) == col(ApiKey.id),
            is_one_of((AuditAction.API_KEY_CREATED, AuditAction.API_KEY_ROTATED)),
        )
        .order_by(col(AuditEvent.id).desc())
        .limit(1)
        .scalar_subquery()
    )
    # A server of the version before rotates a key without storing who was shown its secret.
    is_stored = col(ApiKey.secret_shown_at) == func.coalesce(col(ApiKey.rotated_at), col(ApiKey.created_at))
    current = case(
        (is_stored, col(ApiKey.secret_shown_to_id)),
        (col(ApiKey.rotated_at).is_(None), col(ApiKey.created_by_id)),
        else_=last_event,
    )
    previous = case(
        (
            col(ApiKey.previous_works_until) > bindparam("now", type_=UtcDateTime()),
            col(ApiKey.previous_secret_shown_to_id),
        ),
        else_=None,
    )
    return columns(col(ApiKey.id), current.label("shown_to"), previous.label("previous_shown_to")).where(
        col(ApiKey.organization_id) == bindparam("organization_id", type_=Uuid()), col(ApiKey.deleted_at).is_(None)
    )


_SHOWN_KEYS = _shown()


async def keys_shown(source: Source, organization_id: UUID, *, now: datetime) -> dict[UUID, list[UUID]]:
    """
    For each person, the ids of the organization's living keys of which they were shown a secret that still works.

    For keys from before this was stored, the creation and, as far as the audit log goes back, the last rotation tell.
    """
    found: dict[UUID, list[UUID]] = {}
    for key_id, *people in await fetch(source, _SHOWN_KEYS, {"organization_id": organization_id, "now": now}):
        for person_id in {each for each in people if each is not None}:
            found.setdefault(person_id, []).append(key_id)
    return found
