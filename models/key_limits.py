"""Owns what is read of keys' limits: their own, and those of their organizations."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from models.api_key import ApiKey
from models.organization import Organization


class KeyLimits(NamedTuple):
    """What the operator set for the key alone, None where nothing, and what holds without it."""

    own_rate_limit: int | None
    own_monthly_quota: int | None
    organization_rate_limit: int
    organization_monthly_quota: int

    @property
    def rate_limit(self) -> int:
        """Requests a minute that the key may make."""
        return self.organization_rate_limit if self.own_rate_limit is None else self.own_rate_limit

    @property
    def monthly_quota(self) -> int:
        """Requests a calendar month that the key may make."""
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
