"""Lists an organization's admins, and the agents for which the actor may create keys."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys import policy
from keys.policy import Action, Actor
from models.agent import NamedAgent, living_agents
from models.person import NamedPerson, admins_of


async def agents(session: AsyncSession, actor: Actor, *, organization_id: UUID) -> list[NamedAgent]:
    """The agents for which the actor may create keys, sorted by name. Without deleted ones."""
    only = policy.visible_agents(actor, Action.CREATE_KEY, organization_id)
    return await living_agents(session, organization_id, only=only)


async def admins(session: AsyncSession, actor: Actor, *, organization_id: UUID) -> list[NamedPerson]:
    """
    The organization's admins, sorted by name.

    Everybody in the organization may see them, to know whom to ask for what their own role does not allow.
    """
    if not policy.may_with_some_key(actor, Action.SEE_ORGANIZATION, organization_id, policy.Scope.ORGANIZATION):
        return []
    return await admins_of(session, organization_id)
