"""
Creates, renames and deletes agents, for organization admins and the operator, and reads what is shown with agents.

An agent's name is unique among its organization's agents. Names are compared under the organization's lock; the
operator's changes use the same functions. Agents that had the same name before this rule keep it until they are
renamed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from assistant.facts.facts import beginning_of_the_last_day
from keys import policy
from keys.key_limit import Allowance, folded_name, valid_name
from keys.policy import Action, Actor, Scope
from keys.refusals import AgentNotFound, InvalidInput, NotFound
from models.agent import Agent, NamedAgent, agent_by_id, live_agent, living_agents, named_agents
from models.api_key import delete_living_keys
from models.audit import AuditAction
from models.engine.reader import Source
from models.key_queries import ApiKeyRecord, count_living_keys_of, living_keys_of
from models.members import admins_of_agents
from models.organization import live_organization
from models.person import NamedPerson
from models.usage.counts_queries import requests_of_agents
from resolvers.audit import record, record_deleted_keys
from resolvers.members import locked_for
from resolvers.services import ChangeServices, check_mutation_rate

AGENTS_AT_MOST = 1_000
TOO_MANY_AGENTS = f"This organization has {AGENTS_AT_MOST:,} agents already. Delete one that is no longer needed."
NAME_TAKEN = "There is an agent with this name already. Choose another name; upper and lower case count as the same."

Place = tuple[UUID, UUID]
"""The ids of an organization and of one of its agents."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """
    A deleted agent, the tombstones of its keys that the actor may see, newest first, and the organization's slots after
    the deletion.
    """

    organization_id: UUID
    agent: NamedAgent
    keys: Sequence[ApiKeyRecord]
    allowance: Allowance


async def create_agent(services: ChangeServices, actor: Actor, *, organization_id: UUID, name: str) -> NamedAgent:
    """Creates an agent. Raises NotFound, Forbidden, InvalidInput, TooManyRequests."""
    policy.require_everywhere(actor, Action.MANAGE_AGENTS, organization_id)
    name = valid_name(name)
    async with services.database.transaction() as session:
        actor = await locked_for(session, actor, Action.MANAGE_AGENTS, organization_id, now=services.clock())
        await check_mutation_rate(session, actor, services)
        row = await add_agent(session, actor, organization_id=organization_id, name=name, now=services.clock())
        return as_named(row)


async def rename_agent(services: ChangeServices, actor: Actor, *, agent_id: UUID, name: str) -> tuple[UUID, NamedAgent]:
    """
    Renames the agent. Returns its organization's id and the agent.

    Raises AgentNotFound, Forbidden, InvalidInput, TooManyRequests.
    """
    organization_id = await _organization_of(services, actor, Action.MANAGE_AGENTS, agent_id)
    name = valid_name(name)
    async with services.database.transaction() as session:
        actor, row = await _locked_agent(
            session, actor, Action.MANAGE_AGENTS, organization_id, agent_id, now=services.clock()
        )
        await check_mutation_rate(session, actor, services)
        await set_name(session, actor, row, name, now=services.clock())
        return organization_id, as_named(row)


async def delete_agent(services: ChangeServices, actor: Actor, *, agent_id: UUID) -> Deleted:
    """
    Deletes the agent with its keys. When this returns, none of them works.

    Raises AgentNotFound, Forbidden, TooManyRequests.
    """
    organization_id = await _organization_of(services, actor, Action.DELETE_AGENTS, agent_id)
    async with services.database.transaction() as session:
        actor, row = await _locked_agent(
            session, actor, Action.DELETE_AGENTS, organization_id, agent_id, now=services.clock()
        )
        await check_mutation_rate(session, actor, services)
        keys = await remove_agent(session, actor, row, now=services.clock())
        tombstone = as_named(row)
        organization = await live_organization(session, organization_id)
        if organization is None:
            raise AgentNotFound
        await session.refresh(organization)
        allowance = Allowance(organization.live_key_count, organization.key_limit)
        # An operator token may delete agents, but sees no keys.
        shown = keys if _may_see_keys(actor, (organization_id, agent_id)) else []
        return Deleted(organization_id, tombstone, [key._replace(agent=tombstone) for key in shown], allowance)


async def add_agent(
    session: AsyncSession,
    actor: Actor,
    *,
    organization_id: UUID,
    name: str,
    external_id: str | None = None,
    now: datetime,
) -> Agent:
    """
    Stores an agent with a name that `valid_name` has returned. The caller must hold the organization's lock.

    Raises InvalidInput.
    """
    await _require_free_name(session, actor, organization_id, name)
    row = Agent(organization_id=organization_id, name=name, created_at=now, external_id=external_id)
    session.add(row)
    await session.flush()
    await _record(session, actor, AuditAction.AGENT_CREATED, row, f"The agent “{name}” was created.", now)
    return row


async def set_name(session: AsyncSession, actor: Actor, row: Agent, name: str, *, now: datetime) -> None:
    """
    Gives the agent a name that `valid_name` has returned. The caller must hold the organization's lock.

    Writes no audit event if it has this name. Raises InvalidInput.
    """
    if row.name == name:
        return
    await _require_free_name(session, actor, row.organization_id, name, except_id=row.id)
    before, row.name = row.name, name
    summary = f"The agent “{before}” was renamed to “{name}”."
    await _record(session, actor, AuditAction.AGENT_RENAMED, row, summary, now)


async def remove_agent(session: AsyncSession, actor: Actor, row: Agent, *, now: datetime) -> list[ApiKeyRecord]:
    """
    Deletes the agent and its keys, whose tombstones it returns, newest first. Its agent admins can still see these.

    The caller must hold the organization's lock.
    """
    key_ids = await delete_living_keys(session, at=now, by=actor.person_id, by_token=actor.token_id, agent_id=row.id)
    keys = await record_deleted_keys(session, actor, key_ids, f"with its agent “{row.name}”", now=now)
    await entomb_agent(session, actor, row, _with_its_keys(len(keys)), now=now)
    return keys


async def entomb_agent(session: AsyncSession, actor: Actor, row: Agent, circumstance: str, *, now: datetime) -> None:
    """
    Marks the agent as deleted and writes the audit event.

    The caller must hold the organization's lock and must have deleted the agent's keys.
    """
    row.deleted_at = now
    summary = f"The agent “{row.name}” was deleted{circumstance}."
    await _record(session, actor, AuditAction.AGENT_DELETED, row, summary, now)


async def agent(source: Source, actor: Actor, *, agent_id: UUID) -> tuple[UUID, NamedAgent] | None:
    """The agent, deleted or not, with its organization's id; None if it does not exist or the actor may not know it."""
    for (organization_id, _), found in (await named_agents(source, [agent_id])).items():
        if _may_see_keys(actor, (organization_id, agent_id)):
            return organization_id, found
    return None


async def admins(source: Source, actor: Actor, places: Collection[Place]) -> dict[UUID, list[NamedPerson]]:
    """The admins of these agents, by name; nobody's if the actor may not manage agents."""
    shown = [place for place in places if policy.may_everywhere(actor, Action.MANAGE_AGENTS, place[0])]
    return await admins_of_agents(source, {agent_id for _, agent_id in shown})


async def keys(source: Source, actor: Actor, places: Collection[Place]) -> dict[UUID, list[ApiKeyRecord]]:
    """The keys of these agents that the actor may see, newest first, without deleted ones."""
    return await living_keys_of(source, _with_visible_keys(actor, places))


async def count_keys(source: Source, actor: Actor, places: Collection[Place]) -> dict[UUID, int]:
    """The number of keys that `keys` has of each agent. Agents without one are left out."""
    return await count_living_keys_of(source, _with_visible_keys(actor, places))


async def calls_of_last_day(
    source: Source, actor: Actor, places: Collection[Place], *, now: datetime
) -> dict[UUID, int]:
    """
    The number of requests with keys of these agents in the last 24 hours and since the beginning of that hour.

    Deleted keys count, too. Agents whose keys the actor may not see are left out.
    """
    since = beginning_of_the_last_day(now)
    return await requests_of_agents(source, _with_visible_keys(actor, places), since=since, until=now)


def _may_see_keys(actor: Actor, place: Place) -> bool:
    return policy.may(actor, Action.SEE_KEY, place[0], scope=Scope.AGENT, agent_id=place[1])


def _with_visible_keys(actor: Actor, places: Collection[Place]) -> set[UUID]:
    return {place[1] for place in places if _may_see_keys(actor, place)}


async def _organization_of(services: ChangeServices, actor: Actor, action: Action, agent_id: UUID) -> UUID:
    """
    The agent's organization, if the actor may do this to its agents, with the roles at the beginning of the request.

    Another organization's agent gets the same refusal, in the same steps, as one that does not exist. Raises
    AgentNotFound, Forbidden.
    """
    policy.require_somewhere(actor, action)
    async with services.database.reading() as session:
        row = await agent_by_id(session, agent_id)
    if row is None:
        raise AgentNotFound
    try:
        policy.require_everywhere(actor, action, row.organization_id)
    except NotFound:
        raise AgentNotFound from None
    return row.organization_id


async def _locked_agent(
    session: AsyncSession, actor: Actor, action: Action, organization_id: UUID, agent_id: UUID, *, now: datetime
) -> tuple[Actor, Agent]:
    """Locks the organization. Returns the actor with current roles, and the agent. Raises AgentNotFound, Forbidden."""
    try:
        actor = await locked_for(session, actor, action, organization_id, now=now)
    except NotFound:
        raise AgentNotFound from None
    row = await live_agent(session, organization_id, agent_id)
    if row is None:
        raise AgentNotFound
    return actor, row


async def _require_free_name(
    session: AsyncSession, actor: Actor, organization_id: UUID, name: str, *, except_id: UUID | None = None
) -> None:
    """
    Raises InvalidInput if another living agent of the organization has this name, or if there are too many for another
    one: the names of all are compared. The operator may make more.
    """
    wanted = folded_name(name)
    others = await living_agents(session, organization_id, only=None)
    if except_id is None and len(others) >= AGENTS_AT_MOST and not actor.is_operator:
        raise InvalidInput("name", TOO_MANY_AGENTS)
    if any(other.id != except_id and folded_name(other.name) == wanted for other in others):
        raise InvalidInput("name", NAME_TAKEN)


async def _record(
    session: AsyncSession, actor: Actor, action: AuditAction, row: Agent, summary: str, now: datetime
) -> None:
    await record(session, actor, action, summary, organization_id=row.organization_id, agent_id=row.id, now=now)


def as_named(row: Agent) -> NamedAgent:
    """The parts of an agent that are shown."""
    return NamedAgent(row.id, row.name, row.deleted_at, row.external_id)


def _with_its_keys(count: int) -> str:
    if count == 0:
        return ""
    return " with its API key" if count == 1 else f" with its {count} API keys"
