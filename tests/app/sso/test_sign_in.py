"""The sign-in by the identity provider, from the button to the console."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import update
from sqlmodel import col

from models import Person
from tests.conftest import Clock
from tests.support.client import PUBLIC_URL
from tests.support.sso.provider import CLIENT_ID, as_json
from tests.support.sso.site import SsoSite, heading, provider, sso

__all__ = ["provider", "sso"]
ADA: dict[str, Any] = {"sub": "ada-1", "email": "ada@example.com", "email_verified": True}


async def allow(sso: SsoSite, email: str = "ada@example.com") -> None:
    """The operator made the account for this address."""
    async with sso.site.database.transaction() as session:
        await session.execute(update(Person).where(col(Person.email) == email).values(is_linkable=True))


async def test_the_browser_is_sent_to_the_provider_with_pkce_state_and_nonce(sso: SsoSite) -> None:
    """The request has everything that protects it, and what is secret of it stays with Keydesk."""
    client = await sso.site.browser()

    address = await sso.start(client)

    assert address.startswith(f"{sso.provider.issuer}/authorize?")
    sent = dict(parse_qsl(urlsplit(address).query))
    assert (
        sent.items()
        >= {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": f"{PUBLIC_URL}/sso/callback",
            "scope": "openid email profile",
            "code_challenge_method": "S256",
        }.items()
    )
    assert len({sent["state"], sent["nonce"], sent["code_challenge"]}) == 3
    assert len(sent["code_challenge"]) == 43
    [cookie] = [cookie for cookie in client.http.cookies.jar if cookie.name == "keydesk_sso"]
    assert (cookie.value or "") not in address


async def test_the_account_that_the_operator_made_is_linked_and_lands_in_the_console(sso: SsoSite) -> None:
    """The first sign-in links it; the second finds it by its subject, whatever the address is by then."""
    await allow(sso)

    client, answer = await sso.sign_in(ADA)

    assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
    assert answer.headers["cache-control"] == "no-store"
    viewer = await sso.viewer(client)
    assert viewer is not None
    assert viewer["user"]["email"] == "ada@example.com"
    again, _ = await sso.sign_in({"sub": "ada-1", "email": "ada.lovelace@example.com", "email_verified": False})
    assert await sso.viewer(again) == viewer


async def test_the_person_comes_back_to_the_page_that_they_came_from(sso: SsoSite) -> None:
    """And to no other place: not to another server, and not out of the console."""
    await allow(sso)
    page = f"/organizations/{sso.site.organization('acme')}/api-keys?search=a%20b"
    for wanted, expected in (
        (page, page),
        ("/graphiql", "/graphiql"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/organizations/../sso/start", "/"),
        ("/organizations/%2e%2e/%2e%2e//evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/organizations/a\r\nSet-Cookie: a=b", "/"),
        ("/" + "a" * 600, "/"),
    ):
        client = await sso.site.browser()
        back = sso.provider.sign_in(await sso.start(client, **{"return": wanted}), **ADA)
        answer = await sso.come_back(client, back)
        assert (answer.status_code, answer.headers["location"]) == (303, expected)


async def test_an_account_is_never_found_by_its_address_alone(sso: SsoSite) -> None:
    """Not if the operator did not make it for the address, and not if the address is not verified."""
    _, answer = await sso.sign_in(ADA)
    assert (answer.status_code, heading(answer)) == (403, "You are not signed in")
    assert "not connected with Example Login" in answer.text

    await allow(sso)
    unverified: dict[str, Any]
    for unverified in ({"email_verified": False}, {"email_verified": None}, {"email_verified": "yes"}):
        client, answer = await sso.sign_in({**ADA, **unverified})
        assert answer.status_code == 403
        assert "does not say that your e-mail address is verified" in answer.text
        assert await sso.viewer(client) is None


async def test_an_account_that_has_a_subject_never_gets_another(sso: SsoSite) -> None:
    """Whoever gets the address later, at the same provider, does not get the account."""
    await allow(sso)
    await sso.sign_in(ADA)

    client, answer = await sso.sign_in({**ADA, "sub": "somebody-else"})

    assert answer.status_code == 403
    assert "belongs to another account at Example Login" in answer.text
    assert await sso.viewer(client) is None


async def test_a_stranger_is_told_whom_to_ask(sso: SsoSite) -> None:
    """Nobody gets an account because the provider knows them."""
    client, answer = await sso.sign_in({"sub": "new", "email": "new@example.com", "email_verified": True})

    assert answer.status_code == 403
    assert "Ask an organization admin to invite you" in answer.text
    assert await sso.viewer(client) is None
    assert 'href="/sso/start?prompt=login"' in answer.text
    assert "prompt=login" in await sso.start(client, prompt="login")
    assert "prompt" not in await sso.start(client, prompt="none")


async def test_a_sign_in_is_completed_once_and_only_in_its_browser(sso: SsoSite, clock: Clock) -> None:
    """A state that was used, is of another browser, was changed, or is older than 10 minutes, begins no session."""
    await allow(sso)
    client, stranger = await sso.site.browser(), await sso.site.browser()
    await sso.start(stranger)
    back = sso.provider.sign_in(await sso.start(client), **ADA)
    changed = back["state"][:-1] + ("A" if back["state"][-1] != "A" else "B")
    for browser, parameters in (
        (stranger, back),
        (client, {**back, "state": changed}),
        (client, {"code": back["code"]}),
        (client, {**back, "state": "é"}),
        (client, {**back, "state": "." * 3}),
    ):
        assert (await sso.come_back(browser, parameters)).status_code == 400
    assert sso.provider.requests["/token"] == 0

    assert (await sso.come_back(client, back)).status_code == 303
    fresh = sso.provider.asked[back["code"]]
    fresh.is_used = False
    assert (await sso.come_back(client, back)).status_code == 400

    late = sso.provider.sign_in(await sso.start(client), **ADA)
    clock.advance(minutes=10)
    assert (await sso.come_back(client, late)).status_code == 400


async def test_what_the_id_token_lacks_is_read_from_the_userinfo_endpoint(sso: SsoSite) -> None:
    """
    Address, name and groups. The ID token has the last word, and must speak of the same person. While the endpoint does
    not answer, people whom Keydesk knows sign in, and nobody else.
    """
    await allow(sso)
    said = {"sub": "ada-1", "email": "ada@example.com", "email_verified": True, "iss": "ignored"}
    sso.provider.metadata["userinfo_endpoint"] = f"{sso.provider.issuer}/userinfo"
    sso.provider.answers["/userinfo"] = lambda: as_json(said)

    client, answer = await sso.sign_in({"sub": "ada-1"})

    assert answer.status_code == 303
    assert (await sso.viewer(client) or {})["user"]["email"] == "ada@example.com"
    said["sub"] = "somebody-else"
    assert (await sso.sign_in({"sub": "ada-1"}))[1].status_code == 502
    said["sub"] = "ada-1"
    sso.provider.answers["/userinfo"] = lambda: (500, {}, b"")
    assert (await sso.sign_in({"sub": "ada-1"}))[1].status_code == 303
    assert (await sso.sign_in({"sub": "mel-1"}))[1].status_code == 403
    before = sso.provider.requests["/userinfo"]
    assert (await sso.sign_in({**ADA, "groups": []}))[1].status_code == 303
    assert sso.provider.requests["/userinfo"] == before


async def test_a_one_time_password_is_not_asked_of_somebody_whom_the_provider_signs_in(sso: SsoSite) -> None:
    """Linking ends it, as somebody else may have it; a later one does not stand in the way."""
    await allow(sso)
    await set_ada(sso, password_is_one_time=True)

    client, _ = await sso.sign_in(ADA)

    assert ((await sso.viewer(client)) or {})["passwordChangeRequired"] is False
    assert (await (await sso.site.browser()).sign_in("ada@example.com")).outcome == "SignInRefused"
    await set_ada(sso, password_is_one_time=True)
    viewer = await sso.viewer(client) or {}
    assert (viewer["passwordChangeRequired"], len(viewer["organizations"])) == (False, 1)


async def set_ada(sso: SsoSite, **values: Any) -> None:
    async with sso.site.database.transaction() as session:
        await session.execute(update(Person).where(col(Person.email) == "ada@example.com").values(**values))
