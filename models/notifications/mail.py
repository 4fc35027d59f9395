"""Mails about events: one row for each mail, with the events that it tells."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, ForeignKey, Index, Uuid
from sqlmodel import Field, SQLModel

from models.engine.columns import instant, optional_reference, reference
from models.mailed import Mailed
from models.person import EMAIL_LENGTH_AT_MOST


class NotificationMail(Mailed, table=True):
    """
    A mail to one address about events of one type. `person_id` is null for an address that was added by hand.

    A digest collects the events that come in until it is sent.
    """

    __tablename__ = "notification_mails"
    __table_args__ = (
        Index("ix_notification_mails_next_attempt_at", "next_attempt_at"),
        Index("ix_notification_mails_created_at", "created_at"),
        Index(
            "ix_notification_mails_recent",
            "organization_id",
            "address",
            "event_type",
            "created_at",
        ),
    )

    organization_id: UUID = reference("organizations.id")
    person_id: UUID | None = optional_reference("people.id")
    address: str = Field(max_length=EMAIL_LENGTH_AT_MOST)
    event_type: str = Field(max_length=40)
    is_digest: bool = False
    created_at: datetime = instant()


class NotificationMailEvent(SQLModel, table=True):
    """An audit event that a mail tells."""

    __tablename__ = "notification_mail_events"

    mail_id: UUID = Field(
        sa_column=Column(Uuid(), ForeignKey("notification_mails.id", ondelete="CASCADE"), primary_key=True)
    )
    event_id: UUID = Field(primary_key=True)
