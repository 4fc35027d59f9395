"""On whose behalf facts are gathered, and where they are read from."""

from dataclasses import dataclass
from uuid import UUID

from assistant.facts.documents import Documents
from keys import policy
from keys.limits.limiter import Limiter
from keys.policy import Action, Actor
from models.engine.reader import Reader
from models.person import MembershipRecord, NamedPerson

WAIT_SECONDS = 1.5
"""Usage is recorded a moment later: a request may be this much younger than what is in the database."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Where facts are read from."""

    reader: Reader
    limiter: Limiter
    documents: Documents
    support_email: str | None
    sends_mail: bool
    wait_seconds: float = WAIT_SECONDS


@dataclass(frozen=True, slots=True)
class Asker:
    """The person who asks, what they may do, and their membership in this organization."""

    actor: Actor
    person: NamedPerson
    membership: MembershipRecord

    @property
    def organization_id(self) -> UUID:
        """The organization that they ask about."""
        return self.membership.organization.id

    @property
    def of_agents(self) -> frozenset[UUID] | None:
        """The agents whose keys they may see, or None for all."""
        return policy.visible_agents(self.actor, Action.SEE_KEY, self.organization_id)
