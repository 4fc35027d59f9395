"""Creating, renaming and deleting agents: names, roles, races, and the rows and audit events that remain."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from keys.policy import OPERATOR, RoleGrant, Scope
from keys.refusals import AgentNotFound, Forbidden, InvalidInput, NotFound, TooManyRequests
from models import Agent, AuditAction, AuditEvent, Membership, Role
from models.agent import live_agents
from models.engine.ids import new_id
from resolvers import agents
from resolvers.agents import create_agent, delete_agent, rename_agent
from resolvers.api_keys import rename_api_key
from resolvers.creation.create_api_key import create_api_key
from resolvers.operator.agents import create_agent as create_as_operator
from resolvers.services import Issued, KeyServices
from tests.conftest import Clock
from tests.support.world import THEN, World


async def names(services: KeyServices, world: World) -> list[str]:
    """The names of Acme's living agents."""
    async with services.database.reading() as session:
        return [agent.name for agent in await live_agents(session, world.acme.id)]


async def events(services: KeyServices) -> list[AuditEvent]:
    async with services.database.reading() as session:
        return list((await session.execute(select(AuditEvent).order_by(col(AuditEvent.id)))).scalars())


async def store_agent(services: KeyServices, world: World, name: str) -> Agent:
    """An agent as an older version has stored it, with a name that others may have."""
    row = Agent(organization_id=world.acme.id, name=name, created_at=THEN)
    async with services.database.transaction() as session:
        session.add(row)
    return row


async def issue(services: KeyServices, world: World, agent: Agent | None, name: str = "deploy") -> Issued:
    return await create_api_key(
        services,
        OPERATOR,
        organization_id=world.acme.id,
        name=name,
        scope=Scope.ORGANIZATION if agent is None else Scope.AGENT,
        agent_id=None if agent is None else agent.id,
    )


async def test_an_agent_is_created_renamed_and_deleted(services: KeyServices, world: World, clock: Clock) -> None:
    """Each change has an event with the person, their address and the agent."""
    ada = world.actor("ada")

    made = await create_agent(services, ada, organization_id=world.acme.id, name=" Fetcher ")
    _, renamed = await rename_agent(services, ada, agent_id=made.id, name="Spider")
    deleted = await delete_agent(services, ada, agent_id=made.id)

    assert [made.name, renamed.name, deleted.agent.name] == ["Fetcher", "Spider", "Spider"]
    assert (deleted.agent.deleted_at, deleted.keys, deleted.allowance.used) == (clock.now, [], 0)
    assert await names(services, world) == ["Biller", "Crawler"]
    assert [(each.action, each.summary) for each in await events(services)] == [
        (AuditAction.AGENT_CREATED, "The agent “Fetcher” was created."),
        (AuditAction.AGENT_RENAMED, "The agent “Fetcher” was renamed to “Spider”."),
        (AuditAction.AGENT_DELETED, "The agent “Spider” was deleted."),
    ]
    by = {(each.actor_id, each.ip_address, each.agent_id) for each in await events(services)}
    assert by == {(world.ada.id, "203.0.113.7", made.id)}


async def test_a_deletion_takes_the_keys_along(services: KeyServices, world: World, clock: Clock) -> None:
    """Its keys are deleted by the person, newest first in the answer; all others stay, and their slots are taken."""
    first = await issue(services, world, world.own, "first")
    second = await issue(services, world, world.own, "second")
    for agent in (world.other, None):
        await issue(services, world, agent)
    clock.advance(hours=1)

    deleted = await delete_agent(services, world.actor("ada"), agent_id=world.own.id)

    assert [key.id for key in deleted.keys] == [second.record.id, first.record.id]
    assert {(key.deleted_at, key.deleted_by and key.deleted_by.name, key.agent) for key in deleted.keys} == {
        (clock.now, "Ada", deleted.agent)
    }
    assert (deleted.allowance.used, deleted.allowance.limit) == (2, 10)
    told = [each for each in await events(services) if each.at == clock.now]
    assert sorted(each.summary for each in told[:2]) == [
        "The API key “first” was deleted with its agent “Crawler”.",
        "The API key “second” was deleted with its agent “Crawler”.",
    ]
    assert told[2].summary == "The agent “Crawler” was deleted with its 2 API keys."
    assert {each.actor_id for each in told} == {world.ada.id}


SAME = [("Deploy", "deploy"), ("STRASSE", "straße"), ("Cafe\u0301", "CAFÉ"), ("ΣΊΣΥΦΟΣ", "σίσυφος"), ("a", " A ")]


@pytest.mark.parametrize(("first", "second"), SAME)
async def test_names_that_differ_in_case_or_composition_are_the_same(
    services: KeyServices, world: World, first: str, second: str
) -> None:
    """The second agent is refused, created or renamed, and nothing is stored."""
    ada, acme = world.actor("ada"), world.acme.id
    await create_agent(services, ada, organization_id=acme, name=first)
    before = await names(services, world)

    for change in (
        create_agent(services, ada, organization_id=acme, name=second),
        rename_agent(services, ada, agent_id=world.own.id, name=second),
    ):
        with pytest.raises(InvalidInput, match="There is an agent with this name already") as refused:
            await change
        assert refused.value.field == "name"

    assert await names(services, world) == before
    assert len(await events(services)) == 1


async def test_which_names_are_free(services: KeyServices, world: World) -> None:
    """Names of deleted agents and of other organizations' agents are free, and names that are not quite the same."""
    ada, acme = world.actor("ada"), world.acme.id

    for name in ("Retired", "Theirs", "Crawler 2", "Crawl er", "Cafe", "Café"):
        await create_agent(services, ada, organization_id=acme, name=name)

    assert set(await names(services, world)) >= {"Retired", "Theirs", "Crawler 2", "Crawl er", "Cafe", "Café"}


async def test_an_agent_may_change_the_case_of_its_own_name(services: KeyServices, world: World) -> None:
    """The same name again changes nothing and writes no event."""
    ada = world.actor("ada")

    _, same = await rename_agent(services, ada, agent_id=world.own.id, name="Crawler")
    _, other = await rename_agent(services, ada, agent_id=world.own.id, name="CRAWLER")

    assert (same.name, other.name) == ("Crawler", "CRAWLER")
    assert [each.summary for each in await events(services)] == ["The agent “Crawler” was renamed to “CRAWLER”."]


async def test_older_agents_of_one_name_stay_until_they_are_renamed(services: KeyServices, world: World) -> None:
    """Keys can be created for both. One that was renamed can't have the old name again."""
    ada = world.actor("ada")
    twin = await store_agent(services, world, "crawler")
    await issue(services, world, twin)

    await rename_agent(services, ada, agent_id=twin.id, name="crawler")
    with pytest.raises(InvalidInput):
        await rename_agent(services, ada, agent_id=twin.id, name="CRAWLER")
    await rename_agent(services, ada, agent_id=twin.id, name="Other")
    with pytest.raises(InvalidInput):
        await rename_agent(services, ada, agent_id=twin.id, name="crawler")

    assert await names(services, world) == ["Biller", "Crawler", "Other"]


async def test_of_two_creations_at_once_one_is_refused(services: KeyServices, world: World) -> None:
    """Names that differ in case, of people and of the operator, are compared under the organization's lock."""
    ada, acme = world.actor("ada"), world.acme.id

    async def by_operator(name: str) -> Any:
        async with services.database.transaction() as session:
            return await create_as_operator(session, organization_id=acme, name=name, now=services.clock())

    for number in range(5):
        done = await asyncio.gather(
            create_agent(services, ada, organization_id=acme, name=f"Deploy {number}"),
            create_agent(services, ada, organization_id=acme, name=f"DEPLOY {number}"),
            by_operator(f"deploy {number}"),
            rename_agent(services, ada, agent_id=world.own.id, name=f"dePLOY {number}"),
            return_exceptions=True,
        )

        refused = [each for each in done if isinstance(each, BaseException)]
        assert [type(each) for each in refused] == [InvalidInput] * 3
        here = [name for name in await names(services, world) if name.casefold() == f"deploy {number}"]
        assert len(here) == 1


async def test_of_two_deletions_at_once_one_finds_nothing(services: KeyServices, world: World) -> None:
    """A deletion and a change of the same agent at once leave one event of the deletion."""
    ada = world.actor("ada")
    await issue(services, world, world.own)

    done = await asyncio.gather(
        delete_agent(services, ada, agent_id=world.own.id),
        delete_agent(services, ada, agent_id=world.own.id),
        return_exceptions=True,
    )

    assert [isinstance(each, AgentNotFound) for each in done].count(True) == 1
    actions = [each.action for each in await events(services)]
    assert (actions.count(AuditAction.AGENT_DELETED), actions.count(AuditAction.API_KEY_DELETED)) == (1, 1)


async def test_a_key_and_the_deletion_of_its_agent_at_once(services: KeyServices, world: World) -> None:
    """Whichever is first, no active key of the deleted agent is left."""
    ada = world.actor("ada")

    await asyncio.gather(
        issue(services, world, world.own), delete_agent(services, ada, agent_id=world.own.id), return_exceptions=True
    )

    async with services.database.reading() as session:
        left = await agents.keys(session, OPERATOR, [(world.acme.id, world.own.id)])
    assert left.get(world.own.id, []) == []


OF_OWN = {"ada": None, "grace": Forbidden, "mel": Forbidden, "eve": AgentNotFound}


@pytest.mark.parametrize("person", OF_OWN)
async def test_who_changes_an_agent_of_acme(services: KeyServices, world: World, person: str) -> None:
    """Organization admins only. For another organization's admin, the agent does not exist."""
    actor, refusal = world.actor(person), OF_OWN[person]
    changes = (
        lambda: rename_agent(services, actor, agent_id=world.own.id, name="Spider"),
        lambda: delete_agent(services, actor, agent_id=world.own.id),
    )

    for change in changes:
        if refusal is None:
            await change()
        else:
            with pytest.raises(refusal):
                await change()

    assert await names(services, world) == (["Biller"] if refusal is None else ["Biller", "Crawler"])


async def test_an_admin_elsewhere_is_forbidden_where_they_are_a_member(services: KeyServices, world: World) -> None:
    """A person who manages another organization's agents knows that their own organization's agent is there."""
    eve = world.actor("eve")
    both = replace(eve, roles={**eve.roles, world.acme.id: RoleGrant(Role.MEMBER)})

    with pytest.raises(Forbidden):
        await rename_agent(services, both, agent_id=world.own.id, name="Spider")
    with pytest.raises(Forbidden):
        await create_agent(services, both, organization_id=world.acme.id, name="Spider")


async def test_an_agent_that_is_not_there_is_not_found(services: KeyServices, world: World) -> None:
    """A deleted agent and one that never was get the same refusal."""
    ada = world.actor("ada")

    for agent_id in (world.retired.id, new_id()):
        with pytest.raises(AgentNotFound):
            await rename_agent(services, ada, agent_id=agent_id, name="Back")
        with pytest.raises(AgentNotFound):
            await delete_agent(services, ada, agent_id=agent_id)


@pytest.mark.parametrize(
    ("role", "created", "changed"), [(Role.MEMBER, Forbidden, Forbidden), (None, NotFound, AgentNotFound)]
)
async def test_a_role_that_was_lost_meanwhile_counts(
    services: KeyServices, world: World, role: Role | None, created: type[Exception], changed: type[Exception]
) -> None:
    """Roles are read again under the lock."""
    ada = world.actor("ada")
    async with services.database.transaction() as session:
        held = await session.get(Membership, (world.acme.id, world.ada.id))
        assert held is not None
        if role is None:
            await session.delete(held)
        else:
            held.role = role

    with pytest.raises(created):
        await create_agent(services, ada, organization_id=world.acme.id, name="Spider")
    with pytest.raises(changed):
        await rename_agent(services, ada, agent_id=world.own.id, name="Spider")
    with pytest.raises(changed):
        await delete_agent(services, ada, agent_id=world.own.id)

    assert await names(services, world) == ["Biller", "Crawler"]


async def test_changes_of_agents_count_against_the_limit_of_changes(services: KeyServices, world: World) -> None:
    """Agents and keys have one limit a minute for each person. The operator has none."""
    few, ada = replace(services, mutations_per_minute=2), world.actor("ada")
    key = await issue(services, world, world.own)
    made = await create_agent(few, ada, organization_id=world.acme.id, name="One")
    await rename_agent(few, ada, agent_id=made.id, name="Two")

    for change in (
        create_agent(few, ada, organization_id=world.acme.id, name="Three"),
        delete_agent(few, ada, agent_id=made.id),
        rename_api_key(few, ada, key_id=key.record.id, name="nightly"),
    ):
        with pytest.raises(
            TooManyRequests, match="You have changed API keys, agents or tokens 2 times within a minute"
        ):
            await change
    await create_agent(few, OPERATOR, organization_id=world.acme.id, name="Three")

    assert await names(services, world) == ["Biller", "Crawler", "Three", "Two"]


@pytest.mark.parametrize(
    ("person", "administered", "with_keys"),
    [("ada", {"own": ["Grace"]}, {"own", "other"}), ("grace", {}, {"own"}), ("mel", {}, set()), ("eve", {}, set())],
)
async def test_who_is_shown_what_of_agents(
    services: KeyServices, world: World, person: str, administered: dict[str, list[str]], with_keys: set[str]
) -> None:
    """Admins of agents are for organization admins; keys and calls for those who may see the agent's keys."""
    actor = world.actor(person)
    rows = {name: getattr(world, name) for name in ("own", "other", "theirs")}
    places = [(row.organization_id, row.id) for name, row in rows.items() if name != "theirs" or person == "eve"]
    for name in ("own", "other"):
        await issue(services, world, rows[name], name)

    async with services.database.reading() as session:
        admins = await agents.admins(session, actor, places)
        keys = await agents.keys(session, actor, places)
        number = await agents.count_keys(session, actor, places)

    assert {name: [each.name for each in admins.get(row.id, [])] for name, row in rows.items() if row.id in admins} == (
        administered
    )
    assert {name for name, row in rows.items() if row.id in keys} == with_keys
    assert number == {agent_id: len(found) for agent_id, found in keys.items()}


async def test_a_person_with_another_role_administers_nothing(services: KeyServices, world: World) -> None:
    """Rows that remain of an earlier role are not shown."""
    async with services.database.transaction() as session:
        of_grace = col(Membership.person_id) == world.grace.id
        await session.execute(update(Membership).where(of_grace).values(role=Role.MEMBER))

    async with services.database.reading() as session:
        assert await agents.admins(session, world.actor("ada"), [(world.acme.id, world.own.id)]) == {}
