"""Adds people to organizations, changes their roles, removes them, and sets passwords, for the operator."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from keys.key_limit import valid_name
from keys.policy import OPERATOR, ROLE_WORDS
from keys.sign_in.email_address import valid_email
from keys.sign_in.passwords import PasswordOwner
from keys.sign_in.weak_passwords import personal
from models.agent import Agent, live_agents
from models.audit import SUMMARY_LENGTH_AT_MOST, AuditAction
from models.engine.database import Database
from models.organization import live_organization
from models.person import (
    Membership,
    Person,
    Role,
    administered_in,
    members_of,
    membership,
    memberships_of,
    person_by_email,
    person_for_update,
    set_administered,
)
from models.session import end_sessions
from resolvers.audit import record
from resolvers.operator.lookup import Declined, locked_organization, named_person


@dataclass(frozen=True, slots=True)
class NewPassword:
    """The hash of a new password. With an expiry it is a one-time password, to be changed at the first sign-in."""

    hashed: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A person in an organization, with their role and the agents that they administer, without deleted ones."""

    person: Person
    role: Role
    agents: Sequence[Agent]


@dataclass(frozen=True, slots=True)
class AddedMember:
    """The person who was added, whether their address was new, and whether they got a new password."""

    member: Member
    is_new: bool
    has_new_password: bool


async def members(session: AsyncSession, *, organization_id: UUID) -> list[Member]:
    """All people in the organization, sorted by name."""
    administered = await administered_in(session, organization_id)
    return [
        Member(person, role, administered.get(person.id, []) if role is Role.AGENT_ADMIN else [])
        for person, role in await members_of(session, organization_id)
    ]


async def add_member(
    database: Database,
    *,
    email: str,
    name: str,
    organization_id: UUID,
    role: Role,
    agent_ids: Collection[UUID] = (),
    new_password: Callable[[PasswordOwner], NewPassword],
    is_public: Callable[[Person], bool] = lambda _person: False,
    now: datetime,
) -> AddedMember:
    """
    Adds a person to an organization. A known person keeps their name, and their password unless it `is_public`.

    `new_password` is called if a password is needed; nothing is locked while it hashes. Raises InvalidInput, Declined.
    """
    email, name = valid_email(email), valid_name(name)
    async with database.reading() as session:
        known = await person_by_email(session, email)
        organization = await live_organization(session, organization_id)
    password = None
    if known is None or is_public(known):
        names = () if organization is None else (organization.name,)
        password = new_password(PasswordOwner(personal(email, name, *names)))
    async with database.transaction() as session:
        await locked_organization(session, organization_id)
        agents = await _agents_for(session, organization_id, role, agent_ids)
        person = await person_by_email(session, email)
        is_new = person is None
        takes_password = False
        if person is None:
            person = await _new_person(session, email, name, password, now)
        elif await membership(session, organization_id, person.id) is not None:
            raise Declined(f"{email} is in this organization already. To change the role: keydesk user update")
        elif known is not None and password is not None:
            takes_password = await _replace_password(session, known, password)
        session.add(Membership(organization_id=organization_id, person_id=person.id, role=role, created_at=now))
        await session.flush()
        await set_administered(session, organization_id, person.id, [agent.id for agent in agents])
        member = Member(person, role, agents)
        await _record_change(session, organization_id, person, f"was added as {_standing_words(member)}", now=now)
    return AddedMember(member, is_new, is_new or takes_password)


async def change_member(
    session: AsyncSession,
    *,
    email: str,
    organization_id: UUID,
    role: Role | None = None,
    agent_ids: Collection[UUID] | None = None,
    now: datetime,
) -> Member:
    """
    Changes a member's role, the agents that they administer, or both; what is None stays.

    Only agent admins administer agents. The change applies from the person's next request on. Raises Declined.
    """
    await locked_organization(session, organization_id)
    person, held = await _member(session, email, organization_id)
    before = Member(person, Role(held.role), (await administered_in(session, organization_id)).get(person.id, []))
    held.role = before.role if role is None else role
    if held.role is not Role.AGENT_ADMIN and agent_ids:
        raise Declined(f"{email} is not an agent admin. To change the role, add: --role {Role.AGENT_ADMIN}")
    agents = before.agents if held.role is Role.AGENT_ADMIN else []
    if agent_ids is not None:
        agents = await _agents_for(session, organization_id, held.role, agent_ids)
    after = Member(person, held.role, agents)
    if after != before:
        await set_administered(session, organization_id, person.id, [agent.id for agent in agents])
        await _record_change(
            session,
            organization_id,
            person,
            f"is now {_standing_words(after)} and was {_standing_words(before)} before",
            now=now,
        )
    return after


async def remove_member(session: AsyncSession, *, email: str, organization_id: UUID, now: datetime) -> Person:
    """Removes a person from an organization and ends their sessions. Keys that they made stay. Raises Declined."""
    await locked_organization(session, organization_id)
    person, held = await _member(session, email, organization_id)
    await person_for_update(session, person.id)
    await session.delete(held)
    await end_sessions(session, person.id)
    await _record_change(session, organization_id, person, "was removed", now=now)
    return person


async def set_password(
    database: Database, *, email: str, new_password: Callable[[PasswordOwner], NewPassword]
) -> Person:
    """
    Sets a person's password and ends their sessions. Nothing is locked while `new_password` is called.

    Raises InvalidInput, Declined.
    """
    async with database.reading() as session:
        known = await named_person(session, valid_email(email))
        names = [each.organization.name for each in await memberships_of(session, known.id)]
    password = new_password(PasswordOwner(personal(known.email, known.name, *names), known.password_hash))
    async with database.transaction() as session:
        person = await person_for_update(session, known.id)
        if person is None:
            raise Declined(f"{email} has been removed.")
        _take_password(person, password)
        await end_sessions(session, person.id)
    return person


async def _new_person(
    session: AsyncSession, email: str, name: str, password: NewPassword | None, now: datetime
) -> Person:
    person = Person(email=email, name=name, created_at=now)
    if password is not None:
        _take_password(person, password)
    session.add(person)
    try:
        await session.flush()
    except IntegrityError:
        raise Declined(f"{email} was added to another organization at this moment. Run the command again.") from None
    return person


async def _replace_password(session: AsyncSession, known: Person, password: NewPassword) -> bool:
    """Sets the password and ends the person's sessions. False if their password has changed since it was read."""
    row = await person_for_update(session, known.id)
    if row is None or row.password_hash != known.password_hash:
        return False
    _take_password(row, password)
    await end_sessions(session, row.id)
    return True


def _take_password(person: Person, password: NewPassword) -> None:
    person.password_hash = password.hashed
    person.password_is_one_time = password.expires_at is not None
    person.password_expires_at = password.expires_at


async def _member(session: AsyncSession, email: str, organization_id: UUID) -> tuple[Person, Membership]:
    person = await named_person(session, valid_email(email))
    held = await membership(session, organization_id, person.id)
    if held is None:
        raise Declined(
            f"{person.email} is not in this organization. List all people: keydesk user list --organization ORG"
        )
    return person, held


async def _agents_for(
    session: AsyncSession, organization_id: UUID, role: Role, agent_ids: Collection[UUID]
) -> list[Agent]:
    """The agents with these ids, which must be agents of this organization. Raises Declined."""
    if role is not Role.AGENT_ADMIN and agent_ids:
        raise Declined(f"Only an {ROLE_WORDS[Role.AGENT_ADMIN]} administers agents: remove --agent.")
    agents = await live_agents(session, organization_id, only=set(agent_ids))
    if len(agents) < len(set(agent_ids)):
        raise Declined("One of these agents is not in this organization. List all agents: keydesk agent list")
    return agents


def _standing_words(member: Member) -> str:
    words = ROLE_WORDS[member.role]
    if member.role is not Role.AGENT_ADMIN:
        return words
    names = ", ".join(f"“{agent.name}”" for agent in member.agents)
    return f"{words} of {names}" if names else f"{words} of no agent"


async def _record_change(
    session: AsyncSession, organization_id: UUID, person: Person, what: str, *, now: datetime
) -> None:
    summary = f"{person.name} ({person.email}) {what}."
    if len(summary) > SUMMARY_LENGTH_AT_MOST:
        summary = summary[: SUMMARY_LENGTH_AT_MOST - 1] + "…"
    await record(
        session,
        OPERATOR,
        AuditAction.MEMBERSHIP_CHANGED,
        summary,
        organization_id=organization_id,
        now=now,
    )
