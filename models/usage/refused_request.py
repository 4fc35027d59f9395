"""
Refused requests: when, why, and from where.

Kept are the newest 1,000 of each key, and the newest 100,000 without a known key, for at most 90 days.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, Integer, exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from models.engine.columns import IP_ADDRESS_LENGTH_AT_MOST, instant, optional_outside_text
from models.engine.skip_scan import Walk, walk_keys
from models.engine.statements import delete_rows
from models.usage.caller import USER_AGENT_LENGTH_AT_MOST

KEPT_OF_A_KEY = 1000
KEPT_WITHOUT_A_KEY = 100_000
KEPT_DAYS = 90
DETAIL_LENGTH_AT_MOST = 300


class RefusedReason(StrEnum):
    """
    Why a request was refused. `keys/outcomes.py` has what the caller gets.

    For the last two the key is not the cause. They are stored without a key, for people who have the request's id.
    """

    MISSING_KEY = "missing_key"
    MALFORMED_KEY = "malformed_key"
    UNKNOWN_KEY = "unknown_key"
    DELETED_KEY = "deleted_key"
    REPLACED_SECRET = "replaced_secret"  # noqa: S105 - no password
    AGENT_NOT_IN_SCOPE = "agent_not_in_scope"
    RATE_LIMITED = "rate_limited"
    QUOTA_EXCEEDED = "quota_exceeded"
    GATEWAY_NOT_ALLOWED = "gateway_not_allowed"
    UNAVAILABLE = "unavailable"


class RefusedRequest(SQLModel, table=True):
    """
    A refused request. `number` counts up in the order of writing.

    `key_id` is set if the caller proved that it has the key, `agent_id` if the request named an agent. `detail` says
    what was wrong with the form of a key.
    """

    __tablename__ = "refused_requests"
    __table_args__ = (Index("ix_refused_requests_key_id_number", "key_id", "number"), {"sqlite_autoincrement": True})

    number: int | None = Field(
        default=None,
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    )
    request_id: UUID = Field(unique=True)
    key_id: UUID | None = None
    reason: str = Field(max_length=32)
    at: datetime = instant()
    ip_address: str | None = optional_outside_text(IP_ADDRESS_LENGTH_AT_MOST)
    user_agent: str | None = optional_outside_text(USER_AGENT_LENGTH_AT_MOST)
    agent_id: UUID | None = None
    detail: str | None = optional_outside_text(DETAIL_LENGTH_AT_MOST)


async def drop_refused_before(
    session: AsyncSession, moment: datetime, *, after: int, at_most: int
) -> tuple[int, int | None]:
    """
    Examines the next requests after the number `after`, and deletes those that were refused before the moment.

    Returns how many were deleted, and the number after which to go on, or None if no request is left.
    """
    number = col(RefusedRequest.number)
    stretch = select(number).where(number > after).order_by(number).limit(at_most)
    numbers = (await session.execute(stretch)).scalars().all()
    if not numbers:
        return 0, None
    dropped = await delete_rows(
        session, RefusedRequest, number > after, number <= numbers[-1], col(RefusedRequest.at) < moment
    )
    return len(dropped), numbers[-1]


async def keys_refused_too_often(session: AsyncSession, *, after: UUID | None) -> Walk:
    """The next keys after `after`, and which of them have more refused requests than are kept."""
    return await walk_keys(
        session,
        col(RefusedRequest.key_id),
        lambda key_id: exists(
            select(col(RefusedRequest.number))
            .where(col(RefusedRequest.key_id) == key_id)
            .limit(1)
            .offset(KEPT_OF_A_KEY)
        ),
        after=after,
    )


async def drop_oldest_refused(session: AsyncSession, key_id: UUID | None, *, at_most: int) -> int:
    """Deletes refused requests of the key, or without a key, beyond the newest that are kept. Returns how many."""
    kept = KEPT_WITHOUT_A_KEY if key_id is None else KEPT_OF_A_KEY
    number = col(RefusedRequest.number)
    of_key = col(RefusedRequest.key_id) == key_id
    newest_surplus = select(number).where(of_key).order_by(number.desc()).limit(1).offset(kept).scalar_subquery()
    is_surplus = number <= newest_surplus
    return len(await delete_rows(session, RefusedRequest, of_key, is_surplus, oldest_by=number, at_most=at_most))
