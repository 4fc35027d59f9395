"""The number of SQL statements of the console's pages does not grow with what they show."""

from typing import Any

import pytest
from sqlalchemy import insert

from keys.program_token import Kind
from models import Agent, ApiKey, AuditAction, AuditEvent, Person
from models.engine.ids import new_id
from models.engine.in_clause import AT_ONCE
from tests.support.client import Site
from tests.support.graphql.documents import KEY, SEE
from tests.support.programs import program, program_tokens
from tests.support.sql_log import counted

KEYS_PAGE = (
    """
query ($id: ID!) {
  viewer { user { email } }
  organization(id: $id) {
    name viewerRole keyAllowance { used limit remaining }
    apiKeys(includeDeleted: true) { ...Key }
  }
}
"""
    + KEY
)
AUDIT_PAGE = (
    """
query ($id: ID!) {
  organization(id: $id) {
    auditLog(first: 100) { edges { node { action actor { name } apiKey { ...Key } } } pageInfo { endCursor } }
  }
}
"""
    + KEY
)


AGENTS_PAGE = """
query ($id: ID!) {
  organization(id: $id) {
    agents {
      id name externalId deletedAt viewerCanManage livingKeys callsLastDay
      admins { id name email } apiKeys { id name hint agent { id name } createdBy { name } }
    }
  }
}
"""


async def store_keys(site: Site, number: int) -> None:
    """Stores `number` living keys and tombstones, with an agent and a person each, and an event each."""
    world = site.world
    common: dict[str, Any] = {"organization_id": world.acme.id, "prefix": "kd", "last_four": "4444"}
    for each in range(number):
        person = Person(email=f"p{each}@example.com", name=f"Person {each}", created_at=world.acme.created_at)
        agent = Agent(organization_id=world.acme.id, name=f"Agent {each}", created_at=world.acme.created_at)
        made: dict[str, Any] = {"agent_id": agent.id, "created_at": world.acme.created_at, "created_by_id": person.id}
        living = ApiKey(
            **common,
            **made,
            name=f"living {each}",
            public_id=f"L{each:015}",
            secret_hash="$argon2id$",
            server_key_id="0" * 16,
        )
        dead = ApiKey(
            **common,
            **made,
            name=f"deleted {each}",
            public_id=f"D{each:015}",
            deleted_at=world.acme.created_at,
            deleted_by_id=person.id,
        )
        told = AuditEvent(
            organization_id=world.acme.id,
            action=AuditAction.API_KEY_CREATED,
            at=world.acme.created_at,
            actor_id=person.id,
            api_key_id=living.id,
            agent_id=agent.id,
            summary="One.",
        )
        async with site.database.transaction() as session:
            for rows in ([person, agent], [living, dead], [told]):
                session.add_all(rows)
                await session.flush()


@pytest.mark.parametrize("keys", [1, 10])
async def test_a_list_of_keys_takes_three_statements(site: Site, monkeypatch: pytest.MonkeyPatch, keys: int) -> None:
    """One statement is for the viewer, one for the living and one for the deleted keys."""
    await store_keys(site, keys)
    ada = await site.person("ada")

    with counted(site, monkeypatch) as statements:
        page = await ada.graphql(KEYS_PAGE, id=site.organization("acme"))

    shown = page.data["organization"]["apiKeys"]
    assert len({key["agent"]["id"] for key in shown}) == len({key["createdBy"]["id"] for key in shown}) == keys
    assert len({key["deletedBy"]["id"] for key in shown if key["deletedBy"]}) == keys
    assert len(shown) == 2 * keys
    assert len(statements) == 3, statements


@pytest.mark.parametrize("person", ["ada", "grace"])
async def test_a_list_of_living_keys_takes_two_statements(
    site: Site, monkeypatch: pytest.MonkeyPatch, person: str
) -> None:
    """The number is the same for an organization admin and for an agent admin."""
    await store_keys(site, 3)
    client = await site.person(person)
    await client.create(site.organization("acme"), "hers", site.agent("own"))

    with counted(site, monkeypatch) as statements:
        names = await client.list_names(site.organization("acme"))

    assert set(names) == {"hers", *([f"living {each}" for each in range(3)] if person == "ada" else [])}
    assert len(statements) == 2, statements


@pytest.mark.parametrize("keys", [1, 10])
async def test_a_page_of_the_audit_log_takes_three_statements(
    site: Site, monkeypatch: pytest.MonkeyPatch, keys: int
) -> None:
    """One statement is for the viewer, one for the events, and one for their keys."""
    await store_keys(site, keys)
    ada = await site.person("ada")

    with counted(site, monkeypatch) as statements:
        page = await ada.graphql(AUDIT_PAGE, id=site.organization("acme"))

    nodes = [edge["node"] for edge in page.value["auditLog"]["edges"]]
    assert len({node["apiKey"]["createdBy"]["id"] for node in nodes}) == len({node["actor"]["name"] for node in nodes})
    assert len(nodes) == keys
    assert len(statements) == 3, statements


@pytest.mark.parametrize("agents", [2, 60, 1_100])
async def test_a_page_of_agents_takes_six_statements(site: Site, monkeypatch: pytest.MonkeyPatch, agents: int) -> None:
    """
    One statement is for the viewer and one each for agents, admins, keys, numbers of keys, and calls.

    A page of 60 agents is built in slices, and takes as many. If there are more agents than fit into a statement, what
    is read with them takes one more each.
    """
    ada, world = await site.person("ada"), site.world
    async with site.database.transaction() as session:
        for number in range(agents - 2):
            made = {"id": new_id(), "organization_id": world.acme.id, "name": f"agent {number}"}
            await session.execute(insert(Agent).values({**made, "created_at": world.acme.created_at}))
    for name in ("a", "b"):
        await ada.create(site.organization("acme"), name, site.agent("own"))

    with counted(site, monkeypatch) as statements:
        page = await ada.graphql(AGENTS_PAGE, id=site.organization("acme"))

    shown = {agent["name"]: agent for agent in page.value["agents"]}
    assert len(shown) == agents
    assert [key["name"] for key in shown["Crawler"]["apiKeys"]] == ["b", "a"]
    assert [each["name"] for each in shown["Crawler"]["admins"]] == ["Grace"]
    assert len(statements) == 1 + 1 + 4 * (1 if agents <= AT_ONCE else 2), statements


async def test_one_key_takes_two_statements(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """One statement is for the viewer, and one for the key with everything beside it."""
    ada = await site.person("ada")
    key_id = (await ada.create(site.organization("acme"), "x", site.agent("own"))).value["apiKey"]["id"]

    with counted(site, monkeypatch) as statements:
        seen = await ada.graphql(SEE, id=key_id)

    assert seen.value["createdBy"]["name"] == "Ada"
    assert len(statements) == 2, statements


@pytest.mark.parametrize("document", ["{ __typename supportEmail }", "{ __typename"])
async def test_the_signed_out_cost_no_statement(site: Site, monkeypatch: pytest.MonkeyPatch, document: str) -> None:
    """Without a cookie, or with an invalid document, the database is not used."""
    browser = await site.browser()

    with counted(site, monkeypatch) as statements:
        await browser.graphql(document)

    assert statements == []


async def test_a_refused_document_costs_the_signed_in_no_statement(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that is too complex is refused before the person is looked up."""
    ada = await site.person("ada")

    with counted(site, monkeypatch) as statements:
        refused = await ada.graphql("{" + " ".join(f"a{number}: __typename" for number in range(61)) + "}")

    assert refused.codes == ["TOO_COMPLEX"]
    assert statements == []


async def test_the_start_page_takes_a_statement_an_organization_and_field(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names, roles and allowances come with the viewer. Each other field takes one statement per organization."""
    grace = await site.person("grace")

    with counted(site, monkeypatch) as bare:
        await grace.graphql("{ viewer { organizations { name viewerRole keyAllowance { used limit } } } }")
    with counted(site, monkeypatch) as full:
        await grace.graphql("{ viewer { organizations { name admins { name } agents { name } apiKeys { name } } } }")

    assert len(bare) == 1
    # Admins of both; agents and keys only of Acme, since a member's lists are empty without a query.
    assert len(full) == 1 + 2 + 1 + 1, full


@pytest.mark.parametrize("which", ["admin token", "agent admin token"])
async def test_a_program_is_found_by_one_statement(site: Site, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    """With its organization, role and agents. A second use within half a minute writes nothing."""
    bot = await program(site, which)
    query = "query ($id: ID!) { organization(id: $id) { name viewerRole } }"
    await bot.graphql(query, id=site.organization("acme"))
    await site.app._programs.close()

    with counted(site, monkeypatch) as statements:
        shown = await bot.graphql(query, id=site.organization("acme"))
        await site.app._programs.close()

    assert shown.value["name"] == "Acme"
    assert len(statements) == 1, statements


async def test_made_up_tokens_take_no_statement(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not made here is refused before the database is asked."""
    made_up = program_tokens("the server key of another installation").make(Kind.OPERATOR).token.reveal()

    with counted(site, monkeypatch) as statements:
        for token in (made_up, "kds_x", ""):
            answer = await (await site.browser(authorization=f"Bearer {token}")).graphql("{ supportEmail }")
            assert answer.response.status_code == 401

    assert statements == []


@pytest.mark.parametrize("events", [1, 10])
async def test_the_tokens_of_a_page_of_events_take_one_statement(
    site: Site, monkeypatch: pytest.MonkeyPatch, events: int
) -> None:
    """Besides those for the viewer, the events and their keys."""
    for number in range(events):
        bot = await program(site, "admin token", name=f"bot {number}")
        await bot.create(site.organization("acme"), f"key {number}")
    ada = await site.person("ada")
    document = (
        "query ($id: ID!) { organization(id: $id) { auditLog(first: 100) "
        "{ edges { node { actorName serviceToken { name createdBy { name } } apiKey { name } } } } } }"
    )

    with counted(site, monkeypatch) as statements:
        page = await ada.graphql(document, id=site.organization("acme"))

    names = {edge["node"]["serviceToken"]["name"] for edge in page.value["auditLog"]["edges"]}
    assert names == {f"bot {number}" for number in range(events)}
    assert len(statements) == 4, statements
