"""
Owns what may be known on behalf of one person in one organization. What they may not see is not in here.

So a diagnosis, which sees these facts alone, can't tell anything that the person may not know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from keys import policy
from keys.key_limit import Allowance
from keys.limits.sliding_window import LimitStatus
from keys.policy import Action, Actor, Scope
from keys.verification.malformed import Malformed
from models.agent import NamedAgent
from models.audit import AuditAction
from models.key_queries import ApiKeyRecord
from models.person import NamedPerson, OrganizationRecord, Role
from models.usage.refused_request import RefusedReason
from models.usage.request_queries import CallerRecord

DAY = timedelta(days=1)


def beginning_of_the_last_day(now: datetime) -> datetime:
    """Since when requests are *in the last day*: they are counted by the hour, so since that hour's beginning."""
    return (now - DAY).replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class RefusalFacts:
    """A refused request of a key; `agent` is the one it was for, where the person may know of it."""

    id: str
    reason: RefusedReason
    at: datetime
    ip_address: str | None = None
    user_agent: str | None = None
    agent: NamedAgent | None = None


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key or tombstone that the person may see, with what the ledger has of it."""

    record: ApiKeyRecord
    may_manage: bool
    refused: Mapping[RefusedReason, int] = field(default_factory=dict)
    """Requests by reason in the last day."""
    passed: int = 0
    """Requests in the last day that passed."""
    is_detailed: bool = False
    """Whether the rest was looked up: it is for the keys that a question may be about."""
    newest_refused: tuple[RefusalFacts, ...] = ()
    callers: tuple[CallerRecord, ...] = ()
    calls_since_deletion: int = 0
    balance: LimitStatus | None = None
    """None where the limiter can't be asked, and for tombstones."""

    @property
    def is_deleted(self) -> bool:
        """Whether it is a tombstone."""
        return self.record.deleted_at is not None

    @property
    def refused_in_all(self) -> int:
        """Requests in the last day that were refused for any reason."""
        return sum(self.refused.values())

    def refused_for(self, reasons: Sequence[RefusedReason]) -> int:
        """Requests in the last day that were refused for one of these."""
        return sum(self.refused.get(reason, 0) for reason in reasons)

    def last_refused(self, *reasons: RefusedReason) -> RefusalFacts | None:
        """The newest refused request, of any reason or of these."""
        return next((each for each in self.newest_refused if not reasons or each.reason in reasons), None)


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """
    A refused request that this person may be told of.

    One that carried no genuine key belongs to nobody, and is told whoever has its id: then there is no key, and no
    address or user agent. `detail` is what was wrong with the form of what it carried.
    """

    refusal: RefusalFacts
    detail: str | None = None
    key: KeyFacts | None = None


class Possession(StrEnum):
    """What is told of a key that was pasted whole, to whoever has it."""

    WORKS = "works"
    DELETED = "deleted"
    REPLACED = "replaced"
    UNKNOWN = "unknown"
    """No key of this organization: another's, an invented one and one that never was look the same."""
    UNCLEAR = "unclear"
    """One of this organization, which could not be looked at just now."""


@dataclass(frozen=True, slots=True)
class PastedKey:
    """
    What was pasted in place of a key: its hint, what is wrong with its form, and what possession entitles to know.

    `changed_on` is the day on which it was deleted or replaced; `key` is there when the person may see it.
    """

    hint: str | None
    malformed: Malformed | None = None
    possession: Possession | None = None
    """None where it was not looked up: no whole key, or too many in an hour."""
    changed_on: datetime | None = None
    key: KeyFacts | None = None
    is_hint: bool = False
    """Whether it is no more than a hint, which still stands in the text."""


@dataclass(frozen=True, slots=True)
class EventFacts:
    """Something in the audit log that the person may see."""

    action: AuditAction
    at: datetime
    actor: NamedPerson | None
    summary: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A section of the documentation that fits the question: its title, its path with fragment, and its beginning."""

    title: str
    url: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything, as of one moment."""

    now: datetime
    organization: OrganizationRecord
    actor: Actor
    viewer: NamedPerson
    allowance: Allowance
    admins: Sequence[NamedPerson] = ()
    agents: Sequence[NamedAgent] = ()
    """Living agents that the person may scope a key to."""
    keys: Sequence[KeyFacts] = ()
    """Living ones and tombstones, newest first."""
    candidates: Sequence[KeyFacts] = ()
    """Those that the person may delete to free a slot, in the order in which to think of it."""
    meant: Sequence[KeyFacts] = ()
    """Those that the question names or points at; several where its words fit several."""
    meant_unseen: str | None = None
    """A hint or id that the question names, and that is of no key that the person may see."""
    request: RequestFacts | None = None
    request_sought: str | None = None
    """The id of the request that was asked about, found or not."""
    pasted: Sequence[PastedKey] = ()
    events: Sequence[EventFacts] = ()
    """The newest of the audit log: of the key that is meant, or of all."""
    passages: Sequence[Passage] = ()
    verification_is_available: bool = True
    support_email: str | None = None
    sends_mail: bool = False
    """Whether a hand-over is mailed, or only kept."""
    has_ticket: bool = False
    """Whether the conversation was handed over to a person."""

    @property
    def since(self) -> datetime:
        """The beginning of the last day, by which all of these facts are counted."""
        return beginning_of_the_last_day(self.now)

    @property
    def living(self) -> list[KeyFacts]:
        """The keys that are not deleted."""
        return [each for each in self.keys if not each.is_deleted]

    @property
    def deleted(self) -> list[KeyFacts]:
        """The tombstones, the last deleted first."""
        found = [(each.record.deleted_at, each) for each in self.keys if each.record.deleted_at is not None]
        return [each for _, each in sorted(found, key=lambda pair: pair[0], reverse=True)]

    @property
    def role(self) -> Role:
        """What to call the person. What they may do is for `may` to say."""
        return self.actor.roles[self.organization.id].role

    @property
    def manages(self) -> bool:
        """Whether the person's role reaches any key."""
        return policy.may_with_some_key(self.actor, Action.SEE_KEY, self.organization.id, Scope.AGENT)

    @property
    def manages_agents_only(self) -> bool:
        """Whether the person's role reaches only the keys of the agents that they administer."""
        return self.manages and not self.may(Action.SEE_KEY, Scope.ORGANIZATION)

    def may(self, action: Action, scope: Scope) -> bool:
        """Whether the person may do this with every key of the scope."""
        return policy.may(self.actor, action, self.organization.id, scope=scope)

    def in_trouble(self, reasons: Sequence[RefusedReason]) -> list[KeyFacts]:
        """The keys with requests that were refused for these reasons in the last day, the most first."""
        found = [each for each in self.keys if each.refused_for(reasons)]
        return sorted(found, key=lambda each: -each.refused_for(reasons))
