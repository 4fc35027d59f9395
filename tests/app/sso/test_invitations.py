"""The button of the provider on the page of an invitation."""

import re
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.graphql.people_documents import ACCEPT, INVITE
from tests.support.sso.site import SsoSite, provider, sso

__all__ = ["provider", "sso"]
NEW: dict[str, Any] = {"sub": "new-1", "email": "new@example.com", "email_verified": True, "name": "Newt"}
ORIGIN = {"origin": "http://keydesk.test"}
ORGANIZATIONS = "{ viewer { user { email name } organizations { name viewerRole } } }"


async def invite(sso: SsoSite, email: str, by: str = "ada") -> str:
    """Ada invites this address to Acme, or Eve to Globex. Returns the token of the link, which they pass on."""
    organization = sso.site.organization("acme" if by == "ada" else "globex")
    wanted = {"organizationId": organization, "email": email, "role": "MEMBER"}
    issued = (await (await sso.site.person(by)).graphql(INVITE, input=wanted)).value
    return str(issued["link"]).partition("#")[2]


async def accept(sso: SsoSite, token: str, claims: dict[str, Any], client: Client | None = None) -> Any:
    """Uses the button of the page, and signs in with these claims. Returns the browser and the last answer."""
    client = client or await sso.site.browser()
    begun = await client.http.post("/sso/start", json={"invitation": token}, headers=ORIGIN)
    assert begun.status_code == 200, begun.text
    return client, await sso.come_back(client, sso.provider.sign_in(begun.json()["url"], **claims))


async def organizations(client: Client) -> Any:
    found = (await client.graphql(ORGANIZATIONS)).value
    return None if found is None else {each["name"]: each["viewerRole"] for each in found["organizations"]}


async def test_somebody_new_gets_an_account_with_a_verified_address(sso: SsoSite) -> None:
    """The link's token is in no address, and works once."""
    token = await invite(sso, "new@example.com")

    client, answer = await accept(sso, token, NEW)

    assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
    viewer = (await client.graphql(ORGANIZATIONS)).value
    assert viewer["user"] == {"email": "new@example.com", "name": "Newt"}
    assert await organizations(client) == {"Acme": "MEMBER"}
    assert all(token not in each for asked in sso.provider.asked.values() for each in asked.parameters.values())
    _, again = await accept(sso, token, {**NEW, "sub": "new-2"})
    assert again.status_code == 403
    assert "The invitation is not valid any more" in again.text


async def test_somebody_with_an_account_is_linked_and_joins(sso: SsoSite) -> None:
    """Eve's account was not made for single sign-on; the invitation to her address says that it may be linked."""
    client, answer = await accept(
        sso, await invite(sso, "eve@example.com"), {"sub": "e", "email": "Eve@example.com", "email_verified": True}
    )

    assert answer.status_code == 303
    assert await organizations(client) == {"Acme": "MEMBER", "Globex": "ORGANIZATION_ADMIN"}


async def test_somebody_who_is_known_joins(sso: SsoSite) -> None:
    """By their account's address, or by the address that the provider says is verified."""
    first = await invite(sso, "eve@example.com")
    await accept(sso, first, {"sub": "e", "email": "eve@example.com", "email_verified": True})
    second = await invite(sso, "eve.new@example.com")

    client, answer = await accept(sso, second, {"sub": "e", "email": "eve.new@example.com", "email_verified": True})

    assert answer.status_code == 303
    assert (await organizations(client)).keys() == {"Acme", "Globex"}


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"email": "other@example.com"}, "This invitation is for new@example.com"),
        ({"email_verified": False}, "does not say that your e-mail address is verified"),
        ({"email": None}, "does not say what your e-mail address is"),
    ],
)
async def test_an_invitation_needs_the_invited_address(sso: SsoSite, claims: dict[str, Any], said: str) -> None:
    """Verified by the provider. The invitation can be used afterwards."""
    token = await invite(sso, "new@example.com")

    client, answer = await accept(sso, token, {**NEW, **claims})

    assert answer.status_code == 403
    assert said in answer.text.replace("&#x27;", "'")
    assert await organizations(client) is None
    assert (await accept(sso, token, NEW))[1].status_code == 303


async def test_an_account_of_another_subject_is_not_taken_by_an_invitation(sso: SsoSite) -> None:
    """The address belongs to somebody else at the provider by now."""
    await accept(sso, await invite(sso, "new@example.com"), NEW)
    token = await invite(sso, "new@example.com", by="eve")

    client, refused = await accept(sso, token, {**NEW, "sub": "successor"})

    assert refused.status_code == 403
    assert "belongs to another account at Example Login" in refused.text
    assert await organizations(client) is None
    assert (await accept(sso, token, NEW))[1].status_code == 303


async def test_a_password_that_somebody_else_may_know_ends(sso: SsoSite) -> None:
    """Somebody accepts a link that was not mailed, with another's address: the owner takes the account over."""
    token = await invite(sso, "new@example.com")
    thief = await sso.site.browser()
    password = "a passphrase of the thief"
    accepted = await thief.graphql(ACCEPT, input={"token": token, "name": "Thief", "password": password})
    assert accepted.outcome == "Viewer"

    client, answer = await accept(sso, await invite(sso, "new@example.com", by="eve"), NEW)

    assert answer.status_code == 303
    assert (await organizations(client)).keys() == {"Acme", "Globex"}
    assert await organizations(thief) is None
    assert (await (await sso.site.browser()).sign_in("new@example.com", password)).outcome == "SignInRefused"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"origin": "https://evil.example"}, {"invitation": "a" * 40}, 403),
        ({}, {"invitation": "a" * 40}, 403),
        (ORIGIN, {"invitation": "short"}, 400),
        (ORIGIN, {"invitation": 5}, 400),
        (ORIGIN, [], 400),
    ],
)
async def test_only_the_consoles_page_begins_it(
    sso: SsoSite, headers: dict[str, str], body: object, status: int
) -> None:
    """No other site's page can make a browser begin a sign-in with its invitation."""
    browser = await sso.site.browser()

    answer = await browser.http.post("/sso/start", json=body, headers=headers)

    assert answer.status_code == status
    assert re.search("console's pages|not the token", answer.json()["message"])
    assert "set-cookie" not in answer.headers


async def test_a_provider_that_is_down_is_said_to_the_page(sso: SsoSite) -> None:
    """In a sentence that the page shows."""
    sso.provider.answers["/.well-known/openid-configuration"] = lambda: (500, {}, b"")
    browser = await sso.site.browser()

    answer = await browser.http.post("/sso/start", json={"invitation": "a" * 40}, headers=ORIGIN)

    assert answer.status_code == 503
    assert answer.json() == {"message": "The sign-in service Example Login can't be reached. Try again in a minute."}
