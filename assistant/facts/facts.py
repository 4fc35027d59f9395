"""
The facts that one person in one organization may see. Everything else is left out.

A diagnosis is made only from these facts, so it can't reveal anything that the person may not see.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from assistant.facts.people import PeopleFacts
from keys import policy
from keys.key_limit import Allowance
from keys.limits.sliding_window import LimitStatus
from keys.policy import Action, Actor, Scope
from keys.verification.malformed import Malformed
from models.agent import NamedAgent
from models.audit import AuditAction
from models.key_queries import ApiKeyRecord
from models.person import NamedPerson, OrganizationRecord, Role
from models.tokens.program_token import NamedToken
from models.usage.refused_request import RefusedReason
from models.usage.request_queries import CallerRecord

DAY = timedelta(days=1)


def beginning_of_the_last_day(now: datetime) -> datetime:
    """The start of the last day: because requests are counted by the hour, it is the start of an hour."""
    return (now - DAY).replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class RefusalFacts:
    """A refused request of a key. `agent` is the requested agent, if the person may know of it."""

    id: str
    reason: RefusedReason
    at: datetime
    ip_address: str | None = None
    user_agent: str | None = None
    agent: NamedAgent | None = None


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key or tombstone that the person may see, with its usage."""

    record: ApiKeyRecord
    may_manage: bool
    refused: Mapping[RefusedReason, int] = field(default_factory=dict)
    """Refused requests in the last day, by reason."""
    passed: int = 0
    """Allowed requests in the last day."""
    is_detailed: bool = False
    """Whether the following fields were read. They are read only for keys that a question may be about."""
    newest_refused: tuple[RefusalFacts, ...] = ()
    callers: tuple[CallerRecord, ...] = ()
    calls_since_deletion: int = 0
    balance: LimitStatus | None = None
    """None for tombstones, and if the limiter can't be asked."""

    @property
    def is_deleted(self) -> bool:
        """Whether the key was deleted."""
        return self.record.deleted_at is not None

    @property
    def refused_in_all(self) -> int:
        """The number of requests in the last day that were refused for any reason."""
        return sum(self.refused.values())

    def refused_for(self, reasons: Sequence[RefusedReason]) -> int:
        """The number of requests in the last day that were refused for one of these reasons."""
        return sum(self.refused.get(reason, 0) for reason in reasons)

    def last_refused(self, *reasons: RefusedReason) -> RefusalFacts | None:
        """The newest refused request, for any reason or for one of these."""
        return next((each for each in self.newest_refused if not reasons or each.reason in reasons), None)


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """
    A refused request that this person may see.

    A request without a genuine key belongs to nobody, so everybody who has its id may see it, but without address and
    user agent. `detail` says what was wrong with the form of the key.
    """

    refusal: RefusalFacts
    detail: str | None = None
    key: KeyFacts | None = None


class Possession(StrEnum):
    """What anybody who pastes a complete key may learn about it."""

    WORKS = "works"
    DELETED = "deleted"
    REPLACED = "replaced"
    UNKNOWN = "unknown"
    """Not a key of this organization. Another organization's key and an invented one look the same."""
    UNCLEAR = "unclear"
    """A key of this organization that could not be checked just now."""


@dataclass(frozen=True, slots=True)
class PastedKey:
    """
    A pasted text that looks like a key: its hint, what is wrong with its form, and what its owner may learn about it.

    `changed_on` is the day on which it was deleted or replaced. `key` is set if the person may see the key.
    """

    hint: str | None
    malformed: Malformed | None = None
    possession: Possession | None = None
    """None if it was not looked up: it is not a complete key, or the person had too many looked up in an hour."""
    changed_on: datetime | None = None
    key: KeyFacts | None = None
    is_hint: bool = False
    """Whether it is only a hint, which redaction leaves in the text."""


@dataclass(frozen=True, slots=True)
class EventFacts:
    """An event of the audit log that the person may see."""

    action: AuditAction
    at: datetime
    actor: NamedPerson | NamedToken | None
    """The person or the program's token; None for the operator."""
    summary: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A section of the documentation that fits the question: its title, its path with fragment, and its first words."""

    title: str
    url: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts for one question, at the moment `now`."""

    now: datetime
    organization: OrganizationRecord
    actor: Actor
    viewer: NamedPerson
    allowance: Allowance
    admins: Sequence[NamedPerson] = ()
    agents: Sequence[NamedAgent] = ()
    """The agents for which the person may create keys. Without deleted ones."""
    keys: Sequence[KeyFacts] = ()
    """Active keys and tombstones that the person may see, newest first."""
    candidates: Sequence[KeyFacts] = ()
    """The keys that the person may delete to free a slot. The one to delete first comes first."""
    meant: Sequence[KeyFacts] = ()
    """The keys that the question refers to; several if its words fit several."""
    meant_unseen: str | None = None
    """A hint or id in the question that belongs to no key that the person may see."""
    request: RequestFacts | None = None
    request_sought: str | None = None
    """The id of the request that the question is about, whether it was found or not."""
    pasted: Sequence[PastedKey] = ()
    events: Sequence[EventFacts] = ()
    """The newest events of the audit log: of the key that the question is about, or of all keys."""
    passages: Sequence[Passage] = ()
    verification_is_available: bool = True
    support_email: str | None = None
    sends_mail: bool = False
    """Whether tickets are mailed, or only stored."""
    has_ticket: bool = False
    """Whether the conversation was handed over to a person."""
    people: PeopleFacts = field(default_factory=PeopleFacts)

    @property
    def since(self) -> datetime:
        """The start of the last day, to which all counts of these facts refer."""
        return beginning_of_the_last_day(self.now)

    @property
    def living(self) -> list[KeyFacts]:
        """The keys that are not deleted."""
        return [each for each in self.keys if not each.is_deleted]

    @property
    def deleted(self) -> list[KeyFacts]:
        """The deleted keys, the one deleted last comes first."""
        found = [(each.record.deleted_at, each) for each in self.keys if each.record.deleted_at is not None]
        return [each for _, each in sorted(found, key=lambda pair: pair[0], reverse=True)]

    @property
    def role(self) -> Role:
        """The person's role, for display. Use `may` to find out what they may do."""
        return self.actor.roles[self.organization.id].role

    @property
    def manages(self) -> bool:
        """Whether the person's role lets them manage any keys."""
        return policy.may_with_some_key(self.actor, Action.SEE_KEY, self.organization.id, Scope.AGENT)

    @property
    def manages_agents_only(self) -> bool:
        """Whether the person's role lets them manage only keys of the agents that they administer."""
        return self.manages and not self.may(Action.SEE_KEY, Scope.ORGANIZATION)

    @property
    def manages_people(self) -> bool:
        """Whether the person may invite, change and remove people, and manage agents."""
        return policy.may_everywhere(self.actor, Action.MANAGE_MEMBERS, self.organization.id)

    def may(self, action: Action, scope: Scope) -> bool:
        """Whether the person may do this to every key of the scope, whatever its agent is."""
        return policy.may(self.actor, action, self.organization.id, scope=scope)

    def keys_of(self, key_ids: Iterable[UUID | None]) -> list[KeyFacts]:
        """The keys of these ids, as far as the person may see them, each once and in the order of the ids."""
        by_id = {each.record.id: each for each in self.keys}
        return [by_id[each] for each in dict.fromkeys(key_ids) if each in by_id]

    def in_trouble(self, reasons: Sequence[RefusedReason]) -> list[KeyFacts]:
        """The keys with requests refused for these reasons in the last day, those with the most first."""
        found = [each for each in self.keys if each.refused_for(reasons)]
        return sorted(found, key=lambda each: -each.refused_for(reasons))
