"""What was told about a key that no single change shows, so that it is told once, whatever restarts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from models.engine.columns import instant, reference

PERIOD_LENGTH_AT_MOST = 40


class ToldMark(SQLModel, table=True):
    """
    That something was told: about which key, of which kind, and for which period, such as a month and a threshold.

    It is written in the transaction of the audit event.
    """

    __tablename__ = "told_marks"
    __table_args__ = (Index("ix_told_marks_at", "at"),)

    api_key_id: UUID = reference("api_keys.id", primary_key=True)
    kind: str = Field(max_length=40, primary_key=True)
    period: str = Field(max_length=PERIOD_LENGTH_AT_MOST, primary_key=True)
    at: datetime = instant()
