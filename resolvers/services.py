"""What all operations on keys share: services, the actor's current roles, and the rate limit on changes."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.issuer import Issuer
from keys.policy import Actor, RoleGrant
from keys.refusals import TooManyRequests
from keys.token import Secret
from keys.windows import A_MINUTE, retry_after
from models.audit import AuditAction, instants_by_actor
from models.engine.database import Database
from models.key_queries import ApiKeyRecord, key_record
from models.person import memberships_of
from resolvers.reservations import Reservations

KEY_MUTATIONS = (
    AuditAction.API_KEY_CREATED,
    AuditAction.API_KEY_RENAMED,
    AuditAction.API_KEY_ROTATED,
    AuditAction.API_KEY_DELETED,
)
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class ChangeServices:
    """What renaming and deleting keys work with: neither makes a secret, so neither needs a server key."""

    database: Database
    clock: Clock
    mutations_per_minute: int
    reservations: Reservations = field(default_factory=Reservations)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyServices(ChangeServices):
    """What all operations on keys work with: `issuer` makes the secrets."""

    issuer: Issuer


@dataclass(frozen=True, slots=True)
class Issued:
    """A key with its new secret, which is shown only this once."""

    record: ApiKeyRecord
    secret: Secret


async def with_current_roles(session: AsyncSession, actor: Actor) -> Actor:
    """The actor with their current roles, which may have changed since the request began."""
    if actor.is_operator:
        return actor
    memberships = [] if actor.person_id is None else await memberships_of(session, actor.person_id)
    return replace(actor, roles={each.organization.id: RoleGrant(each.role, each.agent_ids) for each in memberships})


async def check_mutation_rate(
    session: AsyncSession, actor: Actor, services: ChangeServices, *, is_reserved: bool = False
) -> None:
    """
    Raises TooManyRequests if the person has changed more keys in a minute than the operator allows.

    Changes that are under way count too, unless this change `is_reserved` and so is counted among them already.
    """
    if actor.person_id is None:
        return
    now = services.clock()
    recent = await instants_by_actor(session, actor.person_id, KEY_MUTATIONS, since=now - A_MINUTE)
    under_way = 0 if is_reserved else services.reservations.taken(actor.person_id, now)
    # A change that is under way will have its audit event soon, and stops counting a minute after that.
    changes = [*recent, *[now] * under_way]
    seconds = retry_after(changes, services.mutations_per_minute, A_MINUTE, now)
    if seconds is not None:
        raise TooManyRequests(
            f"You have changed {len(changes)} API keys within a minute. Wait a little, then continue.",
            retry_after_seconds=seconds,
        )


async def record_of(session: AsyncSession, key_id: UUID) -> ApiKeyRecord:
    await session.flush()
    found = await key_record(session, key_id)
    if found is None:
        raise LookupError("a key that was written a moment ago can't be read")
    return found
