"""The operator's operations on agents, and the rows and audit events that remain."""

import pytest
from sqlalchemy import select
from sqlmodel import col

from keys.policy import OPERATOR, Scope
from keys.refusals import InvalidInput
from models import AuditAction, AuditEvent
from resolvers.api_keys import api_key, api_keys
from resolvers.audit import audit_log
from resolvers.creation.create_api_key import create_api_key
from resolvers.operator.agents import create_agent, delete_agent, rename_agent
from resolvers.operator.lookup import Declined
from resolvers.services import KeyServices
from tests.conftest import Clock
from tests.support.world import World


async def test_a_deleted_agent_takes_its_keys_along(services: KeyServices, world: World, clock: Clock) -> None:
    """
    The agent's keys are deleted with it, each with an audit event. Other agents' and the organization's keys stay.
    """
    issued = {
        name: await create_api_key(
            services,
            OPERATOR,
            organization_id=world.acme.id,
            name=name,
            scope=Scope.ORGANIZATION if agent is None else Scope.AGENT,
            agent_id=None if agent is None else agent.id,
        )
        for name, agent in (("own", world.own), ("other", world.other), ("all", None))
    }
    clock.advance(hours=1)

    async with services.database.transaction() as session:
        deleted = await delete_agent(session, agent_id=world.own.id, now=clock())

    async with services.database.reading() as session:
        living = await api_keys(session, OPERATOR, organization_id=world.acme.id)
        events = list((await session.execute(select(AuditEvent).order_by(col(AuditEvent.id)))).scalars())[-2:]
    assert list(deleted.key_ids) == [issued["own"].record.id]
    assert {key.name for key in living} == {"other", "all"}
    assert [(event.action, event.summary, event.actor_id) for event in events] == [
        (AuditAction.API_KEY_DELETED, "The API key “own” was deleted with its agent “Crawler”.", None),
        (AuditAction.AGENT_DELETED, "The agent “Crawler” was deleted with its API key.", None),
    ]
    assert {(event.at, event.agent_id) for event in events} == {(clock.now, world.own.id)}


async def test_who_administered_a_deleted_agent_still_sees_what_was(services: KeyServices, world: World) -> None:
    """The deleted agent's admin still sees the tombstone of its key and the audit events of both deletions."""
    issued = await create_api_key(
        services, OPERATOR, organization_id=world.acme.id, name="own", scope=Scope.AGENT, agent_id=world.own.id
    )
    async with services.database.transaction() as session:
        await delete_agent(session, agent_id=world.own.id, now=services.clock())

    grace = world.actor("grace")
    async with services.database.reading() as session:
        tombstone = await api_key(session, grace, key_id=issued.record.id)
        page = await audit_log(session, grace, organization_id=world.acme.id, first=10, after=None)

    assert tombstone is not None
    assert tombstone.deleted_at is not None
    assert {event.action for event in page.events} >= {AuditAction.API_KEY_DELETED, AuditAction.AGENT_DELETED}


async def test_an_agent_is_made_and_renamed(services: KeyServices, world: World) -> None:
    """An agent's name follows the rules for names. The audit log has both events, without an actor."""
    now = services.clock()
    async with services.database.transaction() as session:
        made = await create_agent(session, organization_id=world.acme.id, name=" Fetcher ", now=now)
    async with services.database.transaction() as session:
        renamed = await rename_agent(session, agent_id=made.id, name="Spider", now=now)
    for name in ("", "x" * 65, "a\u200bb"):
        async with services.database.transaction() as session:
            with pytest.raises(InvalidInput):
                await rename_agent(session, agent_id=made.id, name=name, now=now)

    async with services.database.reading() as session:
        events = list((await session.execute(select(AuditEvent).order_by(col(AuditEvent.id)))).scalars())
    assert (made.id, renamed.name) == (renamed.id, "Spider")
    assert [(event.action, event.summary, event.actor_id, event.agent_id) for event in events] == [
        (AuditAction.AGENT_CREATED, "The agent “Fetcher” was created.", None, made.id),
        (AuditAction.AGENT_RENAMED, "The agent “Fetcher” was renamed to “Spider”.", None, made.id),
    ]


async def test_the_operator_keeps_names_apart_too(services: KeyServices, world: World) -> None:
    """Neither a new agent nor a renamed one can have another agent's name. Other organizations' names are free."""
    now = services.clock()
    async with services.database.transaction() as session:
        with pytest.raises(InvalidInput, match="There is an agent with this name already") as of_creation:
            await create_agent(session, organization_id=world.acme.id, name="CRAWLER", now=now)
        with pytest.raises(InvalidInput, match="There is an agent with this name already") as of_renaming:
            await rename_agent(session, agent_id=world.other.id, name="crawler", now=now)
    async with services.database.transaction() as session:
        made = await create_agent(session, organization_id=world.globex.id, name="Crawler", now=now)

    assert (of_creation.value.field, of_renaming.value.field, made.name) == ("name", "name", "Crawler")


async def test_a_deleted_agent_is_not_deleted_again(services: KeyServices, world: World) -> None:
    """A deleted agent can be neither deleted again nor renamed."""
    async with services.database.transaction() as session:
        with pytest.raises(Declined, match="deleted"):
            await delete_agent(session, agent_id=world.retired.id, now=services.clock())
        with pytest.raises(Declined, match="deleted"):
            await rename_agent(session, agent_id=world.retired.id, name="Back", now=services.clock())
