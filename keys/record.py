"""Owns what is decided of a key as it is shown: its scope, its hint, and whether an actor may do something to it."""

from uuid import UUID

from keys import policy
from keys.policy import Action, Actor, Scope
from keys.token import hint
from models.key_queries import ApiKeyRecord


def scope_of(agent_id: UUID | None) -> Scope:
    """An agent makes it agent-level."""
    return Scope.ORGANIZATION if agent_id is None else Scope.AGENT


def hint_of(key: ApiKeyRecord) -> str:
    """Enough of the key to recognise it by."""
    return hint(key.prefix, key.public_id, key.last_four)


def may_on(actor: Actor, action: Action, key: ApiKeyRecord) -> bool:
    """Whether the actor may do this to this key."""
    agent_id = None if key.agent is None else key.agent.id
    return policy.may(actor, action, key.organization_id, scope=scope_of(agent_id), agent_id=agent_id)
