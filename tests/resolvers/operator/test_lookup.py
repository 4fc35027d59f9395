"""Finding the organization or agent that the operator names, or declining with what to do."""

import pytest

from models import Agent, Organization
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from resolvers.operator.lookup import Declined, named_agent, named_organization
from tests.support.world import THEN, World


async def test_an_organization_is_named_by_its_id_or_its_exact_name(database: Database, world: World) -> None:
    """White space around the name is ignored."""
    async with database.reading() as session:
        by_id = await named_organization(session, external_id(Prefix.ORGANIZATION, world.acme.id))
        by_name = await named_organization(session, " Acme ")

    assert by_id.id == by_name.id == world.acme.id


async def test_an_id_goes_before_a_name(database: Database, world: World) -> None:
    """If an organization's name equals another one's id, the id wins."""
    acme_id = external_id(Prefix.ORGANIZATION, world.acme.id)
    async with database.transaction() as session:
        session.add(Organization(name=acme_id, created_at=THEN))

    async with database.reading() as session:
        found = await named_organization(session, acme_id)

    assert found.id == world.acme.id


@pytest.mark.parametrize(
    "text", ["", "acme", "Acm", "org_", "key_0199b3c07a007de08de0000000000000", "\udcff", "x" * 999]
)
async def test_an_unknown_organization_is_declined(database: Database, world: World, text: str) -> None:
    """Whatever was typed, the message is short and names the command that lists organizations."""
    async with database.reading() as session:
        with pytest.raises(Declined, match="keydesk organization list") as declined:
            await named_organization(session, text)

    assert len(declined.value.message) < 200


async def test_an_agent_is_looked_for_where_it_was_said_to_be(database: Database, world: World) -> None:
    """An agent is looked up in the given organization, or in all. Deleted agents are not found."""
    theirs_id = external_id(Prefix.AGENT, world.theirs.id)
    async with database.reading() as session:
        anywhere = await named_agent(session, "Theirs")
        there = await named_agent(session, theirs_id, organization_id=world.globex.id)
        for text in ("Theirs", theirs_id):
            with pytest.raises(Declined, match="in this organization"):
                await named_agent(session, text, organization_id=world.acme.id)
        with pytest.raises(Declined):
            await named_agent(session, external_id(Prefix.AGENT, world.retired.id))

    assert anywhere.id == there.id == world.theirs.id


async def test_a_name_twice_is_unique_within_one_organization(database: Database, world: World) -> None:
    """A name that two organizations use is found within one. Without an organization, the message lists the ids."""
    twin = Agent(organization_id=world.globex.id, name="Crawler", created_at=THEN)
    async with database.transaction() as session:
        session.add(twin)

    async with database.reading() as session:
        found = await named_agent(session, "Crawler", organization_id=world.globex.id)
        with pytest.raises(Declined, match=external_id(Prefix.AGENT, world.own.id)):
            await named_agent(session, "Crawler")

    assert found.id == twin.id
