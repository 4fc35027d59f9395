"""Webhooks: where an organization's programs are told of events."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON
from sqlmodel import Field, SQLModel

from models.engine.columns import instant, optional_instant, reference
from models.engine.ids import new_id

URL_LENGTH_AT_MOST = 2000
SEALED_LENGTH_AT_MOST = 300
REASON_LENGTH_AT_MOST = 200


class Webhook(SQLModel, table=True):
    """
    A webhook. The signing secrets are sealed with a key that is derived from a server key.

    After a rotation, the secret before signs too, until `previous_works_until`. `failing_since` is the first failure
    since the last success; null after a success.
    """

    __tablename__ = "webhooks"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organization_id: UUID = reference("organizations.id", index=True)
    url: str = Field(max_length=URL_LENGTH_AT_MOST)
    events: list[str] = Field(sa_type=JSON, nullable=False)
    """Types of events. Readers leave out types that this version does not know."""
    is_enabled: bool = True
    disabled_reason: str | None = Field(default=None, max_length=REASON_LENGTH_AT_MOST)
    created_at: datetime = instant()
    sealed_secret: str = Field(max_length=SEALED_LENGTH_AT_MOST)
    previous_sealed_secret: str | None = Field(default=None, max_length=SEALED_LENGTH_AT_MOST)
    previous_works_until: datetime | None = optional_instant()
    failing_since: datetime | None = optional_instant()
