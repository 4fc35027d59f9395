"""
Creates, lists and revokes the service tokens of an organization, for its admins.

A token has no more than the rights that its maker has at that moment, and keeps them when its maker leaves or gets
another role. Only organization admins make tokens, so no role needs to be cut.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys import policy
from keys.key_limit import valid_name
from keys.policy import Action, Actor
from keys.program_token import Kind, ProgramTokens
from keys.refusals import InvalidInput, NotFound, ServiceTokenNotFound
from keys.token import Secret
from models.audit import AuditAction
from models.engine.reader import Source
from models.person import Role
from models.tokens.program_token import ProgramToken, add_token, mark_revoked, token_for_update
from models.tokens.service_tokens import (
    ServiceTokenRecord,
    count_living_service_tokens,
    listed_service_tokens,
    living_service_tokens,
    service_tokens_with,
)
from resolvers.audit import record
from resolvers.members import agents_for, locked_for, standing_words, summary_of
from resolvers.services import ChangeServices, check_mutation_rate
from resolvers.tokens.lifetime import checked_days

LIVING_AT_MOST = 20
NOT_FOR_MEMBERS = "A token needs a role that manages API keys: organization admin or agent admin."
NO_AGENT_CHOSEN = "Choose at least one agent, or the role of an organization admin."
TOO_MANY = (
    f"This organization has {LIVING_AT_MOST} service tokens that work, and can't have more. Revoke one that is no "
    "longer needed."
)


@dataclass(frozen=True, slots=True)
class Issued:
    """A service token with its secret, which is shown only this once."""

    token: ServiceTokenRecord
    secret: Secret


async def service_tokens(
    source: Source, actor: Actor, *, organization_id: UUID, now: datetime
) -> list[ServiceTokenRecord]:
    """
    The organization's service tokens, newest first: those that work, and the newest of those that ended lately.

    Empty if the actor may not manage tokens.
    """
    if not policy.may_everywhere(actor, Action.MANAGE_TOKENS, organization_id):
        return []
    return await listed_service_tokens(source, organization_id, now=now)


async def service_tokens_by_id(
    source: Source, actor: Actor, token_ids: Collection[UUID]
) -> dict[UUID, ServiceTokenRecord]:
    """Those of these tokens that the actor may see, by id. Operator tokens are not among them."""
    found = await service_tokens_with(source, token_ids)
    return {
        token_id: each
        for token_id, each in found.items()
        if policy.may_everywhere(actor, Action.MANAGE_TOKENS, each.organization_id)
    }


async def tokens_made(
    source: Source, actor: Actor, *, organization_id: UUID, now: datetime
) -> dict[UUID, list[ServiceTokenRecord]]:
    """
    For each person, the service tokens that they made and that work, newest first.

    Empty if the actor may not manage tokens.
    """
    if not policy.may_everywhere(actor, Action.MANAGE_TOKENS, organization_id):
        return {}
    made: dict[UUID, list[ServiceTokenRecord]] = {}
    for each in await living_service_tokens(source, organization_id, now=now):
        if each.created_by is not None:
            made.setdefault(each.created_by.id, []).append(each)
    return made


async def create_service_token(
    services: ChangeServices,
    tokens: ProgramTokens,
    actor: Actor,
    *,
    organization_id: UUID,
    name: str,
    role: Role,
    agent_ids: Collection[UUID],
    expires_in_days: int,
) -> Issued:
    """Creates a service token. Raises NotFound, Forbidden, InvalidInput, TooManyRequests."""
    policy.require_everywhere(actor, Action.MANAGE_TOKENS, organization_id)
    name, days = valid_name(name), checked_days(expires_in_days, "expiresInDays")
    if role is Role.MEMBER:
        raise InvalidInput("role", NOT_FOR_MEMBERS)
    async with services.database.transaction() as session:
        now = services.clock()
        actor = await locked_for(session, actor, Action.MANAGE_TOKENS, organization_id, now=now)
        agents = await agents_for(session, organization_id, role, agent_ids)
        if role is Role.AGENT_ADMIN and not agents:
            raise InvalidInput("agentIds", NO_AGENT_CHOSEN)
        if await count_living_service_tokens(session, organization_id, now=now) >= LIVING_AT_MOST:
            raise InvalidInput("organizationId", TOO_MANY)
        await check_mutation_rate(session, actor, services)
        made = tokens.make(Kind.SERVICE)
        row = ProgramToken(
            kind=Kind.SERVICE,
            organization_id=organization_id,
            name=name,
            role=role,
            prefix=made.prefix,
            public_id=made.public_id,
            last_four=made.last_four,
            digest=made.digest,
            server_key_id=made.server_key_id,
            created_at=now,
            created_by_id=actor.person_id,
            expires_at=now + timedelta(days=days),
        )
        await add_token(session, row, [agent.id for agent in agents])
        await record(
            session,
            actor,
            AuditAction.SERVICE_TOKEN_CREATED,
            summary_of(
                f"The service token “{name}” was created: {standing_words(role, agents)}, until "
                f"{row.expires_at:%Y-%m-%d}."
            ),
            organization_id=organization_id,
            now=now,
        )
        stored = await _stored(session, row.id)
    return Issued(stored, made.token)


async def revoke_service_token(services: ChangeServices, actor: Actor, *, token_id: UUID) -> ServiceTokenRecord:
    """
    Revokes the token. When this returns, requests with it are refused, and none that is under way changes anything.

    Revoking it again changes nothing. Raises ServiceTokenNotFound, Forbidden, TooManyRequests.
    """
    organization_id = await _organization_of(services, actor, token_id)
    async with services.database.transaction() as session:
        now = services.clock()
        try:
            actor = await locked_for(session, actor, Action.MANAGE_TOKENS, organization_id, now=now)
        except NotFound:
            raise ServiceTokenNotFound from None
        row = await token_for_update(session, token_id)
        if row is None:
            raise ServiceTokenNotFound
        if row.revoked_at is None:
            await check_mutation_rate(session, actor, services)
            mark_revoked(session, row, at=now, by=actor.person_id)
            await record_revocation(session, actor, row, now=now)
        return await _stored(session, token_id)


async def record_revocation(
    session: AsyncSession, actor: Actor, row: ProgramToken, circumstance: str = "", *, now: datetime
) -> None:
    """Writes the event of a revoked service token. An operator token belongs to no organization's audit log."""
    if row.organization_id is not None:
        await record(
            session,
            actor,
            AuditAction.SERVICE_TOKEN_REVOKED,
            f"The service token “{row.name}” was revoked{circumstance}.",
            organization_id=row.organization_id,
            now=now,
        )


async def _stored(session: AsyncSession, token_id: UUID) -> ServiceTokenRecord:
    await session.flush()
    return (await service_tokens_with(session, [token_id]))[token_id]


async def _organization_of(services: ChangeServices, actor: Actor, token_id: UUID) -> UUID:
    """
    The token's organization, if the actor may manage its tokens.

    Another organization's token gets the same refusal as one that does not exist, and so does an operator token. Raises
    ServiceTokenNotFound, Forbidden.
    """
    policy.require_somewhere(actor, Action.MANAGE_TOKENS)
    async with services.database.reading() as session:
        found = (await service_tokens_with(session, [token_id])).get(token_id)
    if found is None:
        raise ServiceTokenNotFound
    try:
        policy.require_everywhere(actor, Action.MANAGE_TOKENS, found.organization_id)
    except NotFound:
        raise ServiceTokenNotFound from None
    return found.organization_id
