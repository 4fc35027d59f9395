"""Does the operator's report: what the assistant found in an organization, and what of it held."""

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
"""So long the key must not be refused for an answer to count as having solved it."""
NOT_UNDERSTOOD = (Case.NEEDS_DETAILS, Case.OFF_TOPIC)
NOT_UNDERSTOOD_AT_MOST = 100


class Proof(StrEnum):
    """What became of an answer that the person called helpful."""

    SOLVED = "solved"
    REFUSED_AGAIN = "refused-again"
    TOO_EARLY = "too-early"
    """To say: less than a day has passed."""
    WITHOUT_KEY = "without-key"
    """It was about none, so there is nothing to check it by."""


@dataclass(frozen=True, slots=True)
class Report:
    """An organization's, of the answers since then."""

    since: datetime
    cases: Sequence[CaseCount]
    hand_overs: int
    proofs: Counter[Proof]
    not_understood: Sequence[NotUnderstood]
    """The newest first."""

    @property
    def answers(self) -> int:
        """Of all cases."""
        return sum(each.answers for each in self.cases)

    @property
    def direct(self) -> int:
        """Answers that were given without asking back."""
        return sum(each.direct for each in self.cases)

    @property
    def direct_share(self) -> float | None:
        """Of all answers; None where there is none."""
        return self.direct / self.answers if self.answers else None


async def report(session: AsyncSession, *, organization_id: UUID, days: int, now: datetime) -> Report:
    """The last so many days."""
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
