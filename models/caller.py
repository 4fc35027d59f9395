"""Owns callers: who has used a key with success, by address and user agent, the newest 20 of each key."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from models.columns import instant

KEPT_OF_A_KEY = 20
USER_AGENT_LENGTH_AT_MOST = 256


class Caller(SQLModel, table=True):
    """A pair of address and user agent; what a request did not tell is an empty text, so that a pair has one row."""

    __tablename__ = "callers"

    key_id: UUID = Field(primary_key=True)
    ip_address: str = Field(max_length=45, primary_key=True)
    user_agent: str = Field(max_length=USER_AGENT_LENGTH_AT_MOST, primary_key=True)
    first_seen_at: datetime = instant()
    last_seen_at: datetime = instant()
    requests: int = Field(sa_type=BigInteger)
