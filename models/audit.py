"""The audit log of each organization. Rows are only added and, after 400 days, deleted."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Index, Integer, Select, UniqueConstraint, Uuid, bindparam, literal
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.engine.columns import (
    IP_ADDRESS_LENGTH_AT_MOST,
    instant,
    optional_instant,
    optional_outside_text,
    optional_reference,
    outside_text,
    reference,
)
from models.engine.ids import new_id
from models.engine.in_clause import padded_size, padded_values, placeholders
from models.engine.reader import Source, fetch
from models.engine.statements import dialect_of, upsert
from models.person import NamedPerson, Person

SUMMARY_LENGTH_AT_MOST = 500


class AuditAction(StrEnum):
    """The kinds of events."""

    API_KEY_CREATED = "api-key-created"
    API_KEY_RENAMED = "api-key-renamed"
    API_KEY_ROTATED = "api-key-rotated"
    API_KEY_DELETED = "api-key-deleted"
    API_KEY_LIMITS_CHANGED = "api-key-limits-changed"
    ORGANIZATION_LIMITS_CHANGED = "organization-limits-changed"
    MEMBERSHIP_CHANGED = "membership-changed"
    API_KEY_CREATION_REFUSED = "api-key-creation-refused"
    AGENT_DELETED = "agent-deleted"


class AuditEvent(SQLModel, table=True):
    """
    One event. `actor_id` is null for the operator. Refused creations have one row for each person, reason and hour,
    with a count; `refused_reason` and `refused_hour` are null for all other events.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        UniqueConstraint(
            "organization_id", "actor_id", "refused_reason", "refused_hour", name="uq_audit_events_refused"
        ),
        Index("ix_audit_events_organization_id_id", "organization_id", "id"),
        Index("ix_audit_events_at", "at"),
        Index("ix_audit_events_actor_id_at", "actor_id", "at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organization_id: UUID = reference("organizations.id")
    action: str = Field(max_length=40)
    at: datetime = instant()
    actor_id: UUID | None = optional_reference("people.id")
    ip_address: str | None = optional_outside_text(IP_ADDRESS_LENGTH_AT_MOST)
    api_key_id: UUID | None = optional_reference("api_keys.id")
    agent_id: UUID | None = optional_reference("agents.id")
    summary: str = outside_text(SUMMARY_LENGTH_AT_MOST)
    refused_reason: str | None = Field(default=None, max_length=40)
    refused_hour: datetime | None = optional_instant()
    count: int = Field(default=1, sa_column_kwargs={"server_default": "1"})


class AuditRecord(NamedTuple):
    """An event with the person who caused it."""

    event: AuditEvent
    actor: NamedPerson | None


async def visible_events(
    session: AsyncSession,
    organization_id: UUID,
    *,
    of_agents: Collection[UUID] | None,
    before: UUID | None,
    limit: int,
) -> list[AuditRecord]:
    """Up to `limit` events older than `before`, newest first: those of these agents, or all if `of_agents` is None."""
    statement = (
        select(AuditEvent, Person.id, Person.email, Person.name)
        .outerjoin(Person, col(Person.id) == col(AuditEvent.actor_id))
        .where(AuditEvent.organization_id == organization_id)
        .order_by(col(AuditEvent.id).desc())
        .limit(limit)
    )
    if of_agents is not None:
        statement = statement.where(col(AuditEvent.agent_id).in_(of_agents))
    if before is not None:
        statement = statement.where(col(AuditEvent.id) < before)
    return [
        AuditRecord(event, None if person_id is None else NamedPerson(person_id, email, name))
        for event, person_id, email, name in (await session.execute(statement)).all()
    ]


class Event(NamedTuple):
    """The summary of an event, with the person who caused it."""

    action: AuditAction
    at: datetime
    summary: str
    times: int
    actor: NamedPerson | None


_EVENT: list[Any] = [
    AuditEvent.action,
    AuditEvent.at,
    AuditEvent.summary,
    AuditEvent.count,
    Person.id,
    Person.email,
    Person.name,
]


@cache
def _newest(agents: int | None, *, of_key: bool) -> Select[Any]:
    """An organization's events: of that many agents, or of all if None; of one key if `of_key`."""
    statement = (
        columns(*_EVENT)
        .select_from(AuditEvent)
        .outerjoin(Person, col(Person.id) == col(AuditEvent.actor_id))
        .where(col(AuditEvent.organization_id) == bindparam("organization_id", type_=Uuid()))
        .order_by(col(AuditEvent.id).desc())
        .limit(bindparam("limit", type_=Integer()))
    )
    if agents is not None:
        statement = statement.where(col(AuditEvent.agent_id).in_(placeholders(agents, "agent")))
    if of_key:
        statement = statement.where(col(AuditEvent.api_key_id) == bindparam("key_id", type_=Uuid()))
    return statement


async def newest_events(
    source: Source, organization_id: UUID, *, of_agents: Collection[UUID] | None, key_id: UUID | None, limit: int
) -> list[Event]:
    """Up to `limit` events, newest first: of these agents, or all if None; of this key, or all if None."""
    if of_agents is not None and not of_agents:
        return []
    parameters: dict[str, Any] = {"organization_id": organization_id, "limit": limit, "key_id": key_id}
    parameters |= {} if of_agents is None else padded_values(of_agents, "agent")
    agents = None if of_agents is None else padded_size(of_agents)
    rows = await fetch(source, _newest(agents, of_key=key_id is not None), parameters)
    return [
        Event(AuditAction(row[0]), row[1], row[2], row[3], None if row[4] is None else NamedPerson(*row[4:7]))
        for row in rows
    ]


async def instants_by_actor(
    session: AsyncSession, person_id: UUID, actions: Collection[AuditAction], *, since: datetime
) -> list[datetime]:
    """The instants at which the person took one of these actions since then, oldest first."""
    statement = (
        select(AuditEvent.at)
        .where(AuditEvent.actor_id == person_id, col(AuditEvent.at) > since, col(AuditEvent.action).in_(list(actions)))
        .order_by(col(AuditEvent.at))
    )
    return list((await session.execute(statement)).scalars())


async def count_refused(session: AsyncSession, event: AuditEvent) -> None:
    """Adds a refused creation, or adds one to the count of the same person, reason and hour."""
    statement = upsert(AuditEvent, dialect_of(session)).values(event.model_dump())
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["organization_id", "actor_id", "refused_reason", "refused_hour"],
            set_={"count": col(AuditEvent.count) + literal(1), "ip_address": statement.excluded.ip_address},
        )
    )
