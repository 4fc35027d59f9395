"""The processes that write usage, and the number of the last batch that each has written."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from models.engine.columns import instant
from models.engine.ids import new_id

KEPT_DAYS = 1
"""Days after the last batch. A process that writes nothing for longer starts with a new row."""


class UsageWriter(SQLModel, table=True):
    """
    One process. `batch` is the number of the last batch that it wrote.

    The number is stored in the same transaction as the batch, so that after a connection is lost during a commit, it
    shows whether to write the batch again.
    """

    __tablename__ = "ledger_writers"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    batch: int = 0
    seen_at: datetime = instant()
