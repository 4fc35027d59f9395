"""What the operator says of single sign-on: what groups mean, which accounts are linked, who may use a password."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.policy import OPERATOR, ROLE_WORDS
from keys.refusals import InvalidInput
from keys.sign_in.email_address import valid_email
from keys.text import is_unprintable
from models.agent import live_agents
from models.audit import AuditAction
from models.person import Person, Role, person_for_update
from models.session import end_sessions
from models.sso.group_mapping import GROUP_LENGTH_AT_MOST, MappedGroup, mapped_groups, remove_mapping, set_mapping
from models.sso.identity import identity_of_person, remove_identity
from resolvers.audit import record
from resolvers.members import standing_words, summary_of
from resolvers.operator.lookup import Declined, locked_organization, named_person
from resolvers.operator.people import as_named


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping that was set, and whether it replaces another."""

    mapping: MappedGroup
    is_new: bool


def valid_group(text: str) -> str:
    """The name of a group, as the provider writes it. Raises InvalidInput."""
    if not 0 < len(text) <= GROUP_LENGTH_AT_MOST or any(map(is_unprintable, text)):
        message = f"Use the group as the provider sends it: 1 to {GROUP_LENGTH_AT_MOST} visible characters."
        raise InvalidInput("group", message)
    return text


async def map_group(
    session: AsyncSession, *, organization_id: UUID, group: str, role: Role, agent_ids: Collection[UUID], now: datetime
) -> Mapped:
    """Gives a group a role, from the next sign-in of each person on. Raises InvalidInput, Declined."""
    group = valid_group(group)
    await locked_organization(session, organization_id)
    if role is not Role.AGENT_ADMIN and agent_ids:
        raise Declined(f"Only an {ROLE_WORDS[Role.AGENT_ADMIN]} administers agents: remove --agent.")
    if role is Role.AGENT_ADMIN and not agent_ids:
        raise Declined("An agent admin administers agents: add --agent, for each of them.")
    agents = await live_agents(session, organization_id, only=set(agent_ids))
    if len(agents) < len(set(agent_ids)):
        raise Declined("One of these agents is not in this organization. List all agents: keydesk agent list")
    before = {each.group for each in await mapped_groups(session, organization_id)}
    await set_mapping(session, organization_id, group, role, [agent.id for agent in agents], now=now)
    words = standing_words(role, [as_named(agent) for agent in agents])
    await _record(session, organization_id, f"People in the provider's group “{group}” are now {words}.", now)
    [mapping] = [each for each in await mapped_groups(session, organization_id) if each.group == group]
    return Mapped(mapping, group not in before)


async def unmap_group(session: AsyncSession, *, organization_id: UUID, group: str, now: datetime) -> None:
    """
    Ends the meaning of a group. If it was the organization's last, memberships there stay as they are from now on.

    Raises Declined.
    """
    await locked_organization(session, organization_id)
    if not await remove_mapping(session, organization_id, group):
        raise Declined("This organization has no mapping of this group. List all mappings: keydesk sso list")
    await _record(session, organization_id, f"The provider's group “{group}” has no meaning here any more.", now)


async def mappings(session: AsyncSession) -> list[MappedGroup]:
    """All mappings, by organization and group."""
    return sorted(await mapped_groups(session), key=lambda each: (each.organization_name, each.group))


async def allow_link(session: AsyncSession, *, email: str) -> Person:
    """Says that an account belongs to its address, so that a verified address at the provider finds it."""
    person = await _locked(session, email)
    if await identity_of_person(session, person.id) is not None:
        raise Declined(f"{person.email} is connected already. To end that: keydesk sso unlink {person.email}")
    person.is_linkable = True
    return person


async def unlink(session: AsyncSession, *, email: str) -> Person:
    """Removes the identity of an account, and ends the person's sessions. Raises Declined."""
    person = await _locked(session, email)
    if not await remove_identity(session, person.id):
        raise Declined(f"{person.email} is not connected with an account at an identity provider.")
    # Who comes next with this address at the provider may be somebody else.
    person.is_linkable = False
    await end_sessions(session, person.id)
    return person


async def set_break_glass(session: AsyncSession, *, email: str, is_break_glass: bool) -> Person:
    """Marks who may use a password where few people may."""
    person = await _locked(session, email)
    person.is_break_glass = is_break_glass
    return person


async def _locked(session: AsyncSession, email: str) -> Person:
    found = await named_person(session, valid_email(email))
    person = await person_for_update(session, found.id)
    if person is None:
        raise Declined(f"{email} has been removed.")
    return person


async def _record(session: AsyncSession, organization_id: UUID, sentence: str, now: datetime) -> None:
    await record(
        session,
        OPERATOR,
        AuditAction.MEMBERSHIP_CHANGED,
        summary_of(sentence),
        organization_id=organization_id,
        now=now,
    )
