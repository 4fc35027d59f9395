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
from models.agent import Agent, NamedAgent, live_agents
from models.engine.database import Database
from models.invitation import delete_invitations_of
from models.members import MemberRecord, member_record
from models.organization import live_organization
from models.person import (
    Membership,
    NamedPerson,
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
from resolvers import passwords
from resolvers.members import record_change, set_standing, standing_words, take_out
from resolvers.operator.lookup import Declined, locked_organization, named_person
from resolvers.provisioning.hold import prove_address


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
    """
    The person who was added, whether their address was new, whether they got a new password, and the host product's id
    by which they are no longer known.
    """

    member: Member
    is_new: bool
    has_new_password: bool
    former_external_id: str | None = None


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
    Adds a person to an organization. A known person keeps their name, and their password unless it `is_public` or the
    account was made by a link that somebody passed on, who may know it. A host product's hold on an account whose
    address nobody has shown to be theirs ends: the operator answers for whose address it is.

    `new_password` is called if a password is needed; nothing is locked while it hashes. Raises InvalidInput, Declined.
    """
    email, name = valid_email(email), valid_name(name)
    async with database.reading() as session:
        known = await person_by_email(session, email)
        organization = await live_organization(session, organization_id)
    password = None
    if known is None or known.is_address_unproved or is_public(known):
        names = () if organization is None else (organization.name,)
        password = new_password(PasswordOwner(personal(email, name, *names)))
    async with database.transaction() as session:
        await locked_organization(session, organization_id)
        agents = await _agents_for(session, organization_id, role, agent_ids)
        person = await person_by_email(session, email)
        is_new = person is None
        takes_password, former = False, None
        if person is None:
            person = await _new_person(session, email, name, password, now)
        elif await membership(session, organization_id, person.id) is not None:
            raise Declined(f"{email} is in this organization already. To change the role: keydesk user update")
        else:
            person, former = await _without_host(session, person, now)
            if known is not None and password is not None:
                takes_password = await _replace_password(session, known, password, now)
        # A waiting invitation would let the person in again, once they have left.
        await delete_invitations_of(session, organization_id, person.email)
        session.add(Membership(organization_id=organization_id, person_id=person.id, role=role, created_at=now))
        await session.flush()
        await set_administered(session, organization_id, person.id, [agent.id for agent in agents])
        member = Member(person, role, agents)
        await record_change(
            session, OPERATOR, organization_id, named(person), f"was added as {_words(member)}", now=now
        )
    return AddedMember(member, is_new, is_new or takes_password, former)


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
    before = await _record(session, organization_id, person.id)
    after = before.role if role is None else role
    if after is not Role.AGENT_ADMIN and agent_ids:
        raise Declined(f"{email} is not an agent admin. To change the role, add: --role {Role.AGENT_ADMIN}")
    agents = list(before.agents) if after is Role.AGENT_ADMIN else []
    if agent_ids is not None:
        agents = [as_named(each) for each in await _agents_for(session, organization_id, after, agent_ids)]
    await set_standing(session, OPERATOR, held, before, after, agents, now=now)
    living = await live_agents(session, organization_id, only={each.id for each in agents})
    return Member(person, after, living)


async def remove_member(session: AsyncSession, *, email: str, organization_id: UUID, now: datetime) -> Person:
    """Removes a person from an organization and ends their sessions. Keys that they made stay. Raises Declined."""
    await locked_organization(session, organization_id)
    person, held = await _member(session, email, organization_id)
    await take_out(session, OPERATOR, held, named(person), now=now)
    await end_sessions(session, person.id)
    return person


async def set_password(
    database: Database, *, email: str, new_password: Callable[[PasswordOwner], NewPassword], now: datetime
) -> tuple[Person, str | None]:
    """
    Sets a person's password and ends their sessions. Nothing is locked while `new_password` is called.

    The operator answers for whose address it is: returned is also the host product's id that no longer leads to the
    account. Raises InvalidInput, Declined.
    """
    async with database.reading() as session:
        known = await named_person(session, valid_email(email))
        names = [each.organization.name for each in await memberships_of(session, known.id)]
    password = new_password(PasswordOwner(personal(known.email, known.name, *names), known.password_hash))
    async with database.transaction() as session:
        person = await person_for_update(session, known.id)
        if person is None:
            raise Declined(f"{email} has been removed.")
        former = await _take_password(session, person, password, now)
    return person, former


async def _new_person(
    session: AsyncSession, email: str, name: str, password: NewPassword | None, now: datetime
) -> Person:
    person = Person(email=email, name=name, created_at=now, is_linkable=True)
    session.add(person)
    try:
        await session.flush()
    except IntegrityError:
        raise Declined(f"{email} was added to another organization at this moment. Run the command again.") from None
    if password is not None:
        await _take_password(session, person, password, now)
    return person


async def _replace_password(session: AsyncSession, known: Person, password: NewPassword, now: datetime) -> bool:
    """Sets the password and ends the person's sessions. False if their password has changed since it was read."""
    row = await person_for_update(session, known.id)
    if row is None or row.password_hash != known.password_hash:
        return False
    await _take_password(session, row, password, now)
    return True


async def _without_host(session: AsyncSession, person: Person, now: datetime) -> tuple[Person, str | None]:
    """
    The person's locked row, without a host product's hold on an address that nobody has shown to be theirs.

    Returns the id by which the host product is no longer sent to it, too. Raises Declined.
    """
    email = person.email
    row = await person_for_update(session, person.id)
    if row is None or row.email != email:
        raise Declined(f"The account with the address {email} was changed at this moment. Run the command again.")
    if row.external_id is None:
        return row, None
    return row, await prove_address(session, OPERATOR, row, now=now)


async def _take_password(session: AsyncSession, person: Person, password: NewPassword, now: datetime) -> str | None:
    """The operator answers for whose address it is. Returns the host product's id that no longer leads to it."""
    former = await prove_address(session, OPERATOR, person, now=now)
    await passwords.set_password(session, person, password.hashed, at=now, expires_at=password.expires_at)
    return former


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


def named(person: Person) -> NamedPerson:
    """The parts of a person that are shown."""
    return NamedPerson(person.id, person.email, person.name)


def as_named(agent: Agent) -> NamedAgent:
    """The parts of an agent that are shown."""
    return NamedAgent(agent.id, agent.name, agent.deleted_at, agent.external_id)


def _words(member: Member) -> str:
    return standing_words(member.role, [as_named(agent) for agent in member.agents])


async def _record(session: AsyncSession, organization_id: UUID, person_id: UUID) -> MemberRecord:
    found = await member_record(session, organization_id, person_id)
    if found is None:
        raise LookupError("a membership that was read a moment ago is gone")
    return found
