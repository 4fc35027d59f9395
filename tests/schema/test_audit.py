"""The audit log over GraphQL: its events, who can read them, and its pages."""

from typing import Any

import pytest

from models import AuditEvent
from models.engine.ids import Prefix, external_id
from resolvers.operator.agents import create_agent
from tests.conftest import Clock
from tests.support.client import NEVER_WAS, NOBODY, Client, Site

AUDIT_LOG = """
query ($id: ID!, $first: Int! = 50, $after: String) {
  organization(id: $id) {
    auditLog(first: $first, after: $after) {
      edges { cursor node { id action at ipAddress summary actorName actor { email } apiKey { id name status } } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""

EMPTY_PAGE = {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None}
ROLE = "Creating an API key was refused: the role does not allow it."
LIMIT = "Creating an API key was refused: every slot was taken."


async def page_of(client: Client, organization_id: str, **arguments: Any) -> dict[str, Any]:
    answer = await client.graphql(AUDIT_LOG, id=organization_id, **arguments)
    page: dict[str, Any] = answer.value["auditLog"]
    return page


async def events(client: Client, organization_id: str, **arguments: Any) -> list[dict[str, Any]]:
    return [edge["node"] for edge in (await page_of(client, organization_id, **arguments))["edges"]]


async def test_everything_that_happens_to_a_key_is_told(site: Site, clock: Clock) -> None:
    """Events have actor, time, address and key, newest first. The key is shown in its present state."""
    ada, grace = await site.person("ada"), await site.person("grace")
    acme = site.organization("acme")
    key_id = (await ada.create(acme, "deploy", site.agent("own"))).value["apiKey"]["id"]
    clock.advance(minutes=1)
    await grace.rename(key_id, "nightly")
    await ada.rotate(key_id, 60)
    await grace.delete(key_id)

    told = await events(ada, acme)

    assert [(event["action"], event["actor"]["email"], event["at"]) for event in told] == [
        ("API_KEY_DELETED", "grace@example.com", "2026-11-24T12:01:00Z"),
        ("API_KEY_ROTATED", "ada@example.com", "2026-11-24T12:01:00Z"),
        ("API_KEY_RENAMED", "grace@example.com", "2026-11-24T12:01:00Z"),
        ("API_KEY_CREATED", "ada@example.com", "2026-11-24T12:00:00Z"),
    ]
    assert [event["apiKey"] for event in told] == [{"id": key_id, "name": "nightly", "status": "DELETED"}] * 4
    assert {event["ipAddress"] for event in told} == {"127.0.0.1"}
    assert [("deploy" in event["summary"], "nightly" in event["summary"]) for event in told] == [
        (False, True),
        (False, True),
        (True, True),
        (True, False),
    ]


async def test_who_did_it_is_named(site: Site) -> None:
    """A person by their name, the operator as Operator."""
    ada = await site.person("ada")
    await ada.create(site.organization("acme"))
    async with site.database.transaction() as session:
        await create_agent(session, organization_id=site.world.acme.id, name="Fetcher", now=site.world.acme.created_at)

    told = await events(ada, site.organization("acme"))

    assert [(event["actorName"], event["actor"]) for event in told] == [
        ("Operator", None),
        ("Ada", {"email": "ada@example.com"}),
    ]


async def test_a_page_after_what_nobody_sees_has_no_page_before(site: Site) -> None:
    """Newer events that an agent admin may not see are no previous page for them."""
    ada, grace, acme = await site.person("ada"), await site.person("grace"), site.organization("acme")
    await grace.create(acme, "hers", site.agent("own"))
    await ada.create(acme, "hidden")
    [newest, _] = await events(ada, acme)

    of_ada = await page_of(ada, acme, after=newest["id"])
    of_grace = await page_of(grace, acme, after=newest["id"])

    assert (of_ada["pageInfo"]["hasPreviousPage"], len(of_ada["edges"])) == (True, 1)
    assert (of_grace["pageInfo"]["hasPreviousPage"], len(of_grace["edges"])) == (False, 1)


FILTERED = """
query ($id: ID!, $first: Int! = 50, $after: String, $filter: AuditLogFilter) {
  organization(id: $id) {
    auditLog(first: $first, after: $after, filter: $filter) {
      edges { cursor node { action actorName apiKey { name } } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""


async def filtered(client: Client, organization_id: str, wanted: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    answer = await client.graphql(FILTERED, id=organization_id, filter=wanted, **arguments)
    page: dict[str, Any] = answer.value["auditLog"]
    return page


@pytest.fixture
async def busy(site: Site, clock: Clock) -> dict[str, str]:
    """Ada and Grace change keys, a minute apart. The ids of the keys and the people."""
    ada, grace, acme = await site.person("ada"), await site.person("grace"), site.organization("acme")
    ids = {name: external_id(Prefix.PERSON, site.world.people[name].id) for name in ("ada", "grace", "eve")}
    ids["shared"] = (await ada.create(acme, "shared")).value["apiKey"]["id"]
    clock.advance(minutes=1)
    ids["hers"] = (await grace.create(acme, "hers", site.agent("own"))).value["apiKey"]["id"]
    clock.advance(minutes=1)
    await ada.rotate(ids["hers"])
    clock.advance(minutes=1)
    await ada.delete(ids["shared"])
    return ids


ROTATED, CREATED, DELETED = ("API_KEY_ROTATED", "hers"), ("API_KEY_CREATED", "hers"), ("API_KEY_DELETED", "shared")
CREATED_FIRST = ("API_KEY_CREATED", "shared")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [DELETED, ROTATED, CREATED, CREATED_FIRST]),
        ({"apiKeyId": "hers"}, [ROTATED, CREATED]),
        ({"actorId": "grace"}, [CREATED]),
        ({"actorId": "ada", "apiKeyId": "hers"}, [ROTATED]),
        ({"actions": ["API_KEY_CREATED", "API_KEY_DELETED"]}, [DELETED, CREATED, CREATED_FIRST]),
        ({"actions": []}, [DELETED, ROTATED, CREATED, CREATED_FIRST]),
        ({"from": "2026-11-24T12:01:00Z", "to": "2026-11-24T12:03:00Z"}, [ROTATED, CREATED]),
        ({"from": "2026-11-24T13:01:00+01:00", "actions": ["API_KEY_ROTATED"]}, [ROTATED]),
        ({"from": "2026-11-24T12:03:00Z", "to": "2026-11-24T12:01:00Z"}, []),
        ({"actorId": "eve"}, []),
        ({"apiKeyId": "no id"}, []),
        ({"actorId": "no id"}, []),
    ],
)
async def test_the_log_shows_what_fits_the_whole_filter(
    site: Site, busy: dict[str, str], wanted: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """`from` is included, `to` is not. Ids that can't be any fit nothing."""
    given = {name: busy.get(value, value) if isinstance(value, str) else value for name, value in wanted.items()}

    page = await filtered(await site.person("ada"), site.organization("acme"), given)

    assert [(edge["node"]["action"], edge["node"]["apiKey"]["name"]) for edge in page["edges"]] == expected


async def test_pages_of_a_filter_are_of_the_filter(site: Site, busy: dict[str, str]) -> None:
    """Whether there are more before and after counts only events that fit."""
    ada, acme = await site.person("ada"), site.organization("acme")

    first = await filtered(ada, acme, {"apiKeyId": busy["hers"]}, first=1)
    second = await filtered(ada, acme, {"apiKeyId": busy["hers"]}, first=1, after=first["pageInfo"]["endCursor"])
    other = await filtered(ada, acme, {"actorId": busy["grace"]}, first=1, after=first["pageInfo"]["endCursor"])

    infos = [(page["pageInfo"]["hasNextPage"], page["pageInfo"]["hasPreviousPage"]) for page in (first, second, other)]
    assert infos == [(True, False), (False, True), (False, False)]
    assert second["edges"][0]["node"]["action"] == "API_KEY_CREATED"


async def test_a_filter_shows_nothing_that_is_hidden(site: Site, busy: dict[str, str]) -> None:
    """An agent admin who asks for another key's events gets none, as for a key that never was."""
    grace, acme = await site.person("grace"), site.organization("acme")

    of_hidden = await filtered(grace, acme, {"apiKeyId": busy["shared"]})
    of_nothing = await filtered(grace, acme, {"apiKeyId": external_id(Prefix.API_KEY, NEVER_WAS)})
    of_person = await filtered(grace, acme, {"actorId": busy["ada"]})

    assert of_hidden == of_nothing == {"edges": [], "pageInfo": EMPTY_PAGE}
    assert [edge["node"]["action"] for edge in of_person["edges"]] == ["API_KEY_ROTATED"]


async def test_what_fails_is_not_told(site: Site) -> None:
    """Invalid input, a missing key and a missing organization leave no event."""
    ada, grace, eve = [await site.person(name) for name in ("ada", "grace", "eve")]
    acme = site.organization("acme")
    key_id = (await ada.create(acme)).value["apiKey"]["id"]

    outcomes = [
        (await ada.rename(key_id, "")).outcome,
        (await ada.rotate(key_id, -1)).outcome,
        (await grace.delete(key_id)).outcome,
        (await ada.create(acme, "")).outcome,
        (await grace.create(acme, "x", site.agent("other"))).outcome,
        (await eve.create(acme)).outcome,
    ]

    assert outcomes == [
        "InvalidInput(name)",
        "InvalidInput(overlapSeconds)",
        "ApiKeyNotFound",
        "InvalidInput(name)",
        "InvalidInput(agentId)",
        "NOT_FOUND",
    ]
    assert [event["action"] for event in await events(ada, acme)] == ["API_KEY_CREATED"]


async def test_who_reads_what(site: Site) -> None:
    """Organization admins read all events, agent admins those of their agents' keys, members none."""
    ada, grace, mel, eve = [await site.person(name) for name in ("ada", "grace", "mel", "eve")]
    acme, globex = site.organization("acme"), site.organization("globex")
    await ada.create(acme, "shared")
    await ada.create(acme, "crawler's", site.agent("own"))
    await ada.create(acme, "biller's", site.agent("other"))
    await eve.create(globex, "theirs", site.agent("theirs"))
    nothing = {"edges": [], "pageInfo": EMPTY_PAGE}

    read = {
        "ada": [event["apiKey"]["name"] for event in await events(ada, acme)],
        "grace": [event["apiKey"]["name"] for event in await events(grace, acme)],
        "eve": [event["apiKey"]["name"] for event in await events(eve, globex)],
    }

    assert read == {"ada": ["biller's", "crawler's", "shared"], "grace": ["crawler's"], "eve": ["theirs"]}
    assert await page_of(mel, acme) == nothing
    assert await page_of(grace, globex) == nothing
    assert (await eve.graphql(AUDIT_LOG, id=acme)).value is None
    assert (await (await site.person(NOBODY)).graphql(AUDIT_LOG, id=acme)).codes == ["UNAUTHENTICATED"]


async def test_pages_stay_put_while_new_events_come_in(site: Site) -> None:
    """Pages by cursor neither skip nor repeat an event while new ones are added. The last page says so."""
    ada = await site.person("ada")
    acme = site.organization("acme")
    key_id = (await ada.create(acme, "0")).value["apiKey"]["id"]
    for number in range(1, 5):
        await ada.rename(key_id, str(number))
    before = [event["id"] for event in await events(ada, acme)]

    first = await page_of(ada, acme, first=2)
    await ada.rename(key_id, "new on top")
    second = await page_of(ada, acme, first=2, after=first["pageInfo"]["endCursor"])
    await ada.delete(key_id)
    third = await page_of(ada, acme, first=2, after=second["pageInfo"]["endCursor"])
    beyond = await page_of(ada, acme, first=2, after=third["pageInfo"]["endCursor"])

    pages = [first, second, third]
    assert [edge["node"]["id"] for page in pages for edge in page["edges"]] == before
    assert [page["pageInfo"]["hasNextPage"] for page in pages] == [True, True, False]
    assert [page["pageInfo"]["endCursor"] for page in pages] == [page["edges"][-1]["cursor"] for page in pages]
    assert [page["pageInfo"]["hasPreviousPage"] for page in pages] == [False, True, True]
    assert [page["pageInfo"]["startCursor"] for page in pages] == [page["edges"][0]["cursor"] for page in pages]
    assert beyond == {"edges": [], "pageInfo": {**EMPTY_PAGE, "hasPreviousPage": True}}


async def test_an_agent_admin_s_pages_are_full_of_what_they_may_see(site: Site) -> None:
    """Hidden events take no place on an agent admin's page."""
    ada, grace = await site.person("ada"), await site.person("grace")
    acme = site.organization("acme")
    hers = (await grace.create(acme, "0", site.agent("own"))).value["apiKey"]["id"]
    hidden = (await ada.create(acme)).value["apiKey"]["id"]
    for number in range(1, 4):
        await ada.rename(hidden, f"hidden {number}")
        await grace.rename(hers, str(number))

    first = await page_of(grace, acme, first=2)
    second = await page_of(grace, acme, first=2, after=first["pageInfo"]["endCursor"])

    actions = [[edge["node"]["action"] for edge in page["edges"]] for page in (first, second)]
    assert actions == [["API_KEY_RENAMED", "API_KEY_RENAMED"], ["API_KEY_RENAMED", "API_KEY_CREATED"]]
    assert "hidden" not in str((first, second))
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)


async def test_creations_refused_to_a_role_are_counted(site: Site, clock: Clock) -> None:
    """There is one event per person and hour, whatever scope and agent were asked for."""
    ada, grace, mel = [await site.person(name) for name in ("ada", "grace", "mel")]
    acme = site.organization("acme")

    outcomes = [
        (await mel.create(acme)).outcome,
        (await mel.create(acme, "x", site.agent("own"))).outcome,
        (await mel.create(acme, "x", "agt_nothing")).outcome,
        (await grace.create(acme)).outcome,
    ]
    clock.advance(hours=1)
    outcomes.append((await mel.create(acme)).outcome)

    assert outcomes == ["FORBIDDEN"] * 5
    assert [(event["action"], event["actor"]["email"], event["summary"]) for event in await events(ada, acme)] == [
        ("API_KEY_CREATION_REFUSED", "mel@example.com", ROLE),
        ("API_KEY_CREATION_REFUSED", "grace@example.com", ROLE),
        ("API_KEY_CREATION_REFUSED", "mel@example.com", f"{ROLE} 3 times within the hour."),
    ]
    assert await events(mel, acme) == []


async def test_creations_refused_for_the_limit_are_counted(site: Site) -> None:
    """Refusals for the limit and for the role are separate events. An agent admin sees those of their own agents."""
    ada, grace = await site.person("ada"), await site.person("grace")
    acme = site.organization("acme")
    await site.set_key_limit(1)
    await ada.create(acme)

    for _ in range(3):
        await ada.create(acme)
    await grace.create(acme, "x", site.agent("own"))
    await grace.create(acme, "x")

    assert [(event["actor"]["email"], event["summary"]) for event in (await events(ada, acme))[:-1]] == [
        ("grace@example.com", ROLE),
        ("grace@example.com", LIMIT),
        ("ada@example.com", f"{LIMIT} 3 times within the hour."),
    ]
    assert [(event["actor"]["email"], event["summary"]) for event in await events(grace, acme)] == [
        ("grace@example.com", LIMIT)
    ]


async def test_fifty_refusals_in_one_document_are_one_event(site: Site) -> None:
    """Fifty refusals in one document are counted in one audit event."""
    ada, mel = await site.person("ada"), await site.person("mel")
    acme = site.organization("acme")
    fields = " ".join(f"m{number}: createApiKey(input: $input) {{ __typename }}" for number in range(50))
    wanted = {"organizationId": acme, "name": "x", "scope": "ORGANIZATION"}

    answer = await mel.graphql(f"mutation ($input: CreateApiKeyInput!) {{ {fields} }}", input=wanted)

    assert answer.codes == ["FORBIDDEN"] * 50
    assert [event["summary"] for event in await events(ada, acme)] == [f"{ROLE} 50 times within the hour."]


async def test_events_of_a_newer_version_are_left_out(site: Site) -> None:
    """After going back a version, the audit log can still be read."""
    ada = await site.person("ada")
    await ada.create(site.organization("acme"))
    async with site.database.transaction() as session:
        session.add(
            AuditEvent(
                organization_id=site.world.acme.id, action="key-exposed", at=site.world.acme.created_at, summary="x"
            )
        )

    answer = await ada.graphql(
        "query ($id: ID!) { organization(id: $id) { auditLog { edges { node { action } } } } }",
        id=site.organization("acme"),
    )

    edges = answer.value["auditLog"]["edges"]
    assert [each["node"]["action"] for each in edges] == ["API_KEY_CREATED"]
