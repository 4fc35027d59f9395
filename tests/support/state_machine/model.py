"""
The promises about keys, as a model in memory that tests compare the real application with.

It is written from the promises, not from the code, and imports nothing of the application. When a request is invalid
for several reasons, the promises don't say which of them is named: `refusals_of_…` returns all that apply; an empty
result means that the request must succeed.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

ADMIN, AGENT_ADMIN, MEMBER = "ORGANIZATION_ADMIN", "AGENT_ADMIN", "MEMBER"
ORGANIZATION, AGENT = "ORGANIZATION", "AGENT"
OPERATOR = None
"""The actor of what was done on the command line."""
OVERLAP_AT_MOST = 86_400
PREFIX = "kd_"
NOT_FOUND, FORBIDDEN, NO_SUCH_KEY = "NOT_FOUND", "FORBIDDEN", "ApiKeyNotFound"
NO_SUCH_AGENT = "AgentNotFound"
LIMIT_REACHED, WRONG_NAME, WRONG_AGENT = "KeyLimitReached", "InvalidInput(name)", "InvalidInput(agentId)"
REFUSED = "API_KEY_CREATION_REFUSED"
WRONG_OVERLAP = "InvalidInput(overlapSeconds)"

NAMES = {
    "deploy": "deploy",
    "Deploy (old)": "Deploy (old)",
    " \t nightly\n": "nightly",
    "Cafe\u0301": "Café",
    "夜 🌙": "夜 🌙",
    "n" * 64: "n" * 64,
    " " + "e\u0301" * 64 + " ": "é" * 64,
    " \t\n ": None,
    "n" * 65: None,
    "two\nlines": None,
    "zero\u200bwidth": None,
}
"""Typed names, and the names as stored; None for an invalid name."""


@dataclass(eq=False)
class Organization:
    """An organization, and its log: each action with person and key, and the number of refused creations by reason."""

    id: str
    limit: int = 10
    is_deleted: bool = False
    log: Counter[tuple[str, str | None, str | None]] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)

    def events(self) -> Counter[tuple[str, str | None, str | None, int]]:
        """The entries of the log, each with its count: refusals of one person for one reason are one entry."""
        refusals = Counter((REFUSED, person, None, times) for (person, _), times in self.refused.items())
        return Counter({(*event, 1): times for event, times in self.log.items()}) + refusals


@dataclass(eq=False)
class Agent:
    """An agent, or the remains of a deleted one."""

    id: str
    organization: Organization
    is_deleted: bool = False


@dataclass(eq=False)
class RoleGrant:
    """A person's role in one organization; the administered agents may include deleted ones."""

    role: str
    agents: set[Agent] = field(default_factory=set)


@dataclass(eq=False)
class Key:
    """A key with every secret that it ever had; one or two of them are valid."""

    id: str
    organization: Organization
    agent: Agent | None
    name: str
    creator: str | None
    secrets: list[str]
    current: str
    previous: str | None = None
    is_deleted: bool = False
    deleter: str | None = None

    @property
    def living_secrets(self) -> set[str]:
        """The secrets that must work; all others must be refused."""
        return set() if self.is_deleted else {each for each in (self.current, self.previous) if each is not None}


@dataclass
class Model:
    """Organizations, agents and people by the names that the tests use; keys in the order of creation."""

    organizations: dict[str, Organization]
    agents: dict[str, Agent]
    people: dict[str, dict[Organization, RoleGrant]]
    keys: list[Key] = field(default_factory=list)

    # Permissions.

    def standing(self, person: str, organization: Organization | None) -> RoleGrant | None:
        """The person's role there, if any."""
        if organization is None or organization.is_deleted:
            return None
        return self.people[person].get(organization)

    def sees(self, person: str, key: Key) -> bool:
        """An organization admin sees all keys, an agent admin the keys of the administered agents."""
        standing = self.standing(person, key.organization)
        if standing is None or standing.role == MEMBER:
            return False
        return standing.role == ADMIN or (key.agent is not None and key.agent in standing.agents)

    def manages(self, person: str, key: Key) -> bool:
        """A person who sees an active key may rename, rotate and delete it."""
        return not key.is_deleted and self.sees(person, key)

    def manages_keys_somewhere(self, person: str) -> bool:
        """Whether the person's role lets them manage any keys there."""
        roles = (self.standing(person, organization) for organization in self.people[person])
        return any(standing is not None and standing.role != MEMBER for standing in roles)

    def usable_agents(self, person: str, organization: Organization) -> set[Agent]:
        """The active agents that the person may scope a key to."""
        standing = self.standing(person, organization)
        if standing is None or standing.role == MEMBER:
            return set()
        living = {
            agent for agent in self.agents.values() if agent.organization is organization and not agent.is_deleted
        }
        return living if standing.role == ADMIN else living & standing.agents

    def living(self, organization: Organization) -> list[Key]:
        """The keys that take slots, oldest first."""
        return [key for key in self.keys if key.organization is organization and not key.is_deleted]

    def allowance(self, organization: Organization) -> dict[str, int]:
        """The slots; after the limit was lowered, more may be used than there are."""
        used = len(self.living(organization))
        return {"used": used, "limit": organization.limit, "remaining": max(0, organization.limit - used)}

    def listed(
        self,
        person: str,
        organization: Organization,
        *,
        deleted: bool = False,
        agent_id: str | None = None,
        search: str | None = None,
    ) -> list[Key]:
        """The keys in the person's list, newest first. A search for the prefix finds all: every hint begins with it."""
        wanted = (search or "").lower()
        return [
            key
            for key in reversed(self.keys)
            if key.organization is organization
            and self.sees(person, key)
            and (deleted or not key.is_deleted)
            and (agent_id is None or (key.agent is not None and key.agent.id == agent_id))
            and (wanted in key.name.lower() or wanted in PREFIX)
        ]

    # Reasons against a request.

    def refusals_of_agent_deletion(self, person: str, agent: Agent | None) -> set[str]:
        """Somebody who manages no agents anywhere is always refused for the role."""
        standings = [self.standing(person, organization) for organization in self.people[person]]
        if not any(standing is not None and standing.role == ADMIN for standing in standings):
            return {FORBIDDEN}
        standing = None if agent is None or agent.is_deleted else self.standing(person, agent.organization)
        if standing is None:
            return {NO_SUCH_AGENT}
        return set() if standing.role == ADMIN else {FORBIDDEN}

    def refusals_of_creation(
        self, person: str, organization: Organization | None, *, name: str, scope: str, agent_id: str | None
    ) -> set[str]:
        """A role that may not create keys is always refused for the role, whatever else is wrong."""
        standing = self.standing(person, organization)
        if organization is None or standing is None:
            return {NOT_FOUND}
        if standing.role == MEMBER or (standing.role == AGENT_ADMIN and scope == ORGANIZATION):
            return {FORBIDDEN}
        usable = {agent.id for agent in self.usable_agents(person, organization)}
        agent_fits = agent_id is None if scope == ORGANIZATION else agent_id in usable
        reasons = {
            WRONG_AGENT: not agent_fits,
            WRONG_NAME: NAMES[name] is None,
            LIMIT_REACHED: len(self.living(organization)) >= organization.limit,
        }
        return {reason for reason, holds in reasons.items() if holds}

    def refusals_of_change(self, person: str, key: Key, *, name: str | None = None, overlap: int = 0) -> set[str]:
        """Covers renaming, rotating and deleting: a key that is invisible or deleted is not found."""
        if not self.manages_keys_somewhere(person):
            return {FORBIDDEN}
        reasons = {
            NO_SUCH_KEY: not self.manages(person, key),
            WRONG_NAME: name is not None and NAMES[name] is None,
            WRONG_OVERLAP: not 0 <= overlap <= OVERLAP_AT_MOST,
        }
        return {reason for reason, holds in reasons.items() if holds}

    def verdict(self, key: Key, secret: str, agent_header: str | None) -> str:
        """The code of the answer to a request with one of the key's secrets; "good" for a 200."""
        if key.is_deleted:
            return "deleted_key"
        if secret not in key.living_secrets:
            return "replaced_secret"
        if agent_header is not None:
            wanted = next((agent for agent in self.agents.values() if agent.id == agent_header), None)
            if wanted is None or wanted.is_deleted or wanted.organization is not key.organization:
                return "agent_not_in_scope"
            if key.agent not in (None, wanted):
                return "agent_not_in_scope"
        return "good"

    # Changes.

    def created(self, person: str | None, key: Key) -> None:
        """Records that the key took a slot."""
        self.keys.append(key)
        key.organization.log["API_KEY_CREATED", person, key.id] += 1

    def creation_refused(self, person: str, organization: Organization | None, reason: str) -> None:
        """For the limit and the role, one event for each person, reason and hour; for other reasons none."""
        if organization is not None and reason in (FORBIDDEN, LIMIT_REACHED):
            organization.refused[person, reason] += 1

    def renamed(self, person: str, key: Key, name: str | None) -> None:
        """Records the name as the application stores it."""
        assert name is not None
        key.name = name
        key.organization.log["API_KEY_RENAMED", person, key.id] += 1

    def rotated(self, person: str | None, key: Key, secret: str, *, overlap: int) -> None:
        """The previous secret stays valid for the overlap; the one before that ends in any case."""
        key.previous = key.current if overlap else None
        key.current = secret
        key.secrets.append(secret)
        key.organization.log["API_KEY_ROTATED", person, key.id] += 1

    def deleted(self, person: str | None, keys: Iterable[Key]) -> None:
        """Deletes the keys; their slots are free at once."""
        for key in keys:
            key.is_deleted, key.deleter, key.previous = True, person, None
            key.organization.log["API_KEY_DELETED", person, key.id] += 1

    def agent_deleted(self, agent: Agent, by: str | None = OPERATOR) -> list[Key]:
        """Deletes the agent with its keys, which it returns. Admins of the agent still see its deleted keys."""
        keys = [key for key in self.living(agent.organization) if key.agent is agent]
        self.deleted(by, keys)
        agent.is_deleted = True
        agent.organization.log["AGENT_DELETED", by, None] += 1
        return keys

    def organization_deleted(self, organization: Organization) -> None:
        """Deletes the organization with its keys, agents and memberships."""
        for agent in self.agents.values():
            if agent.organization is organization and not agent.is_deleted:
                self.agent_deleted(agent)
        self.deleted(OPERATOR, self.living(organization))
        organization.is_deleted = True

    def limit_changed(self, organization: Organization, limit: int) -> None:
        """A limit below the number of used slots takes no key away."""
        organization.log["ORGANIZATION_LIMITS_CHANGED", OPERATOR, None] += limit != organization.limit
        organization.limit = limit

    def member_changed(self, person: str, organization: Organization, role: str, agents: set[Agent]) -> None:
        """Sets the administered active agents; deleted agents stay with their admins."""
        before = self.people[person].get(organization, RoleGrant("none"))
        kept = {agent for agent in before.agents if agent.is_deleted}
        after = RoleGrant(role, agents | kept)
        changed = (before.role, before.agents) != (after.role, after.agents)
        organization.log["MEMBERSHIP_CHANGED", OPERATOR, None] += changed
        self.people[person][organization] = after

    def member_removed(self, person: str, organization: Organization) -> None:
        """Removes the member; keys that they made stay active."""
        del self.people[person][organization]
        organization.log["MEMBERSHIP_CHANGED", OPERATOR, None] += 1

    def secrets(self) -> Iterator[tuple[Key, str]]:
        """Every secret that was ever issued."""
        return ((key, secret) for key in self.keys for secret in key.secrets)
