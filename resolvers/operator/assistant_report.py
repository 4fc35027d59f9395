"""
Makes the operator's report on the assistant: what it found in an organization, and which answers solved the problem.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from assistant.explain.diagnosis import Case
from models.support.report import CaseCount, NotUnderstood, RatedUp, cases_counted, not_understood, rated_up
from models.support.ticket import count_handed_over
from models.usage.refused_after import was_refused

PROVEN_AFTER = timedelta(hours=24)
"""An answer counts as solved if its key was not refused for this long after it was rated as helpful."""
NOT_UNDERSTOOD = (Case.NEEDS_DETAILS, Case.OFF_TOPIC)
NOT_UNDERSTOOD_AT_MOST = 100


class Proof(StrEnum):
    """Whether an answer that was rated as helpful has solved the problem."""

    SOLVED = "solved"
    REFUSED_AGAIN = "refused-again"
    TOO_EARLY = "too-early"
    """Less than a day has passed, so it can't be decided yet."""
    WITHOUT_KEY = "without-key"
    """The answer was not about a key, so it can't be checked."""


@dataclass(frozen=True, slots=True)
class Report:
    """The report on an organization's answers since `since`."""

    since: datetime
    cases: Sequence[CaseCount]
    hand_overs: int
    proofs: Counter[Proof]
    not_understood: Sequence[NotUnderstood]
    """Newest first."""

    @property
    def answers(self) -> int:
        """The number of answers, of all cases."""
        return sum(each.answers for each in self.cases)

    @property
    def direct(self) -> int:
        """The number of answers that were given without a question back."""
        return sum(each.direct for each in self.cases)

    @property
    def direct_share(self) -> float | None:
        """The share of direct answers among all answers; None if there are no answers."""
        return self.direct / self.answers if self.answers else None


async def report(session: AsyncSession, *, organization_id: UUID, days: int, now: datetime) -> Report:
    """Makes the report for the last `days` days."""
    since = now - timedelta(days=days)
    proofs = [await _proof(session, each, now) for each in await rated_up(session, organization_id, since=since)]
    return Report(
        since=since,
        cases=await cases_counted(session, organization_id, since=since),
        hand_overs=await count_handed_over(session, organization_id, since=since),
        proofs=Counter(proofs),
        not_understood=await not_understood(
            session, organization_id, cases=NOT_UNDERSTOOD, since=since, at_most=NOT_UNDERSTOOD_AT_MOST
        ),
    )


async def _proof(session: AsyncSession, answer: RatedUp, now: datetime) -> Proof:
    if answer.key_id is None:
        return Proof.WITHOUT_KEY
    until = answer.rated_at + PROVEN_AFTER
    if await was_refused(session, answer.key_id, after=answer.rated_at, until=min(until, now)):
        return Proof.REFUSED_AGAIN
    return Proof.SOLVED if until <= now else Proof.TOO_EARLY
