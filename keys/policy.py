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
    Role.ORGANIZATION_ADMIN: "Organization admins can do everything with API keys.",
    Role.AGENT_ADMIN: (
        "Agent admins can manage only agent-level keys of the agents they administer. "
        "Ask an organization admin for an organization-level key."
    ),
    Role.MEMBER: "Members can't manage API keys. Ask an organization admin for a key, or for another role.",
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
    Who asks: a signed-in person, or `OPERATOR`, the command line. A person without an id or a role may do nothing.

    `address` is where the request came from, for the audit log.
    """

    person_id: UUID | None
    roles: Mapping[UUID, RoleGrant] = field(default_factory=dict)
    address: str | None = None

    @property
    def is_operator(self) -> bool:
        """Whether this is the command line. Only the one value `OPERATOR` is: no id that was left out becomes it."""
        return self is OPERATOR


OPERATOR = Actor(person_id=None)
"""The operator at the command line, who may do everything."""


def scope_of(agent_id: UUID | None) -> Scope:
    """The scope of a key with this agent: without one, the key is good for the whole organization."""
    return Scope.ORGANIZATION if agent_id is None else Scope.AGENT


def may(actor: Actor, action: Action, organization_id: UUID, *, scope: Scope, agent_id: UUID | None = None) -> bool:
    """Whether the actor may do this to a key of this scope and, where it has one, agent."""
    agents = visible_agents(actor, action, organization_id)
    return agents is None or (scope is Scope.AGENT and agent_id in agents)


def may_on(actor: Actor, action: Action, key: ApiKeyRecord) -> bool:
    """Whether the actor may do this to this key."""
    agent_id = None if key.agent is None else key.agent.id
    return may(actor, action, key.organization_id, scope=scope_of(agent_id), agent_id=agent_id)


def may_with_some_key(actor: Actor, action: Action, organization_id: UUID, scope: Scope) -> bool:
    """Whether the role allows the action on keys of this scope at all, whatever the agent: this needs no row."""
    reach = _reach(actor, action, organization_id)
    return reach is Reach.ORGANIZATION or (reach is Reach.OWN_AGENTS and scope is Scope.AGENT)


def manages_keys_somewhere(actor: Actor, action: Action) -> bool:
    """Whether there is an organization in which the role allows the action on some key."""
    return actor.is_operator or any(action in GRANTS[grant.role] for grant in actor.roles.values())


def visible_agents(actor: Actor, action: Action, organization_id: UUID) -> frozenset[UUID] | None:
    """
    The agents whose rows the action reaches: None for the whole organization, the empty set for nothing.

    Queries take this as their bound, so that what an actor may not see is never read on their behalf.
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
    """How far the actor's grant of this action goes in the organization; None where there is no grant."""
    if actor.is_operator:
        return Reach.ORGANIZATION
    grant = actor.roles.get(organization_id)
    return None if grant is None else GRANTS[grant.role].get(action)


def require(actor: Actor, action: Action, organization_id: UUID, *, scope: Scope, agent_id: UUID | None = None) -> None:
    """Raises Forbidden, with the sentence for the person's role, unless `may` says yes."""
    if not may(actor, action, organization_id, scope=scope, agent_id=agent_id):
        raise Forbidden(denial_message(actor, organization_id))


def denial_message(actor: Actor, organization_id: UUID | None = None) -> str:
    """The sentence for a person whose role does not allow something, there or anywhere."""
    if organization_id is not None and (grant := actor.roles.get(organization_id)) is not None:
        return DENIALS[grant.role]
    return DENIALS[Role.MEMBER]
