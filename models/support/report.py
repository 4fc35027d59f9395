"""Owns what the operator is told of the assistant's answers in an organization, as long as conversations are kept."""

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
    """A question, redacted, whose answer found little in it; topic and language are what the answer took it for."""

    question_id: UUID
    text: str
    at: datetime
    topic: str | None
    language: str | None
    diagnosis_case: str


class CaseCount(NamedTuple):
    """
    How many answers found this case; of them, how many were direct, and how the people rated them.

    `handed_over` counts those that were the last answer of a conversation before it went to people.
    """

    diagnosis_case: str
    answers: int
    direct: int
    rated_up: int
    rated_down: int
    handed_over: int


class RatedUp(NamedTuple):
    """An answer that the person called helpful, which key it was about, if any, and when they said so."""

    key_id: UUID | None
    rated_at: datetime
    message_id: UUID


def _in_organization(message: Any) -> Any:
    """Conversations of one organization, and of those messages the ones since a moment."""
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
    """The questions since then whose answer is one of these cases, of which there is at least one; newest first."""
    parameters = {"organization_id": organization_id, "since": since, "at_most": at_most}
    rows = await fetch(source, _not_understood(tuple(sorted(cases))), parameters)
    return [NotUnderstood._make(row) for row in rows]


async def cases_counted(source: Source, organization_id: UUID, *, since: datetime) -> list[CaseCount]:
    """What the answers given since then were found to be, the most frequent first. Remarks are no answers."""
    rows = await fetch(source, _CASES, {"organization_id": organization_id, "since": since})
    return [CaseCount._make(row) for row in rows]


async def rated_up(source: Source, organization_id: UUID, *, since: datetime) -> list[RatedUp]:
    """Those of the answers given since then that the person called helpful, oldest first."""
    rows = await fetch(source, _RATED_UP, {"organization_id": organization_id, "since": since})
    return [RatedUp._make(row) for row in rows]
