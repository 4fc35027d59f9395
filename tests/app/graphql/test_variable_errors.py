"""A variable that does not fit: the message says which one, where in it, and what is expected, and repeats no value."""

from typing import Any

import pytest

from tests.support.client import Site

CREATE = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { __typename } }"
SEE = "query ($id: ID!) { apiKey(id: $id) { name } }"
PAGE = 'query ($first: Int!) { organization(id: "x") { auditLog(first: $first) { edges { cursor } } } }'
LIST = 'query ($deleted: Boolean!) { organization(id: "x") { apiKeys(includeDeleted: $deleted) { name } } }'
SERIES = 'query ($from: DateTime!) { apiKey(id: "x") { usage { series(from: $from, to: $from) { start } } } }'
INPUT = {"organizationId": "x", "name": "deploy", "scope": "ORGANIZATION"}
SECRET = "hunter2"


@pytest.mark.parametrize(
    ("document", "variables", "message"),
    [
        (SEE, {}, "Variable $id is missing. Send a value of the type ID!."),
        (SEE, {"id": None}, "Variable $id is null. Send a value of the type ID!."),
        (SEE, {"id": {SECRET: 1}}, "Variable $id must be an id, which is a string."),
        (CREATE, {"input": SECRET}, "Variable $input must be an object with the fields of CreateApiKeyInput."),
        (CREATE, {"input": {**INPUT, "name": 5}}, "Variable $input.name must be a string."),
        (CREATE, {"input": {**INPUT, "name": None}}, "Variable $input.name is null. Send a value of the type String!."),
        (
            CREATE,
            {"input": {**INPUT, "scope": SECRET}},
            "Variable $input.scope must be one of these: ORGANIZATION, AGENT.",
        ),
        (CREATE, {"input": {**INPUT, "scope": 5}}, "Variable $input.scope must be one of these: ORGANIZATION, AGENT."),
        (
            CREATE,
            {"input": {"organizationId": "x", "scope": "AGENT"}},
            "Variable $input has no field name, which CreateApiKeyInput requires.",
        ),
        (
            CREATE,
            {"input": {**INPUT, "nmae": SECRET}},
            "Variable $input has a field that CreateApiKeyInput does not have: nmae.",
        ),
        (
            CREATE,
            {"input": {**INPUT, "my hunter2": 1}},
            "Variable $input has a field that CreateApiKeyInput does not have.",
        ),
        (PAGE, {"first": SECRET}, "Variable $first must be a whole number from -2147483648 to 2147483647."),
        (PAGE, {"first": 2**31}, "Variable $first must be a whole number from -2147483648 to 2147483647."),
        (LIST, {"deleted": SECRET}, "Variable $deleted must be true or false."),
        (
            SERIES,
            {"from": "2026-01-01T00:00:00"},
            "Variable $from is not of the type DateTime. Add the time zone, such as the Z in 2026-11-24T12:00:00Z.",
        ),
        (
            SERIES,
            {"from": SECRET},
            "Variable $from is not of the type DateTime. Use a time in ISO 8601, such as 2026-11-24T12:00:00Z.",
        ),
    ],
)
async def test_the_message_says_what_to_send(site: Site, document: str, variables: Any, message: str) -> None:
    """Each is BAD_USER_INPUT, and nothing is executed."""
    answer = await (await site.person("ada")).graphql(document, **variables)

    assert (answer.response.status_code, answer.codes) == (400, ["BAD_USER_INPUT"])
    assert [error["message"] for error in answer.body["errors"]] == [message]
    assert SECRET not in answer.response.text


async def test_a_key_that_stands_as_a_field_is_not_repeated(site: Site) -> None:
    """A pasted key is a name that GraphQL would allow."""
    ada = await site.person("ada")
    secret = (await site.fill("deploy"))["deploy"]["secret"]

    answer = await ada.graphql(CREATE, input={**INPUT, secret: 1})

    assert answer.codes == ["BAD_USER_INPUT"]
    assert secret not in answer.response.text
    assert {error["message"] for error in answer.body["errors"]} == {
        "Variable $input has a field that CreateApiKeyInput does not have."
    }
