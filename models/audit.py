"""The audit log of each organization. Rows are only added and, after 400 days, deleted."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    JSON,
    ColumnElement,
    Index,
    Integer,
    Select,
    UniqueConstraint,
    Uuid,
    bindparam,
    false,
    literal,
    literal_column,
    text,
    update,
)
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
from models.tokens.program_token import NamedToken, ProgramToken, token_for_update

SUMMARY_LENGTH_AT_MOST = 500


class AuditAction(StrEnum):
    """The kinds of events. Those that a newer version has written are left out when events are read."""

    API_KEY_CREATED = "api-key-created"
    API_KEY_RENAMED = "api-key-renamed"
    API_KEY_ROTATED = "api-key-rotated"
    API_KEY_DELETED = "api-key-deleted"
    API_KEY_LIMITS_CHANGED = "api-key-limits-changed"
    ORGANIZATION_LIMITS_CHANGED = "organization-limits-changed"
    MEMBERSHIP_CHANGED = "membership-changed"
    API_KEY_CREATION_REFUSED = "api-key-creation-refused"
    AGENT_DELETED = "agent-deleted"
    AGENT_CREATED = "agent-created"
    AGENT_RENAMED = "agent-renamed"
    MEMBER_INVITED = "member-invited"
    INVITATION_REVOKED = "invitation-revoked"
    MEMBER_JOINED = "member-joined"
    SERVICE_TOKEN_CREATED = "service-token-created"  # noqa: S105 - a kind of event
    SERVICE_TOKEN_REVOKED = "service-token-revoked"  # noqa: S105 - a kind of event
    MEMBER_SIGNED_IN = "member-signed-in"
    ORGANIZATION_CREATED = "organization-created"
    ORGANIZATION_RENAMED = "organization-renamed"
    ASSISTANT_MODEL_CHANGED = "assistant-model-changed"
    WEBHOOK_CHANGED = "webhook-changed"
    NOTIFICATIONS_CHANGED = "notifications-changed"
    API_KEY_OVERLAP_ENDED = "api-key-overlap-ended"
    API_KEY_EXPOSED = "api-key-exposed"
    API_KEY_EXPOSURE_ACKNOWLEDGED = "api-key-exposure-acknowledged"
    API_KEY_QUOTA_REACHED = "api-key-quota-reached"
    API_KEY_UNUSED = "api-key-unused"
    API_KEY_REFUSALS_RISING = "api-key-refusals-rising"
    DEAD_KEY_STILL_USED = "dead-key-still-used"


class AuditEvent(SQLModel, table=True):
    """
    One event. `actor_id` is null for the operator and for a program, whose token is `token_id`. Refused creations,
    and sign-ins, have one row for each person or token, reason and hour, with a count; `refused_reason` and
    `refused_hour` are null for all other events. `is_automatic` events are Keydesk's own, such as a quota that is
    nearly used up. `subject_id` is the person whom a change of a membership is about. `details` are what mails and
    webhooks tell beside the sentence, such as {"percent": 80} or {"role": "member"}.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        UniqueConstraint(
            "organization_id", "actor_id", "refused_reason", "refused_hour", name="uq_audit_events_refused"
        ),
        Index("ix_audit_events_organization_id_id", "organization_id", "id"),
        Index("ix_audit_events_api_key_id_id", "api_key_id", "id"),
        Index("ix_audit_events_at", "at"),
        Index("ix_audit_events_actor_id_at", "actor_id", "at"),
        Index(
            "ix_audit_events_token_id_at",
            "token_id",
            "at",
            sqlite_where=text("token_id IS NOT NULL"),
            postgresql_where=text("token_id IS NOT NULL"),
        ),
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
    token_id: UUID | None = None
    subject_id: UUID | None = None
    details: dict[str, Any] | None = Field(default=None, sa_type=JSON, nullable=True)
    is_automatic: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


def is_one_of(actions: Iterable[AuditAction]) -> ColumnElement[bool]:
    """Whether an event is of these kinds, in a statement that is compiled once."""
    return col(AuditEvent.action).in_([literal_column(f"'{action.value}'") for action in actions])


IS_KNOWN = is_one_of(AuditAction)
"""Whether this version knows the event. A newer one may have written others."""


_WHO: list[Any] = [Person.id, Person.email, Person.name, ProgramToken.id, ProgramToken.name, ProgramToken.kind]
_SHOWN: list[Any] = [AuditEvent, *_WHO]


def _who(row: Sequence[Any]) -> tuple[NamedPerson | None, NamedToken | None]:
    """The person and the token in a row of _WHO."""
    return (
        None if row[0] is None else NamedPerson(*row[0:3]),
        None if row[3] is None else NamedToken(*row[3:6]),
    )


class AuditRecord(NamedTuple):
    """An event with the person, or else the program's token, that caused it."""

    event: AuditEvent
    actor: NamedPerson | None
    token: NamedToken | None


class EventFilter(NamedTuple):
    """Which events are wanted: those that fit everything that is set. `since` is included, `until` is not."""

    api_key_id: UUID | None = None
    actor_id: UUID | None = None
    actions: Collection[AuditAction] = ()
    """Any action if it is empty."""
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions of a statement."""
        wanted = []
        if self.api_key_id is not None:
            wanted.append(col(AuditEvent.api_key_id) == self.api_key_id)
        if self.actor_id is not None:
            wanted.append(col(AuditEvent.actor_id) == self.actor_id)
        if self.actions:
            wanted.append(col(AuditEvent.action).in_(sorted(self.actions)))
        if self.since is not None:
            wanted.append(col(AuditEvent.at) >= self.since)
        if self.until is not None:
            wanted.append(col(AuditEvent.at) < self.until)
        return wanted


EVERY_EVENT = EventFilter()


async def visible_events(
    session: AsyncSession,
    organization_id: UUID,
    *,
    of_agents: Collection[UUID] | None,
    wanted: EventFilter = EVERY_EVENT,
    before: UUID | None,
    limit: int,
) -> list[AuditRecord]:
    """
    Up to `limit` events older than `before` that fit the filter, newest first: those of these agents, or all if
    `of_agents` is None.
    """
    statement = (
        columns(*_SHOWN)
        .select_from(AuditEvent)
        .outerjoin(Person, col(Person.id) == col(AuditEvent.actor_id))
        .outerjoin(ProgramToken, col(ProgramToken.id) == col(AuditEvent.token_id))
        .where(col(AuditEvent.organization_id) == organization_id, IS_KNOWN, *wanted.conditions())
        .order_by(col(AuditEvent.id).desc())
        .limit(limit)
    )
    if of_agents is not None:
        statement = statement.where(col(AuditEvent.agent_id).in_(of_agents))
    if before is not None:
        statement = statement.where(col(AuditEvent.id) < before)
    return [AuditRecord(row[0], *_who(row[1:])) for row in (await session.execute(statement)).all()]


async def is_there_an_event_since(
    session: AsyncSession,
    organization_id: UUID,
    *,
    of_agents: Collection[UUID] | None,
    wanted: EventFilter = EVERY_EVENT,
    event_id: UUID,
) -> bool:
    """
    Whether there is an event with this id or a newer one that fits the filter: of these agents, or of any if
    `of_agents` is None.
    """
    statement = select(AuditEvent.id).where(
        AuditEvent.organization_id == organization_id, col(AuditEvent.id) >= event_id, *wanted.conditions()
    )
    if of_agents is not None:
        statement = statement.where(col(AuditEvent.agent_id).in_(of_agents))
    return (await session.execute(statement.limit(1))).first() is not None


class Event(NamedTuple):
    """The summary of an event, with the person, or else the program's token, that caused it."""

    action: AuditAction
    at: datetime
    summary: str
    times: int
    actor: NamedPerson | None
    token: NamedToken | None


_EVENT: list[Any] = [
    AuditEvent.action,
    AuditEvent.at,
    AuditEvent.summary,
    AuditEvent.count,
    *_WHO,
]


@cache
def _newest(agents: int | None, *, of_key: bool) -> Select[Any]:
    """An organization's events: of that many agents, or of all if None; of one key if `of_key`."""
    statement = (
        columns(*_EVENT)
        .select_from(AuditEvent)
        .outerjoin(Person, col(Person.id) == col(AuditEvent.actor_id))
        .outerjoin(ProgramToken, col(ProgramToken.id) == col(AuditEvent.token_id))
        .where(
            col(AuditEvent.organization_id) == bindparam("organization_id", type_=Uuid()),
            IS_KNOWN,
        )
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
    return [Event(AuditAction(row[0]), row[1], row[2], row[3], *_who(row[4:])) for row in rows]


async def instants_by_actor(
    session: AsyncSession,
    person_id: UUID | None,
    token_id: UUID | None,
    actions: Collection[AuditAction],
    *,
    since: datetime,
) -> list[datetime]:
    """The instants at which the token or, without one, the person took one of these actions, oldest first."""
    theirs = col(AuditEvent.actor_id) == person_id if token_id is None else col(AuditEvent.token_id) == token_id
    statement = (
        select(AuditEvent.at)
        .where(theirs, col(AuditEvent.at) > since, col(AuditEvent.action).in_(list(actions)))
        .order_by(col(AuditEvent.at))
    )
    return list((await session.execute(statement)).scalars())


async def instants_in_organization(
    session: AsyncSession, organization_id: UUID, actions: Collection[AuditAction], *, since: datetime
) -> list[datetime]:
    """The instants at which somebody of the organization took one of these actions since then, oldest first."""
    statement = (
        select(AuditEvent.at)
        .where(
            AuditEvent.organization_id == organization_id,
            col(AuditEvent.at) > since,
            col(AuditEvent.action).in_(list(actions)),
        )
        .order_by(col(AuditEvent.at))
    )
    return list((await session.execute(statement)).scalars())


async def count_within_hour(session: AsyncSession, event: AuditEvent) -> None:
    """
    Adds an event with `refused_reason` and `refused_hour`, or adds one to the count of the same person's or token's.
    """
    if event.token_id is not None:
        await _count_refused_of_token(session, event, event.token_id)
        return
    statement = upsert(AuditEvent, dialect_of(session)).values(event.model_dump())
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["organization_id", "actor_id", "refused_reason", "refused_hour"],
            set_={"count": col(AuditEvent.count) + literal(1), "ip_address": statement.excluded.ip_address},
        )
    )


async def _count_refused_of_token(session: AsyncSession, event: AuditEvent, token_id: UUID) -> None:
    """
    Does the same for a token. Its row is locked meanwhile: a unique index over the events' tokens would have to be
    added to a table that servers of the version before write to.
    """
    await token_for_update(session, token_id)
    counted = await session.execute(
        update(AuditEvent)
        .where(
            col(AuditEvent.token_id) == token_id,
            col(AuditEvent.at) > event.at - timedelta(hours=1),
            col(AuditEvent.organization_id) == event.organization_id,
            col(AuditEvent.refused_reason) == event.refused_reason,
            col(AuditEvent.refused_hour) == event.refused_hour,
        )
        .values(count=col(AuditEvent.count) + literal(1), ip_address=event.ip_address)
        .execution_options(synchronize_session=False)
    )
    if not counted.rowcount:  # type: ignore[attr-defined]  # an UPDATE's result has it
        session.add(event)
        await session.flush()
