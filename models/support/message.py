"""The messages of conversations: a person's, which are redacted, and the assistant's answers to them."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Executable, Index, Integer, Select, Text, UniqueConstraint, Uuid, bindparam, func, update
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import Field, SQLModel, col

from models.engine.columns import UtcDateTime, instant, optional_instant, reference
from models.engine.ids import AFTER_ALL, new_id
from models.engine.in_clause import padded_size, padded_values, placeholders
from models.engine.reader import Source, fetch
from models.engine.statements import dialect_of, upsert
from models.support.conversation import Conversation

CLIENT_MESSAGE_ID_LENGTH_AT_MOST = 128
CONTEXT_LENGTH_AT_MOST = 200
_BEFORE_ALL = UUID(int=0)


class Author(StrEnum):
    """The author of a message."""

    PERSON = "person"
    ASSISTANT = "assistant"


class AlreadyKept(Exception):
    """
    The person has already sent a message with this client id, or the question already has its answer.

    Roll the transaction back: what it stored together with the message, such as a conversation, must not stay either.
    """


class Message(SQLModel, table=True):
    """
    One message. `person_id` is the owner of the conversation, also for the assistant's messages.

    A question has `client_message_id`, and in `context` what the person was looking at. An answer has `answers_id`, the
    id of its question, and its diagnosis: `topic`, `language`, `diagnosis_case`, `key_id`, `is_direct`, and `answer`,
    the whole answer in the assistant's format. `helpful` is the person's rating.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("person_id", "client_message_id", name="uq_messages_person_id_client_message_id"),
        Index("ix_messages_conversation_id_id", "conversation_id", "id"),
        Index("ix_messages_person_id_at", "person_id", "at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    conversation_id: UUID = Field(foreign_key="conversations.id", ondelete="CASCADE")
    person_id: UUID = reference("people.id")
    author: str = Field(max_length=9)
    text: str = Field(sa_type=Text)
    at: datetime = instant()
    client_message_id: str | None = Field(default=None, max_length=CLIENT_MESSAGE_ID_LENGTH_AT_MOST)
    answers_id: UUID | None = Field(default=None, foreign_key="messages.id", ondelete="CASCADE", unique=True)
    context: str | None = Field(default=None, max_length=CONTEXT_LENGTH_AT_MOST)
    topic: str | None = Field(default=None, max_length=32)
    language: str | None = Field(default=None, max_length=8)
    diagnosis_case: str | None = Field(default=None, max_length=32)
    key_id: UUID | None = None
    is_direct: bool | None = None
    answer: str | None = Field(default=None, sa_type=Text)
    helpful: bool | None = None
    rated_at: datetime | None = optional_instant()


class MessageRecord(NamedTuple):
    """A message as it was read from the database; see `Message`."""

    id: UUID
    conversation_id: UUID
    person_id: UUID
    author: Author
    text: str
    at: datetime
    client_message_id: str | None = None
    answers_id: UUID | None = None
    context: str | None = None
    topic: str | None = None
    language: str | None = None
    diagnosis_case: str | None = None
    key_id: UUID | None = None
    is_direct: bool | None = None
    answer: str | None = None
    helpful: bool | None = None
    rated_at: datetime | None = None


_SHOWN: list[Any] = [getattr(Message, name) for name in MessageRecord._fields]
_PERSON = bindparam("person_id", type_=Uuid())
_ID = bindparam("id", type_=Uuid())
_BEFORE = bindparam("before", type_=Uuid())
_FIND: Select[Any] = columns(*_SHOWN).where(col(Message.id) == _ID, col(Message.person_id) == _PERSON)
_QUESTION: Select[Any] = columns(*_SHOWN).where(
    col(Message.person_id) == _PERSON, col(Message.client_message_id) == bindparam("client_message_id")
)
_ANSWER: Select[Any] = columns(*_SHOWN).where(col(Message.answers_id) == _ID)
_ASKED: Select[Any] = (
    columns(col(Message.at))
    .where(
        col(Message.person_id) == _PERSON,
        col(Message.at) > bindparam("since", type_=UtcDateTime()),
        col(Message.author) == Author.PERSON,
    )
    .order_by(col(Message.at))
)


@cache
def _last_of_each(room: int) -> Select[Any]:
    """Selects the last messages of each conversation. Finding the first of them takes one step down the index."""
    earlier = aliased(Message)
    first_wanted = (
        columns(col(earlier.id))
        .where(col(earlier.conversation_id) == col(Conversation.id), col(earlier.id) < _BEFORE)
        .order_by(col(earlier.id).desc())
        .limit(1)
        .offset(bindparam("passed_over", type_=Integer()))
        .scalar_subquery()
    )
    return (
        columns(*_SHOWN)
        .select_from(Conversation)
        .join(
            Message,
            (col(Message.conversation_id) == col(Conversation.id))
            & (col(Message.id) >= func.coalesce(first_wanted, _BEFORE_ALL))
            & (col(Message.id) < _BEFORE),
        )
        .where(col(Conversation.id).in_(placeholders(room)))
        .order_by(col(Message.id))
    )


async def was_suggested(session: AsyncSession, conversation_id: UUID, suggestion_id: str) -> bool:
    """Whether an answer of the conversation has this suggestion, by the form in which answers are stored."""
    has_it = col(Message.answer).contains(f'"id":"{suggestion_id}"', autoescape=True)
    statement = columns(col(Message.id)).where(col(Message.conversation_id) == conversation_id, has_it).limit(1)
    return (await session.execute(statement)).first() is not None


async def keep_question(
    session: AsyncSession,
    *,
    conversation_id: UUID,
    person_id: UUID,
    text: str,
    at: datetime,
    client_message_id: str | None = None,
    context: str | None = None,
) -> MessageRecord:
    """
    Stores a person's message. The text must be redacted.

    Raises AlreadyKept; read the stored one with `find_question` then, in another transaction.
    """
    return await _keep(
        session,
        MessageRecord(
            id=new_id(),
            conversation_id=conversation_id,
            person_id=person_id,
            author=Author.PERSON,
            text=text,
            at=at,
            client_message_id=client_message_id,
            context=context,
        ),
    )


async def keep_answer(
    session: AsyncSession,
    *,
    conversation_id: UUID,
    person_id: UUID,
    text: str,
    at: datetime,
    answers_id: UUID | None,
    topic: str | None = None,
    language: str | None = None,
    diagnosis_case: str | None = None,
    key_id: UUID | None = None,
    is_direct: bool | None = None,
    answer: str | None = None,
) -> MessageRecord:
    """
    Stores a message of the assistant. `answers_id` is None for one that answers no question, as after a hand-over.

    Raises AlreadyKept; read the stored one with `answer_to` then, in another transaction.
    """
    return await _keep(
        session,
        MessageRecord(
            id=new_id(),
            conversation_id=conversation_id,
            person_id=person_id,
            author=Author.ASSISTANT,
            text=text,
            at=at,
            answers_id=answers_id,
            topic=topic,
            language=language,
            diagnosis_case=diagnosis_case,
            key_id=key_id,
            is_direct=is_direct,
            answer=answer,
        ),
    )


async def find_message(source: Source, message_id: UUID, person_id: UUID) -> MessageRecord | None:
    """The message with this id in one of the person's conversations; None if there is none."""
    return await _one(source, _FIND, {"id": message_id, "person_id": person_id})


async def find_question(source: Source, person_id: UUID, client_message_id: str) -> MessageRecord | None:
    """The question that the person sent with this client id; None if there is none."""
    return await _one(source, _QUESTION, {"person_id": person_id, "client_message_id": client_message_id})


async def answer_to(source: Source, question_id: UUID) -> MessageRecord | None:
    """The answer to the question, or None if there is none yet."""
    return await _one(source, _ANSWER, {"id": question_id})


async def messages_of(
    source: Source, conversation_ids: Collection[UUID], *, last: int, before: UUID | None = None
) -> dict[UUID, list[MessageRecord]]:
    """
    The last `last` messages of each conversation, oldest first; with `before`, only messages before that one.

    At least one conversation must be given. Each has an entry in the result.
    """
    parameters = {**padded_values(conversation_ids), "passed_over": last - 1, "before": before or AFTER_ALL}
    found: dict[UUID, list[MessageRecord]] = {each: [] for each in conversation_ids}
    for row in await fetch(source, _last_of_each(padded_size(conversation_ids)), parameters):
        message = _record(row)
        found[message.conversation_id].append(message)
    return found


async def latest_messages(source: Source, conversation_id: UUID, *, last: int) -> list[MessageRecord]:
    """The last `last` messages of the conversation, oldest first."""
    return (await messages_of(source, [conversation_id], last=last))[conversation_id]


async def asked_since(source: Source, person_id: UUID, moment: datetime) -> list[datetime]:
    """The times of the person's questions after the moment, in all organizations, oldest first."""
    return [row[0] for row in await fetch(source, _ASKED, {"person_id": person_id, "since": moment})]


async def rate_message(
    session: AsyncSession, message_id: UUID, person_id: UUID, *, helpful: bool, at: datetime
) -> bool:
    """Stores the person's rating of one of the assistant's messages to them. False if there is no such message."""
    result = await session.execute(
        update(Message)
        .where(
            col(Message.id) == message_id,
            col(Message.person_id) == person_id,
            col(Message.author) == Author.ASSISTANT,
        )
        .values(helpful=helpful, rated_at=at)
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it


@cache
def _keeping(dialect: str) -> Executable:
    """Cached, because every question runs this statement twice."""
    rows = SQLModel.metadata.tables["messages"]
    return upsert(rows, dialect).on_conflict_do_nothing().returning(rows.c.id)


async def _keep(session: AsyncSession, message: MessageRecord) -> MessageRecord:
    """
    Stores a message. Raises AlreadyKept if another one has the same client id or answers the same question.

    Of two that are stored at the same time, the second waits until the first transaction has ended.
    """
    kept = await session.execute(_keeping(dialect_of(session)), message._asdict())
    if kept.first() is None:
        raise AlreadyKept
    return message


async def _one(source: Source, statement: Select[Any], parameters: dict[str, Any]) -> MessageRecord | None:
    rows = await fetch(source, statement, parameters)
    return _record(rows[0]) if rows else None


def _record(row: Any) -> MessageRecord:
    return MessageRecord._make(row)._replace(author=Author(row[3]))
