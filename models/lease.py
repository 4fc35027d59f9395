"""Owns leases: work that one process at a time does, until when it may."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from models.columns import instant


class Lease(SQLModel, table=True):
    """Who does this work. A holder that ended without a word is over at `until`."""

    __tablename__ = "leases"

    name: str = Field(max_length=32, primary_key=True)
    holder: UUID
    until: datetime = instant()
