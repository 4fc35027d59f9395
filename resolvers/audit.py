"""Writes and reads the audit log. A summary says what was done; who did it is stored separately."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys import policy
from keys.policy import Action, Actor
from keys.refusals import UnusableArgument
from models.audit import (
    EVERY_EVENT,
    AuditAction,
    AuditEvent,
    EventFilter,
    count_within_hour,
    is_there_an_event_since,
    visible_events,
)
from models.engine.database import Database
from models.engine.ids import Prefix, parse_external_id
from models.key_queries import ApiKeyRecord, key_records
from models.person import NamedPerson
from models.tokens.program_token import NamedToken
from resolvers.usage import page_size


@dataclass(frozen=True, slots=True)
class Event:
    """An event as its reader sees it. `api_key` is None also if the reader may not see the key."""

    id: UUID
    action: AuditAction
    at: datetime
    actor: NamedPerson | None
    token: NamedToken | None
    ip_address: str | None
    api_key: ApiKeyRecord | None
    summary: str
    is_automatic: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page of events, newest first, and whether there are older and newer ones."""

    events: Sequence[Event]
    has_next: bool
    has_previous: bool


async def record(
    session: AsyncSession,
    actor: Actor,
    action: AuditAction,
    summary: str,
    *,
    organization_id: UUID,
    now: datetime,
    api_key_id: UUID | None = None,
    agent_id: UUID | None = None,
    subject_id: UUID | None = None,
    details: Mapping[str, Any] | None = None,
    is_automatic: bool = False,
) -> None:
    """
    Writes an event. Call it in the transaction of the change, so that neither is stored without the other.

    `subject_id`, `details` and `is_automatic` are as in `AuditEvent`.
    """
    session.add(
        AuditEvent(
            organization_id=organization_id,
            action=action,
            at=now,
            actor_id=actor.person_id,
            token_id=actor.token_id,
            ip_address=actor.address,
            api_key_id=api_key_id,
            agent_id=agent_id,
            summary=summary,
            subject_id=subject_id,
            details=None if details is None else dict(details),
            is_automatic=is_automatic,
        )
    )
    await session.flush()


async def record_deleted_keys(
    session: AsyncSession, actor: Actor, key_ids: Collection[UUID], circumstance: str, *, now: datetime
) -> list[ApiKeyRecord]:
    """
    Writes an event for each key that was deleted together with something else. Returns the tombstones, newest first.

    `circumstance` completes the sentence “The API key … was deleted …”.
    """
    tombstones = await key_records(session, key_ids)
    session.add_all(
        AuditEvent(
            organization_id=key.organization_id,
            action=AuditAction.API_KEY_DELETED,
            at=now,
            actor_id=actor.person_id,
            token_id=actor.token_id,
            ip_address=actor.address,
            api_key_id=key.id,
            agent_id=None if key.agent is None else key.agent.id,
            summary=f"The API key “{key.name}” was deleted {circumstance}.",
        )
        for key in tombstones.values()
    )
    await session.flush()
    return sorted(tombstones.values(), key=lambda key: key.id, reverse=True)


async def record_refused_creation(
    database: Database,
    actor: Actor,
    reason: str,
    summary: str,
    *,
    organization_id: UUID,
    now: datetime,
    agent_id: UUID | None = None,
) -> None:
    """
    Records a refused creation: one event for each person or token, reason and hour, with a count, so that nobody can
    fill the disk with refusals.

    It uses a transaction of its own, because that of the creation is rolled back.
    """
    async with database.transaction() as session:
        await count_within_hour(
            session,
            AuditEvent(
                organization_id=organization_id,
                action=AuditAction.API_KEY_CREATION_REFUSED,
                at=now,
                actor_id=actor.person_id,
                token_id=actor.token_id,
                ip_address=actor.address,
                agent_id=agent_id,
                summary=summary,
                refused_reason=reason,
                refused_hour=now.replace(minute=0, second=0, microsecond=0),
            ),
        )


async def record_sign_in(
    session: AsyncSession,
    actor: Actor,
    person: NamedPerson,
    how: str,
    *,
    kind: str,
    organization_ids: Collection[UUID],
    now: datetime,
) -> None:
    """
    Records a sign-in that somebody else vouches for: the identity provider, or the host product.

    There is one event for each organization, person, kind and hour, with a count. `how` completes the sentence “Ada
    (ada@example.com) signed in …”. `kind` has at most 40 characters; sign-ins with another `how` have another one.
    """
    for organization_id in sorted(organization_ids):
        await count_within_hour(
            session,
            AuditEvent(
                organization_id=organization_id,
                action=AuditAction.MEMBER_SIGNED_IN,
                at=now,
                actor_id=person.id,
                ip_address=actor.address,
                summary=f"{person.name} ({person.email}) signed in {how}.",
                refused_reason=kind,
                refused_hour=now.replace(minute=0, second=0, microsecond=0),
            ),
        )


async def audit_log(
    session: AsyncSession,
    actor: Actor,
    *,
    organization_id: UUID,
    first: int,
    after: str | None,
    wanted: EventFilter = EVERY_EVENT,
) -> Page:
    """
    A page of the organization's events that the actor may see and that fit the filter, newest first. `after` is the id
    of the event after which the page begins, so that new events don't shift pages. Raises UnusableArgument.
    """
    page_size(first, more=" events, then go on with the page's endCursor")
    before = None if after is None else parse_external_id(Prefix.AUDIT_EVENT, after)
    if after is not None and before is None:
        raise UnusableArgument("after: this is not a cursor of the audit log. Send the endCursor of an earlier page.")
    of_agents = policy.visible_agents(actor, Action.SEE_AUDIT_LOG, organization_id)
    if of_agents is not None and not of_agents:
        return Page((), has_next=False, has_previous=False)
    found = await visible_events(
        session, organization_id, of_agents=of_agents, wanted=wanted, before=before, limit=first + 1
    )
    has_previous = before is not None and await is_there_an_event_since(
        session, organization_id, of_agents=of_agents, wanted=wanted, event_id=before
    )
    shown = found[:first]
    keys = await key_records(session, {each.event.api_key_id for each in shown if each.event.api_key_id is not None})
    return Page(
        [
            Event(
                id=each.event.id,
                action=AuditAction(each.event.action),
                at=each.event.at,
                actor=each.actor,
                token=each.token,
                ip_address=each.event.ip_address,
                api_key=None if each.event.api_key_id is None else keys.get(each.event.api_key_id),
                summary=_summary(each.event),
                is_automatic=each.event.is_automatic,
            )
            for each in shown
        ],
        has_next=len(found) > first,
        has_previous=has_previous,
    )


def _summary(event: AuditEvent) -> str:
    return event.summary if event.count == 1 else f"{event.summary} {event.count} times within the hour."
