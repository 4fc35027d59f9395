"""Lists the people of an organization, changes their roles and removes them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys import policy
from keys.policy import ROLE_WORDS, Action, Actor, RoleGrant
from keys.refusals import InvalidInput, LastOrganizationAdmin, MemberNotFound, NotFound
from models.agent import NamedAgent, living_agents
from models.audit import SUMMARY_LENGTH_AT_MOST, AuditAction
from models.engine.reader import Source
from models.invitation import delete_invitations_of
from models.key_queries import ApiKeyRecord, key_records
from models.key_request import close_requests_of
from models.members import (
    MemberRecord,
    count_organization_admins,
    keys_shown,
    member_record,
    member_records,
    person_in,
)
from models.organization import lock_organization
from models.person import (
    Membership,
    NamedPerson,
    Role,
    membership,
    memberships_of,
    person_for_update,
    set_administered,
)
from models.session import end_sessions, end_sessions_in
from models.sign_in_link import delete_links_of
from models.tokens.service_tokens import ServiceTokenRecord, living_service_tokens
from resolvers.audit import record
from resolvers.services import ChangeServices, with_current_roles

NO_AGENTS_FOR_ROLE = "Only agent admins administer agents. Choose no agent, or the role of an agent admin."
AGENTS_AT_MOST = 1_000
AGENT_UNKNOWN = "One of these agents does not exist in this organization. It may have been deleted."


@dataclass(frozen=True, slots=True)
class Removed:
    """
    A person who was removed, the living keys whose secret they were shown, and the service tokens that they made and
    that work, both newest first.
    """

    person: NamedPerson
    keys_seen: Sequence[ApiKeyRecord]
    tokens_made: Sequence[ServiceTokenRecord]


async def members(
    source: Source, actor: Actor, *, organization_id: UUID, search: str | None = None
) -> list[MemberRecord]:
    """
    Everybody in the organization, by name, or nobody if the actor may not manage people.

    With `search`, only people who have this text in their name or address, in any case.
    """
    if not policy.may_everywhere(actor, Action.MANAGE_MEMBERS, organization_id):
        return []
    wanted = (search or "").strip().casefold()
    return [
        each
        for each in await member_records(source, organization_id)
        if wanted in each.person.name.casefold() or wanted in each.person.email.casefold()
    ]


async def person(source: Source, actor: Actor, *, person_id: UUID) -> NamedPerson | None:
    """
    The person, if the actor may know of them: it is they, an admin of an organization that the actor is in, or somebody
    in an organization whose people the actor manages.
    """
    found, roles = await person_in(source, person_id, actor.roles)
    their_own = Actor(person_id, {each: RoleGrant(role) for each, role in roles.items()})
    is_known = person_id == actor.person_id or any(
        policy.may_everywhere(somebody, Action.MANAGE_MEMBERS, organization_id)
        for organization_id in roles
        for somebody in (their_own, actor)
    )
    return found if is_known else None


async def change_member(
    services: ChangeServices,
    actor: Actor,
    *,
    organization_id: UUID,
    person_id: UUID,
    role: Role,
    agent_ids: Collection[UUID],
) -> MemberRecord:
    """
    Sets a person's role and the agents that they administer, from their next request on.

    Raises NotFound, Forbidden, MemberNotFound, InvalidInput, LastOrganizationAdmin.
    """
    policy.require_everywhere(actor, Action.MANAGE_MEMBERS, organization_id)
    async with services.database.transaction() as session:
        actor = await locked_for(session, actor, Action.MANAGE_MEMBERS, organization_id, now=services.clock())
        held, before = await _member(session, organization_id, person_id)
        agents = await agents_for(session, organization_id, role, agent_ids)
        if role is not Role.ORGANIZATION_ADMIN:
            await require_other_admin(session, held)
        await set_standing(session, actor, held, before, role, agents, now=services.clock())
        after = await member_record(session, organization_id, person_id)
    if after is None:
        raise MemberNotFound
    return after


async def set_standing(
    session: AsyncSession,
    actor: Actor,
    held: Membership,
    before: MemberRecord,
    role: Role,
    agents: Sequence[NamedAgent],
    *,
    why: str = "",
    now: datetime,
) -> None:
    """Stores role and agents, with an event if they are others than before. `why` ends its sentence."""
    if (role, {each.id for each in agents}) == (before.role, {each.id for each in before.agents}):
        return
    held.role = role
    await set_administered(session, held.organization_id, held.person_id, [agent.id for agent in agents])
    await record_change(
        session,
        actor,
        held.organization_id,
        before.person,
        f"is now {standing_words(role, agents)} and was {standing_words(before.role, before.agents)} before{why}",
        now=now,
    )


async def remove_member(services: ChangeServices, actor: Actor, *, organization_id: UUID, person_id: UUID) -> Removed:
    """
    Removes a person. Their next request no longer sees the organization; if it was their only one, they are signed out.

    Keys that they created stay. The operator's programs may remove the last organization admin, too.

    Raises NotFound, Forbidden, MemberNotFound, LastOrganizationAdmin.
    """
    policy.require_everywhere(actor, Action.REMOVE_MEMBERS, organization_id)
    async with services.database.transaction() as session:
        actor = await locked_for(session, actor, Action.REMOVE_MEMBERS, organization_id, now=services.clock())
        held, before = await _member(session, organization_id, person_id)
        if not policy.has_right(actor, Action.PROVISION):
            await require_other_admin(session, held)
        now = services.clock()
        # An operator token may remove people, but sees neither keys nor tokens.
        shown = policy.may_everywhere(actor, Action.MANAGE_TOKENS, organization_id)
        key_ids = (await keys_shown(session, organization_id, now=now)).get(person_id, []) if shown else []
        seen = await key_records(session, key_ids)
        living = await living_service_tokens(session, organization_id, now=now) if shown else []
        await take_out(session, actor, held, before.person, now=now)
        if not await memberships_of(session, person_id):
            await end_sessions(session, person_id)
    made = [each for each in living if each.created_by is not None and each.created_by.id == person_id]
    return Removed(before.person, sorted(seen.values(), key=lambda key: key.id, reverse=True), made)


async def take_out(
    session: AsyncSession, actor: Actor, held: Membership, person: NamedPerson, *, why: str = "", now: datetime
) -> None:
    """Deletes the membership, with its event, whose sentence `why` ends. The organization must be locked."""
    # A sign-in holds the person's row while it adds its session, which would otherwise be missed.
    await person_for_update(session, person.id)
    await session.delete(held)
    await session.flush()
    # None of these lets them in again.
    await delete_invitations_of(session, held.organization_id, person.email)
    await close_requests_of(session, held.organization_id, person.id, at=now)
    await delete_links_of(session, held.organization_id, person.id)
    await end_sessions_in(session, held.organization_id, person.id)
    await record_change(session, actor, held.organization_id, person, f"was removed{why}", now=now)


async def keys_seen(
    source: Source, actor: Actor, *, organization_id: UUID, now: datetime
) -> dict[UUID, list[ApiKeyRecord]]:
    """
    For each person, the living keys whose secret they were shown, newest first.

    Empty if the actor may not manage people.
    """
    if not policy.may_everywhere(actor, Action.MANAGE_MEMBERS, organization_id):
        return {}
    shown = await keys_shown(source, organization_id, now=now)
    ids = {key_id for key_ids in shown.values() for key_id in key_ids}
    keys = await key_records(source, ids) if ids else {}
    return {
        person_id: sorted((keys[each] for each in key_ids if each in keys), key=lambda key: key.id, reverse=True)
        for person_id, key_ids in shown.items()
    }


async def locked_for(
    session: AsyncSession, actor: Actor, action: Action, organization_id: UUID, *, now: datetime
) -> Actor:
    """
    Locks the organization, and checks the actor's current roles or rights. Returns the actor with them.

    Raises NotFound and Forbidden, and Unauthenticated if the actor's token works no more.
    """
    if await lock_organization(session, organization_id) is None:
        raise NotFound
    actor = await with_current_roles(session, actor, now)
    policy.require_everywhere(actor, action, organization_id)
    return actor


async def agents_for(
    session: AsyncSession, organization_id: UUID, role: Role, agent_ids: Collection[UUID]
) -> list[NamedAgent]:
    """The organization's agents with these ids, which must fit the role. Raises InvalidInput for agentIds."""
    if role is not Role.AGENT_ADMIN and agent_ids:
        raise InvalidInput("agentIds", NO_AGENTS_FOR_ROLE)
    if len(agent_ids) > AGENTS_AT_MOST:
        raise InvalidInput("agentIds", f"Choose at most {AGENTS_AT_MOST} agents.")
    agents = await living_agents(session, organization_id, only=set(agent_ids))
    if len(agents) < len(set(agent_ids)):
        raise InvalidInput("agentIds", AGENT_UNKNOWN)
    return agents


def standing_words(role: Role, agents: Sequence[NamedAgent]) -> str:
    """Such as: agent admin of “crawler”, “biller”."""
    words = ROLE_WORDS[role]
    if role is not Role.AGENT_ADMIN:
        return words
    names = ", ".join(f"“{agent.name}”" for agent in agents)
    return f"{words} of {names}" if names else f"{words} of no agent"


async def record_change(
    session: AsyncSession, actor: Actor, organization_id: UUID, person: NamedPerson, what: str, *, now: datetime
) -> None:
    """Writes the event of a changed membership, with the role that the person has now. Call it after the change."""
    held = await membership(session, organization_id, person.id)
    await record(
        session,
        actor,
        AuditAction.MEMBERSHIP_CHANGED,
        summary_of(f"{person.name} ({person.email}) {what}."),
        organization_id=organization_id,
        subject_id=person.id,
        details={"role": None if held is None else held.role.value},
        now=now,
    )


def summary_of(sentence: str) -> str:
    """The sentence, cut to what an event can store."""
    return sentence if len(sentence) <= SUMMARY_LENGTH_AT_MOST else sentence[: SUMMARY_LENGTH_AT_MOST - 1] + "…"


async def _member(session: AsyncSession, organization_id: UUID, person_id: UUID) -> tuple[Membership, MemberRecord]:
    held = await membership(session, organization_id, person_id)
    found = await member_record(session, organization_id, person_id)
    if held is None or found is None:
        raise MemberNotFound
    return held, found


async def require_other_admin(session: AsyncSession, held: Membership) -> None:
    """Raises LastOrganizationAdmin if this is the organization's only admin. Not asked for the operator's changes."""
    if held.role is not Role.ORGANIZATION_ADMIN:
        return
    if not await count_organization_admins(session, held.organization_id, except_id=held.person_id):
        raise LastOrganizationAdmin
