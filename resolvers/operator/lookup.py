"""
What the operator's operations share: finding what the command line names, the organization's lock, and refusals.

Everybody who can run the command line is the operator and may do everything. So these operations check no roles, and
only the command line may call them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.key_limit import valid_name
from keys.looks_like_a_key import is_like_a_key
from keys.refusals import InvalidInput, Refusal
from models.agent import Agent, agent_by_id, agents_named, live_agents
from models.engine.ids import Prefix, external_id, parse_external_id
from models.organization import Organization, live_organization, lock_organization, organizations_named
from models.person import Person, person_by_email

Named = TypeVar("Named", Organization, Agent)
ECHOED_AT_MOST = 64
"""How many characters of the operator's text a refusal repeats."""
LIMIT_AT_MOST = 2**31 - 1
"""The largest number that an integer column can store."""


@dataclass(eq=False)
class Declined(Refusal):
    """A refusal for the operator. The message says what to do."""

    message: str


async def named_organization(session: AsyncSession, text: str) -> Organization:
    """The organization with this id, or the only one with exactly this name. Raises Declined."""
    organization_id = parse_external_id(Prefix.ORGANIZATION, text)
    if organization_id is not None and (found := await live_organization(session, organization_id)) is not None:
        return found
    name = _name_in(text)
    matches = [] if name is None else await organizations_named(session, name)
    return _only(
        matches,
        Prefix.ORGANIZATION,
        f"no organization {_echo(text)}. List all organizations: keydesk organization list",
    )


async def named_agent(session: AsyncSession, text: str, *, organization_id: UUID | None = None) -> Agent:
    """
    The agent with this id, or the only one with exactly this name, in one organization or in all.

    Raises Declined.
    """
    agent_id = parse_external_id(Prefix.AGENT, text)
    found = None if agent_id is None else await agent_by_id(session, agent_id)
    if found is not None and organization_id in (None, found.organization_id):
        return found
    name = _name_in(text)
    if name is None:
        matches = []
    elif organization_id is None:
        matches = await agents_named(session, name)
    else:
        matches = [agent for agent in await live_agents(session, organization_id) if agent.name == name]
    where = "" if organization_id is None else " in this organization"
    return _only(
        matches,
        Prefix.AGENT,
        f"no agent {_echo(text)}{where}. List all agents: keydesk agent list --organization ORG",
    )


async def named_person(session: AsyncSession, email: str) -> Person:
    """The person with this e-mail address, which must be in its canonical form. Raises Declined."""
    person = await person_by_email(session, email)
    if person is None:
        raise Declined(f"Nobody has the address {_echo(email)}. List all people: keydesk user list --organization ORG")
    return person


async def locked_organization(session: AsyncSession, organization_id: UUID) -> Organization:
    """Locks the organization, which every change of something in it must do first. Raises Declined."""
    organization = await lock_organization(session, organization_id)
    if organization is None:
        raise Declined("This organization has been deleted. List all organizations: keydesk organization list")
    return organization


def valid_limit(number: int, field: str) -> int:
    """Returns the number if it is a valid limit. Raises InvalidInput for the field."""
    if not 1 <= number <= LIMIT_AT_MOST:
        raise InvalidInput(field, f"Use a limit of 1 to {LIMIT_AT_MOST}.")
    return number


def _name_in(text: str) -> str | None:
    try:
        return valid_name(text)
    except InvalidInput:
        return None


def _echo(text: str) -> str:
    """The operator's text in quotes. An API key is not repeated, because terminals are sometimes logged."""
    if is_like_a_key(text):
        return "with that name (the name is an API key, so it is not repeated here)"
    return f"“{text}”" if len(text) <= ECHOED_AT_MOST else f"“{text[:ECHOED_AT_MOST]}…”"


def _only(matches: Sequence[Named], prefix: Prefix, unknown: str) -> Named:
    if not matches:
        raise Declined(f"There is {unknown}")
    if len(matches) > 1:
        ids = ", ".join(external_id(prefix, each.id) for each in matches)
        raise Declined(f"There are {len(matches)} with this name. Use the id of one: {ids}")
    return matches[0]
