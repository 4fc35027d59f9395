"""Makes a person's memberships follow their groups at the identity provider, in organizations that have a mapping."""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.policy import Actor
from models.agent import NamedAgent
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from models.invitation import delete_invitations_of
from models.members import count_organization_admins, member_record
from models.organization import lock_organization
from models.person import Membership, NamedPerson, Role, membership, memberships_of, set_administered
from models.session import end_sessions
from models.sso.group_mapping import MappedGroup, mapped_groups
from resolvers.members import record_change, set_standing, standing_words, take_out

logger = logging.getLogger("keydesk.sso")
RANKS = (Role.ORGANIZATION_ADMIN, Role.AGENT_ADMIN, Role.MEMBER)
"""The role with the most rights comes first."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A role with the agents that it is for."""

    role: Role
    agents: Sequence[NamedAgent] = ()


@dataclass(frozen=True, slots=True)
class Follower:
    """A person whose memberships follow their groups. `why` ends the sentences of the audit log."""

    person: NamedPerson
    groups: frozenset[str]
    address: str | None
    why: str


def standing_by(mappings: Iterable[MappedGroup], groups: Collection[str]) -> Standing | None:
    """
    What somebody in these groups is in one organization: the role with the most rights, as agent admin of all agents
    that these groups administer. None if no group has a role there.
    """
    matching = [mapping for mapping in mappings if mapping.group in groups]
    if not matching:
        return None
    role = min((mapping.role for mapping in matching), key=RANKS.index)
    if role is not Role.AGENT_ADMIN:
        return Standing(role)
    agents = {agent.id: agent for mapping in matching if mapping.role is role for agent in mapping.agents}
    named = [NamedAgent(agent.id, agent.name, agent.deleted_at) for agent in agents.values()]
    return Standing(role, sorted(named, key=lambda agent: (agent.name, agent.id)))


async def has_standing(session: AsyncSession, groups: Collection[str]) -> bool:
    """Whether somebody in these groups has a role in some organization."""
    return standing_by(await mapped_groups(session), groups) is not None


async def follow_groups(database: Database, follower: Follower, *, now: datetime) -> None:
    """
    Adds, changes and removes memberships. Organizations without a mapping stay as they are.

    Each organization is locked in a transaction of its own, and only if something is to be changed there.
    """
    async with database.reading() as session:
        mappings = await mapped_groups(session)
        due = [
            organization_id
            for organization_id, those in groupby(mappings, key=lambda mapping: mapping.organization_id)
            if not await _is_as_wanted(session, organization_id, follower, standing_by(those, follower.groups))
        ]
    for organization_id in due:
        async with database.transaction() as session:
            await _follow_in(session, organization_id, follower, now=now)


async def _is_as_wanted(
    session: AsyncSession, organization_id: UUID, follower: Follower, wanted: Standing | None
) -> bool:
    found = await member_record(session, organization_id, follower.person.id)
    return (None if found is None else _compared(found.role, found.agents)) == (
        None if wanted is None else _compared(wanted.role, wanted.agents)
    )


def _compared(role: Role, agents: Sequence[NamedAgent]) -> tuple[Role, frozenset[UUID]]:
    return role, frozenset(agent.id for agent in agents)


async def _follow_in(session: AsyncSession, organization_id: UUID, follower: Follower, *, now: datetime) -> None:
    if await lock_organization(session, organization_id) is None:
        return
    mappings = await mapped_groups(session, organization_id)
    if not mappings:
        return
    wanted, person = standing_by(mappings, follower.groups), follower.person
    held = await membership(session, organization_id, person.id)
    before = await member_record(session, organization_id, person.id)
    # Not the person's own doing, though it happens while they sign in: the provider's groups decide.
    actor = Actor(None, address=follower.address)
    if held is None or before is None:
        if wanted is not None:
            await _add(session, actor, organization_id, follower, wanted, now=now)
        return
    is_less = wanted is None or wanted.role is not Role.ORGANIZATION_ADMIN
    if is_less and await _is_last_admin(session, held):
        logger.warning(
            "%s stays organization admin of %s, which has no other, although the identity provider's groups differ",
            external_id(Prefix.PERSON, person.id),
            external_id(Prefix.ORGANIZATION, organization_id),
        )
    elif wanted is None:
        await take_out(session, actor, held, person, why=follower.why, now=now)
        if not await memberships_of(session, person.id):
            await end_sessions(session, person.id)
    else:
        await set_standing(session, actor, held, before, wanted.role, wanted.agents, why=follower.why, now=now)


async def _add(
    session: AsyncSession, actor: Actor, organization_id: UUID, follower: Follower, wanted: Standing, *, now: datetime
) -> None:
    person = follower.person
    # A waiting invitation would let the person in again, once they have left.
    await delete_invitations_of(session, organization_id, person.email)
    session.add(Membership(organization_id=organization_id, person_id=person.id, role=wanted.role, created_at=now))
    await session.flush()
    await set_administered(session, organization_id, person.id, [agent.id for agent in wanted.agents])
    what = f"was added as {standing_words(wanted.role, wanted.agents)}{follower.why}"
    await record_change(session, actor, organization_id, person, what, now=now)


async def _is_last_admin(session: AsyncSession, held: Membership) -> bool:
    if held.role is not Role.ORGANIZATION_ADMIN:
        return False
    return not await count_organization_admins(session, held.organization_id, except_id=held.person_id)
