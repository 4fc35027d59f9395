"""Service tokens: making, listing and revoking them, and what remains of a token when its maker leaves."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from models import Membership, Organization, Role
from models.engine.ids import Prefix, external_id
from models.tokens.program_token import ProgramToken
from resolvers.services import with_current_roles
from tests.conftest import Clock
from tests.support.client import NEVER_WAS, Client, Site, open_site
from tests.support.graphql.people_documents import CHANGE, REMOVE
from tests.support.graphql.token_documents import CREATE_TOKEN, EVENTS, REVOKE_TOKEN, TOKENS, TOKENS_MADE
from tests.support.programs import PROGRAMS, program, stored_token

PEOPLE = ("ada", "grace", "mel", "eve", "nobody")


def wanted(site: Site, **more: object) -> dict[str, object]:
    return {
        "organizationId": site.organization("acme"),
        "name": "deploy-bot",
        "role": "ORGANIZATION_ADMIN",
        "expiresInDays": 30,
        **more,
    }


async def made(site: Site, **more: object) -> tuple[str, str]:
    """The id and the secret of a token that Ada makes."""
    issued = (await (await site.person("ada")).graphql(CREATE_TOKEN, input=wanted(site, **more))).value
    return issued["serviceToken"]["id"], issued["secret"]


async def with_token(site: Site, secret: str) -> Client:
    return await site.browser(authorization=f"Bearer {secret}")


async def test_a_token_is_shown_once_and_works(site: Site, clock: Clock) -> None:
    """The answer has everything that the list shows, and the secret, which is stored nowhere."""
    ada = await site.person("ada")

    issued = (await ada.graphql(CREATE_TOKEN, input=wanted(site, name=" deploy-bot "))).value
    listed = (await ada.graphql(TOKENS, id=site.organization("acme"))).value["serviceTokens"]
    secret, token = issued["secret"], issued["serviceToken"]
    created = await (await with_token(site, secret)).create(site.organization("acme"))
    await site.app._programs.close()
    used = (await ada.graphql(TOKENS, id=site.organization("acme"))).value["serviceTokens"]

    assert secret.startswith("kds_")
    assert token["hint"] == f"{secret[:10]}…{secret[-4:]}"
    assert token | {"id": "", "hint": ""} == {
        "id": "",
        "name": "deploy-bot",
        "role": "ORGANIZATION_ADMIN",
        "agents": [],
        "hint": "",
        "createdAt": "2026-11-24T12:00:00Z",
        "createdBy": {"email": "ada@example.com"},
        "expiresAt": "2026-12-24T12:00:00Z",
        "lastUsedAt": None,
        "revokedAt": None,
    }
    assert listed == [token]
    assert created.outcome == "ApiKeyIssued"
    assert used == [token | {"lastUsedAt": "2026-11-24T12:00:00Z"}]
    async with site.database.reading() as session:
        stored = (await session.execute(select(*ProgramToken.__table__.columns))).one()  # type: ignore[attr-defined]
    assert not any(secret[-42:] in str(value) for value in stored)


@pytest.mark.parametrize("person", PEOPLE)
async def test_only_organization_admins_manage_tokens(site: Site, person: str) -> None:
    """Another organization is not found; in one's own, another role is forbidden, and sees none."""
    token_id, _ = await made(site)
    client = await site.person(person)

    answers = {
        "create": (await client.graphql(CREATE_TOKEN, input=wanted(site))).outcome,
        "revoke": (await client.graphql(REVOKE_TOKEN, input={"id": token_id})).outcome,
        "of none": (await client.graphql(REVOKE_TOKEN, input={"id": external_id(Prefix.TOKEN, NEVER_WAS)})).outcome,
        "of nonsense": (await client.graphql(REVOKE_TOKEN, input={"id": "tok_\x00"})).outcome,
    }
    listed = await client.graphql(TOKENS, id=site.organization("acme"))

    expected = {
        "ada": ("ServiceTokenIssued", "ServiceTokenRevoked", "ServiceTokenNotFound"),
        "grace": ("FORBIDDEN",) * 3,
        "mel": ("FORBIDDEN",) * 3,
        "eve": ("NOT_FOUND", "ServiceTokenNotFound", "ServiceTokenNotFound"),
        "nobody": ("UNAUTHENTICATED",) * 3,
    }[person]
    assert tuple(answers.values()) == (*expected, expected[2])
    if person in ("eve", "nobody"):
        assert listed.body["data"] == {"organization": None}
    else:
        assert len(listed.value["serviceTokens"]) == (2 if person == "ada" else 0)


async def test_an_operator_token_is_no_service_token(site: Site) -> None:
    """An organization admin can neither see nor revoke it by its id."""
    row, _ = await stored_token(site, "operator token")
    ada, token_id = await site.person("ada"), external_id(Prefix.TOKEN, row.id)

    assert (await ada.graphql(REVOKE_TOKEN, input={"id": token_id})).outcome == "ServiceTokenNotFound"
    assert (await ada.graphql("query ($id: ID!) { node(id: $id) { id } }", id=token_id)).value is None


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "kd_" + "A1b2C3d4E5f6G7h8" + "_" + "A1b2C3d4E5" * 4 + "xY"}, "name"),
        ({"role": "MEMBER"}, "role"),
        ({"role": "AGENT_ADMIN"}, "agentIds"),
        ({"role": "AGENT_ADMIN", "agentIds": ["agt_nothing"]}, "agentIds"),
        ({"role": "AGENT_ADMIN", "agentIds": "theirs"}, "agentIds"),
        ({"role": "AGENT_ADMIN", "agentIds": "retired"}, "agentIds"),
        ({"agentIds": "own"}, "agentIds"),
        ({"expiresInDays": 0}, "expiresInDays"),
        ({"expiresInDays": 367}, "expiresInDays"),
        ({"expiresInDays": -1}, "expiresInDays"),
    ],
)
async def test_what_does_not_fit_is_refused(site: Site, more: dict[str, object], field: str) -> None:
    """With the field that is wrong. Nothing is stored."""
    ada, agents = await site.person("ada"), more.get("agentIds")
    more = more | ({"agentIds": [site.agent(agents)]} if isinstance(agents, str) else {})

    answer = await ada.graphql(CREATE_TOKEN, input=wanted(site, **more))

    assert answer.outcome == f"InvalidInput({field})"
    assert (await ada.graphql(TOKENS, id=site.organization("acme"))).value["serviceTokens"] == []


async def test_the_bounds_of_a_lifetime(site: Site, clock: Clock) -> None:
    """One day and 366 days are fine, and the token works exactly so long."""
    _, day = await made(site, expiresInDays=1)
    _, year = await made(site, expiresInDays=366)
    works = []
    for until_end in (timedelta(days=1), timedelta(days=365)):
        clock.now += until_end - timedelta(seconds=1)
        works.append([(await (await with_token(site, each)).graphql("{ supportEmail }")).codes for each in (day, year)])
        clock.now += timedelta(seconds=1)
    works.append([(await (await with_token(site, each)).graphql("{ supportEmail }")).codes for each in (day, year)])

    gone = ["UNAUTHENTICATED"]
    assert works == [[[], []], [gone, []], [gone, gone]]


async def test_twenty_tokens_at_once(site: Site, clock: Clock) -> None:
    """Those that were revoked or have expired make room. Twenty-five at a time make twenty."""
    ada = await site.person("ada")

    answers = await asyncio.gather(*(ada.graphql(CREATE_TOKEN, input=wanted(site)) for _ in range(25)))

    issued = [answer.value["serviceToken"]["id"] for answer in answers if answer.outcome == "ServiceTokenIssued"]
    refused = [answer.outcome for answer in answers if answer.outcome != "ServiceTokenIssued"]
    assert (len(issued), refused) == (20, ["InvalidInput(organizationId)"] * 5)
    await ada.graphql(REVOKE_TOKEN, input={"id": issued[0]})
    assert (await ada.graphql(CREATE_TOKEN, input=wanted(site))).outcome == "ServiceTokenIssued"
    assert (await ada.graphql(CREATE_TOKEN, input=wanted(site))).outcome == "InvalidInput(organizationId)"
    clock.advance(days=30)
    again = await site.browser()
    await again.sign_in("ada@example.com")
    assert (await again.graphql(CREATE_TOKEN, input=wanted(site))).outcome == "ServiceTokenIssued"


async def test_ended_tokens_are_listed_for_ninety_days(site: Site, clock: Clock) -> None:
    """The hundred newest of them. None of them hides a token that works."""
    now = clock()
    works, _ = await stored_token(site, "admin token", name="works")
    for name, columns in {
        "expired lately": {"expires_at": now - timedelta(days=89)},
        "expired long ago": {"expires_at": now - timedelta(days=91)},
        "revoked lately": {"revoked_at": now - timedelta(days=89)},
        "revoked long ago": {"revoked_at": now - timedelta(days=91)},
    }.items():
        await stored_token(site, "admin token", **{"name": name, **columns})

    async def listed() -> list[str]:
        answer = await (await site.person("ada")).graphql(TOKENS, id=site.organization("acme"))
        return [each["name"] for each in answer.value["serviceTokens"]]

    few = await listed()
    for number in range(100):
        await stored_token(site, "admin token", name=f"{number}", revoked_at=now)

    assert few == ["revoked lately", "expired lately", "works"]
    assert await listed() == [*map(str, reversed(range(100))), "works"]
    assert works.name == "works"


async def test_a_revoked_token_is_refused_at_once(site: Site) -> None:
    """Revoking it again changes nothing, and is no second event."""
    token_id, secret = await made(site)
    ada, bot = await site.person("ada"), await with_token(site, secret)
    before = await bot.graphql("{ supportEmail }")

    first = await ada.graphql(REVOKE_TOKEN, input={"id": token_id})
    second = await ada.graphql(REVOKE_TOKEN, input={"id": token_id})

    assert before.codes == []
    assert first.value == second.value
    assert first.value["serviceToken"]["revokedAt"] == "2026-11-24T12:00:00Z"
    assert (await bot.graphql("{ supportEmail }")).response.status_code == 401
    events = (await ada.graphql(EVENTS, id=site.organization("acme"))).value["auditLog"]["edges"]
    assert [(each["node"]["action"], each["node"]["summary"]) for each in events] == [
        ("SERVICE_TOKEN_REVOKED", "The service token “deploy-bot” was revoked."),
        (
            "SERVICE_TOKEN_CREATED",
            "The service token “deploy-bot” was created: organization admin, until 2026-12-24.",
        ),
    ]


@pytest.mark.parametrize("end", ["revoked", "expired"])
@pytest.mark.parametrize("operation", ["create", "rename", "rotate", "end_overlap", "delete"])
async def test_a_token_that_ends_during_a_request_changes_nothing_more(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch, operation: str, end: str
) -> None:
    """It ends after the request was let in, and before the change takes the organization's lock."""
    row, secret = await stored_token(site, "admin token", expires_at=clock() + timedelta(hours=1))
    ada, acme = await site.person("ada"), site.organization("acme")
    key = (await ada.create(acme)).value["apiKey"]["id"]
    bot = await with_token(site, secret)
    lock = "resolvers.creation.create_api_key" if operation == "create" else "resolvers.api_keys"

    async def ends_first(session: object, actor: object, now: object) -> object:
        if end == "expired":
            clock.advance(hours=1)
        else:
            await session.execute(  # type: ignore[attr-defined]
                update(ProgramToken).where(col(ProgramToken.id) == row.id).values(revoked_at=clock())
            )
        return await with_current_roles(session, actor, clock())  # type: ignore[arg-type]

    monkeypatch.setattr(f"{lock}.with_current_roles", ends_first)

    answer = await (bot.create(acme, "second") if operation == "create" else getattr(bot, operation)(key))

    monkeypatch.undo()
    again = await site.browser()
    await again.sign_in("ada@example.com")
    kept = (await again.see(key)).value
    assert answer.outcome == "UNAUTHENTICATED"
    assert await again.list_names(acme) == ["deploy"]
    assert (kept["name"], kept["status"]) == ("deploy", "ACTIVE")


@pytest.mark.parametrize("what", ["removed", "demoted"])
async def test_a_token_goes_on_when_its_maker_is_not_an_admin_any_more(site: Site, what: str) -> None:
    """With the role that it was made with. The person's page and the answer to the removal show it."""
    async with site.database.transaction() as session:
        eve = Membership(
            organization_id=site.world.acme.id,
            person_id=site.world.eve.id,
            role=Role.ORGANIZATION_ADMIN,
            created_at=site.world.acme.created_at,
        )
        session.add(eve)
    _, secret = await made(site)
    ended, _ = await made(site, name="ended")
    eve_s_browser, bot, acme = await site.person("eve"), await with_token(site, secret), site.organization("acme")
    await eve_s_browser.graphql(REVOKE_TOKEN, input={"id": ended})
    ada_id = external_id(Prefix.PERSON, site.world.ada.id)
    shown = (await eve_s_browser.graphql(TOKENS_MADE, id=acme)).value["members"]

    if what == "removed":
        answer = await eve_s_browser.graphql(
            REMOVE.replace("keysSeen", "serviceTokens { name } keysSeen"),
            input={"organizationId": acme, "userId": ada_id},
        )
        assert answer.value["serviceTokens"] == [{"name": "deploy-bot"}]
    else:
        answer = await eve_s_browser.graphql(
            CHANGE, input={"organizationId": acme, "userId": ada_id, "role": "MEMBER", "agentIds": []}
        )
        assert answer.outcome == "Member"

    assert {each["user"]["email"]: each["serviceTokens"] for each in shown} == {
        "ada@example.com": [{"name": "deploy-bot"}],
        "eve@example.com": [],
        "grace@example.com": [],
        "mel@example.com": [],
    }
    created = await bot.create(acme)
    assert created.outcome == "ApiKeyIssued"
    assert (await bot.delete(created.value["apiKey"]["id"])).outcome == "ApiKeyDeleted"
    tokens = (await eve_s_browser.graphql(TOKENS, id=acme)).value["serviceTokens"]
    assert [(each["name"], each["createdBy"]) for each in tokens] == [
        ("ended", {"email": "ada@example.com"}),
        ("deploy-bot", {"email": "ada@example.com"}),
    ]


async def test_an_agent_admin_s_token_outlives_its_agents(site: Site) -> None:
    """Of an agent that was deleted, it sees tombstones only, as an agent admin does."""
    _, secret = await made(site, role="AGENT_ADMIN", agentIds=[site.agent("own")])
    ada, bot, acme = await site.person("ada"), await with_token(site, secret), site.organization("acme")
    before = await bot.create(acme, "x", site.agent("own"))
    document = "mutation ($id: ID!) { deleteAgent(input: {id: $id}) { __typename } }"

    await ada.graphql(document, id=site.agent("own"))

    assert before.outcome == "ApiKeyIssued"
    assert (await bot.create(acme, "y", site.agent("own"))).outcome == "InvalidInput(agentId)"
    assert await bot.list_names(acme) == []
    assert await bot.list_names(acme, includeDeleted=True) == ["x"]
    [token] = (await ada.graphql(TOKENS, id=acme)).value["serviceTokens"]
    assert (token["role"], token["agents"]) == ("AGENT_ADMIN", [])


async def test_the_audit_log_names_the_token(site: Site) -> None:
    """The event has no person, but the token. An agent admin reads the name only."""
    token_id, secret = await made(site)
    bot, acme = await with_token(site, secret), site.organization("acme")
    created = await bot.create(acme, "x", site.agent("own"))
    await bot.delete(created.value["apiKey"]["id"])
    host = await program(site, "provisioning token")
    await host.graphql("mutation ($id: ID!) { deleteAgent(input: {id: $id}) { __typename } }", id=site.agent("own"))

    async def newest(person: str) -> list[tuple[object, ...]]:
        answer = await (await site.person(person)).graphql(EVENTS, id=acme)
        events = [edge["node"] for edge in answer.value["auditLog"]["edges"]][:3]
        return [tuple(event[name] for name in ("action", "actor", "actorName", "serviceToken")) for event in events]

    token = {"id": token_id, "name": "deploy-bot"}
    assert await newest("ada") == [
        ("AGENT_DELETED", None, "Token provisioning token", None),
        ("API_KEY_DELETED", None, "Token deploy-bot", token),
        ("API_KEY_CREATED", None, "Token deploy-bot", token),
    ]
    assert {event[3] for event in await newest("grace")} == {None}
    assert [event[2] for event in await newest("grace")][1:] == ["Token deploy-bot"] * 2


async def test_refused_creations_of_a_token_are_one_event_an_hour(site: Site, clock: Clock) -> None:
    """With the count. A person's are counted apart from it."""
    await site.set_key_limit(1)
    _, secret = await made(site)
    ada, bot, acme = await site.person("ada"), await with_token(site, secret), site.organization("acme")
    await ada.create(acme)
    await asyncio.gather(*(bot.create(acme) for _ in range(3)))
    await ada.create(acme)
    clock.advance(hours=1)
    await bot.create(acme)

    answer = await ada.graphql(EVENTS, id=acme)

    events = [edge["node"] for edge in answer.value["auditLog"]["edges"]]
    refused = [(each["actorName"], each["summary"]) for each in events if each["action"] == "API_KEY_CREATION_REFUSED"]
    once = "Creating an API key was refused: every slot was taken."
    assert refused == [
        ("Token deploy-bot", once),
        ("Ada", once),
        ("Token deploy-bot", f"{once} 3 times within the hour."),
    ]


async def test_changes_of_a_token_are_limited_as_a_person_s(database_address: str, clock: Clock) -> None:
    """Each is counted for itself: a token's changes leave its maker's alone, and another token's."""
    async with open_site(database_address, clock, {"KEYDESK_MUTATIONS_PER_MINUTE": "3"}) as site:
        (_, first), (_, second) = await made(site), await made(site)
        acme = site.organization("acme")
        bots = [await with_token(site, each) for each in (first, second)]

        answers = [(await bots[0].create(acme)).outcome for _ in range(4)]
        others = [(await each.create(acme)).outcome for each in (bots[1], await site.person("ada"))]
        clock.advance(minutes=1)
        later = (await bots[0].create(acme)).outcome

    assert answers == ["ApiKeyIssued"] * 3 + ["RATE_LIMITED"]
    assert others == ["ApiKeyIssued"] * 2
    assert later == "ApiKeyIssued"


async def test_tokens_count_among_the_changes_of_their_maker(database_address: str, clock: Clock) -> None:
    """Nobody fills the table faster than they create keys."""
    async with open_site(database_address, clock, {"KEYDESK_MUTATIONS_PER_MINUTE": "2"}) as site:
        ada = await site.person("ada")
        answers = [(await ada.graphql(CREATE_TOKEN, input=wanted(site))).outcome for _ in range(3)]

    assert answers == ["ServiceTokenIssued"] * 2 + ["RATE_LIMITED"]


@pytest.mark.parametrize("name", PROGRAMS)
async def test_no_program_manages_tokens(site: Site, name: str) -> None:
    """Neither its own nor another one."""
    row, _ = await stored_token(site, "admin token")
    client = await program(site, name)
    token_id = external_id(Prefix.TOKEN, row.id)

    outcomes = [
        (await client.graphql(CREATE_TOKEN, input=wanted(site))).outcome,
        (await client.graphql(REVOKE_TOKEN, input={"id": token_id})).outcome,
    ]
    seen = await client.graphql("query ($id: ID!) { node(id: $id) { id } }", id=token_id)

    assert outcomes == ["FORBIDDEN"] * 2
    assert seen.body["data"] == {"node": None}


async def test_a_deleted_organization_s_tokens_are_gone(site: Site, clock: Clock) -> None:
    """Its token is refused, and another organization's goes on."""
    _, secret = await made(site)
    bot, other = await with_token(site, secret), await program(site, "globex token")
    async with site.database.transaction() as session:
        mine = col(Organization.id) == site.world.acme.id
        await session.execute(update(Organization).where(mine).values(deleted_at=clock()))

    assert (await bot.graphql("{ supportEmail }")).response.status_code == 401
    assert (await other.graphql("{ supportEmail }")).codes == []
