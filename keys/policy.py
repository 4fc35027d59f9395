"""The only table of who may do what. Permission classes, resolvers and the assistant ask it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from keys.refusals import Forbidden
from models.key_queries import ApiKeyRecord
from models.person import Role


class Scope(StrEnum):
    """The agents that a key may be used for: all agents of its organization, or one."""

    ORGANIZATION = "organization"
    AGENT = "agent"


class Action(StrEnum):
    """The actions that need permission. An action that GRANTS does not grant to a role is denied."""

    SEE_ORGANIZATION = "see the organization"
    SEE_KEY = "see API keys"
    CREATE_KEY = "create API keys"
    RENAME_KEY = "rename API keys"
    ROTATE_KEY = "rotate API keys"
    DELETE_KEY = "delete API keys"
    SEE_AUDIT_LOG = "see the audit log"


KEY_ACTIONS = frozenset({Action.SEE_KEY, Action.CREATE_KEY, Action.RENAME_KEY, Action.ROTATE_KEY, Action.DELETE_KEY})


class Reach(StrEnum):
    """What a grant covers: everything in the organization, or only the agents that the person administers."""

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
    Role.ORGANIZATION_ADMIN: "Organization admins can do everything with API keys.",
    Role.AGENT_ADMIN: (
        "Agent admins can manage only agent-level keys of the agents they administer. "
        "Ask an organization admin for an organization-level key."
    ),
    Role.MEMBER: "Members can't manage API keys. Ask an organization admin for a key, or for another role.",
}
"""The message for a person whose role does not allow an action. It must be changed together with GRANTS."""


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """A person's role in an organization. `agent_ids` are the agents that they administer, including deleted ones."""

    role: Role
    agent_ids: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Actor:
    """
    The actor of an operation: a signed-in person, or `OPERATOR` on the command line.

    A person without an id or without a role may do nothing. `address` is the address that the request came from, for
    the audit log.
    """

    person_id: UUID | None
    roles: Mapping[UUID, RoleGrant] = field(default_factory=dict)
    address: str | None = None

    @property
    def is_operator(self) -> bool:
        """Whether this is the value `OPERATOR`. An actor without an id is not the operator."""
        return self is OPERATOR


OPERATOR = Actor(person_id=None)
"""The operator at the command line, who may do everything."""


def scope_of(agent_id: UUID | None) -> Scope:
    """The scope of a key: AGENT if the key has an agent, else ORGANIZATION."""
    return Scope.ORGANIZATION if agent_id is None else Scope.AGENT


def may(actor: Actor, action: Action, organization_id: UUID, *, scope: Scope, agent_id: UUID | None = None) -> bool:
    """Whether the actor may do this to a key of this scope. `agent_id` is the key's agent, if it has one."""
    agents = visible_agents(actor, action, organization_id)
    return agents is None or (scope is Scope.AGENT and agent_id in agents)


def may_on(actor: Actor, action: Action, key: ApiKeyRecord) -> bool:
    """Whether the actor may do this to this key."""
    agent_id = None if key.agent is None else key.agent.id
    return may(actor, action, key.organization_id, scope=scope_of(agent_id), agent_id=agent_id)


def may_with_some_key(actor: Actor, action: Action, organization_id: UUID, scope: Scope) -> bool:
    """Whether the actor's role allows the action on some key of this scope. Needs no database row."""
    reach = _reach(actor, action, organization_id)
    return reach is Reach.ORGANIZATION or (reach is Reach.OWN_AGENTS and scope is Scope.AGENT)


def manages_keys_somewhere(actor: Actor, action: Action) -> bool:
    """Whether the actor's role in some organization allows the action on some key."""
    return actor.is_operator or any(action in GRANTS[grant.role] for grant in actor.roles.values())


def visible_agents(actor: Actor, action: Action, organization_id: UUID) -> frozenset[UUID] | None:
    """
    The agents whose rows the actor may use for the action: None for the whole organization, an empty set for nothing.

    Queries are limited to these agents, so that rows that an actor may not see are never read for them.
    """
    reach = _reach(actor, action, organization_id)
    match reach:
        case None:
            return frozenset()
        case Reach.ORGANIZATION:
            return None
        case Reach.OWN_AGENTS:
            return actor.roles[organization_id].agent_ids
        case _:
            assert_never(reach)


def _reach(actor: Actor, action: Action, organization_id: UUID) -> Reach | None:
    """What the actor's grant of this action covers in the organization; None if there is no grant."""
    if actor.is_operator:
        return Reach.ORGANIZATION
    grant = actor.roles.get(organization_id)
    return None if grant is None else GRANTS[grant.role].get(action)


def require(actor: Actor, action: Action, organization_id: UUID, *, scope: Scope, agent_id: UUID | None = None) -> None:
    """Raises Forbidden, with the message for the person's role, unless `may` returns True."""
    if not may(actor, action, organization_id, scope=scope, agent_id=agent_id):
        raise Forbidden(denial_message(actor, organization_id))


def denial_message(actor: Actor, organization_id: UUID | None = None) -> str:
    """The message for a person whose role does not allow an action, in this organization or in any."""
    if organization_id is not None and (grant := actor.roles.get(organization_id)) is not None:
        return DENIALS[grant.role]
    return DENIALS[Role.MEMBER]
