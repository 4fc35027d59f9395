"""Agents over GraphQL: who manages them, their names, what they show to whom, and what a deletion ends."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlmodel import col

import resolvers.agents
from models import AdministeredAgent, Membership, Person, Role, UsageHour
from models.engine.ids import Prefix, parse_external_id
from tests.conftest import Clock
from tests.support.client import NOBODY, PEOPLE, Answer, Client, Site

AGENT = """
fragment Agent on Agent {
  id name externalId deletedAt viewerCanManage livingKeys callsLastDay admins { name } apiKeys { name }
}
"""
CREATE = (
    """
mutation ($input: CreateAgentInput!) {
  createAgent(input: $input) { __typename ...Agent ... on Refusal { message code } ... on InvalidInput { field } }
}
"""
    + AGENT
)
RENAME = (
    """
mutation ($input: RenameAgentInput!) {
  renameAgent(input: $input) { __typename ...Agent ... on Refusal { message code } ... on InvalidInput { field } }
}
"""
    + AGENT
)
DELETE = (
    """
mutation ($input: DeleteAgentInput!) {
  deleteAgent(input: $input) {
    __typename
    ... on Refusal { message code }
    ... on AgentDeleted {
      agent { ...Agent }
      deletedKeys { name status deletedBy { name } agent { deletedAt } }
      keyAllowance { used remaining }
    }
  }
}
"""
    + AGENT
)
AGENTS = "query ($id: ID!) { organization(id: $id) { agents { ...Agent } } }" + AGENT
EVERYBODY = (*PEOPLE, NOBODY)
AGENT_IDS = ("own", "other", "retired", "theirs", "never was", "garbage")


def create(client: Client, site: Site, name: str, organization: str = "acme") -> Any:
    return client.graphql(CREATE, input={"organizationId": site.organization(organization), "name": name})


def agent_id(site: Site, name: str) -> str:
    return "agt_\u0661'); --\r\n" if name == "garbage" else site.agent(name)


async def agents(client: Client, site: Site, organization: str = "acme") -> dict[str, dict[str, Any]]:
    """The agents that the viewer is shown, by name."""
    shown = await client.graphql(AGENTS, id=site.organization(organization))
    return {agent["name"]: agent for agent in shown.value["agents"]}


def inside(key_id: str) -> UUID:
    """The key's id in the database."""
    found = parse_external_id(Prefix.API_KEY, key_id)
    assert found is not None
    return found


async def use_one_time_password(site: Site, person: str) -> None:
    async with site.database.transaction() as session:
        of_person = col(Person.email) == f"{person}@example.com"
        await session.execute(update(Person).where(of_person).values(password_is_one_time=True))


@pytest.mark.parametrize("organization", ["acme", "globex", "never was"])
@pytest.mark.parametrize("person", EVERYBODY)
async def test_who_creates_agents_where(site: Site, person: str, organization: str) -> None:
    """Organization admins, in their own organization."""
    client = await site.person(person)

    answer = await create(client, site, "Fetcher", organization)

    inside = {"acme": {"ada", "grace", "mel"}, "globex": {"eve", "grace"}, "never was": set()}[organization]
    if person == NOBODY:
        assert answer.outcome == "UNAUTHENTICATED"
    elif person not in inside:
        assert answer.outcome == "NOT_FOUND"
    elif (person, organization) in {("ada", "acme"), ("eve", "globex")}:
        assert answer.value == {
            "__typename": "Agent",
            "id": answer.value["id"],
            "name": "Fetcher",
            "externalId": None,
            "deletedAt": None,
            "viewerCanManage": True,
            "livingKeys": 0,
            "callsLastDay": 0,
            "admins": [],
            "apiKeys": [],
        }
    else:
        assert answer.outcome == "FORBIDDEN"
        assert "Only organization admins" in answer.body["errors"][0]["message"]


@pytest.mark.parametrize("operation", ["rename", "delete"])
@pytest.mark.parametrize("person", EVERYBODY)
async def test_who_changes_which_agent(site: Site, person: str, operation: str) -> None:
    """For an organization admin, every agent that is not a living one of theirs gets the same message."""
    client = await site.person(person)
    answers: dict[str, Answer] = {}

    for name in AGENT_IDS:
        wanted = {"id": agent_id(site, name)}
        if operation == "rename":
            answers[name] = await client.graphql(RENAME, input={**wanted, "name": f"New {AGENT_IDS.index(name)}"})
        else:
            answers[name] = await client.graphql(DELETE, input=wanted)

    outcomes = {name: answer.outcome for name, answer in answers.items()}
    done = {"rename": "Agent", "delete": "AgentDeleted"}[operation]
    managed = {"ada": {"own", "other"}, "eve": {"theirs"}}.get(person, set())
    if person == NOBODY:
        assert outcomes == dict.fromkeys(AGENT_IDS, "UNAUTHENTICATED")
    elif person in {"grace", "mel"}:
        assert outcomes == dict.fromkeys(AGENT_IDS, "FORBIDDEN")
    else:
        assert outcomes == {name: done if name in managed else "AgentNotFound" for name in AGENT_IDS}
        refused = [answers[name].value for name in AGENT_IDS if name not in managed]
        assert len({each["message"] for each in refused}) == 1
        assert {each["code"] for each in refused} == {"AGENT_NOT_FOUND"}


async def test_a_one_time_password_manages_no_agents(site: Site) -> None:
    """Every mutation and `node` require a password of the person's own."""
    await use_one_time_password(site, "ada")
    ada = await site.person("ada")

    answers = [
        await create(ada, site, "Fetcher"),
        await ada.graphql(RENAME, input={"id": site.agent("own"), "name": "Spider"}),
        await ada.graphql(DELETE, input={"id": site.agent("own")}),
        await ada.graphql("query ($id: ID!) { node(id: $id) { id } }", id=site.agent("own")),
        await ada.graphql(AGENTS, id=site.organization("acme")),
    ]

    assert [answer.codes for answer in answers] == [["PASSWORD_CHANGE_REQUIRED"]] * 5


BAD_NAMES = {
    "nothing": "",
    "white space": " \t\u2003",
    "a line break": "one\r\ntwo",
    "a header": "x\r\nSet-Cookie: a=b",
    "a right-to-left mark": "abc\u200fdef",
    "a right-to-left override": "\u202eabc",
    "NUL": "a\x00b",
    "65 characters": "x" * 65,
    "a private character": "\ue000",
    "only invisible characters": "\u3164",
    "a name that is taken": "cRAWLER",
}


@pytest.mark.parametrize("kind", BAD_NAMES)
async def test_a_bad_name_is_refused_and_changes_nothing(site: Site, kind: str) -> None:
    """The refusal names the field and does not repeat the name."""
    ada = await site.person("ada")

    created = await create(ada, site, BAD_NAMES[kind])
    renamed = await ada.graphql(RENAME, input={"id": site.agent("other"), "name": BAD_NAMES[kind]})

    assert (created.outcome, renamed.outcome) == ("InvalidInput(name)", "InvalidInput(name)")
    assert created.value["message"] == renamed.value["message"]
    assert not BAD_NAMES[kind].strip() or BAD_NAMES[kind] not in created.value["message"]
    assert set(await agents(ada, site)) == {"Biller", "Crawler"}


GOOD_NAMES = [
    "<img src=x onerror=alert(1)>",
    "'); DROP TABLE agents; --",
    "عميل",
    "🤖",
    "=HYPERLINK(1)",
    "x" * 64,
    "e\u0301" * 64,
]


@pytest.mark.parametrize("name", GOOD_NAMES)
async def test_an_odd_name_is_only_text(site: Site, name: str) -> None:
    """It is stored and shown as it is, in NFC, also in the audit log."""
    ada = await site.person("ada")

    made = (await create(ada, site, name)).value
    await ada.graphql(RENAME, input={"id": made["id"], "name": "Plain"})
    back = (await ada.graphql(RENAME, input={"id": made["id"], "name": name})).value
    log = await ada.graphql(
        "query ($id: ID!) { organization(id: $id) {"
        " auditLog { edges { node { action summary actorName apiKey { id } } } } } }",
        id=site.organization("acme"),
    )

    stored = name.replace("e\u0301", "é")
    assert made["name"] == back["name"] == stored
    assert [edge["node"] for edge in log.value["auditLog"]["edges"]] == [
        {
            "action": action,
            "summary": f"The agent “{before}” was {what}.",
            "actorName": "Ada",
            "apiKey": None,
        }
        for action, before, what in (
            ("AGENT_RENAMED", "Plain", f"renamed to “{stored}”"),
            ("AGENT_RENAMED", stored, "renamed to “Plain”"),
            ("AGENT_CREATED", stored, "created"),
        )
    ]


async def test_of_two_creations_at_once_one_is_refused(site: Site) -> None:
    """Two browsers send names that differ in case."""
    ada = await site.person("ada")
    again = await site.browser()
    await again.sign_in("ada@example.com")

    answers = await asyncio.gather(create(ada, site, "Deploy"), create(again, site, "DEPLOY"))

    assert sorted(answer.outcome for answer in answers) == ["Agent", "InvalidInput(name)"]
    assert len(await agents(ada, site)) == 3


async def test_keys_of_a_deleted_agent_are_refused_at_once(site: Site, clock: Clock) -> None:
    """The answer has the tombstones and the freed slots. Other keys work on, also for requests to other agents."""
    ada, grace = await site.person("ada"), await site.person("grace")
    acme = site.organization("acme")
    own = [(await ada.create(acme, f"own {number}", site.agent("own"))).value for number in range(2)]
    rotated = (await ada.rotate(own[0]["apiKey"]["id"], 3600)).value
    others = [(await ada.create(acme, "other", site.agent("other"))).value, (await ada.create(acme, "all")).value]
    dead = [*(each["secret"] for each in own), rotated["secret"]]
    before = [await site.code_at_gateway(secret) for secret in dead]

    deleted = await ada.graphql(DELETE, input={"id": site.agent("own")})

    assert before == ["good"] * 3
    assert [await site.code_at_gateway(secret) for secret in dead] == ["deleted_key"] * 3
    assert [await site.code_at_gateway(each["secret"]) for each in others] == ["good"] * 2
    at = "2026-11-24T12:00:00Z"
    assert deleted.value["deletedKeys"] == [
        {"name": name, "status": "DELETED", "deletedBy": {"name": "Ada"}, "agent": {"deletedAt": at}}
        for name in ("own 1", "own 0")
    ]
    assert deleted.value["keyAllowance"] == {"used": 2, "remaining": 8}
    shown = deleted.value["agent"]
    assert (shown["name"], shown["deletedAt"]) == ("Crawler", at)
    assert (shown["viewerCanManage"], shown["livingKeys"], shown["apiKeys"]) == (False, 0, [])
    assert await grace.list_names(acme, includeDeleted=True) == ["own 1", "own 0"]
    assert (await grace.create(acme, "x", site.agent("own"))).outcome == "InvalidInput(agentId)"
    assert set(await agents(ada, site)) == {"Biller"}
    assert (await create(ada, site, "CRAWLER")).outcome == "Agent"


async def test_what_agents_show_to_whom(site: Site) -> None:
    """Admins for organization admins; keys and their number for those who may see them; `viewerCanManage`."""
    ada, grace, mel = [await site.person(name) for name in ("ada", "grace", "mel")]
    acme = site.organization("acme")
    for name in ("first", "second", "gone"):
        key = (await ada.create(acme, name, site.agent("own"))).value["apiKey"]["id"]
    await ada.delete(key)
    await ada.create(acme, "biller's", site.agent("other"))
    await ada.create(acme, "shared")

    def shown(admins: list[str], keys: list[str], *, can_manage: bool) -> dict[str, Any]:
        return {
            "admins": [{"name": name} for name in admins],
            "apiKeys": [{"name": name} for name in keys],
            "livingKeys": len(keys),
            "viewerCanManage": can_manage,
        }

    seen = {
        person: {
            name: {field: agent[field] for field in ("admins", "apiKeys", "livingKeys", "viewerCanManage")}
            for name, agent in (await agents(client, site)).items()
        }
        for person, client in (("ada", ada), ("grace", grace), ("mel", mel))
    }

    assert seen == {
        "ada": {
            "Biller": shown([], ["biller's"], can_manage=True),
            "Crawler": shown(["Grace"], ["second", "first"], can_manage=True),
        },
        "grace": {"Crawler": shown([], ["second", "first"], can_manage=False)},
        "mel": {},
    }


async def test_the_people_of_an_agent_are_listed_by_name(site: Site) -> None:
    """Only agent admins of this agent, whatever the case of their names."""
    world = site.world
    async with site.database.transaction() as session:
        for name in ("zoe", "Bob", "amy"):
            person = Person(email=f"{name}@example.com", name=name, created_at=world.acme.created_at)
            session.add(person)
            await session.flush()
            member: dict[str, Any] = {
                "organization_id": world.acme.id,
                "person_id": person.id,
                "created_at": world.acme.created_at,
            }
            session.add(Membership(**member, role=Role.AGENT_ADMIN))
            await session.flush()
            row: dict[str, Any] = {"organization_id": world.acme.id, "person_id": person.id}
            session.add(AdministeredAgent(**row, agent_id=world.own.id if name != "Bob" else world.other.id))

    shown = await agents(await site.person("ada"), site)

    assert [each["name"] for each in shown["Crawler"]["admins"]] == ["amy", "Grace", "zoe"]
    assert [each["name"] for each in shown["Biller"]["admins"]] == ["Bob"]


async def test_calls_of_the_last_day(site: Site, clock: Clock) -> None:
    """Requests of all outcomes with living and deleted keys count, from the start of the hour a day ago."""
    ada, grace, acme = await site.person("ada"), await site.person("grace"), site.organization("acme")
    keys = [
        (await ada.create(acme, name, agent)).value["apiKey"]["id"]
        for name, agent in (("a", site.agent("own")), ("b", site.agent("own")), ("c", site.agent("other")), ("d", None))
    ]
    await ada.delete(keys[1])
    counts = {
        (0, 0): {"allowed": 1, "rate_limited": 20, "quota_exceeded": 300},
        (0, 24): {"agent_not_in_scope": 4_000, "replaced_secret": 50_000},
        (0, 25): {"allowed": 7_000_000},
        (1, 3): {"deleted_key": 600_000},
        (2, 1): {"allowed": 5},
        (3, 1): {"allowed": 9},
    }
    async with site.database.transaction() as session:
        for (key, hours), outcomes in counts.items():
            hour = clock.now - timedelta(hours=hours)
            session.add(UsageHour(key_id=inside(keys[key]), hour=hour, **outcomes))
    clock.advance(minutes=40)

    of_ada, of_grace = await agents(ada, site), await agents(grace, site)

    assert {name: agent["callsLastDay"] for name, agent in of_ada.items()} == {"Crawler": 654_321, "Biller": 5}
    assert {name: agent["callsLastDay"] for name, agent in of_grace.items()} == {"Crawler": 654_321}


async def test_more_calls_than_an_int_can_hold(site: Site, clock: Clock) -> None:
    """The number stays within GraphQL's 32 bits."""
    ada = await site.person("ada")
    key = (await ada.create(site.organization("acme"), "a", site.agent("own"))).value["apiKey"]["id"]
    async with site.database.transaction() as session:
        session.add(UsageHour(key_id=inside(key), hour=clock.now, allowed=3_000_000_000))

    assert (await agents(ada, site))["Crawler"]["callsLastDay"] == 2**31 - 1


async def test_who_signs_in_within_a_document_sees_with_their_own_eyes(site: Site) -> None:
    """After a second sign-in in one document, an agent admin sees no admins of agents."""
    browser = await site.browser()
    organizations = "... on Viewer { organizations { agents { name admins { name } viewerCanManage } } }"
    document = "mutation ($password: String!) {" + " ".join(
        f'{name}: signIn(input: {{email: "{name}@example.com", password: $password}}) {{ {organizations} }}'
        for name in ("ada", "grace")
    )

    answer = await browser.graphql(document + "}", password="correct horse battery staple")

    crawler = {
        name: [agent for each in signed_in["organizations"] for agent in each["agents"] if agent["name"] == "Crawler"]
        for name, signed_in in answer.data.items()
    }
    assert crawler == {
        "ada": [{"name": "Crawler", "admins": [{"name": "Grace"}], "viewerCanManage": True}],
        "grace": [{"name": "Crawler", "admins": [], "viewerCanManage": False}],
    }


async def test_an_organization_has_so_many_agents(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of all are compared at each creation. Renaming stays possible."""
    monkeypatch.setattr(resolvers.agents, "AGENTS_AT_MOST", 2)
    ada = await site.person("ada")

    refused = await ada.graphql(CREATE, input={"organizationId": site.organization("acme"), "name": "One more"})
    renamed = await ada.graphql(RENAME, input={"id": site.agent("own"), "name": "Another"})

    assert (refused.outcome, renamed.outcome) == ("InvalidInput(name)", "Agent")
