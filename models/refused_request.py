"""
Owns refused requests: which, when, why, and from where.

Kept are the newest 1,000 of each key, the newest 100,000 of no key that is known, and none longer than 90 days.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, Integer
from sqlmodel import Field, SQLModel

from models.caller import USER_AGENT_LENGTH_AT_MOST
from models.columns import instant

KEPT_OF_A_KEY = 1000
KEPT_WITHOUT_A_KEY = 100_000
KEPT_DAYS = 90
DETAIL_LENGTH_AT_MOST = 300


class RefusedReason(StrEnum):
    """Why. The last two are no fault of the key and are kept without one, for who has the request's id."""

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
    One refused request. `number` is the order in which they were written down, `key_id` is there once the caller
    proved possession, `agent_id` where the request named an agent, `detail` is what was wrong with a key's form.
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
    ip_address: str | None = Field(default=None, max_length=45)
    user_agent: str | None = Field(default=None, max_length=USER_AGENT_LENGTH_AT_MOST)
    agent_id: UUID | None = None
    detail: str | None = Field(default=None, max_length=DETAIL_LENGTH_AT_MOST)
