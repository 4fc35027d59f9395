"""Rows of usage as the usage recorder writes them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlmodel import SQLModel

from models import ApiKey, Caller, Organization, RefusedRequest, UsageDay, UsageHour, UsageMonth
from models.engine.database import Database
from models.usage.refused_request import RefusedReason

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


async def store(database: Database, *rows: SQLModel) -> None:
    """Inserts the rows in this order."""
    async with database.transaction() as session:
        for row in rows:
            session.add(row)
            await session.flush()


def key_of(organization: Organization, name: str = "deploy", **columns: Any) -> ApiKey:
    """An active key, or with `deleted_at` a tombstone."""
    secret = {} if columns.get("deleted_at") else {"secret_hash": "$argon2id$", "server_key_id": "0" * 16}
    return ApiKey(
        **{
            "organization_id": organization.id,
            "name": name,
            "prefix": "kd",
            "public_id": uuid4().hex[:16],
            "last_four": "4444",
            "created_at": organization.created_at,
            **secret,
            **columns,
        }
    )


def hour_of(key_id: UUID, hour: datetime, **counts: int) -> UsageHour:
    """An hour's counts."""
    return UsageHour(key_id=key_id, hour=hour, **counts)


def day_of(key_id: UUID, day: datetime, **counts: int) -> UsageDay:
    """A day's counts."""
    return UsageDay(key_id=key_id, day=day, **counts)


def month_of(key_id: UUID, last_used_at: datetime, *, previous: datetime | None = None, allowed: int = 1) -> UsageMonth:
    """The month of a last use."""
    month = last_used_at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return UsageMonth(
        key_id=key_id,
        month=month,
        allowed=allowed,
        last_used_at=last_used_at,
        previous_secret_last_used_at=previous,
    )


def refused(key_id: UUID | None, reason: RefusedReason = RefusedReason.RATE_LIMITED, **columns: Any) -> RefusedRequest:
    """A refused request."""
    return RefusedRequest(**{"request_id": uuid4(), "key_id": key_id, "reason": reason, "at": NOON, **columns})


def caller(key_id: UUID, ip_address: str = "203.0.113.7", user_agent: str = "curl/8", **columns: Any) -> Caller:
    """A caller whose requests passed."""
    seen = {"first_seen_at": NOON, "last_seen_at": NOON, "requests": 1}
    return Caller(**{"key_id": key_id, "ip_address": ip_address, "user_agent": user_agent, **seen, **columns})
