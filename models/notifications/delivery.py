"""Deliveries to webhooks: one row for each webhook and event, which is the same in every attempt."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, ForeignKey, Index, Text, UniqueConstraint, Uuid
from sqlmodel import Field, SQLModel

from models.engine.columns import instant, optional_instant
from models.engine.ids import new_id

MESSAGE_ID_LENGTH_AT_MOST = 64
FAILURE_LENGTH_AT_MOST = 200


class WebhookDelivery(SQLModel, table=True):
    """
    A delivery. `next_attempt_at` is when to send it; it is null once it was delivered or given up.

    `message_id` is the `webhook-id` of Standard Webhooks, and `body` what is sent: both stay the same, however often it
    is sent. `status` is that of the last answer; null if there was none.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("webhook_id", "message_id", name="uq_webhook_deliveries_webhook_id_message_id"),
        Index("ix_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
        Index("ix_webhook_deliveries_next_attempt_at", "next_attempt_at"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    webhook_id: UUID = Field(sa_column=Column(Uuid(), ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False))
    message_id: str = Field(max_length=MESSAGE_ID_LENGTH_AT_MOST)
    event_type: str = Field(max_length=40)
    body: str = Field(sa_type=Text, nullable=False)
    created_at: datetime = instant()
    attempts: int = 0
    status: int | None = None
    delivered_at: datetime | None = optional_instant()
    next_attempt_at: datetime | None = optional_instant()
    failure: str | None = Field(default=None, max_length=FAILURE_LENGTH_AT_MOST)
