"""What all operations on keys share: services, the actor's current roles, and the rate limit on changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.issuer import Issuer
from keys.policy import Actor, RoleGrant
from keys.refusals import TooManyRequests
from keys.sign_in.links import Links
from keys.token import Secret
from keys.windows import A_MINUTE, retry_after
from models.audit import AuditAction, instants_by_actor
from models.engine.database import Database
from models.key_queries import ApiKeyRecord, key_record
from models.person import memberships_of
from resolvers.creation.reservations import Reservations
from resolvers.tokens.authentication import with_current_token

CHANGES = (
    AuditAction.API_KEY_CREATED,
    AuditAction.API_KEY_RENAMED,
    AuditAction.API_KEY_ROTATED,
    AuditAction.API_KEY_OVERLAP_ENDED,
    AuditAction.API_KEY_DELETED,
    AuditAction.AGENT_CREATED,
    AuditAction.AGENT_RENAMED,
    AuditAction.AGENT_DELETED,
    AuditAction.SERVICE_TOKEN_CREATED,
    AuditAction.SERVICE_TOKEN_REVOKED,
    AuditAction.ASSISTANT_MODEL_CHANGED,
    AuditAction.NOTIFICATIONS_CHANGED,
)
"""What `mutations_per_minute` limits."""
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
class PeopleServices:
    """What invitations, resets of passwords and requests for keys work with."""

    database: Database
    clock: Clock
    links: Links
    sends_mail: bool
    """Whether a mail server and a sender are set. Without them, links are shown once instead."""
    wake_outbox: Callable[[], None]
    invitation_lifetime: timedelta
    return_origins: Sequence[str] = ()
    """Origins of host products that the console may link back to."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A key with its new secret, which is shown only this once."""

    record: ApiKeyRecord
    secret: Secret


async def with_current_roles(session: AsyncSession, actor: Actor, now: datetime) -> Actor:
    """
    The actor with their current roles or rights, which may have changed since the request began.

    Raises Unauthenticated if the actor's token has expired or was revoked since then.
    """
    if actor.is_operator:
        return actor
    if actor.program is not None:
        return await with_current_token(session, actor, actor.program, now=now)
    memberships = [] if actor.person_id is None else await memberships_of(session, actor.person_id)
    roles = {each.organization.id: RoleGrant(each.role, each.agent_ids) for each in memberships}
    if (only_id := actor.only_organization_id) is not None:
        roles = {each: grant for each, grant in roles.items() if each == only_id}
    return replace(actor, roles=roles)


async def check_mutation_rate(
    session: AsyncSession, actor: Actor, services: ChangeServices, *, is_reserved: bool = False
) -> None:
    """
    Raises TooManyRequests if the person or program has changed more keys and agents in a minute than the operator
    allows. An operator token's program is not limited: it provisions at its host product's pace, and must always be
    able to remove.

    Changes that are under way count too, unless this change `is_reserved` and so is counted among them already.
    """
    if actor.counted_as is None or actor.has_operator_token:
        return
    now = services.clock()
    recent = await instants_by_actor(session, actor.person_id, actor.token_id, CHANGES, since=now - A_MINUTE)
    under_way = 0 if is_reserved else services.reservations.taken(actor.counted_as, now)
    # A change that is under way will have its audit event soon, and stops counting a minute after that.
    changes = [*recent, *[now] * under_way]
    seconds = retry_after(changes, services.mutations_per_minute, A_MINUTE, now)
    if seconds is not None:
        raise TooManyRequests(
            f"You have changed API keys, agents or tokens {len(changes)} times within a minute. Wait a little, then "
            "continue.",
            retry_after_seconds=seconds,
        )


async def record_of(session: AsyncSession, key_id: UUID) -> ApiKeyRecord:
    await session.flush()
    found = await key_record(session, key_id)
    if found is None:
        raise LookupError("a key that was written a moment ago can't be read")
    return found
