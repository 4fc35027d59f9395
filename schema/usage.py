"""
GraphQL types of a key's usage: its limits, counted requests, callers, and refused requests.

`schema/api_key.py` completes the base classes with the fields that show agents.
"""

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Annotated
from uuid import UUID

import strawberry

from keys.limits.sliding_window import WINDOW_SECONDS, LimitStatus
from keys.usage.intervals import INTERVALS_AT_MOST, Interval, intervals_between
from models.key_queries import ApiKeyRecord
from models.usage.caller import KEPT_OF_A_KEY
from models.usage.counts import HOURS_KEPT_DAYS
from models.usage.refused_request import RefusedReason
from models.usage.request_queries import CallerRecord
from resolvers.usage import Point, page_size
from schema.context import Info

strawberry.enum(Interval, name="UsageInterval", description="An hour, or a day in UTC.")
LARGEST_INT = 2**31 - 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@strawberry.enum(
    description=(
        "Why a request was refused. The caller only gets 401, 403 or 429; the reason is for people who are allowed "
        "to see the key."
    )
)
class RefusalReason(Enum):
    MISSING_KEY = RefusedReason.MISSING_KEY
    MALFORMED_KEY = RefusedReason.MALFORMED_KEY
    UNKNOWN_KEY = RefusedReason.UNKNOWN_KEY
    DELETED_KEY = RefusedReason.DELETED_KEY
    REPLACED_SECRET = RefusedReason.REPLACED_SECRET
    AGENT_NOT_IN_SCOPE = RefusedReason.AGENT_NOT_IN_SCOPE
    RATE_LIMITED = RefusedReason.RATE_LIMITED
    QUOTA_EXCEEDED = RefusedReason.QUOTA_EXCEEDED


@strawberry.type(description="How many requests the key can make in a minute, counted in a sliding window.")
class RateLimit:
    limit: int = strawberry.field(description="Requests allowed in one window.")
    window_seconds: int
    remaining: int
    resets_at: datetime = strawberry.field(
        description="When the oldest counted requests leave the window. Now, if no request is counted."
    )


@strawberry.type(description="How many requests the key can make in a calendar month in UTC.")
class Quota:
    limit: int = strawberry.field(description="Requests allowed in one period.")
    used: int
    remaining: int
    period_start: datetime
    period_end: datetime


@strawberry.type(description="The outcomes of the requests within one interval.")
class UsagePoint:
    start: datetime
    allowed: int
    rate_limited: int
    quota_exceeded: int
    refused: int = strawberry.field(description="The 401s and 403s.")


@strawberry.type(description="An address and user agent whose requests passed.")
class Caller:
    ip_address: str | None
    user_agent: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    requests: int = strawberry.field(description="Requests that passed since firstSeenAt.")


@strawberry.type
class RefusedRequestBase:
    organization_id: strawberry.Private[UUID]
    agent_id: strawberry.Private[UUID | None]
    id: strawberry.ID = strawberry.field(description="The requestId that the refused caller got.")
    reason: RefusalReason
    at: datetime
    ip_address: str | None
    user_agent: str | None


@strawberry.type
class ApiKeyUsageBase:
    record: strawberry.Private[ApiKeyRecord]

    @strawberry.field
    async def rate_limit(self, info: Info) -> RateLimit:
        return _to_rate_limit(self.record, await info.context.usage.limit_statuses.load(self.record))

    @strawberry.field
    async def quota(self, info: Info) -> Quota:
        return _to_quota(self.record, await info.context.usage.limit_statuses.load(self.record))

    @strawberry.field(
        description=(
            "Requests by outcome in each interval that overlaps [from, to), oldest first, in UTC, including "
            f"intervals without a request; at most {INTERVALS_AT_MOST}. Hours are kept for "
            f"{HOURS_KEPT_DAYS} days, days for 2 years; what is older is empty."
        )
    )
    async def series(
        self,
        info: Info,
        since: Annotated[datetime, strawberry.argument(name="from")],
        until: Annotated[datetime, strawberry.argument(name="to")],
        interval: Interval = Interval.HOUR,
    ) -> list[UsagePoint]:
        intervals = intervals_between(since, until, interval)
        return [_to_point(point) for point in await info.context.usage.series(intervals).load(self.record.id)]

    @strawberry.field(
        description=f"The callers whose requests passed: the {KEPT_OF_A_KEY} newest pairs of address and user agent."
    )
    async def callers(self, info: Info, first: int = 20) -> list[Caller]:
        wanted = page_size(first)
        return [_to_caller(record) for record in (await info.context.usage.callers.load(self.record.id))[:wanted]]


def _to_rate_limit(record: ApiKeyRecord, status: LimitStatus) -> RateLimit:
    return RateLimit(
        limit=record.rate_limit,
        window_seconds=WINDOW_SECONDS,
        remaining=status.rate_remaining,
        resets_at=EPOCH + timedelta(milliseconds=status.at + status.rate_resets_in),
    )


def _to_quota(record: ApiKeyRecord, status: LimitStatus) -> Quota:
    return Quota(
        limit=record.monthly_quota,
        used=to_int(status.quota_used),
        remaining=max(0, record.monthly_quota - status.quota_used),
        period_start=EPOCH + timedelta(seconds=status.month.start),
        period_end=EPOCH + timedelta(seconds=status.month.end),
    )


def _to_point(point: Point) -> UsagePoint:
    return UsagePoint(
        start=point.start,
        allowed=to_int(point.allowed),
        rate_limited=to_int(point.rate_limited),
        quota_exceeded=to_int(point.quota_exceeded),
        refused=to_int(point.refused),
    )


def _to_caller(record: CallerRecord) -> Caller:
    return Caller(
        ip_address=record.ip_address,
        user_agent=record.user_agent,
        first_seen_at=record.first_seen_at,
        last_seen_at=record.last_seen_at,
        requests=to_int(record.requests),
    )


def to_int(count: int) -> int:
    """Limits a count to GraphQL's 32 bits, which the requests of several years may exceed."""
    return min(count, LARGEST_INT)
