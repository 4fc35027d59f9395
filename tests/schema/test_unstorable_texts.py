"""A text that PostgreSQL can't store, as every argument that is a text: none of them is an internal error."""

import json

import pytest

from tests.schema.test_programs import objects
from tests.support.client import Client, Site
from tests.support.graphql.minimal import documents
from tests.support.graphql.provisioning import ORGANIZATIONS, create_link
from tests.support.programs import program

UNSTORABLE = "a\0b"


@pytest.fixture
async def host(site: Site) -> Client:
    """A program that may provision and sign people in."""
    return await program(site, "operator token")


async def test_no_organization_and_no_member_has_such_an_id(site: Site, host: Client) -> None:
    """The answers are those for an id that nobody has."""
    found = await host.graphql(ORGANIZATIONS, externalId=UNSTORABLE)

    assert (found.codes, found.value["edges"]) == ([], [])
    assert (await create_link(host, site.organization("acme"), UNSTORABLE)).outcome == "InvalidInput(externalId)"


async def test_no_argument_is_an_internal_error(site: Site, host: Client) -> None:
    """Required ones of every field, for a person and for programs. Ids of objects that exist refuse nothing."""
    ids = {name: value for name, value in (await objects(site)).items() if name.lower().endswith("id")}
    ids["path"] = "api-keys"
    clients = [await site.person("ada"), host, await program(site, "admin token")]

    answers = {
        (name, number): await client.graphql(document.replace('"x"', json.dumps(UNSTORABLE)))
        for number, client in enumerate(clients)
        for operation in ("query", "mutation")
        for name, document in documents(operation, ids).items()
        if name != "signOut"
    }

    assert [of for of, answer in answers.items() if "INTERNAL_SERVER_ERROR" in answer.codes] == []
