"""Reads the operator's report on the assistant's answers in an organization."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, Select, Uuid, bindparam, func, literal
from sqlalchemy import select as columns
from sqlalchemy.orm import aliased
from sqlmodel import col

from models.engine.columns import UtcDateTime
from models.engine.reader import Source, fetch
from models.support.conversation import Conversation
from models.support.message import Message
from models.support.ticket import Ticket


class NotUnderstood(NamedTuple):
    """A redacted question that was not understood, with the topic and language that the assistant assumed."""

    question_id: UUID
    text: str
    at: datetime
    topic: str | None
    language: str | None
    diagnosis_case: str


class CaseCount(NamedTuple):
    """
    The number of answers with this case, how many of them were direct, and how people rated them.

    `handed_over` counts the answers that were the last ones before a hand-over to people.
    """

    diagnosis_case: str
    answers: int
    direct: int
    rated_up: int
    rated_down: int
    handed_over: int


class RatedUp(NamedTuple):
    """An answer that the person rated as helpful: its key, if it has one, and when it was rated."""

    key_id: UUID | None
    rated_at: datetime
    message_id: UUID


def _in_organization(message: Any) -> Any:
    """The condition for messages of one organization's conversations since a moment."""
    return (
        (col(Conversation.id) == message.conversation_id)
        & (col(Conversation.organization_id) == bindparam("organization_id", type_=Uuid()))
        & (message.at >= bindparam("since", type_=UtcDateTime()))
    )


@cache
def _not_understood(cases: tuple[str, ...]) -> Select[Any]:
    question, answer = aliased(Message), aliased(Message)
    found = [literal(each) for each in cases]
    shown: list[Any] = [question.id, question.text, question.at, answer.topic, answer.language, answer.diagnosis_case]
    return (
        columns(*shown)
        .select_from(Conversation)
        .join(question, _in_organization(question))
        .join(answer, (col(answer.answers_id) == col(question.id)) & col(answer.diagnosis_case).in_(found))
        .order_by(col(question.id).desc())
        .limit(bindparam("at_most", type_=Integer()))
    )


def _cases() -> Select[Any]:
    earlier = aliased(Message)
    answered_last = (
        columns(col(earlier.id))
        .where(
            col(earlier.conversation_id) == col(Ticket.conversation_id),
            col(earlier.id) < col(Ticket.id),
            col(earlier.answers_id).is_not(None),
        )
        .order_by(col(earlier.id).desc())
        .limit(1)
        .correlate(Ticket)
        .scalar_subquery()
    )
    case = col(Message.diagnosis_case)
    shown: list[Any] = [
        case,
        func.count(),
        func.count().filter(col(Message.is_direct).is_(True)),
        func.count().filter(col(Message.helpful).is_(True)),
        func.count().filter(col(Message.helpful).is_(False)),
        func.count(col(Ticket.id)),
    ]
    return (
        columns(*shown)
        .select_from(Conversation)
        .join(Message, _in_organization(Message))
        .outerjoin(
            Ticket,
            (col(Ticket.conversation_id) == col(Message.conversation_id)) & (col(Message.id) == answered_last),
        )
        .where(case.is_not(None), col(Message.answers_id).is_not(None))
        .group_by(case)
        .order_by(func.count().desc(), case)
    )


_CASES = _cases()
_RATED_UP_SHOWN: list[Any] = [Message.key_id, Message.rated_at, Message.id]
_RATED_UP: Select[Any] = (
    columns(*_RATED_UP_SHOWN)
    .select_from(Conversation)
    .join(Message, _in_organization(Message))
    .where(col(Message.helpful).is_(True), col(Message.answers_id).is_not(None))
    .order_by(col(Message.id))
)


async def not_understood(
    source: Source, organization_id: UUID, *, cases: Collection[str], since: datetime, at_most: int
) -> list[NotUnderstood]:
    """The questions since then whose answer has one of these cases, newest first. At least one case must be given."""
    parameters = {"organization_id": organization_id, "since": since, "at_most": at_most}
    rows = await fetch(source, _not_understood(tuple(sorted(cases))), parameters)
    return [NotUnderstood._make(row) for row in rows]


async def cases_counted(source: Source, organization_id: UUID, *, since: datetime) -> list[CaseCount]:
    """Counts the answers since then by case, the most frequent first. Messages that answer no question don't count."""
    rows = await fetch(source, _CASES, {"organization_id": organization_id, "since": since})
    return [CaseCount._make(row) for row in rows]


async def rated_up(source: Source, organization_id: UUID, *, since: datetime) -> list[RatedUp]:
    """The answers since then that were rated as helpful, oldest first."""
    rows = await fetch(source, _RATED_UP, {"organization_id": organization_id, "since": since})
    return [RatedUp._make(row) for row in rows]
