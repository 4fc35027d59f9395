"""
Audit events that were not passed on yet to mails and webhooks: the queue between the log and those who are told.

A trigger adds a row for each new audit event, in its transaction, whichever version of Keydesk writes it. So an event
is in the queue exactly if its change was committed. Whoever passes it on deletes the row in the same transaction.
"""

from uuid import UUID

from sqlalchemy import Column, ForeignKey, Uuid
from sqlmodel import Field, SQLModel


class UntoldEvent(SQLModel, table=True):
    """An audit event that was not passed on yet."""

    __tablename__ = "untold_events"

    event_id: UUID = Field(
        sa_column=Column(Uuid(), ForeignKey("audit_events.id", ondelete="CASCADE"), primary_key=True)
    )
