"""Creates, renames and deletes agents, for the operator."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.key_limit import valid_name
from keys.policy import OPERATOR
from models.agent import Agent, agent_by_id, live_agent
from resolvers import agents
from resolvers.operator.lookup import Declined, locked_organization


@dataclass(frozen=True, slots=True)
class DeletedAgent:
    """The row of a deleted agent, and the ids of the keys that were deleted with it."""

    agent: Agent
    key_ids: Sequence[UUID]


async def create_agent(session: AsyncSession, *, organization_id: UUID, name: str, now: datetime) -> Agent:
    """Creates an agent. Its name must be new among the organization's agents. Raises InvalidInput, Declined."""
    name = valid_name(name)
    await locked_organization(session, organization_id)
    return await agents.add_agent(session, OPERATOR, organization_id=organization_id, name=name, now=now)


async def rename_agent(session: AsyncSession, *, agent_id: UUID, name: str, now: datetime) -> Agent:
    """Renames the agent. Its name must be new among the organization's agents. Raises InvalidInput, Declined."""
    name = valid_name(name)
    agent = await _locked_agent(session, agent_id)
    await agents.set_name(session, OPERATOR, agent, name, now=now)
    return agent


async def delete_agent(session: AsyncSession, *, agent_id: UUID, now: datetime) -> DeletedAgent:
    """
    Deletes the agent and its keys in one transaction. Its agent admins can still see the tombstones.

    Raises Declined.
    """
    agent = await _locked_agent(session, agent_id)
    keys = await agents.remove_agent(session, OPERATOR, agent, now=now)
    return DeletedAgent(agent, [key.id for key in keys])


async def _locked_agent(session: AsyncSession, agent_id: UUID) -> Agent:
    """Locks the agent's organization. Returns the current row of the agent. Raises Declined."""
    found = await agent_by_id(session, agent_id)
    if found is not None:
        organization = await locked_organization(session, found.organization_id)
        found = await live_agent(session, organization.id, agent_id)
    if found is None:
        raise Declined("This agent has been deleted. List all agents: keydesk agent list --organization ORG")
    return found
