"""Creates, renames and deletes agents, for the operator."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.key_limit import valid_name
from keys.policy import OPERATOR
from models.agent import Agent, agent_by_id, live_agent
from models.api_key import delete_living_keys
from models.audit import AuditAction
from resolvers.audit import record
from resolvers.operator.lookup import Declined, locked_organization, record_deleted_keys


@dataclass(frozen=True, slots=True)
class DeletedAgent:
    """The row of a deleted agent, and the ids of the keys that were deleted with it."""

    agent: Agent
    key_ids: Sequence[UUID]


async def create_agent(session: AsyncSession, *, organization_id: UUID, name: str, now: datetime) -> Agent:
    """Creates an agent. Its name need not be unique. Raises InvalidInput, Declined."""
    agent = Agent(organization_id=organization_id, name=valid_name(name), created_at=now)
    await locked_organization(session, organization_id)
    session.add(agent)
    await session.flush()
    return agent


async def rename_agent(session: AsyncSession, *, agent_id: UUID, name: str) -> Agent:
    """Renames the agent. Raises InvalidInput, Declined."""
    agent = await _locked_agent(session, agent_id)
    agent.name = valid_name(name)
    await session.flush()
    return agent


async def delete_agent(session: AsyncSession, *, agent_id: UUID, now: datetime) -> DeletedAgent:
    """
    Deletes the agent and its keys in one transaction. Its agent admins can still see the tombstones.

    Raises Declined.
    """
    agent = await _locked_agent(session, agent_id)
    key_ids = await delete_living_keys(session, at=now, by=None, agent_id=agent.id)
    await record_deleted_keys(session, key_ids, f"with its agent “{agent.name}”", now=now)
    await entomb_agent(session, agent, _with_its_keys(len(key_ids)), now=now)
    return DeletedAgent(agent, key_ids)


async def entomb_agent(session: AsyncSession, agent: Agent, circumstance: str, *, now: datetime) -> None:
    """
    Marks the agent as deleted and writes the audit event.

    The caller must hold the organization's lock and must have deleted the agent's keys.
    """
    agent.deleted_at = now
    await record(
        session,
        OPERATOR,
        AuditAction.AGENT_DELETED,
        f"The agent “{agent.name}” was deleted{circumstance}.",
        organization_id=agent.organization_id,
        agent_id=agent.id,
        now=now,
    )


async def _locked_agent(session: AsyncSession, agent_id: UUID) -> Agent:
    """Locks the agent's organization. Returns the current row of the agent. Raises Declined."""
    found = await agent_by_id(session, agent_id)
    if found is not None:
        organization = await locked_organization(session, found.organization_id)
        found = await live_agent(session, organization.id, agent_id)
    if found is None:
        raise Declined("This agent has been deleted. List all agents: keydesk agent list --organization ORG")
    return found


def _with_its_keys(count: int) -> str:
    if count == 0:
        return ""
    return " with its API key" if count == 1 else f" with its {count} API keys"
