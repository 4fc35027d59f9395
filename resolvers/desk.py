"""Owns what every operation on keys works with: the desk, the actor as of now, and the pace of one person."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.issuer import Issuer
from keys.policy import Actor, Standing
from keys.refusals import TooManyRequests
from keys.token import Secret
from models.audit import AuditAction, instants_by_actor
from models.database import Database
from models.key_record import ApiKeyRecord, key_record
from models.person import memberships_of

KEY_MUTATIONS = (
    AuditAction.API_KEY_CREATED,
    AuditAction.API_KEY_RENAMED,
    AuditAction.API_KEY_ROTATED,
    AuditAction.API_KEY_DELETED,
)
MUTATION_WINDOW = timedelta(minutes=1)
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the operations on keys work with besides a session: the database, the maker of secrets, the clock."""

    database: Database
    issuer: Issuer
    clock: Clock
    mutations_per_minute: int


@dataclass(frozen=True, slots=True)
class Issued:
    """A key and its secret, for the only time."""

    record: ApiKeyRecord
    secret: Secret


async def as_of_now(session: AsyncSession, actor: Actor) -> Actor:
    """The actor with the roles of this moment: one may have been taken away since the request began."""
    if actor.person_id is None:
        return actor
    memberships = await memberships_of(session, actor.person_id)
    return replace(actor, standings={each.organization.id: Standing(each.role, each.agent_ids) for each in memberships})


async def check_pace(session: AsyncSession, actor: Actor, desk: Desk) -> None:
    """Raises TooManyRequests for a person who changed more keys within a minute than the operator allows."""
    if actor.person_id is None:
        return
    now = desk.clock()
    recent = await instants_by_actor(session, actor.person_id, KEY_MUTATIONS, since=now - MUTATION_WINDOW)
    if len(recent) < desk.mutations_per_minute:
        return
    free_at = recent[-desk.mutations_per_minute] + MUTATION_WINDOW
    raise TooManyRequests(
        f"You have changed {len(recent)} API keys within a minute. Wait a little, then go on.",
        retry_after_seconds=max(1, ceil((free_at - now).total_seconds())),
    )


async def record_of(session: AsyncSession, key_id: UUID) -> ApiKeyRecord:
    await session.flush()
    found = await key_record(session, key_id)
    if found is None:
        raise LookupError("a key that was written a moment ago can't be read")
    return found
