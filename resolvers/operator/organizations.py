"""Creates, changes and deletes organizations, for the operator."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.key_limit import valid_name
from keys.policy import OPERATOR, Actor
from models.agent import live_agents
from models.api_key import delete_living_keys
from models.audit import AuditAction
from models.organization import DEFAULT_KEY_LIMIT, DEFAULT_MONTHLY_QUOTA, DEFAULT_RATE_LIMIT, Organization
from models.person import members_of
from models.tokens.program_token import mark_revoked
from models.tokens.service_tokens import living_tokens_for_update
from resolvers.agents import entomb_agent
from resolvers.audit import record, record_deleted_keys
from resolvers.operator.lookup import locked_organization, valid_limit
from resolvers.tokens.service_tokens import record_revocation


@dataclass(frozen=True, slots=True)
class DeletedOrganization:
    """The row of a deleted organization, and the ids of its people, and of the agents and keys deleted with it."""

    organization: Organization
    agent_ids: Sequence[UUID]
    key_ids: Sequence[UUID]
    person_ids: Sequence[UUID]


async def create_organization(
    session: AsyncSession,
    *,
    name: str,
    key_limit: int = DEFAULT_KEY_LIMIT,
    rate_limit: int = DEFAULT_RATE_LIMIT,
    monthly_quota: int = DEFAULT_MONTHLY_QUOTA,
    external_id: str | None = None,
    allows_assistant_model: bool = True,
    now: datetime,
) -> Organization:
    """Creates an organization. Its name need not be unique; a host product's id must be. Raises InvalidInput."""
    organization = Organization(
        name=valid_name(name),
        key_limit=valid_limit(key_limit, "keyLimit"),
        rate_limit=valid_limit(rate_limit, "rateLimit"),
        monthly_quota=valid_limit(monthly_quota, "monthlyQuota"),
        created_at=now,
        external_id=external_id,
        allows_assistant_model=allows_assistant_model,
    )
    session.add(organization)
    await session.flush()
    return organization


async def update_organization(
    session: AsyncSession,
    actor: Actor = OPERATOR,
    *,
    organization_id: UUID,
    name: str | None = None,
    key_limit: int | None = None,
    rate_limit: int | None = None,
    monthly_quota: int | None = None,
    allows_assistant_model: bool | None = None,
    now: datetime,
) -> Organization:
    """
    Changes the given properties of an organization; those that are None stay. Raises InvalidInput, Declined.

    A key limit below the number of keys in use deletes no keys, but new ones are refused.
    """
    organization = await locked_organization(session, organization_id)
    if name is not None:
        organization.name = valid_name(name)
    changes = []
    if key_limit is not None and key_limit != organization.key_limit:
        changes.append(f"the key limit from {organization.key_limit} to {key_limit}")
        organization.key_limit = valid_limit(key_limit, "keyLimit")
    if rate_limit is not None and rate_limit != organization.rate_limit:
        changes.append(f"the rate limit from {organization.rate_limit} to {rate_limit} requests a minute")
        organization.rate_limit = valid_limit(rate_limit, "rateLimit")
    if monthly_quota is not None and monthly_quota != organization.monthly_quota:
        changes.append(f"the monthly quota from {organization.monthly_quota} to {monthly_quota} requests")
        organization.monthly_quota = valid_limit(monthly_quota, "monthlyQuota")
    if changes:
        await record(
            session,
            actor,
            AuditAction.ORGANIZATION_LIMITS_CHANGED,
            f"The organization's limits were changed: {', '.join(changes)}.",
            organization_id=organization.id,
            now=now,
        )
    if allows_assistant_model is not None:
        await set_assistant_model(session, actor, organization, allowed=allows_assistant_model, now=now)
    await session.flush()
    return organization


async def set_assistant_model(
    session: AsyncSession, actor: Actor, organization: Organization, *, allowed: bool, now: datetime
) -> None:
    """
    Sets whether the operator's model may help the assistant in this organization, whose row the caller has locked.

    Writes an audit event if that is a change.
    """
    if organization.allows_assistant_model == allowed:
        return
    organization.allows_assistant_model = allowed
    await record(
        session,
        actor,
        AuditAction.ASSISTANT_MODEL_CHANGED,
        f"The assistant may {'now' if allowed else 'no longer'} ask the operator's model which question is meant.",
        organization_id=organization.id,
        now=now,
    )


async def delete_organization(
    session: AsyncSession, actor: Actor = OPERATOR, *, organization_id: UUID, now: datetime
) -> DeletedOrganization:
    """
    Deletes the organization, its agents and its keys, and revokes its service tokens, so that none of them works again
    if a backup is restored. Memberships stay, but nobody can see a deleted organization.

    Raises Declined.
    """
    organization = await locked_organization(session, organization_id)
    key_ids = await delete_living_keys(
        session, at=now, by=None, by_token=actor.token_id, organization_id=organization.id
    )
    await record_deleted_keys(session, actor, key_ids, "with its organization", now=now)
    agents = await live_agents(session, organization.id)
    for agent in agents:
        await entomb_agent(session, actor, agent, " with its organization", now=now)
    for token in await living_tokens_for_update(session, organization.id):
        mark_revoked(session, token, at=now, by=None)
        await record_revocation(session, actor, token, " with its organization", now=now)
    organization.deleted_at = now
    await session.flush()
    await session.refresh(organization)  # triggers have changed its number of keys
    people = [person.id for person, _ in await members_of(session, organization.id)]
    return DeletedOrganization(organization, [agent.id for agent in agents], key_ids, people)
