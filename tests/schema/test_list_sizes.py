"""A query's complexity uses the real length of its lists, and a long answer is built in slices."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert, update

import app.graphql.execution
from app.graphql.list_sizes import COMPLEXITY_A_MINUTE, Lists
from models import AdministeredAgent, Agent, ApiKey, Membership, Organization, Person
from models.engine.ids import new_id
from models.engine.reader import Reader
from models.person import Role
from tests.conftest import Clock
from tests.support.client import PASSWORD, Answer, Client, Site
from tests.support.graphql.documents import CREATE, KEY
from tests.support.sql_log import counted
from tests.support.world import THEN

KEYS = 300
WEEK = 'series(from: "2026-10-01T00:00:00Z", to: "2026-10-08T00:00:00Z")'
POINTS = "{ start allowed rateLimited quotaExceeded refused }"
EXPENSIVE = f"usage {{ {WEEK} {POINTS} }}"


@pytest.fixture
async def acme(site: Site) -> str:
    """Acme with 300 keys, one of them of an agent, and 300 tombstones."""
    world = site.world
    made: dict[str, Any] = {"organization_id": world.acme.id, "prefix": "kd", "last_four": "4444"}
    living = {"secret_hash": "$argon2id$", "server_key_id": "0" * 16}
    rows = [
        {
            **made,
            **(living if is_living else {"deleted_at": world.acme.created_at}),
            "id": new_id(),
            "name": f"key {number}",
            "public_id": f"{'L' if is_living else 'D'}{number:015}",
            "created_at": world.acme.created_at,
            "created_by_id": world.ada.id,
            "agent_id": world.own.id if number == 0 else None,
        }
        for is_living in (True, False)
        for number in range(KEYS)
    ]
    async with site.database.transaction() as session:
        await session.execute(update(Organization).values(key_limit=KEYS))
        for row in rows:
            await session.execute(insert(ApiKey).values(row))
    return site.organization("acme")


async def ask(client: Client, fields: str, organization_id: str) -> Answer:
    return await client.graphql(f'{{ organization(id: "{organization_id}") {{ {fields} }} }}')


def of_all(fields: str) -> str:
    return f"{{ viewer {{ organizations {{ {fields} }} }} }}"


PLAIN = "id name hint status createdAt lastUsedAt agent { id name } createdBy { id name email }"
ATTACKS = {
    "the usage of every key": f"{{ organization(id: ID) {{ apiKeys(includeDeleted: true) {{ {EXPENSIVE} }} }} }}",
    "in every organization": of_all(f"apiKeys {{ {EXPENSIVE} }}"),
    "through a fragment": (
        f"{{ organization(id: ID) {{ apiKeys {{ ...F }} }} }} fragment F on ApiKey {{ usage {{ {WEEK} {POINTS} }} }}"
    ),
    "through an inline fragment": (
        f"{{ viewer {{ ... {{ organizations {{ ... on Organization {{ apiKeys {{ {EXPENSIVE} }} }} }} }} }} }}"
    ),
    "where each key stands": "{ organization(id: ID) { "
    + " ".join(
        f"a{number}: apiKeys {{ usage {{ quota {{ used }} rateLimit {{ remaining }} }} }}" for number in range(10)
    )
    + " } }",
    "plain fields under aliases": "{ organization(id: ID) { "
    + " ".join(f"a{number}: apiKeys {{ {PLAIN} }}" for number in range(10))
    + " } }",
    "candidates under aliases": "mutation { "
    + " ".join(
        f'a{number}: createApiKey(input: {{organizationId: ID, name: "x", scope: ORGANIZATION}}) '
        f"{{ ... on KeyLimitReached {{ candidates {{ {PLAIN} }} }} }}"
        for number in range(10)
    )
    + " }",
    "the usage of candidates": (
        'mutation { createApiKey(input: {organizationId: ID, name: "x", scope: ORGANIZATION}) '
        f"{{ ... on KeyLimitReached {{ candidates {{ {EXPENSIVE} }} }} }} }}"
    ),
    "the usage of an agent's keys": f"{{ organization(id: ID) {{ agents {{ apiKeys {{ {EXPENSIVE} }} }} }} }}",
    "keys of keys' agents": "{ organization(id: ID) { apiKeys { agent { apiKeys { name } } } } }",
    "keys of agents of agents' keys": (
        "{ organization(id: ID) { agents { ...Keys } } }"
        " fragment Keys on Agent { apiKeys { agent { apiKeys { name agent { apiKeys { name } } } } } }"
    ),
    "an agent's keys by id": f"{{ node(id: ID) {{ ... on Organization {{ apiKeys {{ {EXPENSIVE} }} }} }} }}",
    "a page of the audit log": (
        f"{{ organization(id: ID) {{ auditLog(first: 100) {{ edges {{ node {{ apiKey {{ {EXPENSIVE} }} }} }} }} }} }}"
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_lists_count_with_their_real_length(site: Site, acme: str, attack: str) -> None:
    """Fields below a list of keys are multiplied by the organization's number of keys."""
    ada = await site.person("ada")

    answer = await ada.graphql(ATTACKS[attack].replace("ID", f'"{acme}"'))

    assert (answer.response.status_code, answer.codes) == (400, ["TOO_COMPLEX"])


async def test_an_agent_by_id_counts_with_all_keys(site: Site, acme: str) -> None:
    """An agent may have every key of the organization."""
    ada = await site.person("ada")
    document = f"query ($id: ID!) {{ node(id: $id) {{ ... on Agent {{ apiKeys {{ {EXPENSIVE} }} }} }} }}"

    answer = await ada.graphql(document, id=site.agent("own"))

    assert (answer.response.status_code, answer.codes) == (400, ["TOO_COMPLEX"])


async def test_all_agents_together_count_with_the_organization_s_keys(site: Site, acme: str) -> None:
    """300 agents with the fields of a page, their admins and their keys are measured with the keys that there are."""
    ada, world = await site.person("ada"), site.world
    async with site.database.transaction() as session:
        for number in range(300):
            row = {"id": new_id(), "organization_id": world.acme.id, "name": f"agent {number}"}
            await session.execute(insert(Agent).values({**row, "created_at": world.acme.created_at}))
    fields = f"id name viewerCanManage livingKeys callsLastDay admins {{ id name email }} apiKeys {{ {PLAIN} }}"

    in_one = await ask(ada, f"agents {{ {fields} }}", acme)
    in_all = await ada.graphql(of_all(f"agents {{ {fields} }}"))

    assert len(in_one.value["agents"]) == len(in_all.value["organizations"][0]["agents"]) == 302
    assert sum(len(agent["apiKeys"]) for agent in in_one.value["agents"]) == 1


async def test_the_id_and_the_arguments_may_be_variables(site: Site, acme: str) -> None:
    """The id and `includeDeleted` are also measured when they are variables, whatever the case of the id."""
    ada = await site.person("ada")
    fields = " ".join(f"a{number}: apiKeys(includeDeleted: $deleted) {{ {PLAIN} }}" for number in range(7))
    document = f"query ($id: ID!, $deleted: Boolean = true) {{ organization(id: $id) {{ {fields} }} }}"

    small = await ada.graphql(document, id=acme, deleted=False)
    large = await ada.graphql(document, id=acme)
    in_other_letters = await ada.graphql(document, id=acme.upper())

    assert (small.codes, large.codes, in_other_letters.codes) == ([], ["TOO_COMPLEX"], ["TOO_COMPLEX"])


async def test_an_id_in_a_variable_s_default_object_counts_as_the_largest(site: Site, acme: str) -> None:
    """Where the organization can't be read from the variable, the largest one counts, not the average."""
    async with site.database.transaction() as session:
        for number in range(20):
            empty = Organization(name=f"empty {number}", created_at=site.world.acme.created_at)
            session.add(empty)
            await session.flush()
            membership = Membership(
                person_id=site.world.ada.id,
                organization_id=empty.id,
                created_at=empty.created_at,
                role=Role.ORGANIZATION_ADMIN,
            )
            session.add(membership)
    ada = await site.person("ada")
    creations = " ".join(
        f"a{number}: createApiKey(input: $input) {{ ... on KeyLimitReached {{ candidates {{ {PLAIN} }} }} }}"
        for number in range(15)
    )
    default = f'{{organizationId: "{acme}", name: "x", scope: ORGANIZATION}}'

    answer = await ada.graphql(f"mutation ($input: CreateApiKeyInput! = {default}) {{ {creations} }}")

    assert (answer.response.status_code, answer.codes) == (400, ["TOO_COMPLEX"])


async def test_a_long_list_can_always_be_read_once(site: Site, acme: str) -> None:
    """A list with every field that the console shows, and a creation's candidates, pass whatever their length."""
    ada = await site.person("ada")

    listed = await ask(ada, f"apiKeys(includeDeleted: true) {{ ...Key }} agents {{ id name }} }} }} {KEY} #", acme)
    wanted = {"organizationId": acme, "name": "one more", "scope": "ORGANIZATION"}
    refused = await ada.graphql(CREATE, input=wanted)

    assert len(listed.value["apiKeys"]) == KEYS + 100
    assert len(refused.value["candidates"]) == KEYS


async def test_short_lists_may_be_asked_more_of(site: Site, acme: str) -> None:
    """An agent admin who sees only one of the keys can query more about it."""
    grace = await site.person("grace")

    answer = await ask(grace, f"apiKeys {{ {EXPENSIVE} }}", acme)

    assert [len(key["usage"]["series"]) for key in answer.value["apiKeys"]] == [168]


async def test_agents_are_counted_where_much_is_asked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents are counted by one more query, which cheap documents do not need."""
    ada = await site.person("ada")
    world = site.world

    async def agents(times: int) -> tuple[list[str], int]:
        fields = " ".join(f"a{number}: agents {{ id name deletedAt }}" for number in range(times))
        with counted(site, monkeypatch) as statements:
            answer = await ask(ada, fields, site.organization("acme"))
        return answer.codes, len(statements)

    few = [await agents(times) for times in (1, 12)]
    async with site.database.transaction() as session:
        for number in range(1_500):
            row = {"id": new_id(), "organization_id": world.acme.id, "name": f"agent {number}"}
            await session.execute(insert(Agent).values({**row, "created_at": world.acme.created_at}))
    many = [await agents(times) for times in (1, 12)]

    assert few == [([], 1 + 1), ([], 1 + 1 + 12)]
    assert many == [([], 1 + 1), (["TOO_COMPLEX"], 1 + 1)]


async def test_what_a_sign_in_leads_to_is_bounded_while_it_is_built(site: Site, acme: str) -> None:
    """Before sign-in, the lists can't be measured; the limit applies during execution. The sign-in takes effect."""
    browser = await site.browser()
    hundred_hours = 'series(from: "2026-10-01T00:00:00Z", to: "2026-10-05T04:00:00Z") { start }'
    fields = f"organizations {{ apiKeys {{ usage {{ {hundred_hours} }} }} }}"
    document = (
        'mutation { signIn(input: {email: "ada@example.com", password: "' + PASSWORD + '"}) '
        "{ __typename ... on Viewer { " + fields + " } } }"
    )

    answer = await browser.graphql(document)

    assert set(answer.codes) == {"TOO_COMPLEX"}
    assert len(answer.response.content) < 5_000_000
    assert (await browser.graphql("{ viewer { user { email } } }")).value["user"]["email"] == "ada@example.com"


async def test_a_person_asks_for_so_much_in_a_minute(site: Site, clock: Clock) -> None:
    """Costly queries count against the person's complexity per minute. Cheap ones and other people's go on."""
    ada, grace, acme = await site.person("ada"), await site.person("grace"), site.organization("acme")
    page = "auditLog(first: 100) { edges { cursor node { id at summary apiKey { ...Key } } } }"
    costly = " ".join(f"a{number}: {page}" for number in range(6)) + " } } " + KEY + " #"

    for _ in range(COMPLEXITY_A_MINUTE // 10_000):
        refused = await ask(ada, costly, acme)
        if refused.codes:
            break
    cheap, of_another = await ada.graphql("{ viewer { user { id } } }"), await ask(grace, costly, acme)
    waits = refused.body["errors"][0]["extensions"]["retryAfterSeconds"]
    clock.advance(seconds=waits)
    later = await ask(ada, costly, acme)

    assert (refused.response.status_code, refused.codes) == (400, ["RATE_LIMITED"])
    assert 1 <= waits <= 60
    assert (cheap.codes, of_another.codes, later.codes) == ([], [], [])


async def test_a_long_answer_lets_others_in_between(site: Site, acme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the slices, the event loop runs other tasks. The answer is the same."""
    ada = await site.person("ada")
    whole = await ask(ada, f"apiKeys {{ {PLAIN} usage {{ quota {{ used }} }} }}", acme)
    monkeypatch.setattr(app.graphql.execution, "SLICE_SECONDS", 0)
    monkeypatch.setattr(app.graphql.execution, "BUILT_AT_ONCE", 1)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    sliced = await ask(ada, f"apiKeys {{ {PLAIN} usage {{ quota {{ used }} }} }}", acme)
    other.cancel()

    assert turns > KEYS
    assert sliced.value == whole.value


async def test_a_person_s_costly_operations_take_turns(site: Site) -> None:
    """A person's costly operations run one at a time. Cheap ones and other people's do not wait."""
    lists = Lists(Reader(site.database), site.app._clock)
    order: list[str] = []

    def asked_by(name: str) -> Any:
        signed_in = SimpleNamespace(person=getattr(site.world, name))
        return SimpleNamespace(visit=SimpleNamespace(signed_in=signed_in, program=None))

    async def work(name: str, person: str, complexity: int) -> None:
        async with lists.turn(asked_by(person), complexity):
            order.append(f"{name} begins")
            await asyncio.sleep(0.01)
            order.append(f"{name} ends")

    await asyncio.gather(
        work("first", "ada", 1_000),
        work("second", "ada", 1_000),
        work("cheap", "ada", 999),
        work("other", "eve", 1_000),
    )

    assert order.index("first ends") < order.index("second begins")
    assert order[:3] == ["first begins", "cheap begins", "other begins"]


async def test_the_page_of_people_is_answered_for_many(site: Site, acme: str) -> None:
    """What the console asks of 1,500 people, of whom some administer agents, is never too much to read once."""
    async with site.database.transaction() as session:
        agents = [Agent(organization_id=site.world.acme.id, name=f"Agent {n}", created_at=THEN) for n in range(40)]
        people = [Person(email=f"p{n}@example.com", name=f"P {n}", created_at=THEN) for n in range(1500)]
        session.add_all([*agents, *people])
        await session.flush()
        session.add_all(
            Membership(
                organization_id=site.world.acme.id,
                person_id=person.id,
                role=Role.AGENT_ADMIN if number < 200 else Role.MEMBER,
                created_at=THEN,
            )
            for number, person in enumerate(people)
        )
        await session.flush()
        session.add_all(
            AdministeredAgent(person_id=person.id, agent_id=agent.id, organization_id=site.world.acme.id)
            for person in people[:200]
            for agent in agents[:5]
        )
    document = """
      query ($id: ID!) {
        organization(id: $id) {
          __typename id
          agents { __typename id name }
          members {
            __typename user { __typename id name email } role agents { __typename id name }
            lastSignedInAt viewerCanManage
          }
          invitations {
            __typename id email role agents { __typename id name } invitedBy { __typename id name }
            createdAt expiresAt sentAt
          }
        }
      }
    """

    answer = await (await site.person("ada")).graphql(document, id=acme)

    members = answer.value["members"]
    assert len(members) == 1503
    assert sum(len(each["agents"]) for each in members) == 1001
