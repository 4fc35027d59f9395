"""Lists an organization's admins, and the agents for which the actor may create keys, and changes its settings."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys import policy
from keys.policy import Action, Actor
from keys.refusals import NotFound
from models.agent import NamedAgent, living_agents
from models.organization import lock_organization
from models.person import MembershipRecord, NamedPerson, admins_of, memberships_of
from resolvers.members import locked_for
from resolvers.operator.organizations import set_assistant_model
from resolvers.services import ChangeServices, check_mutation_rate


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


async def change_organization(
    services: ChangeServices, actor: Actor, *, organization_id: UUID, allows_assistant_model: bool | None
) -> MembershipRecord:
    """
    Changes the organization's settings that are given. Returns it as the actor, a person, sees it.

    Raises NotFound, Forbidden, TooManyRequests.
    """
    policy.require_everywhere(actor, Action.CHANGE_ORGANIZATION, organization_id)
    async with services.database.transaction() as session:
        actor = await locked_for(session, actor, Action.CHANGE_ORGANIZATION, organization_id, now=services.clock())
        await check_mutation_rate(session, actor, services)
        row = await lock_organization(session, organization_id)
        if row is None or actor.person_id is None:
            raise NotFound
        if allows_assistant_model is not None:
            await set_assistant_model(session, actor, row, allowed=allows_assistant_model, now=services.clock())
        await session.flush()
        seen = await memberships_of(session, actor.person_id)
    return next(each for each in seen if each.organization.id == organization_id)
