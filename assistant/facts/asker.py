"""The person on whose behalf facts are gathered, and the sources of the facts."""

from dataclasses import dataclass
from uuid import UUID

from assistant.facts.documents import Documents
from keys import policy
from keys.limits.limiter import Limiter
from keys.policy import Action, Actor
from models.engine.reader import Reader
from models.person import MembershipRecord, NamedPerson

WAIT_SECONDS = 1.5
"""How long to wait for a refused request to be written: usage is written asynchronously."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The sources of facts."""

    reader: Reader
    limiter: Limiter
    documents: Documents
    support_email: str | None
    sends_mail: bool
    mails_people: bool = False
    """Whether invitations and links for forgotten passwords can be mailed."""
    wait_seconds: float = WAIT_SECONDS


@dataclass(frozen=True, slots=True)
class Asker:
    """The person who asks, their permissions, and their membership in this organization."""

    actor: Actor
    person: NamedPerson
    membership: MembershipRecord

    @property
    def organization_id(self) -> UUID:
        """The organization that the person asks about."""
        return self.membership.organization.id

    @property
    def of_agents(self) -> frozenset[UUID] | None:
        """The agents whose keys the person may see. None stands for all agents."""
        return policy.visible_agents(self.actor, Action.SEE_KEY, self.organization_id)
