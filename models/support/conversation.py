"""Conversations with the assistant. A conversation is kept for 90 days after its last message."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Index, Integer, Select, Table, Text, Uuid, bindparam, insert, update
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from models.engine.columns import instant, outside_text, reference
from models.engine.ids import AFTER_ALL, new_id
from models.engine.reader import Source, fetch

KEPT_DAYS = 90
"""Days after the last message."""
TITLE_LENGTH_AT_MOST = 80


class Conversation(SQLModel, table=True):
    """A person's conversation in one organization. `subject` is the assistant's record of what it is about."""

    __tablename__ = "conversations"
    __table_args__ = (
        Index("ix_conversations_organization_id_person_id_id", "organization_id", "person_id", "id"),
        Index("ix_conversations_last_message_at", "last_message_at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organization_id: UUID = reference("organizations.id")
    person_id: UUID = reference("people.id")
    title: str = outside_text(TITLE_LENGTH_AT_MOST)
    started_at: datetime = instant()
    last_message_at: datetime = instant()
    subject: str | None = Field(default=None, sa_type=Text)


class ConversationRecord(NamedTuple):
    """A conversation as it was read from the database."""

    id: UUID
    organization_id: UUID
    person_id: UUID
    title: str
    started_at: datetime
    last_message_at: datetime
    subject: str | None


_SHOWN: list[Any] = [getattr(Conversation, name) for name in ConversationRecord._fields]
_PERSON = bindparam("person_id", type_=Uuid())
_FIND: Select[Any] = columns(*_SHOWN).where(
    col(Conversation.id) == bindparam("id", type_=Uuid()), col(Conversation.person_id) == _PERSON
)
_NEWEST: Select[Any] = (
    columns(*_SHOWN)
    .where(
        col(Conversation.organization_id) == bindparam("organization_id", type_=Uuid()),
        col(Conversation.person_id) == _PERSON,
        col(Conversation.id) < bindparam("before", type_=Uuid()),
    )
    .order_by(col(Conversation.id).desc())
    .limit(bindparam("first", type_=Integer()))
)
_ROWS: Table = SQLModel.metadata.tables["conversations"]
_BEGIN = insert(_ROWS)
_NOTE = (
    update(_ROWS)
    .where(_ROWS.c.id == bindparam("noted_id"))
    .values(last_message_at=bindparam("noted_at"), subject=bindparam("noted_subject"))
)


async def begin_conversation(
    session: AsyncSession, *, organization_id: UUID, person_id: UUID, title: str, at: datetime
) -> ConversationRecord:
    """Starts a conversation without a message. The title must fit its column."""
    begun = ConversationRecord(new_id(), organization_id, person_id, title, at, at, None)
    await session.execute(_BEGIN, begun._asdict())
    return begun


async def find_conversation(source: Source, conversation_id: UUID, person_id: UUID) -> ConversationRecord | None:
    """The person's conversation with this id, in any organization; None if there is none."""
    rows = await fetch(source, _FIND, {"id": conversation_id, "person_id": person_id})
    return ConversationRecord._make(rows[0]) if rows else None


async def conversations_of(
    source: Source, person_id: UUID, organization_id: UUID, *, first: int, before: UUID | None = None
) -> list[ConversationRecord]:
    """Up to `first` of the person's conversations in the organization, newest first, older than `before` if given."""
    parameters = {
        "person_id": person_id,
        "organization_id": organization_id,
        "first": first,
        "before": before or AFTER_ALL,
    }
    return [ConversationRecord._make(row) for row in await fetch(source, _NEWEST, parameters)]


async def note_message(session: AsyncSession, conversation_id: UUID, *, at: datetime, subject: str | None) -> bool:
    """
    Stores the time of the last message and what the conversation is about now. False if the conversation was deleted.

    Call it before the message is stored: it locks the row, so that the conversation can't be dropped for its age until
    the transaction ends.
    """
    result = await session.execute(_NOTE, {"noted_id": conversation_id, "noted_at": at, "noted_subject": subject})
    return bool(result.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it
