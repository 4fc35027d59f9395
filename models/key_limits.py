"""Reads the limits of keys: their own, and those of their organizations."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.api_key import ApiKey
from models.organization import Organization


class KeyLimits(NamedTuple):
    """The limits that the operator set for a key, None if not set, and those of its organization."""

    own_rate_limit: int | None
    own_monthly_quota: int | None
    organization_rate_limit: int
    organization_monthly_quota: int

    @property
    def rate_limit(self) -> int:
        """Requests that the key may make in a minute."""
        return self.organization_rate_limit if self.own_rate_limit is None else self.own_rate_limit

    @property
    def monthly_quota(self) -> int:
        """Requests that the key may make in a calendar month."""
        return self.organization_monthly_quota if self.own_monthly_quota is None else self.own_monthly_quota


async def limits_of_keys(session: AsyncSession, key_ids: Collection[UUID]) -> dict[UUID, KeyLimits]:
    """Those of each key or tombstone, by its id."""
    statement = (
        select(
            col(ApiKey.id),
            col(ApiKey.rate_limit),
            col(ApiKey.monthly_quota),
            col(Organization.rate_limit),
            col(Organization.monthly_quota),
        )
        .join(Organization, col(Organization.id) == col(ApiKey.organization_id))
        .where(col(ApiKey.id).in_(key_ids))
    )
    return {row[0]: KeyLimits(*row[1:]) for row in await session.execute(statement)}
