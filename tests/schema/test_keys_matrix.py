"""
Who can do what with which key, over GraphQL: each person and token, operation, scope, agent, organization and state
of the key. The expected answers are written here from the contract, and not taken from the code's policy table.
"""

from itertools import product

import pytest

from models import ApiKey
from models.engine.ids import Prefix, external_id
from tests.support.client import NEVER_WAS, NOBODY, PEOPLE, Client, Site
from tests.support.graphql.documents import CREATE, LIST
from tests.support.programs import OPERATOR_TOKENS, PROGRAMS, program

EVERYBODY = (*PEOPLE, NOBODY, *PROGRAMS)
ORGANIZATIONS = ("acme", "globex", "never was")
KEYS: dict[str, tuple[str, str | None, bool]] = {
    "acme's": ("acme", None, False),
    "own agent's": ("acme", "own", False),
    "other agent's": ("acme", "other", False),
    "acme's, deleted": ("acme", None, True),
    "own agent's, deleted": ("acme", "own", True),
    "other agent's, deleted": ("acme", "other", True),
    "retired agent's, deleted": ("acme", "retired", True),
    "globex's": ("globex", None, False),
    "globex agent's": ("globex", "theirs", False),
    "globex's, deleted": ("globex", None, True),
    "globex agent's, deleted": ("globex", "theirs", True),
}
"""By name: the organization, the agent of an agent-level key, and whether the key is deleted."""
NO_KEYS = {
    "never was": external_id(Prefix.API_KEY, NEVER_WAS),
    "an organization's id": external_id(Prefix.ORGANIZATION, NEVER_WAS),
    "garbage": "Robert'); DROP TABLE api_keys; --\x00\u202e",
}

SEEN_BY: dict[str, set[str]] = {
    # Ada is an organization admin of Acme: all of its keys and tombstones.
    "ada": {name for name, (organization, _, _) in KEYS.items() if organization == "acme"},
    # Grace administers the agents own and retired of Acme, and is a member of Globex, which shows her none.
    "grace": {"own agent's", "own agent's, deleted", "retired agent's, deleted"},
    "mel": set(),
    "eve": {"globex's", "globex agent's", "globex's, deleted", "globex agent's, deleted"},
}
MANAGED_BY: dict[str, set[str]] = {
    "ada": {"acme's", "own agent's", "other agent's"},
    "grace": {"own agent's"},
    "mel": set(),
    "eve": {"globex's", "globex agent's"},
}
ALIKE = {"admin token": "ada", "agent admin token": "grace", "globex token": "eve"}
"""Service tokens, and the people who have the same role in the organization of the token."""
SEEN_BY |= {name: SEEN_BY[person] for name, person in ALIKE.items()}
MANAGED_BY |= {name: MANAGED_BY[person] for name, person in ALIKE.items()}
REFUSED = {NOBODY: "UNAUTHENTICATED", **dict.fromkeys(OPERATOR_TOKENS, "FORBIDDEN")}
"""What those get for every key who are in no organization."""
DONE = {"rename": "ApiKey", "rotate": "ApiKeyIssued", "end_overlap": "ApiKey", "delete": "ApiKeyDeleted"}


async def client_of(site: Site, name: str) -> Client:
    """A browser of this person, or a program with this token."""
    return await (program(site, name) if name in PROGRAMS else site.person(name))


async def store_keys(site: Site) -> dict[str, str]:
    """Stores every kind of key. Returns their external ids, and some ids of no key, by name."""
    async with site.database.transaction() as session:
        rows = {}
        for number, (name, (organization, agent, is_deleted)) in enumerate(KEYS.items()):
            owner = getattr(site.world, organization)
            rows[name] = ApiKey(
                organization_id=owner.id,
                agent_id=None if agent is None else getattr(site.world, agent).id,
                name=name,
                prefix="kd",
                public_id=f"{number:016}",
                last_four="4444",
                secret_hash=None if is_deleted else "$argon2id$",
                server_key_id=None if is_deleted else "0" * 16,
                created_at=owner.created_at,
                deleted_at=owner.created_at if is_deleted else None,
            )
        session.add_all(rows.values())
    return {name: external_id(Prefix.API_KEY, row.id) for name, row in rows.items()} | NO_KEYS


@pytest.mark.parametrize("person", EVERYBODY)
async def test_who_sees_which_key(site: Site, person: str) -> None:
    """
    A key that the person may not see is null, like one that never existed. `viewerCanManage` is true for exactly the
    keys that the person can change.
    """
    keys = await store_keys(site)
    client = await client_of(site, person)

    answers = {name: await client.see(key_id) for name, key_id in keys.items()}

    seen = {name: answer.outcome for name, answer in answers.items()}
    if person in REFUSED:
        assert seen == dict.fromkeys(keys, REFUSED[person])
    else:
        assert seen == {name: "ApiKey" if name in SEEN_BY[person] else "null" for name in keys}
        manageable = {name for name in SEEN_BY[person] if answers[name].value["viewerCanManage"]}
        assert manageable == MANAGED_BY[person]


@pytest.mark.parametrize("operation", DONE)
@pytest.mark.parametrize("person", EVERYBODY)
async def test_who_changes_which_key(site: Site, person: str, operation: str) -> None:
    """
    A member's change is FORBIDDEN whatever the key. Others can change the living keys that they manage; every other key
    gets the same message.
    """
    keys = await store_keys(site)
    client = await client_of(site, person)

    answers = {name: await getattr(client, operation)(key_id) for name, key_id in keys.items()}

    outcomes = {name: answer.outcome for name, answer in answers.items()}
    if person in REFUSED:
        assert outcomes == dict.fromkeys(keys, REFUSED[person])
    elif person == "mel":
        assert outcomes == dict.fromkeys(keys, "FORBIDDEN")
    else:
        assert outcomes == {name: DONE[operation] if name in MANAGED_BY[person] else "ApiKeyNotFound" for name in keys}
        refused = [answers[name].value["message"] for name in keys if name not in MANAGED_BY[person]]
        assert len(set(refused)) == 1


@pytest.mark.parametrize("person", EVERYBODY)
async def test_who_is_shown_which_list(site: Site, person: str) -> None:
    """Lists have the keys that the viewer may see; a member's list is empty. Another organization is null."""
    await store_keys(site)
    client = await client_of(site, person)
    members = {
        "acme": {"ada", "grace", "mel", "admin token", "agent admin token"},
        "globex": {"grace", "eve", "globex token"},
        "never was": set(),
    }

    for organization, include_deleted in product(ORGANIZATIONS, (False, True)):
        answer = await client.graphql(LIST, id=site.organization(organization), includeDeleted=include_deleted)

        if person in REFUSED:
            assert answer.codes == [REFUSED[person]]
        elif person not in members[organization]:
            assert answer.value is None
        else:
            of_organization = {name for name, (owner, _, _) in KEYS.items() if owner == organization}
            expected = {name for name in SEEN_BY[person] & of_organization if include_deleted or "deleted" not in name}
            assert {key["name"] for key in answer.value["apiKeys"]} == expected


@pytest.mark.parametrize("person", ["ada", "grace", "mel", "admin token", "agent admin token"])
async def test_a_list_of_one_agent_shows_no_more_than_the_whole(site: Site, person: str) -> None:
    """The filter only removes keys. A hidden or missing agent gives an empty list."""
    await store_keys(site)
    client = await client_of(site, person)
    agent_ids = {name: site.agent(name) for name in ("own", "other", "retired", "theirs", "never was")}
    agent_ids["garbage"] = "agt_\u0661"

    shown = {
        agent: set(await client.list_names(site.organization("acme"), agentId=agent_id, includeDeleted=True))
        for agent, agent_id in agent_ids.items()
    }

    assert shown == {
        agent: SEEN_BY[person] & {name for name, (_, owner, _) in KEYS.items() if owner == agent} for agent in agent_ids
    }


AGENTS = ("no agent", "own", "other", "retired", "theirs", "never was", "garbage")


def outcome_of_creation(person: str, organization: str, scope: str, agent: str) -> str:
    """The expected outcome, in the contract's order of checks."""
    if person in REFUSED:
        return REFUSED[person]
    role = {
        ("ada", "acme"): "organization admin",
        ("grace", "acme"): "agent admin",
        ("mel", "acme"): "member",
        ("eve", "globex"): "organization admin",
        ("grace", "globex"): "member",
        ("admin token", "acme"): "organization admin",
        ("agent admin token", "acme"): "agent admin",
        ("globex token", "globex"): "organization admin",
    }.get((person, organization))
    if role is None:
        return "NOT_FOUND"
    if role == "member" or (role == "agent admin" and scope == "ORGANIZATION"):
        return "FORBIDDEN"
    usable = {"ada": {"own", "other"}, "grace": {"own"}, "eve": {"theirs"}}[ALIKE.get(person, person)]
    fits = agent == "no agent" if scope == "ORGANIZATION" else agent in usable
    return "ApiKeyIssued" if fits else "InvalidInput(agentId)"


@pytest.mark.parametrize("organization", ORGANIZATIONS)
@pytest.mark.parametrize("person", EVERYBODY)
async def test_who_creates_which_key(site: Site, person: str, organization: str) -> None:
    """
    FORBIDDEN is for the role, NOT_FOUND for the organization, InvalidInput of agentId for the agent. Every unusable
    agent gets the same message.
    """
    client = await client_of(site, person)
    agent_ids = {name: site.agent(name) for name in AGENTS} | {"no agent": None, "garbage": "agt_DROP TABLE"}

    for scope in ("ORGANIZATION", "AGENT"):
        answers = {}
        for agent, agent_id in agent_ids.items():
            wanted = {"organizationId": site.organization(organization), "name": "deploy", "scope": scope}
            answers[agent] = await client.graphql(CREATE, input={**wanted, "agentId": agent_id})

        outcomes = {agent: answer.outcome for agent, answer in answers.items()}
        assert outcomes == {agent: outcome_of_creation(person, organization, scope, agent) for agent in AGENTS}
        refused = {agent for agent in AGENTS if outcomes[agent] == "InvalidInput(agentId)"}
        assert len({answers[agent].value["message"] for agent in refused - {"no agent"}}) == bool(refused)
        for agent in AGENTS:
            if outcomes[agent] == "ApiKeyIssued":
                key = answers[agent].value["apiKey"]
                assert (key["scope"], key["agent"] and key["agent"]["id"]) == (scope, agent_ids[agent])


async def test_an_organization_that_is_no_id_is_not_found(site: Site) -> None:
    """A malformed id gets the same message as an organization that the viewer is not in."""
    client = await site.person("ada")
    odd = ["org_", "acme", "", "key_" + "0" * 32, "org_" + "g" * 32, "org_\x00", site.organization("globex")]

    created = [await client.create(organization) for organization in odd]
    shown = [await client.graphql(LIST, id=organization) for organization in odd]

    assert [answer.outcome for answer in created] == ["NOT_FOUND"] * len(odd)
    assert len({answer.body["errors"][0]["message"] for answer in created}) == 1
    assert [answer.value for answer in shown] == [None] * len(odd)


@pytest.mark.parametrize(
    ("person", "organization", "role", "agents"),
    [
        ("ada", "acme", "ORGANIZATION_ADMIN", ["Biller", "Crawler"]),
        ("grace", "acme", "AGENT_ADMIN", ["Crawler"]),
        ("grace", "globex", "MEMBER", []),
        ("mel", "acme", "MEMBER", []),
        ("eve", "globex", "ORGANIZATION_ADMIN", ["Theirs"]),
        ("admin token", "acme", "ORGANIZATION_ADMIN", ["Biller", "Crawler"]),
        ("agent admin token", "acme", "AGENT_ADMIN", ["Crawler"]),
        ("globex token", "globex", "ORGANIZATION_ADMIN", ["Theirs"]),
    ],
)
async def test_what_everybody_is_shown_of_their_organization(
    site: Site, person: str, organization: str, role: str, agents: list[str]
) -> None:
    """Everybody sees their role, the admins, the slots taken, and the agents that they can create keys for."""
    await store_keys(site)
    client = await client_of(site, person)

    shown = await client.graphql(
        "query ($id: ID!) { organization(id: $id) { viewerRole admins { email } agents { name deletedAt }"
        " keyAllowance { used limit remaining } } }",
        id=site.organization(organization),
    )

    used = {"acme": 3, "globex": 2}[organization]
    assert shown.value == {
        "viewerRole": role,
        "admins": [{"email": {"acme": "ada@example.com", "globex": "eve@example.com"}[organization]}],
        "agents": [{"name": name, "deletedAt": None} for name in agents],
        "keyAllowance": {"used": used, "limit": 10, "remaining": 10 - used},
    }


@pytest.mark.parametrize("person", EVERYBODY)
async def test_the_viewer_s_organizations_are_those_that_they_are_in(site: Site, person: str) -> None:
    """The viewer's organizations come with the role in each."""
    client = await client_of(site, person)

    shown = await client.graphql("{ viewer { user { email } organizations { name viewerRole } } }")

    roles = {
        "ada": {"Acme": "ORGANIZATION_ADMIN"},
        "grace": {"Acme": "AGENT_ADMIN", "Globex": "MEMBER"},
        "mel": {"Acme": "MEMBER"},
        "eve": {"Globex": "ORGANIZATION_ADMIN"},
    }
    if person not in PEOPLE:
        assert shown.value is None
        return
    assert shown.value["user"]["email"] == f"{person}@example.com"
    assert {each["name"]: each["viewerRole"] for each in shown.value["organizations"]} == roles[person]
