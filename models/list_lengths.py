"""Counts the lengths of organizations' lists, in one query for several organizations."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, ScalarSelect, Select, case, func, literal
from sqlalchemy import select as columns
from sqlmodel import col

from models.agent import Agent
from models.api_key import ApiKey
from models.engine.in_clause import padded_size, padded_values, placeholders
from models.engine.reader import Source, fetch
from models.invitation import Invitation, InvitedAgent
from models.key_queries import DELETED_LISTED_AT_MOST
from models.organization import Organization
from models.person import ADMINISTERED_THERE, AdministeredAgent, Membership, Role
from models.tokens.program_token import ProgramToken, ProgramTokenAgent


class ListLengths(NamedTuple):
    """
    The lengths of an organization's lists. The last two count only keys of the given agents.

    `administered` is the number of admins of all agents together.
    """

    agents: int
    admins: int
    administered: int
    deleted_keys: int
    """At most DELETED_LISTED_AT_MOST, because a list shows no more."""
    people: int
    invitations: int
    invited: int
    """The number of agents of all invitations together."""
    tokens: int
    """All service tokens, with those that ended long ago and are not listed."""
    tokens_agents: int
    """The number of agents of all service tokens together."""
    agents_keys: int
    agents_deleted_keys: int
    """At most DELETED_LISTED_AT_MOST, because a list shows no more."""


def _number(of: type[Any], *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    here = col(of.organization_id) == col(Organization.id)
    return columns(func.count()).select_from(of).where(here, *conditions).scalar_subquery()


def _shown(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
    """The number of tombstones that a list shows. Further ones are not counted, because there may be very many."""
    deleted = (col(ApiKey.deleted_at).is_not(None), *conditions)
    here = col(ApiKey.organization_id) == col(Organization.id)
    last_shown = columns(literal(1)).where(here, *deleted).offset(DELETED_LISTED_AT_MOST - 1).limit(1)
    is_full = last_shown.scalar_subquery().is_not(None)
    return case((is_full, literal(DELETED_LISTED_AT_MOST, Integer())), else_=_number(ApiKey, *deleted))


def _administered() -> ScalarSelect[int]:
    """Looks at the organization's people first, because agents' admins are not sorted by organization."""
    here = (col(Membership.organization_id) == col(Organization.id), col(Membership.role) == Role.AGENT_ADMIN)
    admins = columns(func.count()).select_from(Membership).join(AdministeredAgent, ADMINISTERED_THERE)
    return admins.where(*here).scalar_subquery()


def _invited() -> ScalarSelect[int]:
    invited = columns(func.count()).select_from(InvitedAgent)
    invited = invited.join(Invitation, col(Invitation.id) == col(InvitedAgent.invitation_id))
    return invited.where(col(Invitation.organization_id) == col(Organization.id)).scalar_subquery()


def _tokens_agents() -> ScalarSelect[int]:
    agents = columns(func.count()).select_from(ProgramTokenAgent)
    agents = agents.join(ProgramToken, col(ProgramToken.id) == col(ProgramTokenAgent.token_id))
    return agents.where(col(ProgramToken.organization_id) == col(Organization.id)).scalar_subquery()


@cache
def _lengths(organizations: int, agents: int) -> Select[Any]:
    of_agents = col(ApiKey.agent_id).in_(placeholders(agents, "agent"))
    counted: Sequence[Any] = (
        Organization.id,
        _number(Agent, col(Agent.deleted_at).is_(None)),
        _number(Membership, col(Membership.role) == Role.ORGANIZATION_ADMIN),
        _administered(),
        _shown(),
        _number(Membership),
        _number(Invitation),
        _invited(),
        _number(ProgramToken),
        _tokens_agents(),
        _number(ApiKey, col(ApiKey.deleted_at).is_(None), of_agents),
        _shown(of_agents),
    )
    return columns(*counted).where(col(Organization.id).in_(placeholders(organizations)))


async def list_lengths(
    source: Source, organization_ids: Collection[UUID], agent_ids: Collection[UUID]
) -> dict[UUID, ListLengths]:
    """The lengths by organization. At least one organization must be given; `agent_ids` may be empty."""
    agents = agent_ids or [UUID(int=0)]
    statement = _lengths(padded_size(organization_ids), padded_size(agents))
    rows = await fetch(source, statement, {**padded_values(organization_ids), **padded_values(agents, "agent")})
    return {row[0]: ListLengths._make(row[1:]) for row in rows}
