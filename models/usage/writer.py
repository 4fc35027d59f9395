"""Owns ledger writers: the processes that write down what they counted, and how far each has come."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from models.engine.columns import instant
from models.engine.ids import new_id

KEPT_DAYS = 1
"""After the last batch. One that writes nothing for so long begins anew when it does."""


class UsageWriter(SQLModel, table=True):
    """
    One process. `batch` is the number of the last batch that it wrote, in the same transaction as the batch: when the
    connection is lost during the commit, the number tells whether to write it again.
    """

    __tablename__ = "ledger_writers"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    batch: int = 0
    seen_at: datetime = instant()
