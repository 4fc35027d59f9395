"""What people can do while signed out, and before they have replaced a one-time password."""

from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from models import Person
from models.engine.ids import Prefix, external_id
from tests.conftest import Clock
from tests.support.client import NEVER_WAS, NOBODY, PASSWORD, Client, Site, open_site
from tests.support.graphql.documents import CHANGE_PASSWORD, CREATE, DELETE, END_OVERLAP, LIST, RENAME, ROTATE, SEE
from tests.support.graphql.minimal import documents

OPEN = {
    "viewer",
    "supportEmail",
    "signInMethods",
    "invitation",
    "signIn",
    "signOut",
    "acceptInvitation",
    "requestPasswordReset",
    "resetPassword",
    "enterByLink",
}
"""The fields of queries and mutations that nobody has to sign in for."""
VIEWER = "{ viewer { user { email } passwordChangeRequired organizations { name } } }"
A_KEY = external_id(Prefix.API_KEY, NEVER_WAS)
AN_ORGANIZATION = external_id(Prefix.ORGANIZATION, NEVER_WAS)
CLOSED: dict[str, tuple[str, dict[str, Any]]] = {
    "organization": (LIST, {"id": AN_ORGANIZATION}),
    "apiKey": (SEE, {"id": A_KEY}),
    "createApiKey": (CREATE, {"input": {"organizationId": AN_ORGANIZATION, "name": "x", "scope": "ORGANIZATION"}}),
    "renameApiKey": (RENAME, {"input": {"id": A_KEY, "name": "x"}}),
    "rotateApiKey": (ROTATE, {"input": {"id": A_KEY}}),
    "endOverlap": (END_OVERLAP, {"input": {"id": A_KEY}}),
    "deleteApiKey": (DELETE, {"input": {"id": A_KEY}}),
}
"""The fields that require a signed-in person with a password of their own."""


@pytest.mark.parametrize("field", CLOSED)
async def test_the_signed_out_are_told_to_sign_in(site: Site, field: str) -> None:
    """The answer is the same whether or not the object exists."""
    document, variables = CLOSED[field]

    answer = await (await site.person(NOBODY)).graphql(document, **variables)

    assert answer.codes == ["UNAUTHENTICATED"]
    assert answer.body["data"] == {field: None}


async def test_the_signed_out_are_told_so_for_the_password_too(site: Site) -> None:
    """Changing a password requires a session."""
    nobody = await site.person(NOBODY)

    assert (await nobody.graphql(CHANGE_PASSWORD, current=PASSWORD, new="a password of one's own")).outcome == (
        "UNAUTHENTICATED"
    )


@pytest.mark.parametrize("operation", ["query", "mutation"])
async def test_every_other_field_is_closed_to_the_signed_out(site: Site, operation: str) -> None:
    """A new field is closed, or is named in OPEN."""
    browser = await site.browser()
    answers = {name: await browser.graphql(each) for name, each in documents(operation).items() if name not in OPEN}

    assert answers
    assert {name: each.codes for name, each in answers.items() if each.codes != ["UNAUTHENTICATED"]} == {}


@pytest.mark.parametrize("operation", ["query", "mutation"])
async def test_every_other_field_is_closed_to_a_one_time_password(newcomer: Client, operation: str) -> None:
    """Changing the password is open, too."""
    opens = {*OPEN, "changePassword"}
    answers = {name: await newcomer.graphql(each) for name, each in documents(operation).items() if name not in opens}

    assert answers
    assert {name: each.codes for name, each in answers.items() if each.codes != ["PASSWORD_CHANGE_REQUIRED"]} == {}


async def test_what_is_open_to_the_signed_out(site: Site) -> None:
    """`viewer` is null; the support address, `__typename`, sign-in and sign-out are open."""
    nobody = await site.person(NOBODY)

    shown = await nobody.graphql("{ __typename viewer { __typename } supportEmail }")
    out = await nobody.graphql("mutation { __typename signOut }")
    refused = await nobody.sign_in("ada@example.com", "not her password")

    assert shown.data == {"__typename": "Query", "viewer": None, "supportEmail": None}
    assert out.data == {"__typename": "Mutation", "signOut": True}
    assert refused.outcome == "SignInRefused"
    assert "set-cookie" not in refused.response.headers


@pytest.mark.parametrize(
    "document",
    [
        "{ __schema { queryType { name } } }",
        '{ __type(name: "ApiKey") { name } }',
        "query { supportEmail ...F } fragment F on Query { __schema { types { name } } }",
        "{ supportEmail s: __schema { directives { name } } }",
    ],
)
async def test_introspection_is_for_the_signed_in(site: Site, document: str) -> None:
    """Introspection is refused alone, in a fragment, and beside open fields."""
    refused = await (await site.person(NOBODY)).graphql(document)
    shown = await (await site.person("mel")).graphql(document)

    assert (refused.response.status_code, refused.codes) == (400, ["UNAUTHENTICATED"])
    assert "data" not in refused.body
    assert shown.codes == []


async def test_names_of_the_schema_are_not_guessed_for_the_signed_out(site: Site) -> None:
    """The error for a misspelled field suggests no similar names."""
    answer = await (await site.person(NOBODY)).graphql("{ apiKeyz(id: 1) { hintt } }")

    assert answer.codes == ["GRAPHQL_VALIDATION_FAILED"]
    assert "Did you mean" not in answer.response.text


async def test_a_sign_out_ends_the_session_for_every_browser_that_has_its_cookie(site: Site) -> None:
    """A copied cookie stops working."""
    ada = await site.person("ada")
    thief = await site.browser(cookie=f"keydesk_session={ada.http.cookies['keydesk_session']}")
    before = (await thief.graphql(VIEWER)).value

    await ada.graphql("mutation { signOut }")

    assert before["user"]["email"] == "ada@example.com"
    assert (await thief.graphql(VIEWER)).value is None
    assert (await ada.graphql(VIEWER)).value is None
    assert "keydesk_session" not in ada.http.cookies


async def test_a_document_goes_on_as_whom_it_signed_in(site: Site) -> None:
    """Each field is executed as the person who is signed in by then."""
    browser = await site.browser()

    answer = await browser.graphql(
        """
        mutation ($input: CreateApiKeyInput!, $password: String!) {
          before: createApiKey(input: $input) { __typename }
          signIn(input: {email: "ada@example.com", password: $password}) {
            ... on Viewer { organizations { name apiKeys { name } } }
          }
          during: createApiKey(input: $input) { __typename }
          signOut
          after: createApiKey(input: $input) { __typename }
        }
        """,
        input={"organizationId": site.organization("acme"), "name": "x", "scope": "ORGANIZATION"},
        password=PASSWORD,
    )

    assert answer.codes == ["UNAUTHENTICATED", "UNAUTHENTICATED"]
    assert answer.body["data"] == {
        "before": None,
        "signIn": {"organizations": [{"name": "Acme", "apiKeys": []}]},
        "during": {"__typename": "ApiKeyIssued"},
        "signOut": True,
        "after": None,
    }
    assert (await browser.graphql(VIEWER)).value is None


@pytest.fixture
async def newcomer(site: Site) -> Client:
    """Ada, who has just signed in with a one-time password."""
    async with site.database.transaction() as session:
        one_time = update(Person).where(col(Person.email) == "ada@example.com").values(password_is_one_time=True)
        await session.execute(one_time)
    return await site.person("ada")


@pytest.mark.parametrize("field", CLOSED)
async def test_a_one_time_password_opens_nothing(newcomer: Client, field: str) -> None:
    """Every field requires a new password first."""
    document, variables = CLOSED[field]

    answer = await newcomer.graphql(document, **variables)

    assert answer.codes == ["PASSWORD_CHANGE_REQUIRED"]
    assert answer.body["data"] == {field: None}


async def test_a_one_time_password_shows_no_more_than_who_one_is(newcomer: Client) -> None:
    """The schema is not shown. `__typename` and the support address are open to all."""
    closed = await newcomer.graphql("{ __schema { queryType { name } } }")
    open_to_all = await newcomer.graphql("{ __typename supportEmail viewer { __typename } }")

    assert closed.codes == ["PASSWORD_CHANGE_REQUIRED"]
    assert open_to_all.data == {"__typename": "Query", "supportEmail": None, "viewer": {"__typename": "Viewer"}}


async def test_a_password_of_one_s_own_opens_everything(site: Site, newcomer: Client) -> None:
    """Before the change the viewer has no organizations. Afterwards the same session has them."""
    before = (await newcomer.graphql(VIEWER)).value
    wrong = await newcomer.graphql(CHANGE_PASSWORD, current="not the one", new="a password of her own")
    short = await newcomer.graphql(CHANGE_PASSWORD, current=PASSWORD, new="short")
    still_closed = await newcomer.create(site.organization("acme"))

    changed = await newcomer.graphql(CHANGE_PASSWORD, current=PASSWORD, new="a password of her own")

    assert before == {"user": {"email": "ada@example.com"}, "passwordChangeRequired": True, "organizations": []}
    assert (wrong.value["field"], short.value["field"]) == ("currentPassword", "newPassword")
    assert still_closed.outcome == "PASSWORD_CHANGE_REQUIRED"
    assert changed.value == {
        "__typename": "Viewer",
        "passwordChangeRequired": False,
        "organizations": [{"name": "Acme"}],
    }
    assert (await newcomer.create(site.organization("acme"))).outcome == "ApiKeyIssued"
    again = await site.browser()
    assert (await again.sign_in("ada@example.com")).outcome == "SignInRefused"
    signed_in = await again.sign_in("ada@example.com", "a password of her own")
    assert signed_in.value["passwordChangeRequired"] is False


async def test_a_password_and_a_key_in_one_document(site: Site, newcomer: Client) -> None:
    """Fields after the password change in the same document are open."""
    answer = await newcomer.graphql(
        """
        mutation ($input: CreateApiKeyInput!, $current: String!) {
          before: createApiKey(input: $input) { __typename }
          changePassword(input: {currentPassword: $current, newPassword: "a password of her own"}) { __typename }
          after: createApiKey(input: $input) { __typename }
        }
        """,
        input={"organizationId": site.organization("acme"), "name": "x", "scope": "ORGANIZATION"},
        current=PASSWORD,
    )

    assert answer.codes == ["PASSWORD_CHANGE_REQUIRED"]
    assert answer.body["data"]["after"] == {"__typename": "ApiKeyIssued"}


async def test_the_support_address_is_shown_to_everybody(database_address: str, clock: Clock) -> None:
    """A configured support address is shown to everybody, also signed out."""
    async with open_site(database_address, clock, {"KEYDESK_SUPPORT_EMAIL": "help@example.com"}) as site:
        shown = [await (await site.person(name)).graphql("{ supportEmail }") for name in (NOBODY, "mel")]

    assert [answer.value for answer in shown] == ["help@example.com"] * 2


async def test_too_many_wrong_passwords_at_a_change_are_told_when_to_go_on(site: Site) -> None:
    """The refusal has the code RATE_LIMITED and the wait."""
    ada = await site.person("ada")

    answers = [
        await ada.graphql(CHANGE_PASSWORD, current="not hers at all", new="quite another pass phrase") for _ in range(6)
    ]

    assert [each.outcome for each in answers] == ["InvalidInput(currentPassword)"] * 5 + ["RATE_LIMITED"]
    assert answers[-1].body["errors"][0]["extensions"]["retryAfterSeconds"] > 0
