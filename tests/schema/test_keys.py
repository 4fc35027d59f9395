"""The life of a key over GraphQL, from creation to deletion, and what the gateway gets for it."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from app import utc_now
from models import ApiKey
from tests.conftest import Clock
from tests.support.client import Site
from tests.support.graphql.documents import LIST

AUDIT = "query ($id: ID!) { organization(id: $id) { auditLog { edges { node { action } } } } }"
SECRET = re.compile(r"kd_[0-9A-Za-z]{16}_[0-9A-Za-z]{42}")


async def test_a_created_key_is_shown_with_its_secret_and_works(site: Site, clock: Clock) -> None:
    """The answer has all fields of the key, and its secret passes verification."""
    ada = await site.person("ada")
    acme, own = site.organization("acme"), site.agent("own")

    issued = (await ada.create(acme, "  Nightly\u0301 ", own)).value

    key = issued["apiKey"]
    assert SECRET.fullmatch(issued["secret"])
    assert key == {
        "id": key["id"],
        "name": "Nightlý",
        "scope": "AGENT",
        "agent": {"id": own, "name": "Crawler", "deletedAt": None},
        "status": "ACTIVE",
        "hint": f"{issued['secret'][:9]}…{issued['secret'][-4:]}",
        "createdAt": "2026-11-24T12:00:00Z",
        "createdBy": {"id": key["createdBy"]["id"], "email": "ada@example.com", "name": "Ada"},
        "deletedAt": None,
        "deletedBy": None,
        "previousSecretWorksUntil": None,
        "viewerCanManage": True,
    }
    verified = (await site.verify(issued["secret"])).json()
    assert re.fullmatch("key_[0-9a-f]{32}", key["id"])
    assert (verified["keyId"], verified["organizationId"]) == (key["id"], acme)
    assert (verified["scope"], verified["agentId"]) == ("agent", own)


async def test_the_secret_is_shown_once(site: Site) -> None:
    """Neither the key, the list, a rename, the audit log nor the deletion shows the secret again."""
    ada = await site.person("ada")
    acme = site.organization("acme")
    issued = (await ada.create(acme)).value

    later = [
        await ada.see(issued["apiKey"]["id"]),
        await ada.graphql(LIST, id=acme, includeDeleted=True),
        await ada.rename(issued["apiKey"]["id"]),
        await ada.graphql(
            "query ($id: ID!) { organization(id: $id) { auditLog { edges { node { summary } } } } }", id=acme
        ),
        await ada.delete(issued["apiKey"]["id"]),
    ]

    assert [answer.response.status_code for answer in later] == [200] * 5
    assert [answer for answer in later if issued["secret"][20:] in answer.response.text] == []


async def test_a_renamed_key_is_the_same_key(site: Site) -> None:
    """A renamed key's secret works on. An unusable name is InvalidInput and leaves the old one."""
    ada = await site.person("ada")
    issued = (await ada.create(site.organization("acme"))).value

    renamed = (await ada.rename(issued["apiKey"]["id"], "production")).value
    refused = [await ada.rename(issued["apiKey"]["id"], name) for name in ("", " \t", "x" * 65, "a\u202eb", "a\x00b")]

    del renamed["__typename"]
    assert renamed == issued["apiKey"] | {"name": "production"}
    assert {answer.outcome for answer in refused} == {"InvalidInput(name)"}
    assert (await ada.see(issued["apiKey"]["id"])).value["name"] == "production"
    assert await site.code_at_gateway(issued["secret"]) == "good"


async def test_a_key_is_not_kept_as_a_name(site: Site) -> None:
    """A secret as a name is refused when creating and renaming. The answers do not repeat it."""
    ada, acme = await site.person("ada"), site.organization("acme")
    issued = (await ada.create(acme)).value
    secret = issued["secret"]

    answers = [
        await ada.create(acme, secret),
        await ada.rename(issued["apiKey"]["id"], secret),
        await ada.rename(issued["apiKey"]["id"], f"Bearer {secret[:57]}"),
        await ada.rename(issued["apiKey"]["id"], "\u3164"),
    ]
    listed = await ada.list_names(acme)

    assert {answer.outcome for answer in answers} == {"InvalidInput(name)"}
    assert not [answer for answer in answers if secret[20:40] in answer.response.text]
    assert "rotate it" in answers[0].value["message"]
    assert listed == ["deploy"]


async def test_a_rotation_without_overlap_ends_the_secret_before(site: Site) -> None:
    """A rotation needs no free slot and keeps the key's id. The old secret stops working."""
    ada = await site.person("ada")
    await site.set_key_limit(1)
    issued = (await ada.create(site.organization("acme"))).value

    rotated = (await ada.rotate(issued["apiKey"]["id"])).value

    assert rotated["apiKey"]["id"] == issued["apiKey"]["id"]
    assert rotated["secret"][:20] == issued["secret"][:20]
    assert rotated["apiKey"]["hint"] == f"{rotated['secret'][:9]}…{rotated['secret'][-4:]}"
    assert await site.code_at_gateway(issued["secret"]) == "replaced_secret"
    assert await site.code_at_gateway(rotated["secret"]) == "good"


async def test_a_rotation_with_overlap_says_until_when_and_keeps_one_secret_before(site: Site, clock: Clock) -> None:
    """The answer says until when the old secret works. A second rotation ends the oldest secret."""
    clock.now = utc_now()
    ada = await site.person("ada")
    issued = (await ada.create(site.organization("acme"))).value
    key_id, secrets = issued["apiKey"]["id"], [issued["secret"]]

    async def rotate(overlap_seconds: int) -> tuple[Any, list[str]]:
        rotated = (await ada.rotate(key_id, overlap_seconds)).value
        secrets.append(rotated["secret"])
        return rotated["apiKey"], [await site.code_at_gateway(secret) for secret in secrets]

    first_key, first = await rotate(3600)
    _, second = await rotate(86_400)
    third_key, third = await rotate(0)

    works_until = first_key["previousSecretWorksUntil"]
    assert works_until.endswith("Z")
    assert abs(datetime.fromisoformat(works_until) - clock.now - timedelta(hours=1)) < timedelta(minutes=1)
    assert first == ["good", "good"]
    assert second == ["replaced_secret", "good", "good"]
    assert third == ["replaced_secret", "replaced_secret", "replaced_secret", "good"]
    assert third_key["previousSecretWorksUntil"] is None


async def test_an_overlap_can_be_ended_before_it_is_over(site: Site, clock: Clock) -> None:
    """The previous secret is refused at once, the new one goes on. The second time, nothing happens."""
    clock.now = utc_now()
    ada = await site.person("ada")
    before = (await ada.create(site.organization("acme"))).value
    key_id = before["apiKey"]["id"]
    after = (await ada.rotate(key_id, 3600)).value

    ended, again = await ada.end_overlap(key_id), await ada.end_overlap(key_id)

    assert ended.outcome == "ApiKey"
    assert (ended.value["previousSecretWorksUntil"], again.value) == (None, ended.value)
    codes = [await site.code_at_gateway(each["secret"]) for each in (before, after)]
    assert codes == ["replaced_secret", "good"]
    told = (await ada.graphql(AUDIT, id=site.organization("acme"))).value["auditLog"]["edges"]
    assert [edge["node"]["action"] for edge in told] == ["API_KEY_OVERLAP_ENDED", "API_KEY_ROTATED", "API_KEY_CREATED"]


@pytest.mark.parametrize("seconds", [-1, 86_401, 2**31 - 1, -(2**31)])
async def test_an_overlap_of_more_than_a_day_is_invalid_input(site: Site, seconds: int) -> None:
    """The overlap is refused, and the old secret still works."""
    ada = await site.person("ada")
    issued = (await ada.create(site.organization("acme"))).value

    refused = await ada.rotate(issued["apiKey"]["id"], seconds)

    assert refused.outcome == "InvalidInput(overlapSeconds)"
    assert await site.code_at_gateway(issued["secret"]) == "good"


async def test_a_deleted_key_is_a_tombstone_that_frees_its_slot(site: Site, clock: Clock) -> None:
    """The secret stops working at once. The tombstone shows who deleted the key and when."""
    ada, grace = await site.person("ada"), await site.person("grace")
    issued = (await ada.create(site.organization("acme"), "deploy", site.agent("own"))).value
    clock.advance(hours=1)

    deleted = (await grace.delete(issued["apiKey"]["id"])).value

    tombstone = issued["apiKey"] | {
        "status": "DELETED",
        "deletedAt": "2026-11-24T13:00:00Z",
        "deletedBy": {"id": deleted["apiKey"]["deletedBy"]["id"], "email": "grace@example.com", "name": "Grace"},
        "viewerCanManage": False,
    }
    assert deleted["apiKey"] == tombstone
    assert deleted["keyAllowance"] == {"used": 0, "limit": 10, "remaining": 10}
    assert (await ada.see(issued["apiKey"]["id"])).value == {"__typename": "ApiKey", **tombstone}
    assert await site.code_at_gateway(issued["secret"]) == "deleted_key"
    assert (await ada.delete(issued["apiKey"]["id"])).outcome == "ApiKeyNotFound"


async def test_lists_are_newest_first_and_have_the_deleted_when_asked_for(site: Site, clock: Clock) -> None:
    """Lists can be filtered by agent and by a search in name and hint that ignores case."""
    ada = await site.person("ada")
    acme, own = site.organization("acme"), site.agent("own")
    keys = await site.fill("Straße nightly", "billing")
    keys["crawler"] = (await ada.create(acme, "crawler", own)).value
    await ada.delete(keys["billing"]["apiKey"]["id"])

    assert await ada.list_names(acme) == ["crawler", "Straße nightly"]
    assert await ada.list_names(acme, includeDeleted=True) == ["crawler", "billing", "Straße nightly"]
    assert await ada.list_names(acme, agentId=own) == ["crawler"]
    assert await ada.list_names(acme, search="STRASSE N") == ["Straße nightly"]
    assert await ada.list_names(acme, search=keys["crawler"]["secret"][-4:].swapcase()) == ["crawler"]
    assert await ada.list_names(acme, search="billing") == []
    assert await ada.list_names(acme, search="billing", includeDeleted=True) == ["billing"]
    assert await ada.list_names(acme, search="%", includeDeleted=True) == []
    assert await ada.list_names(acme, search="", agentId=None) == ["crawler", "Straße nightly"]


async def test_of_the_deleted_the_newest_hundred_are_listed(site: Site, clock: Clock) -> None:
    """The hundred deleted last are listed, whenever they were created."""
    ada = await site.person("ada")
    async with site.database.transaction() as session:
        for number in range(102):
            deleted_at = clock.now + timedelta(minutes=1000 if number == 0 else number)
            session.add(
                ApiKey(
                    organization_id=site.world.acme.id,
                    name=str(number),
                    prefix="kd",
                    public_id=f"{number:016}",
                    last_four="4444",
                    created_at=clock.now,
                    deleted_at=deleted_at,
                )
            )
            await session.flush()

    names = await ada.list_names(site.organization("acme"), includeDeleted=True)

    assert names == [str(number) for number in range(101, 2, -1)] + ["0"]


async def test_an_error_in_one_field_leaves_another_s_secret_in_the_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other fields' errors do not remove an issued secret from the answer, and the secret works."""
    ada = await site.person("ada")
    wanted = {"organizationId": site.organization("acme"), "name": "x", "scope": "ORGANIZATION"}
    key_id = (await ada.create(site.organization("acme"))).value["apiKey"]["id"]

    async def fail(*_arguments: object, **_named: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("resolvers.api_keys.record", fail)
    answer = await ada.graphql(
        """
        mutation ($mine: CreateApiKeyInput!, $theirs: CreateApiKeyInput!, $key: ID!) {
          notMine: createApiKey(input: $theirs) { __typename }
          first: createApiKey(input: $mine) { ... on ApiKeyIssued { secret } }
          failed: deleteApiKey(input: {id: $key}) { __typename }
          second: createApiKey(input: $mine) { ... on ApiKeyIssued { secret } }
          nowhere: createApiKey(input: $theirs) { __typename }
        }
        """,
        mine=wanted,
        theirs={**wanted, "organizationId": site.organization("globex")},
        key=key_id,
    )

    data = answer.body["data"]
    assert answer.codes == ["NOT_FOUND", "INTERNAL_SERVER_ERROR", "NOT_FOUND"]
    assert (data["notMine"], data["failed"], data["nowhere"]) == (None, None, None)
    assert [await site.code_at_gateway(data[name]["secret"]) for name in ("first", "second")] == ["good", "good"]


@pytest.mark.parametrize("scheme", ["x-api-key", "cookie"])
async def test_a_key_signs_nobody_in(site: Site, scheme: str) -> None:
    """An API key as header or cookie gives no access to GraphQL. As a bearer token, it is refused."""
    secret = (await (await site.person("ada")).create(site.organization("acme"))).value["secret"]
    value = {"x-api-key": secret, "cookie": f"keydesk_session={secret}"}[scheme]

    bearer = await site.browser(**{scheme: value})

    assert (await bearer.graphql("{ viewer { user { id } } }")).value is None
    assert (await bearer.create(site.organization("acme"))).outcome == "UNAUTHENTICATED"
    assert (await bearer.graphql("{ __schema { queryType { name } } }")).codes == ["UNAUTHENTICATED"]
