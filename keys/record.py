"""Derives from a stored key what is shown with it: its scope, its hint, and whether an actor may act on it."""

from uuid import UUID

from keys import policy
from keys.policy import Action, Actor, Scope
from keys.token import hint
from models.key_queries import ApiKeyRecord


def scope_of(agent_id: UUID | None) -> Scope:
    """The scope of a key: AGENT if the key has an agent, else ORGANIZATION."""
    return Scope.ORGANIZATION if agent_id is None else Scope.AGENT


def hint_of(key: ApiKeyRecord) -> str:
    """The key's hint, such as kd_Ab3dEf…x9Qz, by which people recognize it."""
    return hint(key.prefix, key.public_id, key.last_four)


def may_on(actor: Actor, action: Action, key: ApiKeyRecord) -> bool:
    """Whether the policy allows the actor this action on this key."""
    agent_id = None if key.agent is None else key.agent.id
    return policy.may(actor, action, key.organization_id, scope=scope_of(agent_id), agent_id=agent_id)
