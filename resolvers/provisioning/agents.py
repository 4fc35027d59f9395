"""Creates and renames agents for a host product, which names them by its own ids."""

from dataclasses import dataclass
from uuid import UUID

from keys import policy
from keys.host_ids import valid_host_id
from keys.key_limit import valid_name
from keys.policy import Action, Actor
from keys.refusals import NotFound
from models.agent import NamedAgent, agent_by_external_id
from models.organization import lock_organization
from resolvers.agents import add_agent, as_named, set_name
from resolvers.provisioning.rights import require_current_right
from resolvers.services import ChangeServices


@dataclass(frozen=True, slots=True)
class EnsuredAgent:
    """An agent, and whether it was created just now."""

    agent: NamedAgent
    created: bool


async def ensure_agent(
    services: ChangeServices, actor: Actor, *, organization_id: UUID, external_id: str, name: str
) -> EnsuredAgent:
    """
    The organization's agent with this id of the host product, with this name; created if there is none.

    The organization's lock makes requests for the same agent wait for each other. Raises Forbidden, NotFound,
    InvalidInput, also for a name that another agent of the organization has.
    """
    policy.require_right(actor, Action.PROVISION)
    host_id, name = valid_host_id(external_id), valid_name(name)
    async with services.database.transaction() as session:
        if await lock_organization(session, organization_id) is None:
            raise NotFound
        now = services.clock()
        await require_current_right(session, actor, Action.PROVISION, now=now)
        row = await agent_by_external_id(session, organization_id, host_id)
        if row is None:
            added = await add_agent(
                session, actor, organization_id=organization_id, name=name, external_id=host_id, now=now
            )
            return EnsuredAgent(as_named(added), created=True)
        await set_name(session, actor, row, name, now=now)
        return EnsuredAgent(as_named(row), created=False)
