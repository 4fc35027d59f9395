"""The limit of keys and the rate limit of changes over GraphQL, and their refusals."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.conftest import Clock
from tests.support.client import Answer, Site, open_site
from tests.support.graphql.documents import LIST


@pytest.fixture
async def site_of_few_changes(database_address: str, clock: Clock) -> AsyncIterator[Site]:
    """A site where a person can change keys three times per minute."""
    async with open_site(database_address, clock, {"KEYDESK_MUTATIONS_PER_MINUTE": "3"}) as opened:
        yield opened


async def test_keys_that_one_may_not_see_take_slots_too(site: Site) -> None:
    """An agent admin and a member see how many slots are taken, but not by which keys."""
    grace, mel = await site.person("grace"), await site.person("mel")
    acme = site.organization("acme")
    await site.fill("one", "two")
    await grace.create(acme, "hers", site.agent("own"))

    shown = [(await client.graphql(LIST, id=acme)).value for client in (grace, mel)]

    assert [each["keyAllowance"] for each in shown] == [{"used": 3, "limit": 10, "remaining": 7}] * 2
    assert [[key["name"] for key in each["apiKeys"]] for each in shown] == [["hers"], []]


async def test_at_the_limit_one_is_told_which_keys_one_could_delete(site: Site, clock: Clock) -> None:
    """The refusal lists the keys that the person can delete, oldest first. A freed slot can be used at once."""
    ada, grace = await site.person("ada"), await site.person("grace")
    acme, own = site.organization("acme"), site.agent("own")
    await site.fill("first")
    clock.advance(minutes=1)
    hers = (await grace.create(acme, "hers", own)).value["apiKey"]
    clock.advance(minutes=1)
    await ada.create(acme, "biller's", site.agent("other"))
    await site.set_key_limit(3)

    to_ada, to_grace = await ada.create(acme), await grace.create(acme, "second", own)

    assert [answer.outcome for answer in (to_ada, to_grace)] == ["KeyLimitReached"] * 2
    assert to_ada.value["keyAllowance"] == to_grace.value["keyAllowance"] == {"used": 3, "limit": 3, "remaining": 0}
    assert [key["name"] for key in to_ada.value["candidates"]] == ["first", "hers", "biller's"]
    assert to_grace.value["candidates"] == [hers]
    assert (await grace.delete(hers["id"])).outcome == "ApiKeyDeleted"
    assert (await grace.create(acme, "second", own)).outcome == "ApiKeyIssued"


async def test_a_limit_below_what_is_used_refuses_new_keys_and_breaks_none(site: Site) -> None:
    """New keys are refused until enough are deleted. The remaining number is never negative."""
    ada = await site.person("ada")
    keys = await site.fill("one", "two", "three")
    await site.set_key_limit(2)
    refused = await ada.create(site.organization("acme"))
    at_limit = (await ada.delete(keys["one"]["apiKey"]["id"])).value["keyAllowance"]
    still_refused = await ada.create(site.organization("acme"))
    below = (await ada.delete(keys["two"]["apiKey"]["id"])).value["keyAllowance"]

    assert refused.value["keyAllowance"] == {"used": 3, "limit": 2, "remaining": 0}
    assert at_limit == {"used": 2, "limit": 2, "remaining": 0}
    assert still_refused.outcome == "KeyLimitReached"
    assert below == {"used": 1, "limit": 2, "remaining": 1}
    assert await site.code_at_gateway(keys["three"]["secret"]) == "good"
    assert (await ada.create(site.organization("acme"))).outcome == "ApiKeyIssued"


async def test_of_many_requests_at_once_for_the_last_slot_one_gets_it(site: Site) -> None:
    """One creation succeeds, the others get KeyLimitReached."""
    ada = await site.person("ada")
    acme = site.organization("acme")
    await site.fill(*"abcdefghi")

    answers = await asyncio.gather(*(ada.create(acme, "racer") for _ in range(20)))

    assert sorted(answer.outcome for answer in answers) == ["ApiKeyIssued"] + ["KeyLimitReached"] * 19
    assert len(await ada.list_names(acme)) == 10


async def test_fifty_creations_in_one_document_at_nine_of_ten_issue_one_key(site: Site) -> None:
    """The one issued secret works. The others get KeyLimitReached."""
    ada = await site.person("ada")
    await site.fill(*"abcdefghi")

    wanted = {"organizationId": site.organization("acme"), "name": "racer", "scope": "ORGANIZATION"}
    fields = " ".join(f"m{number}: createApiKey(input: $input) {{ ...Result }}" for number in range(50))

    answer = await ada.graphql(
        f"""
        mutation ($input: CreateApiKeyInput!) {{ {fields} }}
        fragment Result on CreateApiKeyResult {{
          __typename ... on ApiKeyIssued {{ secret }} ... on KeyLimitReached {{ keyAllowance {{ used }} }}
        }}
        """,
        input=wanted,
    )

    outcomes = [each["__typename"] for each in answer.data.values()]
    assert sorted(outcomes) == ["ApiKeyIssued"] + ["KeyLimitReached"] * 49
    [secret] = [each["secret"] for each in answer.data.values() if "secret" in each]
    assert await site.code_at_gateway(secret) == "good"
    assert (await ada.graphql(LIST, id=site.organization("acme"))).value["keyAllowance"]["used"] == 10


@pytest.mark.parametrize("operation", ["create", "rename", "rotate", "end_overlap", "delete"])
async def test_changes_beyond_the_limit_are_rate_limited(
    site_of_few_changes: Site, clock: Clock, operation: str
) -> None:
    """Beyond the limit, changes are refused, and succeed after the given wait. KeyLimitReached does not count."""
    site = site_of_few_changes
    ada = await site.person("ada")
    acme = site.organization("acme")
    key_id = (await ada.create(acme)).value["apiKey"]["id"]
    await site.set_key_limit(1)
    refused_at_limit = {(await ada.create(acme)).outcome for _ in range(5)}
    clock.advance(seconds=20)
    await ada.rename(key_id, "one")
    await ada.rename(key_id, "two")
    await site.set_key_limit(10)
    asks: dict[str, Callable[[], Awaitable[Answer]]] = {
        "create": lambda: ada.create(acme),
        "rename": lambda: ada.rename(key_id),
        "rotate": lambda: ada.rotate(key_id),
        "end_overlap": lambda: ada.end_overlap(key_id),
        "delete": lambda: ada.delete(key_id),
    }
    asked = asks[operation]

    limited = await asked()
    others = await (await site.person("grace")).create(acme, "hers", site.agent("own"))
    clock.advance(seconds=limited.body["errors"][0]["extensions"]["retryAfterSeconds"])
    later = await asked()

    assert refused_at_limit == {"KeyLimitReached"}
    assert limited.outcome == "RATE_LIMITED"
    assert limited.body["errors"][0]["extensions"]["retryAfterSeconds"] == 40
    assert others.outcome == "ApiKeyIssued"
    assert later.outcome in {"ApiKeyIssued", "ApiKey", "ApiKeyDeleted"}
