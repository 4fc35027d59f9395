"""Owns the one table of who may do what. Every door asks it: permission classes, resolvers, the assistant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from keys.refusals import Forbidden
from models.person import Role


class Scope(StrEnum):
    """What a key is good for: every agent of its organization, or one."""

    ORGANIZATION = "organization"
    AGENT = "agent"


class Action(StrEnum):
    """What somebody may want to do. What is not granted below is denied."""

    SEE_ORGANIZATION = "see the organization"
    SEE_KEY = "see API keys"
    CREATE_KEY = "create API keys"
    RENAME_KEY = "rename API keys"
    ROTATE_KEY = "rotate API keys"
    DELETE_KEY = "delete API keys"
    SEE_AUDIT_LOG = "see the audit log"


KEY_ACTIONS = frozenset({Action.SEE_KEY, Action.CREATE_KEY, Action.RENAME_KEY, Action.ROTATE_KEY, Action.DELETE_KEY})


class Reach(StrEnum):
    """How far a grant goes."""

    ORGANIZATION = "the whole organization"
    OWN_AGENTS = "the agents administered"


GRANTS: Mapping[Role, Mapping[Action, Reach]] = {
    Role.ORGANIZATION_ADMIN: dict.fromkeys(Action, Reach.ORGANIZATION),
    Role.AGENT_ADMIN: {
        Action.SEE_ORGANIZATION: Reach.ORGANIZATION,
        Action.SEE_AUDIT_LOG: Reach.OWN_AGENTS,
        **dict.fromkeys(KEY_ACTIONS, Reach.OWN_AGENTS),
    },
    Role.MEMBER: {Action.SEE_ORGANIZATION: Reach.ORGANIZATION},
}

ROLE_WORDS: Mapping[Role, str] = {
    Role.ORGANIZATION_ADMIN: "organization admin",
    Role.AGENT_ADMIN: "agent admin",
    Role.MEMBER: "member",
}
DENIALS: Mapping[Role, str] = {
    Role.ORGANIZATION_ADMIN: "Organization admins may do everything with API keys.",
    Role.AGENT_ADMIN: (
        "Agent admins manage agent-level keys only, of the agents they administer. "
        "Ask an organization admin for an organization-level key."
    ),
    Role.MEMBER: "Members manage no API keys. Ask an organization admin for a key, or for another role.",
}
"""What a person is told when their role doesn't allow it: beside the table, so that the two change together."""


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """What a person is in one organization. `agent_ids` are those administered, of deleted agents too."""

    role: Role
    agent_ids: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Actor:
    """
    Who asks: a signed-in person, or with `person_id` null the operator on the command line, who may do everything.

    `address` is where the request came from, for the audit log.
    """

    person_id: UUID | None
    roles: Mapping[UUID, RoleGrant] = field(default_factory=dict)
    address: str | None = None

    @property
    def is_operator(self) -> bool:
        """Whether this is the command line."""
        return self.person_id is None


def operator() -> Actor:
    """The one at the command line."""
    return Actor(person_id=None)


def may(actor: Actor, action: Action, organization_id: UUID, *, scope: Scope, agent_id: UUID | None = None) -> bool:
    """Whether the actor may do this to a key of this scope and, where it has one, agent."""
    if actor.is_operator:
        return True
    grant = actor.roles.get(organization_id)
    reach = None if grant is None else GRANTS[grant.role].get(action)
    match reach:
        case None:
            return False
        case Reach.ORGANIZATION:
            return True
        case Reach.OWN_AGENTS:
            return scope is Scope.AGENT and grant is not None and agent_id in grant.agent_ids
        case _:
            assert_never(reach)


def may_with_some_key(actor: Actor, action: Action, organization_id: UUID, scope: Scope) -> bool:
    """Whether the role allows the action on keys of this scope at all, whatever the agent: what needs no row."""
    if actor.is_operator:
        return True
    grant = actor.roles.get(organization_id)
    reach = None if grant is None else GRANTS[grant.role].get(action)
    return reach is Reach.ORGANIZATION or (reach is Reach.OWN_AGENTS and scope is Scope.AGENT)


def manages_keys_somewhere(actor: Actor, action: Action) -> bool:
    """Whether there is an organization in which the role allows the action on some key."""
    return actor.is_operator or any(action in GRANTS[grant.role] for grant in actor.roles.values())


def visible_agents(actor: Actor, action: Action, organization_id: UUID) -> frozenset[UUID] | None:
    """
    The agents whose rows the action reaches: None for the whole organization, the empty set for nothing.

    Queries take this as their bound, so that what an actor may not see is never read on their behalf.
    """
    if actor.is_operator:
        return None
    grant = actor.roles.get(organization_id)
    reach = None if grant is None else GRANTS[grant.role].get(action)
    if reach is Reach.ORGANIZATION:
        return None
    return grant.agent_ids if grant is not None and reach is Reach.OWN_AGENTS else frozenset()


def require(actor: Actor, action: Action, organization_id: UUID, *, scope: Scope, agent_id: UUID | None = None) -> None:
    """Raises Forbidden, with the sentence for the person's role, unless `may` says yes."""
    if not may(actor, action, organization_id, scope=scope, agent_id=agent_id):
        raise Forbidden(denial_message(actor, organization_id))


def denial_message(actor: Actor, organization_id: UUID | None = None) -> str:
    """The sentence for a person whose role does not allow something, there or anywhere."""
    if organization_id is not None and (grant := actor.roles.get(organization_id)) is not None:
        return DENIALS[grant.role]
    return DENIALS[Role.MEMBER]
