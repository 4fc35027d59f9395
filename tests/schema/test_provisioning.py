"""Organizations, agents and people that a host product's program makes, by the host product's own ids."""

import asyncio
from typing import Any

import pytest
from sqlmodel import col, select

from models import Agent, AuditEvent, Membership, Organization, Person
from models.engine.ids import Prefix, external_id, parse_external_id
from models.password_reset import PasswordReset
from models.tokens.program_token import ProgramToken
from tests.conftest import Clock
from tests.support.client import Client, Site, open_site
from tests.support.graphql.provisioning import (
    DELETE_AGENT,
    DELETE_ORGANIZATION,
    ORGANIZATIONS,
    REMOVE,
    ensure_agent,
    ensure_member,
    ensure_organization,
)
from tests.support.programs import program

AT_ONCE = 20
EXPLAIN = """query ($org: ID!, $id: ID!) {
  diagnoseRequest(organizationId: $org, requestId: $id) { case summary evidence { __typename label value } } }"""
ADMIN = "ORGANIZATION_ADMIN"


@pytest.fixture
async def host(site: Site) -> Client:
    """A program with an operator token that may provision."""
    return await program(site, "provisioning token")


@pytest.fixture
async def initech(host: Client) -> str:
    """The id of an organization that the program has made."""
    made: str = (await ensure_organization(host)).value["organization"]["id"]
    return made


async def rows(site: Site, table: Any, *conditions: Any) -> list[Any]:
    async with site.database.reading() as session:
        return list((await session.execute(select(table).where(*conditions))).scalars())


async def summaries(site: Site, organization_id: str) -> list[str]:
    """The organization's events, oldest first."""
    found = await rows(
        site, AuditEvent, AuditEvent.organization_id == parse_external_id(Prefix.ORGANIZATION, organization_id)
    )
    return [each.summary for each in sorted(found, key=lambda each: each.id)]


async def test_an_organization_is_made_once_and_changed_after_that(site: Site, host: Client) -> None:
    """The same id gives the same organization; a limit that is left out stays, and a new one is recorded."""
    first = (await ensure_organization(host, keyLimit=3)).value
    again = (await ensure_organization(host)).value
    changed = (await ensure_organization(host, name="Initrode", rateLimit=7)).value

    assert (first["created"], again["created"], changed["created"]) == (True, False, False)
    assert first["organization"] == again["organization"]
    assert first["organization"]["externalId"] == "org-1"
    assert (first["organization"]["rateLimit"], first["organization"]["monthlyQuota"]) == (600, 100_000)
    assert changed["organization"] == {
        **first["organization"],
        "name": "Initrode",
        "keyAllowance": {"used": 0, "limit": 3},
        "rateLimit": 7,
    }
    assert await summaries(site, first["organization"]["id"]) == [
        "The organization “Initech” was created.",
        "The organization's limits were changed: the rate limit from 600 to 7 requests a minute.",
        "The organization “Initech” was renamed to “Initrode”.",
    ]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"external_id": ""}, "externalId"),
        ({"external_id": "x" * 256}, "externalId"),
        ({"external_id": "a\tb"}, "externalId"),
        ({"name": " "}, "name"),
        ({"keyLimit": 0}, "keyLimit"),
        ({"rateLimit": -1}, "rateLimit"),
        ({"monthlyQuota": 0}, "monthlyQuota"),
    ],
)
async def test_an_organization_that_can_not_be(site: Site, host: Client, wanted: dict[str, Any], field: str) -> None:
    """The field is named, and nothing is stored, for a new organization as for one that exists."""
    assert (await ensure_organization(host, **wanted)).outcome == f"InvalidInput({field})"
    await ensure_organization(host)
    before = await rows(site, Organization)

    assert (await ensure_organization(host, **{"external_id": "org-1", **wanted})).outcome == f"InvalidInput({field})"

    assert await rows(site, Organization) == before


async def test_many_at_once_make_one_organization_one_agent_and_one_person(site: Site, host: Client) -> None:
    """Each of twenty requests at once gets the same row; one of them made it."""
    made = await asyncio.gather(*(ensure_organization(host) for _ in range(AT_ONCE)))
    [organization_id] = {each.value["organization"]["id"] for each in made}
    agents = await asyncio.gather(*(ensure_agent(host, organization_id) for _ in range(AT_ONCE)))
    people = await asyncio.gather(*(ensure_member(host, organization_id) for _ in range(AT_ONCE)))

    assert len({each.value["agent"]["id"] for each in agents}) == 1
    assert len({each.value["member"]["user"]["id"] for each in people}) == 1
    for answers in (made, agents, people):
        assert sorted(each.value["created"] for each in answers) == [False] * (AT_ONCE - 1) + [True]
    assert len(await rows(site, Organization, Organization.external_id == "org-1")) == 1
    assert len(await rows(site, Agent, Agent.external_id == "bot")) == 1
    assert len(await rows(site, Person, Person.external_id == "user-1")) == 1


async def test_a_person_who_comes_to_many_organizations_at_once_has_one_account(site: Site, host: Client) -> None:
    """The locks of different organizations don't order these requests; the account's unique id does."""
    organizations = [
        (await ensure_organization(host, f"org-{number}")).value["organization"]["id"] for number in range(6)
    ]

    answers = await asyncio.gather(*(ensure_member(host, each) for each in organizations))

    assert len({each.value["member"]["user"]["id"] for each in answers}) == 1
    assert all(each.value["created"] for each in answers)
    [person] = await rows(site, Person, Person.external_id == "user-1")
    assert len(await rows(site, Membership, Membership.person_id == person.id)) == 6


async def test_an_agent_is_found_by_the_host_products_id_in_its_organization(
    host: Client, initech: str, site: Site
) -> None:
    """The name follows. Another organization may use the same id."""
    other = (await ensure_organization(host, "org-2")).value["organization"]["id"]

    first, renamed = await ensure_agent(host, initech), await ensure_agent(host, initech, name="Robot")
    elsewhere = await ensure_agent(host, other)

    assert renamed.value == {
        "__typename": "AgentEnsured",
        "created": False,
        "agent": {**first.value["agent"], "name": "Robot"},
    }
    assert elsewhere.value["created"]
    assert elsewhere.value["agent"]["id"] != first.value["agent"]["id"]
    assert await summaries(site, initech) == [
        "The organization “Initech” was created.",
        "The agent “Bot” was created.",
        "The agent “Bot” was renamed to “Robot”.",
    ]


async def test_a_name_of_another_agent_is_refused(host: Client, initech: str) -> None:
    """For a new agent and for a renamed one."""
    await ensure_agent(host, initech)
    await ensure_agent(host, initech, "two", "Two")

    assert (await ensure_agent(host, initech, "three", "BOT")).outcome == "InvalidInput(name)"
    assert (await ensure_agent(host, initech, "two", "bot")).outcome == "InvalidInput(name)"
    assert (await ensure_agent(host, initech, "two", "Two")).outcome == "AgentEnsured"


async def test_a_deleted_agent_s_id_is_free_again(host: Client, initech: str) -> None:
    """A new agent takes it; the deleted one stays deleted."""
    first = (await ensure_agent(host, initech)).value["agent"]["id"]

    deleted = await host.graphql(DELETE_AGENT, input={"id": first})
    again = (await ensure_agent(host, initech)).value

    assert deleted.outcome == "AgentDeleted"
    assert again["created"]
    assert again["agent"]["id"] != first


async def test_a_member_is_made_and_changed(site: Site, host: Client, initech: str) -> None:
    """Address, name, role and agents follow, each with its event; an unchanged person causes none."""
    agent = (await ensure_agent(host, initech)).value["agent"]["id"]

    made = (await ensure_member(host, initech, role="AGENT_ADMIN", agentIds=[agent])).value
    again = (await ensure_member(host, initech, role="AGENT_ADMIN", agentIds=[agent])).value
    changed = (await ensure_member(host, initech, email="p@new.example", name="Pete", role=ADMIN)).value

    assert (made["created"], again["created"], changed["created"]) == (True, False, False)
    assert made["member"] == again["member"]
    assert made["member"] == {
        "externalId": "user-1",
        "role": "AGENT_ADMIN",
        "user": {"id": made["member"]["user"]["id"], "email": "peter@initech.example", "name": "Peter"},
        "agents": [{"id": agent}],
        "lastSignedInAt": None,
        "keysSeen": [],
        "viewerCanManage": False,
    }
    assert changed["member"]["user"] == {**made["member"]["user"], "email": "p@new.example", "name": "Pete"}
    assert (changed["member"]["role"], changed["member"]["agents"]) == (ADMIN, [])
    assert (await summaries(site, initech))[2:] == [
        "Peter (peter@initech.example) was added as agent admin of “Bot”.",
        "Peter (peter@initech.example) is now called Pete (p@new.example).",
        "Pete (p@new.example) is now organization admin and was agent admin of “Bot” before.",
    ]


async def test_nobody_is_found_by_their_address(site: Site, host: Client, initech: str) -> None:
    """An account that exists does not become the host product's by its address, new or changed."""
    await ensure_member(host, initech)
    before = await rows(site, Person, col(Person.email).in_(["ada@example.com", "peter@initech.example"]))

    taken = await ensure_member(host, initech, "user-2", email="ADA@example.com ")
    taken_by_other = await ensure_member(host, initech, "user-2")
    changed = await ensure_member(host, initech, email="ada@example.com")

    assert [taken.outcome, taken_by_other.outcome, changed.outcome] == ["InvalidInput(email)"] * 3
    assert await rows(site, Person, col(Person.email).in_(["ada@example.com", "peter@initech.example"])) == before
    assert await rows(site, Person, Person.external_id == "user-2") == []


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"external_id": ""}, "externalId"),
        ({"email": "nobody"}, "email"),
        ({"name": ""}, "name"),
        ({"agentIds": ["agt_x"]}, "agentIds"),
        ({"role": "AGENT_ADMIN", "agentIds": ["agt_x"]}, "agentIds"),
    ],
)
async def test_a_member_who_can_not_be(host: Client, initech: str, wanted: dict[str, Any], field: str) -> None:
    """The field is named."""
    assert (await ensure_member(host, initech, **wanted)).outcome == f"InvalidInput({field})"


async def test_the_last_organization_admin_stays_one(host: Client, initech: str) -> None:
    """As for people who change roles; the refusal is about the role."""
    await ensure_member(host, initech, role=ADMIN)

    assert (await ensure_member(host, initech)).outcome == "InvalidInput(role)"

    await ensure_member(host, initech, "user-2", email="second@initech.example", role=ADMIN)
    assert (await ensure_member(host, initech)).outcome == "MemberEnsured"


async def test_a_new_address_ends_links_to_the_one_before(site: Site, host: Client, initech: str) -> None:
    """Whoever reads the mail of the address before can't take the account over with a link for a new password."""
    await ensure_member(host, initech)
    nobody = await site.person("nobody")
    await nobody.graphql('mutation { requestPasswordReset(email: "peter@initech.example") }')
    [before] = await rows(site, PasswordReset)

    await ensure_member(host, initech, email="p@new.example")

    [after] = await rows(site, PasswordReset)
    assert before.used_at is None
    assert after.used_at is not None


async def test_the_last_organization_admin_can_be_removed(site: Site, host: Client, initech: str) -> None:
    """By the operator's programs, as by the operator; not by the organization's own."""
    boss = (await ensure_member(host, initech, "boss", email="boss@initech.example", role="ORGANIZATION_ADMIN")).value
    acme, ada = site.organization("acme"), external_id(Prefix.PERSON, site.world.ada.id)
    service = await program(site, "admin token")
    person = await site.person("ada")

    removed = await host.graphql(REMOVE, input={"organizationId": initech, "userId": boss["member"]["user"]["id"]})
    by_others = [
        await each.graphql(REMOVE, input={"organizationId": acme, "userId": ada}) for each in (person, service)
    ]

    assert removed.outcome == "MemberRemoved"
    assert [each.outcome for each in by_others] == ["LastOrganizationAdmin", "FORBIDDEN"]


async def test_a_program_removes_by_its_own_ids(site: Site, host: Client, initech: str) -> None:
    """Sent again, each says that there is nothing; an id that nothing can have does so, too."""
    await ensure_agent(host, initech)
    await ensure_member(host, initech)
    other = (await ensure_organization(host, "org-2")).value["organization"]["id"]
    elsewhere = (await ensure_agent(host, other)).value["agent"]["id"]
    by_own_id = {"organizationId": "ext:org-1"}

    members = [await host.graphql(REMOVE, input={**by_own_id, "userId": "ext:user-1"}) for _ in range(2)]
    agents = [await host.graphql(DELETE_AGENT, input={**by_own_id, "id": "ext:bot"}) for _ in range(2)]
    nothing = [
        await host.graphql(REMOVE, input={"organizationId": initech, "userId": "ext:\0"}),
        await host.graphql(DELETE_AGENT, input={"organizationId": initech, "id": "ext:"}),
        await host.graphql(DELETE_AGENT, input={"organizationId": "ext:none", "id": "ext:bot"}),
    ]
    organizations = [await host.graphql(DELETE_ORGANIZATION, input={"id": "ext:org-1"}) for _ in range(2)]
    late = await host.graphql(REMOVE, input={**by_own_id, "userId": "ext:user-1"})

    assert [each.outcome for each in members] == ["MemberRemoved", "MemberNotFound"]
    assert [each.outcome for each in agents] == ["AgentDeleted", "AgentNotFound"]
    assert [each.outcome for each in nothing] == ["MemberNotFound", "AgentNotFound", "AgentNotFound"]
    assert [each.outcome for each in organizations] == ["OrganizationDeleted", "InvalidInput(id)"]
    assert late.outcome == "NOT_FOUND"
    assert (await host.graphql(DELETE_AGENT, input={"id": elsewhere})).outcome == "AgentDeleted"


async def test_an_agent_s_own_id_needs_its_organization(host: Client, initech: str) -> None:
    """And an id of Keydesk needs none."""
    agent = (await ensure_agent(host, initech)).value["agent"]["id"]

    alone = await host.graphql(DELETE_AGENT, input={"id": "ext:bot"})
    with_organization = await host.graphql(DELETE_AGENT, input={"id": agent, "organizationId": initech})

    assert [each.outcome for each in (alone, with_organization)] == ["BAD_USER_INPUT"] * 2
    assert (await ensure_agent(host, initech)).value["agent"]["id"] == agent


@pytest.mark.parametrize("name", ["ada", "sign-in token", "admin token"])
async def test_own_ids_are_for_programs_that_provision(site: Site, host: Client, name: str) -> None:
    """For an organization admin they name nothing; other programs may not remove people at all."""
    acme = site.organization("acme")
    await ensure_member(host, acme)
    await ensure_agent(host, acme)
    client = await site.person(name) if name == "ada" else await program(site, name)

    removed = await client.graphql(REMOVE, input={"organizationId": acme, "userId": "ext:user-1"})
    deleted = await client.graphql(DELETE_AGENT, input={"organizationId": acme, "id": "ext:bot"})

    expected = ["MemberNotFound", "AgentNotFound"] if name == "ada" else ["FORBIDDEN"] * 2
    assert [each.outcome for each in (removed, deleted)] == expected
    assert not (await ensure_member(host, acme)).value["created"]
    assert not (await ensure_agent(host, acme)).value["created"]


async def test_a_removed_member_may_come_back(host: Client, initech: str) -> None:
    """It is the same account."""
    first = (await ensure_member(host, initech)).value["member"]["user"]["id"]

    removed = await host.graphql(REMOVE, input={"organizationId": initech, "userId": first})
    again = (await ensure_member(host, initech)).value

    assert removed.outcome == "MemberRemoved"
    assert (again["created"], again["member"]["user"]["id"]) == (True, first)


async def test_a_deleted_organization_takes_its_keys_with_it(site: Site, host: Client) -> None:
    """They are deleted keys at once; the id of the host product is free for a new organization."""
    secrets = [each["secret"] for each in (await site.fill("one", "two")).values()]
    assert [await site.code_at_gateway(each) for each in secrets] == ["good", "good"]
    acme = site.organization("acme")

    deleted = await host.graphql(DELETE_ORGANIZATION, input={"id": acme})
    again = await host.graphql(DELETE_ORGANIZATION, input={"id": acme})

    assert deleted.value["deletedKeyCount"] == 2
    assert deleted.value["organization"]["id"] == acme
    assert deleted.value["organization"]["keyAllowance"]["used"] == 0
    assert [await site.code_at_gateway(each) for each in secrets] == ["deleted_key", "deleted_key"]
    assert again.outcome == "InvalidInput(id)"
    first = (await ensure_organization(host)).value["organization"]["id"]
    await host.graphql(DELETE_ORGANIZATION, input={"id": first})
    assert (await ensure_organization(host)).value["created"]
    for gone in (acme, first):
        assert (await ensure_agent(host, gone)).outcome == "NOT_FOUND"
        assert (await ensure_member(host, gone)).outcome == "NOT_FOUND"


async def test_organizations_are_listed_page_by_page(site: Site, host: Client) -> None:
    """Oldest first, without deleted ones; one is found by the host product's id."""
    for number in range(3):
        await ensure_organization(host, f"org-{number}", f"Number {number}")
    gone = (await ensure_organization(host, "gone")).value["organization"]["id"]
    await host.graphql(DELETE_ORGANIZATION, input={"id": gone})

    first = (await host.graphql(ORGANIZATIONS, first=3)).value
    second = (await host.graphql(ORGANIZATIONS, first=3, after=first["pageInfo"]["endCursor"])).value
    [one] = (await host.graphql(ORGANIZATIONS, externalId="org-1")).value["edges"]

    names = [edge["node"]["name"] for page in (first, second) for edge in page["edges"]]
    assert names == ["Acme", "Globex", "Number 0", "Number 1", "Number 2"]
    assert [page["pageInfo"]["hasNextPage"] for page in (first, second)] == [True, False]
    assert [page["pageInfo"]["hasPreviousPage"] for page in (first, second)] == [False, True]
    assert one["node"]["name"] == "Number 1"
    assert (await host.graphql(ORGANIZATIONS, externalId="gone")).value["edges"] == []
    assert (await host.graphql(ORGANIZATIONS, first=101)).codes == ["BAD_USER_INPUT"]
    assert (await host.graphql(ORGANIZATIONS, after="agt_x")).codes == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("name", ["ada", "admin token", "sign-in token"])
async def test_only_programs_with_the_right_provision(site: Site, name: str) -> None:
    """Organization admins, service tokens and programs that may only sign in get FORBIDDEN, whatever they name."""
    client = await site.person(name) if name == "ada" else await program(site, name)
    acme = site.organization("acme")

    answers = [
        await ensure_organization(client),
        await ensure_agent(client, acme),
        await ensure_member(client, acme),
        await client.graphql(DELETE_ORGANIZATION, input={"id": acme}),
    ]

    assert [each.outcome for each in answers] == ["FORBIDDEN"] * 4
    assert (await client.graphql(ORGANIZATIONS)).codes == ["FORBIDDEN"]
    assert len(await rows(site, Organization)) == 2


async def test_host_ids_are_shown_with_what_has_them(site: Site, host: Client) -> None:
    """An organization admin sees the ids of agents and people."""
    acme = site.organization("acme")
    await ensure_agent(host, acme, "bot", "Bot")
    await ensure_member(host, acme, "user-1")
    ada = await site.person("ada")

    shown = await ada.graphql(
        "query ($id: ID!) { organization(id: $id) { agents { name externalId } members { externalId user { name } } }}",
        id=acme,
    )

    assert {each["name"]: each["externalId"] for each in shown.value["agents"]}["Bot"] == "bot"
    assert {each["user"]["name"]: each["externalId"] for each in shown.value["members"]} == {
        "Ada": None,
        "Grace": None,
        "Mel": None,
        "Peter": "user-1",
    }
    assert external_id(Prefix.ORGANIZATION, site.world.acme.id) == acme


async def test_a_refusal_for_an_agent_by_the_host_products_id_is_explained(site: Site, host: Client) -> None:
    """The assistant names the agent that the request was for."""
    acme, ada = site.organization("acme"), await site.person("ada")
    await ensure_agent(host, acme, "bot/2", "Second bot")
    issued = (await ada.create(acme, "narrow", site.agent("own"))).value

    refused = await site.verify(issued["secret"], **{"x-agent-id": "ext:bot%2F2"})
    unknown = await site.verify(issued["secret"], **{"x-agent-id": "ext:nobody"})
    diagnoses = [
        (await ada.graphql(EXPLAIN, org=acme, id=each.json()["requestId"])).value for each in (refused, unknown)
    ]

    assert (refused.status_code, unknown.status_code) == (403, 403)
    assert refused.json()["detail"] == unknown.json()["detail"]
    assert [each["case"] for each in diagnoses] == ["AGENT_NOT_IN_SCOPE"] * 2
    assert ["“Second bot”" in str(each) for each in diagnoses] == [True, False], diagnoses


async def test_a_program_removes_at_any_time(database_address: str, clock: Clock) -> None:
    """However much it has provisioned in this minute."""
    async with open_site(database_address, clock, {"KEYDESK_MUTATIONS_PER_MINUTE": "2"}) as site:
        host, acme = await program(site, "provisioning token"), site.organization("acme")
        made = [(await ensure_agent(host, acme, f"bot-{each}", f"Bot {each}")).value["agent"]["id"] for each in "123"]

        removed = [(await host.graphql(DELETE_AGENT, input={"id": each})).outcome for each in made]

    assert removed == ["AgentDeleted"] * 3


async def test_a_person_s_new_name_is_in_the_log_of_each_of_their_organizations(
    site: Site, host: Client, initech: str
) -> None:
    """One that they come to with the new name has only that."""
    globex, third = site.organization("globex"), (await ensure_organization(host, "org-3")).value["organization"]["id"]
    for each in (initech, globex):
        await ensure_member(host, each)

    await ensure_member(host, globex, name="Pete")
    await ensure_member(host, third, name="Pit")

    renamed = [
        "Peter (peter@initech.example) is now called Pete (peter@initech.example).",
        "Pete (peter@initech.example) is now called Pit (peter@initech.example).",
    ]
    assert [(await summaries(site, each))[-2:] for each in (initech, globex)] == [renamed, renamed]
    assert (await summaries(site, third))[1:] == ["Pit (peter@initech.example) was added as member."]
    assert {each.token_id for each in await rows(site, AuditEvent)} == {
        each.id for each in await rows(site, ProgramToken)
    }
