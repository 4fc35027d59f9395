"""Rows of conversations with the assistant."""

from datetime import UTC, datetime
from typing import Any

from models import Organization, Person
from models.engine.database import Database
from models.support.conversation import ConversationRecord, begin_conversation
from models.support.message import MessageRecord, keep_answer, keep_question

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


async def begun(
    database: Database, organization: Organization, person: Person, title: str = "Why 401?", *, at: datetime = NOON
) -> ConversationRecord:
    """A new conversation of the person."""
    async with database.transaction() as session:
        return await begin_conversation(
            session, organization_id=organization.id, person_id=person.id, title=title, at=at
        )


async def asked(
    database: Database, conversation: ConversationRecord, text: str = "Why 401?", *, at: datetime = NOON, **more: Any
) -> MessageRecord:
    """A question in the conversation."""
    async with database.transaction() as session:
        return await keep_question(
            session, conversation_id=conversation.id, person_id=conversation.person_id, text=text, at=at, **more
        )


async def answered(
    database: Database, question: MessageRecord, text: str = "It was deleted.", *, at: datetime = NOON, **more: Any
) -> MessageRecord:
    """The answer to the question."""
    async with database.transaction() as session:
        return await keep_answer(
            session,
            conversation_id=question.conversation_id,
            person_id=question.person_id,
            text=text,
            at=at,
            answers_id=question.id,
            **more,
        )
