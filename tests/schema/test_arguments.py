"""Unusual ids, numbers and texts as arguments of the whole application: each gets the contract's refusal."""

import json
from typing import Any

import httpx
import pytest

from models.engine.ids import Prefix, external_id
from tests.support.client import GRAPHQL, NEVER_WAS, Client, Site
from tests.support.graphql.documents import CREATE, DELETE, LIST, RENAME, ROTATE, SEE

ODD_IDS = [
    "",
    "key_",
    "KEY_" + "0" * 32,
    "key_" + "0" * 31,
    "key_" + "0" * 33,
    "key_" + "g" * 32,
    "key_" + "F" * 32,
    "key_01234567-89ab-cdef-0123-456789abcdef",
    "key_" + "\u0660" * 32,
    "key_{" + "0" * 30 + "}",
    "\x00",
    "key_\x00" + "0" * 31,
    "\U0001f511\u202e\ufeff",
    "' OR 1=1; --",
    "0" * 100_000,
    external_id(Prefix.ORGANIZATION, NEVER_WAS),
    external_id(Prefix.AGENT, NEVER_WAS),
    external_id(Prefix.PERSON, NEVER_WAS),
    external_id(Prefix.AUDIT_EVENT, NEVER_WAS),
    0,
    -1,
    2**53,
    10**30,
    1e300,
]
AUDIT = """
query ($id: ID!, $first: Int! = 50, $after: String) {
  organization(id: $id) { auditLog(first: $first, after: $after) { edges { node { id } } } }
}
"""


@pytest.fixture
async def ada(site: Site) -> Client:
    """An organization admin of Acme, whose role refuses nothing."""
    return await site.person("ada")


async def test_an_id_that_is_none_is_not_there(site: Site, ada: Client) -> None:
    """Malformed, unusual and foreign-type ids get the same answer as an id that never existed."""
    acme = site.organization("acme")
    wanted = {"organizationId": acme, "name": "x", "scope": "AGENT"}

    outcomes = set()
    for odd in ODD_IDS:
        outcomes.add(
            (
                (await ada.graphql(SEE, id=odd)).outcome,
                (await ada.graphql(RENAME, input={"id": odd, "name": "x"})).outcome,
                (await ada.graphql(ROTATE, input={"id": odd})).outcome,
                (await ada.graphql(DELETE, input={"id": odd})).outcome,
                (await ada.graphql(CREATE, input={**wanted, "agentId": odd})).outcome,
                (await ada.graphql(CREATE, input={**wanted, "organizationId": odd})).outcome,
                str((await ada.graphql(LIST, id=odd)).value),
                str((await ada.graphql(LIST, id=acme, agentId=odd)).value["apiKeys"]),
            )
        )

    not_found = "ApiKeyNotFound"
    assert outcomes == {
        ("null", not_found, not_found, not_found, "InvalidInput(agentId)", "NOT_FOUND", "None", "[]"),
    }


async def test_an_id_of_another_type_is_bad_user_input(ada: Client) -> None:
    """A value that can't be an ID is refused before execution."""
    odd_ids: list[Any] = [None, 1.5, True, ["key_1"], {"id": "key_1"}]

    answers = [await ada.graphql(DELETE, input={"id": odd}) for odd in odd_ids]

    assert [refused_before_execution(answer.response) for answer in answers] == ["BAD_USER_INPUT"] * len(odd_ids)


async def test_a_page_size_out_of_range_is_bad_user_input(site: Site, ada: Client) -> None:
    """Sizes outside 1 to 100 are refused."""
    acme = site.organization("acme")
    sizes = {0, -1, 101, 2**31 - 1, -(2**31), 1, 100}

    answers = {first: await ada.graphql(AUDIT, id=acme, first=first) for first in sizes}

    assert {first for first, answer in answers.items() if not answer.codes} == {1, 100}
    assert {answer.outcome for answer in answers.values() if answer.codes} == {"BAD_USER_INPUT"}


async def test_a_page_size_that_is_no_whole_number_is_bad_user_input(site: Site, ada: Client) -> None:
    """A value that is not a 32-bit integer is refused before execution."""
    sizes: list[Any] = [2**31, -(2**31) - 1, "10", 1.5, None, True]

    answers = [await ada.graphql(AUDIT, id=site.organization("acme"), first=first) for first in sizes]

    assert [refused_before_execution(answer.response) for answer in answers] == ["BAD_USER_INPUT"] * len(sizes)


async def test_null_for_an_argument_with_a_default_is_bad_user_input(site: Site, ada: Client) -> None:
    """Null passes validation through a nullable variable, and is then refused at execution."""
    page = AUDIT.replace("$first: Int! = 50", "$first: Int = 50")
    keys = LIST.replace("$includeDeleted: Boolean! = false", "$includeDeleted: Boolean = false")

    answers = [
        await ada.graphql(page, id=site.organization("acme"), first=None),
        await ada.graphql(keys, id=site.organization("acme"), includeDeleted=None),
    ]

    assert [answer.codes for answer in answers] == [["BAD_USER_INPUT"]] * 2


async def test_a_cursor_that_is_none_is_bad_user_input(site: Site, ada: Client) -> None:
    """An invalid cursor is refused and not taken for the first page."""
    cursors = ["", "0", "evt_", "evt_" + "g" * 32, "key_" + "0" * 32, "\x00", "eyJvZmZzZXQiOjF9", "x" * 100_000]

    answers = [await ada.graphql(AUDIT, id=site.organization("acme"), after=cursor) for cursor in cursors]

    assert [answer.outcome for answer in answers] == ["BAD_USER_INPUT"] * len(cursors)


async def test_a_search_may_be_any_text(site: Site, ada: Client) -> None:
    """No character of a search is a wildcard. White space around it is ignored."""
    acme = site.organization("acme")
    await ada.create(acme, "dep 10%")
    found = {"%", "_", "10%", " DEP ", "", " \t\n", "…"}
    not_found = {"dep_", "d%0", "\\", "\x00", "'", "\U0001f511", "ß" * 50_000, "(.*", "\u0130", "\ud7ff\ue000"}

    names = {search: await ada.list_names(acme, search=search) for search in found | not_found}

    assert {search for search in names if names[search]} == found


async def test_a_name_with_what_cannot_be_seen_is_invalid_input(site: Site, ada: Client) -> None:
    """Invisible characters are refused when creating and when renaming."""
    acme = site.organization("acme")
    key_id = (await ada.create(acme)).value["apiKey"]["id"]
    unseen = ["\x00", "\ufeff", "\u2028", "\U000e0001", "\ue000", "\uffff", "\u0378"]

    answers = [
        answer for each in unseen for answer in (await ada.create(acme, f"a{each}b"), await ada.rename(key_id, each))
    ]

    assert [answer.outcome for answer in answers] == ["InvalidInput(name)"] * 2 * len(unseen)


async def test_a_name_is_any_text_that_can_be_seen(site: Site, ada: Client) -> None:
    """Up to 64 characters are accepted, however many bytes they take."""
    acme = site.organization("acme")
    names = ["x" * 64, "\U0001f511" * 64, "<script>alert(1)</script>", "' OR 1=1", "日本語 ключ"]

    for name in names:
        issued = (await ada.create(acme, name)).value
        assert (await ada.see(issued["apiKey"]["id"])).value["name"] == name
        assert (await ada.create(acme, name + "x" * 64)).outcome == "InvalidInput(name)"


async def test_half_a_surrogate_pair_is_bad_user_input(ada: Client) -> None:
    """Half a surrogate pair is valid JSON and GraphQL, but no database can store it."""
    bodies = {
        "a variable": json.dumps({"query": SEE, "variables": {"id": "key_\ud800"}}),
        "a name": json.dumps({"query": RENAME, "variables": {"input": {"id": "key_1", "name": "\udfff"}}}),
        "the document": json.dumps({"query": '{ apiKey(id: "\ud83d") { id } }'}),
        "an escape in the document": json.dumps({"query": '{ apiKey(id: "\\uD83D") { id } }'}),
        "a braced escape": json.dumps({"query": '{ apiKey(id: "\\u{D83D}") { id } }'}),
    }
    headers = {"content-type": "application/json", "accept": GRAPHQL}

    answers = {place: await ada.http.post("/graphql", content=body, headers=headers) for place, body in bodies.items()}

    assert {place: refused_before_execution(answer) for place, answer in answers.items()} == dict.fromkeys(
        bodies, "BAD_USER_INPUT"
    )


def refused_before_execution(response: httpx.Response) -> str:
    """The error code of an answer without execution."""
    assert response.status_code == 400, response.text
    assert response.json().keys() == {"errors"}
    [error] = response.json()["errors"]
    code: str = error["extensions"]["code"]
    return code


@pytest.mark.parametrize("password", ["", "\x00", "p" * 100_000, "\U0001f511"])
async def test_a_sign_in_with_odd_texts_is_refused(site: Site, password: str) -> None:
    """Such a sign-in is refused like one with a wrong password."""
    accounts = ["", "ada", "ada@example.com\x00", "a" * 100_000, "\U0001f511@example.com", "ADA@EXAMPLE.COM\u3000"]
    browser = await site.browser()

    answers = [await browser.sign_in(account, password) for account in accounts]

    assert [answer.value["__typename"] for answer in answers] == ["SignInRefused"] * len(accounts)
    assert [answer.value["retryAfterSeconds"] for answer in answers] == [None] * len(accounts)


async def test_instants_end_in_z(site: Site, ada: Client) -> None:
    """Every instant is shown in UTC with a Z, on both databases."""
    key_id = (await ada.create(site.organization("acme"))).value["apiKey"]["id"]
    await ada.rotate(key_id, 60)
    key = (await ada.see(key_id)).value
    deleted = (await ada.delete(key_id)).value["apiKey"]
    document = "query ($id: ID!) { organization(id: $id) { auditLog { edges { node { at } } } } }"
    edges = (await ada.graphql(document, id=site.organization("acme"))).value["auditLog"]["edges"]

    instants = [key["createdAt"], deleted["deletedAt"], *(edge["node"]["at"] for edge in edges)]

    assert instants == ["2026-11-24T12:00:00Z"] * 5
