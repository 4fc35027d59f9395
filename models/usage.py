"""
Owns what is counted of keys' requests: by outcome in hours and days, and what passed in a calendar month.

The ledger adds to hours and months as requests are answered; days are made of hours before these are dropped. No row
refers to a key's row: a reference would lock it with every verification.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from models.columns import UtcDateTime, instant, optional_instant

OUTCOMES = ("allowed", "rate_limited", "quota_exceeded", "agent_not_in_scope", "deleted_key", "replaced_secret")
"""The columns that count: what became of requests whose key is known."""


class Outcomes(SQLModel):
    """How many requests of a key passed, and how many were refused for each reason."""

    allowed: int = Field(default=0, sa_type=BigInteger)
    rate_limited: int = Field(default=0, sa_type=BigInteger)
    quota_exceeded: int = Field(default=0, sa_type=BigInteger)
    agent_not_in_scope: int = Field(default=0, sa_type=BigInteger)
    deleted_key: int = Field(default=0, sa_type=BigInteger)
    replaced_secret: int = Field(default=0, sa_type=BigInteger)


class UsageHour(Outcomes, table=True):
    """A key's requests within an hour, by its beginning in UTC. Kept for 35 days."""

    __tablename__ = "usage_hours"

    key_id: UUID = Field(primary_key=True)
    hour: datetime = Field(sa_type=UtcDateTime, primary_key=True)


class UsageDay(Outcomes, table=True):
    """A key's requests within a day, by its beginning in UTC: those whose hours were dropped. Kept for two years."""

    __tablename__ = "usage_days"

    key_id: UUID = Field(primary_key=True)
    day: datetime = Field(sa_type=UtcDateTime, primary_key=True)


class UsageMonth(SQLModel, table=True):
    """
    What of a key's requests passed within a calendar month in UTC, and when the last did. Kept while the key is.

    `previous_secret_last_used_at` is when one last passed with the secret before the current one.
    """

    __tablename__ = "usage_months"

    key_id: UUID = Field(primary_key=True)
    month: datetime = Field(sa_type=UtcDateTime, primary_key=True)
    allowed: int = Field(default=0, sa_type=BigInteger)
    last_used_at: datetime = instant()
    previous_secret_last_used_at: datetime | None = optional_instant()
