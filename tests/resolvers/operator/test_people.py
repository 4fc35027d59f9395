"""The operator's operations on people, and the rows and audit events that remain."""

import asyncio
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from keys.policy import OPERATOR, Scope
from keys.sign_in.passwords import PasswordOwner
from models import Agent, AuditAction, AuditEvent, Organization, Person, Role, SignInSession
from models.audit import SUMMARY_LENGTH_AT_MOST
from models.person import memberships_of, person_by_email
from resolvers.api_keys import api_key
from resolvers.creation.create_api_key import create_api_key
from resolvers.operator.lookup import Declined
from resolvers.operator.people import (
    AddedMember,
    Member,
    NewPassword,
    add_member,
    change_member,
    members,
    remove_member,
    set_password,
)
from resolvers.services import KeyServices
from tests.support.world import THEN, World

HASHED = NewPassword("a hash")


async def add(
    services: KeyServices,
    organization: Organization,
    email: str = "zoe@example.com",
    role: Role = Role.MEMBER,
    agent_ids: Collection[UUID] = (),
) -> AddedMember:
    return await add_member(
        services.database,
        email=email,
        name="Zoe",
        organization_id=organization.id,
        role=role,
        agent_ids=agent_ids,
        new_password=lambda _owner: HASHED,
        now=services.clock(),
    )


async def change(
    services: KeyServices, world: World, email: str, role: Role | None = None, agents: Collection[Agent] | None = None
) -> Member:
    async with services.database.transaction() as session:
        return await change_member(
            session,
            email=email,
            organization_id=world.acme.id,
            role=role,
            agent_ids=None if agents is None else [agent.id for agent in agents],
            now=services.clock(),
        )


async def standing(
    services: KeyServices, person: Person, organization: Organization
) -> tuple[Role, frozenset[UUID]] | None:
    """The person's role and all agents that they administer, deleted ones included."""
    async with services.database.reading() as session:
        held = await memberships_of(session, person.id)
    return next(((each.role, each.agent_ids) for each in held if each.organization.id == organization.id), None)


async def summaries(services: KeyServices) -> list[str]:
    statement = (
        select(AuditEvent).where(col(AuditEvent.action) == AuditAction.MEMBERSHIP_CHANGED).order_by(col(AuditEvent.id))
    )
    async with services.database.reading() as session:
        return [event.summary for event in (await session.execute(statement)).scalars()]


async def test_a_person_is_added_with_role_and_agents(services: KeyServices, world: World) -> None:
    """A new address creates a person. The audit event names person, role and agents."""
    added = await add(services, world.acme, "Zoe@Example.com", Role.AGENT_ADMIN, [world.own.id, world.other.id])

    person = added.member.person
    assert (added.is_new, person.email, person.password_hash) == (True, "zoe@example.com", "a hash")
    assert await standing(services, person, world.acme) == (Role.AGENT_ADMIN, frozenset({world.own.id, world.other.id}))
    assert await summaries(services) == ["Zoe (zoe@example.com) was added as agent admin of “Biller”, “Crawler”."]


async def test_a_public_password_is_replaced_when_its_person_is_added(services: KeyServices, world: World) -> None:
    """An existing person whose password is publicly known gets a new one, and their sessions end."""
    async with services.database.transaction() as session:
        session.add(SignInSession(token_digest="0" * 64, person_id=world.ada.id, created_at=THEN, last_seen_at=THEN))
    owners: list[PasswordOwner] = []

    def new_password(owner: PasswordOwner) -> NewPassword:
        owners.append(owner)
        return HASHED

    added = await add_member(
        services.database,
        email="ada@example.com",
        name="Ada",
        organization_id=world.globex.id,
        role=Role.MEMBER,
        new_password=new_password,
        is_public=lambda person: person.email == "ada@example.com",
        now=services.clock(),
    )

    async with services.database.reading() as session:
        person = await person_by_email(session, "ada@example.com")
        sessions = (await session.execute(select(func.count()).select_from(SignInSession))).scalar_one()
    assert person is not None
    assert (added.is_new, added.has_new_password) == (False, True)
    assert (person.password_hash, sessions) == (HASHED.hashed, 0)
    assert {"ada@example.com", "ada", "globex"} <= set(owners[0].words)


async def test_a_known_person_is_not_asked_for_a_password(services: KeyServices, world: World) -> None:
    """An existing person keeps name and password, and gets only another membership."""

    def never(_owner: PasswordOwner) -> NewPassword:
        raise AssertionError("nothing is to be hashed")

    added = await add_member(
        services.database,
        email="ADA@example.com",
        name="Somebody",
        organization_id=world.globex.id,
        role=Role.MEMBER,
        new_password=never,
        now=services.clock(),
    )

    assert (added.is_new, added.member.person.name, added.member.person.id) == (False, "Ada", world.ada.id)
    assert await standing(services, world.ada, world.acme) == (Role.ORGANIZATION_ADMIN, frozenset())
    assert await standing(services, world.ada, world.globex) == (Role.MEMBER, frozenset())


async def test_agents_are_for_agent_admins_and_of_the_organization(services: KeyServices, world: World) -> None:
    """Agents of another organization, deleted agents, and agents for other roles are declined, and nobody is added."""
    for role, agent in (
        (Role.AGENT_ADMIN, world.theirs),
        (Role.AGENT_ADMIN, world.retired),
        (Role.MEMBER, world.own),
        (Role.ORGANIZATION_ADMIN, world.own),
    ):
        with pytest.raises(Declined):
            await add(services, world.acme, role=role, agent_ids=[agent.id])

    async with services.database.reading() as session:
        assert await person_by_email(session, "zoe@example.com") is None
    assert await summaries(services) == []


async def test_somebody_added_twice_at_once_is_there_once(services: KeyServices, world: World) -> None:
    """Concurrent calls create one person. In each organization, the second call is declined."""
    outcomes = await asyncio.gather(
        *(add(services, organization) for organization in (world.acme, world.acme, world.globex, world.globex)),
        return_exceptions=True,
    )

    async with services.database.reading() as session:
        people = await session.execute(
            select(func.count()).select_from(Person).where(col(Person.email) == "zoe@example.com")
        )
        assert people.scalar_one() == 1
    assert {type(outcome) for outcome in outcomes} == {AddedMember, Declined}
    assert len(await summaries(services)) == sum(isinstance(outcome, AddedMember) for outcome in outcomes) <= 2


async def test_a_role_without_agents_gives_up_the_living_ones(services: KeyServices, world: World) -> None:
    """The former agent admin loses the living agents. The row of a deleted agent stays, but gives no rights."""
    changed = await change(services, world, "grace@example.com", Role.MEMBER)

    assert (changed.role, list(changed.agents)) == (Role.MEMBER, [])
    assert await standing(services, world.grace, world.acme) == (Role.MEMBER, frozenset({world.retired.id}))


async def test_agents_are_replaced_and_a_role_alone_leaves_them(services: KeyServices, world: World) -> None:
    """Given agents replace the present ones; the role without agents keeps them. No change, no audit event."""
    replaced = await change(services, world, "grace@example.com", agents=[world.other])
    unchanged = await change(services, world, "grace@example.com", Role.AGENT_ADMIN)

    assert [agent.id for agent in replaced.agents] == [agent.id for agent in unchanged.agents] == [world.other.id]
    assert await standing(services, world.grace, world.acme) == (
        Role.AGENT_ADMIN,
        frozenset({world.other.id, world.retired.id}),
    )
    assert await summaries(services) == [
        "Grace (grace@example.com) is now agent admin of “Biller” and was agent admin of “Crawler” before."
    ]


async def test_agents_without_the_role_are_declined(services: KeyServices, world: World) -> None:
    """Agents can be given to a member only together with the role of an agent admin."""
    with pytest.raises(Declined, match="--role agent-admin"):
        await change(services, world, "mel@example.com", agents=[world.own])
    assert await standing(services, world.mel, world.acme) == (Role.MEMBER, frozenset())

    await change(services, world, "mel@example.com", Role.AGENT_ADMIN, [world.own])

    assert await standing(services, world.mel, world.acme) == (Role.AGENT_ADMIN, frozenset({world.own.id}))


async def test_a_removed_person_is_signed_out_and_their_keys_live_on(services: KeyServices, world: World) -> None:
    """Removal ends the membership and the sessions. The person's other membership and the keys they created stay."""
    issued = await create_api_key(
        services,
        world.actor("grace"),
        organization_id=world.acme.id,
        name="deploy",
        scope=Scope.AGENT,
        agent_id=world.own.id,
    )
    async with services.database.transaction() as session:
        session.add_all(
            SignInSession(token_digest=person.id.hex, person_id=person.id, created_at=THEN, last_seen_at=THEN)
            for person in (world.grace, world.mel)
        )

    async with services.database.transaction() as session:
        await remove_member(session, email="grace@example.com", organization_id=world.acme.id, now=services.clock())

    async with services.database.reading() as session:
        signed_in = list((await session.execute(select(col(SignInSession.person_id)))).scalars())
        key = await api_key(session, OPERATOR, key_id=issued.record.id)
        left = [member.person.email for member in await members(session, organization_id=world.acme.id)]
    assert signed_in == [world.mel.id]
    assert key is not None
    assert key.created_by is not None
    assert (key.deleted_at, key.created_by.email) == (None, "grace@example.com")
    assert left == ["ada@example.com", "mel@example.com"]
    assert await standing(services, world.grace, world.globex) == (Role.MEMBER, frozenset())
    assert await summaries(services) == ["Grace (grace@example.com) was removed."]


async def test_somebody_removed_can_be_added_again(services: KeyServices, world: World) -> None:
    """The added-again person is not new, and has only the agents that were given now."""
    async with services.database.transaction() as session:
        await remove_member(session, email="grace@example.com", organization_id=world.acme.id, now=services.clock())

    added = await add(services, world.acme, "grace@example.com", Role.AGENT_ADMIN, [world.other.id])

    assert not added.is_new
    assert await standing(services, world.grace, world.acme) == (Role.AGENT_ADMIN, frozenset({world.other.id}))


async def test_a_password_is_set_as_one_time_or_for_good(services: KeyServices, world: World) -> None:
    """With an end, the password is one-time. Setting one without an end clears both."""
    ends = services.clock() + timedelta(days=7)

    one_time, _ = await set_password(
        services.database,
        email="ada@example.com",
        new_password=lambda _owner: NewPassword("x", ends),
        now=services.clock(),
    )
    for_good, _ = await set_password(
        services.database, email="ada@example.com", new_password=lambda _owner: HASHED, now=services.clock()
    )

    assert (one_time.password_hash, one_time.password_is_one_time, one_time.password_expires_at) == ("x", True, ends)
    assert (for_good.password_hash, for_good.password_is_one_time, for_good.password_expires_at) == (
        *("a hash", False, None),
    )


async def test_a_long_list_of_agents_fits_the_summary(services: KeyServices, world: World) -> None:
    """The audit event's summary is cut to its column's length, and the change is made."""
    agents = [
        Agent(organization_id=world.acme.id, name=f"{number} {'x' * 60}", created_at=THEN) for number in range(20)
    ]
    async with services.database.transaction() as session:
        session.add_all(agents)

    changed = await change(services, world, "grace@example.com", agents=agents)

    [summary] = await summaries(services)
    assert len(changed.agents) == 20
    assert len(summary) == SUMMARY_LENGTH_AT_MOST
    assert summary.endswith("…")
