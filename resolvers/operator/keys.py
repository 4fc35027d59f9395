"""Sets limits for single API keys, and deletes keys whose server key is gone. Only the operator can do these."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.policy import OPERATOR
from keys.refusals import ApiKeyNotFound
from models.api_key import drop_secrets_tagged_otherwise, living_key_for_update, organizations_tagged_otherwise
from models.audit import AuditAction
from models.engine.database import Database
from models.key_limits import KeyLimits
from models.key_queries import ApiKeyRecord, key_record
from models.organization import lock_organization
from resolvers.audit import record, record_deleted_keys
from resolvers.operator.lookup import valid_limit


@dataclass(frozen=True, slots=True)
class Limited:
    """A key with the limits that apply from now on, and whether they have changed."""

    record: ApiKeyRecord
    limits: KeyLimits
    has_changed: bool


async def limit_key(
    session: AsyncSession,
    *,
    key_id: UUID,
    rate_limit: int | None = None,
    monthly_quota: int | None = None,
    now: datetime,
) -> Limited:
    """
    Sets the key's own limits; one that is None stays as it is. If both are None, the organization's limits apply again.

    Writes no audit event if nothing changes. Raises InvalidInput, ApiKeyNotFound.
    """
    found = await key_record(session, key_id)
    organization = None if found is None else await lock_organization(session, found.organization_id)
    row = None if organization is None else await living_key_for_update(session, key_id)
    if found is None or organization is None or row is None:
        raise ApiKeyNotFound
    before = KeyLimits(row.rate_limit, row.monthly_quota, organization.rate_limit, organization.monthly_quota)
    if rate_limit is None and monthly_quota is None:
        row.rate_limit, row.monthly_quota = None, None
    if rate_limit is not None:
        row.rate_limit = valid_limit(rate_limit, "rateLimit")
    if monthly_quota is not None:
        row.monthly_quota = valid_limit(monthly_quota, "monthlyQuota")
    after = before._replace(own_rate_limit=row.rate_limit, own_monthly_quota=row.monthly_quota)
    if after != before:
        await record(
            session,
            OPERATOR,
            AuditAction.API_KEY_LIMITS_CHANGED,
            f"The limits of the API key “{row.name}” were changed: {', '.join(_changes(before, after))}.",
            organization_id=row.organization_id,
            api_key_id=row.id,
            agent_id=row.agent_id,
            now=now,
        )
    return Limited(found, after, after != before)


async def drop_keys_tagged_otherwise(
    database: Database, server_key_ids: Collection[str], *, now: datetime
) -> list[UUID]:
    """
    Deletes the active keys that none of these server keys tagged, and ends overlaps of such secrets.

    Each organization is changed in a transaction of its own, under its lock. Returns the ids of the deleted keys.
    """
    async with database.reading() as session:
        organization_ids = await organizations_tagged_otherwise(session, server_key_ids)
    dropped: list[UUID] = []
    for organization_id in organization_ids:
        async with database.transaction() as session:
            if await lock_organization(session, organization_id) is None:
                continue
            key_ids = await drop_secrets_tagged_otherwise(
                session, server_key_ids, organization_id=organization_id, at=now
            )
            await record_deleted_keys(session, OPERATOR, key_ids, "because its server key was removed", now=now)
        dropped += key_ids
    return dropped


def _changes(before: KeyLimits, after: KeyLimits) -> list[str]:
    changes = []
    if before.own_rate_limit != after.own_rate_limit:
        old, new = (_words(each.own_rate_limit, each.organization_rate_limit) for each in (before, after))
        changes.append(f"the rate limit from {old} to {new} requests a minute")
    if before.own_monthly_quota != after.own_monthly_quota:
        old, new = (_words(each.own_monthly_quota, each.organization_monthly_quota) for each in (before, after))
        changes.append(f"the monthly quota from {old} to {new} requests")
    return changes


def _words(own: int | None, organizations: int) -> str:
    return f"the organization's {organizations}" if own is None else str(own)
