"""The only table of who may do what. Permission classes, resolvers and the assistant ask it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from keys.refusals import Forbidden, NotFound
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
    MANAGE_MEMBERS = "manage people"
    REMOVE_MEMBERS = "remove people"
    MANAGE_AGENTS = "manage agents"
    DELETE_AGENTS = "delete agents"
    MANAGE_TOKENS = "manage service tokens"
    CHANGE_ORGANIZATION = "change the organization's settings"
    MANAGE_WEBHOOKS = "manage webhooks"
    MANAGE_NOTIFICATIONS = "manage notifications"
    PROVISION = "provision organizations, agents and people"
    SIGN_PEOPLE_IN = "sign people in"


KEY_ACTIONS = frozenset({Action.SEE_KEY, Action.CREATE_KEY, Action.RENAME_KEY, Action.ROTATE_KEY, Action.DELETE_KEY})


OPERATOR_ACTIONS = frozenset({Action.PROVISION, Action.SIGN_PEOPLE_IN})
"""No role has these: only the operator, and the operator's tokens with the right."""
SERVICE_TOKEN_ACTIONS = frozenset({Action.SEE_ORGANIZATION, Action.SEE_AUDIT_LOG, *KEY_ACTIONS})
"""What a service token may do at most, whatever its role."""


class Right(StrEnum):
    """What an operator token may be good for. The values are the words of the command line."""

    PROVISION = "provision"
    SIGN_IN = "sign-in"


RIGHTS: Mapping[Right, frozenset[Action]] = {
    Right.PROVISION: frozenset({Action.PROVISION, Action.REMOVE_MEMBERS, Action.DELETE_AGENTS}),
    Right.SIGN_IN: frozenset({Action.SIGN_PEOPLE_IN}),
}
"""What each right of an operator token allows, in every organization. An operator token has no role in any."""


class Reach(StrEnum):
    """What a grant covers: everything in the organization, or only the agents that the person administers."""

    ORGANIZATION = "the whole organization"
    OWN_AGENTS = "the agents administered"


GRANTS: Mapping[Role, Mapping[Action, Reach]] = {
    Role.ORGANIZATION_ADMIN: dict.fromkeys(set(Action) - OPERATOR_ACTIONS, Reach.ORGANIZATION),
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
"""The message for a person whose role does not allow an action on keys. It must be changed together with GRANTS."""
ADMINS_ONLY = "Only organization admins can manage people and agents. Ask an organization admin."
SERVICE_TOKEN_DENIAL = "A service token can't do this. It manages API keys, and reads agents, usage and the audit log."  # noqa: S105
OPERATOR_TOKEN_DENIAL = "This operator token has no right to do this. See: keydesk token create --help"  # noqa: S105
FOR_OPERATOR_TOKENS = "This is for operator tokens, which the operator creates with: keydesk token create"


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """A person's role in an organization. `agent_ids` are the agents that they administer, including deleted ones."""

    role: Role
    agent_ids: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Program:
    """
    The token with which a program acts. `name` is for people, such as deploy-bot.

    `rights` are an operator token's. They are None for a service token, which has a role in its organization instead.
    """

    token_id: UUID
    name: str
    rights: frozenset[Right] | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """
    The actor of an operation: a signed-in person, a program with a token, or `OPERATOR` on the command line.

    A person without an id or without a role may do nothing. A program has no `person_id`: a service token has its role
    in the `roles`, an operator token has no role anywhere, and is not the operator. `address` is the address that the
    request came from, for the audit log.
    """

    person_id: UUID | None
    roles: Mapping[UUID, RoleGrant] = field(default_factory=dict)
    address: str | None = None
    program: Program | None = None
    only_organization_id: UUID | None = None
    """The only organization in which a session that a host product's link began may do anything."""

    @property
    def is_operator(self) -> bool:
        """Whether this is the value `OPERATOR`. An actor without an id is not the operator, nor is its token."""
        return self is OPERATOR

    @property
    def token_id(self) -> UUID | None:
        """The id of the program's token; None for a person and for the operator."""
        return None if self.program is None else self.program.token_id

    @property
    def counted_as(self) -> UUID | None:
        """Under which id limits count what the actor does: the person's or the token's. None for the operator."""
        return self.token_id or self.person_id

    @property
    def has_operator_token(self) -> bool:
        """Whether this is a program with an operator token."""
        return self.program is not None and self.program.rights is not None


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
    return actor.is_operator or any(_reach(actor, action, each) is not None for each in actor.roles)


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
    if actor.is_operator or has_right(actor, action):
        return Reach.ORGANIZATION
    if actor.program is not None and action not in SERVICE_TOKEN_ACTIONS:
        return None
    grant = actor.roles.get(organization_id)
    return None if grant is None else GRANTS[grant.role].get(action)


def has_right(actor: Actor, action: Action) -> bool:
    """Whether this is an operator token with a right that allows the action, which then holds in every organization."""
    rights = None if actor.program is None else actor.program.rights
    return rights is not None and any(action in RIGHTS[right] for right in rights)


def require_right(actor: Actor, action: Action) -> None:
    """
    Raises Forbidden unless this is the operator, or an operator token with a right that allows the action.

    For operations that no role allows: provisioning (`Action.PROVISION`), and signing people in
    (`Action.SIGN_PEOPLE_IN`). These actors may name any organization; the operation checks whether it exists.
    """
    if not (actor.is_operator or has_right(actor, action)):
        raise Forbidden(FOR_OPERATOR_TOKENS if not actor.has_operator_token else denial_message(actor))


def require_roles(actor: Actor) -> None:
    """Raises Forbidden for an operator token, which has no role in any organization."""
    if actor.has_operator_token:
        raise Forbidden(denial_message(actor))


def require(actor: Actor, action: Action, organization_id: UUID, *, scope: Scope, agent_id: UUID | None = None) -> None:
    """Raises Forbidden, with the message for the person's role, unless `may` returns True."""
    if not may(actor, action, organization_id, scope=scope, agent_id=agent_id):
        raise Forbidden(denial_message(actor, organization_id))


def require_everywhere(actor: Actor, action: Action, organization_id: UUID) -> None:
    """
    Raises Forbidden unless the actor may do this in the whole organization, whichever row it is about; NotFound if they
    are not in it.
    """
    if may_everywhere(actor, action, organization_id):
        return
    if actor.has_operator_token or (actor.program is not None and action not in SERVICE_TOKEN_ACTIONS):
        raise Forbidden(denial_message(actor))
    if organization_id not in actor.roles:
        raise NotFound
    raise Forbidden(ADMINS_ONLY)


def may_everywhere(actor: Actor, action: Action, organization_id: UUID) -> bool:
    """Whether the actor may do this in the whole organization."""
    return _reach(actor, action, organization_id) is Reach.ORGANIZATION


def may_somewhere(actor: Actor, action: Action) -> bool:
    """Whether the actor may do this in the whole of some organization."""
    return (
        actor.is_operator
        or has_right(actor, action)
        or any(may_everywhere(actor, action, each) for each in actor.roles)
    )


def require_somewhere(actor: Actor, action: Action) -> None:
    """Raises Forbidden unless the actor may do this in the whole of some organization. Needs no database row."""
    if not may_somewhere(actor, action):
        raise Forbidden(ADMINS_ONLY if actor.program is None else denial_message(actor))


def denial_message(actor: Actor, organization_id: UUID | None = None) -> str:
    """The message for an actor whose role or rights do not allow an action, in this organization or in any."""
    if actor.has_operator_token:
        return OPERATOR_TOKEN_DENIAL
    if organization_id is not None and (grant := actor.roles.get(organization_id)) is not None:
        return DENIALS[grant.role]
    return DENIALS[Role.MEMBER] if actor.program is None else SERVICE_TOKEN_DENIAL
