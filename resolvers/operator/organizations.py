"""Creates, changes and deletes organizations, for the operator."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.key_limit import valid_name
from keys.policy import OPERATOR
from models.agent import live_agents
from models.api_key import delete_living_keys
from models.audit import AuditAction
from models.organization import DEFAULT_KEY_LIMIT, DEFAULT_MONTHLY_QUOTA, DEFAULT_RATE_LIMIT, Organization
from resolvers.audit import record
from resolvers.operator.agents import entomb_agent
from resolvers.operator.lookup import locked_organization, record_deleted_keys, valid_limit


@dataclass(frozen=True, slots=True)
class DeletedOrganization:
    """The row of a deleted organization, and the ids of the agents and keys that were deleted with it."""

    organization: Organization
    agent_ids: Sequence[UUID]
    key_ids: Sequence[UUID]


async def create_organization(
    session: AsyncSession,
    *,
    name: str,
    key_limit: int = DEFAULT_KEY_LIMIT,
    rate_limit: int = DEFAULT_RATE_LIMIT,
    monthly_quota: int = DEFAULT_MONTHLY_QUOTA,
    now: datetime,
) -> Organization:
    """Creates an organization. Its name need not be unique. Raises InvalidInput."""
    organization = Organization(
        name=valid_name(name),
        key_limit=valid_limit(key_limit, "keyLimit"),
        rate_limit=valid_limit(rate_limit, "rateLimit"),
        monthly_quota=valid_limit(monthly_quota, "monthlyQuota"),
        created_at=now,
    )
    session.add(organization)
    await session.flush()
    return organization


async def update_organization(
    session: AsyncSession,
    *,
    organization_id: UUID,
    name: str | None = None,
    key_limit: int | None = None,
    rate_limit: int | None = None,
    monthly_quota: int | None = None,
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
            OPERATOR,
            AuditAction.ORGANIZATION_LIMITS_CHANGED,
            f"The organization's limits were changed: {', '.join(changes)}.",
            organization_id=organization.id,
            now=now,
        )
    await session.flush()
    return organization


async def delete_organization(session: AsyncSession, *, organization_id: UUID, now: datetime) -> DeletedOrganization:
    """
    Deletes the organization, its agents and its keys. Memberships stay, but nobody can see a deleted organization.

    Raises Declined.
    """
    organization = await locked_organization(session, organization_id)
    key_ids = await delete_living_keys(session, at=now, by=None, organization_id=organization.id)
    await record_deleted_keys(session, key_ids, "with its organization", now=now)
    agents = await live_agents(session, organization.id)
    for agent in agents:
        await entomb_agent(session, agent, " with its organization", now=now)
    organization.deleted_at = now
    await session.flush()
    return DeletedOrganization(organization, [agent.id for agent in agents], key_ids)
