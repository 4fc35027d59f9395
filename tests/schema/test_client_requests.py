"""A creation that is sent again after a lost answer takes no second slot, for a person and for a program."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from app.retention import tidy
from models import ClientRequest, Membership, Role
from tests.conftest import Clock
from tests.support.client import Client, Site
from tests.support.programs import program

CREATE = """
mutation ($input: CreateApiKeyInput!) {
  createApiKey(input: $input) {
    __typename
    ... on ApiKeyIssued { secret apiKey { id } }
    ... on ApiKeyAlreadyIssued { apiKey { id status } message code }
    ... on InvalidInput { field message }
  }
}
"""
ID = "6f1c6c1e-9a3f-4a55-a1d5-2f1f0d8f8f10"


async def create(client: Client, site: Site, **more: Any) -> dict[str, Any]:
    wanted = {
        "organizationId": site.organization("acme"),
        "name": "deploy",
        "scope": "ORGANIZATION",
        "clientRequestId": ID,
        **more,
    }
    answer = await client.graphql(CREATE, input=wanted)
    return {"__typename": answer.outcome} if answer.codes else answer.value


async def keys_of(site: Site) -> int:
    return len(await (await site.person("ada")).list_names(site.organization("acme")))


@pytest.mark.parametrize("who", ["ada", "admin token"])
async def test_a_repeated_creation_names_the_key_that_is_there(site: Site, who: str) -> None:
    """Whether a person or a program sends it, and also if every slot is taken by now. The name counts trimmed."""
    client = await (site.person(who) if who == "ada" else program(site, who))

    first = await create(client, site)
    await site.fill(*"abcdefghi")
    again = await create(client, site, name=" deploy ")

    assert first["__typename"] == "ApiKeyIssued"
    assert again == {
        "__typename": "ApiKeyAlreadyIssued",
        "apiKey": {"id": first["apiKey"]["id"], "status": "ACTIVE"},
        "message": (
            "This request was carried out before, and its API key exists. The secret can't be shown again: if the "
            "answer with the secret was lost, rotate the key."
        ),
        "code": "API_KEY_ALREADY_ISSUED",
    }
    assert await keys_of(site) == 10


async def test_of_many_at_once_one_creates_the_key(site: Site) -> None:
    """The others get the same key, without a secret."""
    ada = await site.person("ada")

    answers = await asyncio.gather(*(create(ada, site) for _ in range(12)))

    assert sorted(each["__typename"] for each in answers) == ["ApiKeyAlreadyIssued"] * 11 + ["ApiKeyIssued"]
    assert len({each["apiKey"]["id"] for each in answers}) == 1
    assert await keys_of(site) == 1


@pytest.mark.parametrize("more", [{"name": "other"}, {"scope": "AGENT"}])
async def test_another_input_is_refused(site: Site, more: dict[str, Any]) -> None:
    """Nothing is created. The message says what to do."""
    ada = await site.person("ada")
    await create(ada, site)
    if "scope" in more:
        more = {**more, "agentId": site.agent("own")}

    refused = await create(ada, site, **more)

    assert (refused["__typename"], refused["field"]) == ("InvalidInput", "clientRequestId")
    assert "Use a new id for each key" in refused["message"]
    assert await keys_of(site) == 1


async def test_ids_are_each_ones_own(site: Site) -> None:
    """The same id of another person, and of a program, creates another key."""
    ada, grace = await site.person("ada"), await site.person("grace")
    bot = await program(site, "admin token")

    answers = [
        await create(ada, site),
        await create(grace, site, scope="AGENT", agentId=site.agent("own")),
        await create(bot, site),
    ]

    assert [each["__typename"] for each in answers] == ["ApiKeyIssued"] * 3


async def test_in_two_organizations_at_once_the_id_is_used_for_one(site: Site) -> None:
    """For an admin of both, the creation that comes second is refused, and takes no slot."""
    eve, ada = await site.person("eve"), await site.person("ada")
    theirs = {"organizationId": site.organization("globex")}
    world, joined = site.world, datetime(2026, 1, 6, tzinfo=UTC)
    async with site.database.transaction() as session:
        session.add(
            Membership(
                organization_id=world.acme.id,
                person_id=world.eve.id,
                role=Role.ORGANIZATION_ADMIN,
                created_at=joined,
            )
        )

    answers = await asyncio.gather(create(eve, site), create(eve, site, **theirs))

    assert sorted(each["__typename"] for each in answers) == ["ApiKeyIssued", "InvalidInput"]
    names = [await ada.list_names(site.organization("acme")), await eve.list_names(site.organization("globex"))]
    assert sorted(map(len, names)) == [0, 1]


async def test_a_deleted_key_is_not_made_again(site: Site) -> None:
    """The answer shows that it was deleted."""
    ada = await site.person("ada")
    first = await create(ada, site)
    await ada.delete(first["apiKey"]["id"])

    again = await create(ada, site)

    assert again["apiKey"] == {"id": first["apiKey"]["id"], "status": "DELETED"}
    assert await keys_of(site) == 0


async def test_after_a_day_the_id_is_free(site: Site, clock: Clock) -> None:
    """Whether or not retention has deleted the row."""
    ada = await site.person("ada")
    first = await create(ada, site)
    clock.advance(hours=23, minutes=59)
    ada = await site.person("ada")
    await ada.sign_in("ada@example.com")
    still = await create(ada, site)
    clock.advance(minutes=1)

    later = await create(ada, site, name="second")
    clock.advance(hours=24, seconds=1)
    await tidy(site.database, now=clock.now, audit_days=400)

    assert still["apiKey"]["id"] == first["apiKey"]["id"]
    assert later["__typename"] == "ApiKeyIssued"
    async with site.database.reading() as session:
        assert (await session.execute(select(func.count()).select_from(ClientRequest))).scalar_one() == 0


async def test_somebody_who_may_not_create_learns_nothing(site: Site) -> None:
    """A member with an id gets the refusal that they get without one."""
    assert (await create(await site.person("mel"), site))["__typename"] == "FORBIDDEN"


@pytest.mark.parametrize("wrong", ["", "x" * 65, "a\u0000b", "a\u200bb"])
async def test_an_id_that_does_not_fit_is_refused(site: Site, wrong: str) -> None:
    """It has 1 to 64 characters, all of them visible, and is no API key."""
    refused = await create(await site.person("ada"), site, clientRequestId=wrong)

    assert (refused["__typename"], refused["field"]) == ("InvalidInput", "clientRequestId")
    assert await keys_of(site) == 0


async def test_a_key_is_no_id(site: Site) -> None:
    """It would be stored as it is."""
    ada = await site.person("ada")
    secret = (await create(ada, site))["secret"]

    refused = await create(ada, site, clientRequestId=secret)

    assert (refused["__typename"], refused["field"]) == ("InvalidInput", "clientRequestId")
    assert secret not in refused["message"]
