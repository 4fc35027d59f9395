"""Who may use a password: everybody, the people whom the operator has marked, or nobody."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.mail.outbox import Outbox
from app.settings import SettingsError
from keys.sign_in.sessions import new_token
from models import Person, SignInSession
from tests.conftest import Clock
from tests.support.client import PASSWORD, Client, Site, application, open_site
from tests.support.graphql.documents import CHANGE_PASSWORD
from tests.support.graphql.people_documents import ACCEPT, ASK_RESET, INVITE, RESET
from tests.support.mail_site import MailSite
from tests.support.tickets.smtp_server import smtp_server

METHODS = "{ signInMethods { kind label url } }"
NEW = "a passphrase that nobody guesses"
Opened = Callable[[str], AbstractAsyncContextManager[MailSite]]
FOR_FEW = pytest.mark.parametrize("passwords", ["break-glass", "nobody"])
PROVIDER = {
    "KEYDESK_OIDC_ISSUER": "https://id.example",
    "KEYDESK_OIDC_CLIENT_ID": "keydesk",
    "KEYDESK_OIDC_NAME": "Example ID",
}


@pytest.fixture
def opened(database_address: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Opens a site with a mail server, a provider, and this value of KEYDESK_PASSWORDS. Mel is marked."""
    monkeypatch.setattr(Outbox, "wake", lambda _outbox: None)

    @asynccontextmanager
    async def open_(passwords: str) -> AsyncIterator[MailSite]:
        with smtp_server() as office:
            environment = {
                **PROVIDER,
                "KEYDESK_PASSWORDS": passwords,
                "KEYDESK_SMTP_URL": f"smtp://127.0.0.1:{office.port}",
                "KEYDESK_MAIL_FROM": "keys@example.com",
            }
            async with open_site(database_address, clock, environment) as site:
                await mark(site, "mel@example.com")
                yield MailSite(site, office)

    return open_


async def mark(site: Site, email: str, is_break_glass: bool = True) -> None:
    async with site.database.transaction() as session:
        await session.execute(update(Person).where(col(Person.email) == email).values(is_break_glass=is_break_glass))


async def signed_in_as_ada(site: Site, now: datetime) -> Client:
    """A browser with a session that the provider could have begun."""
    token, digest = new_token()
    async with site.database.transaction() as session:
        session.add(SignInSession(token_digest=digest, person_id=site.world.ada.id, created_at=now, last_seen_at=now))
    return await site.browser(cookie=f"keydesk_session={token.reveal()}")


async def sign_in(site: Site, email: str, password: str = PASSWORD) -> Any:
    return (await (await site.browser()).sign_in(email, password)).value


@pytest.mark.parametrize(
    ("passwords", "kinds"),
    [
        ("everybody", ["PASSWORD", "OPENID_CONNECT"]),
        ("break-glass", ["OPENID_CONNECT", "PASSWORD"]),
        ("nobody", ["OPENID_CONNECT"]),
    ],
)
async def test_the_ways_to_sign_in_are_named(opened: Opened, passwords: str, kinds: list[str]) -> None:
    """Also to somebody who is not signed in, with the address of the provider's button."""
    async with opened(passwords) as mail_site:
        methods = (await (await mail_site.site.browser()).graphql(METHODS)).value

    assert [each["kind"] for each in methods] == kinds
    [provider] = [each for each in methods if each["kind"] == "OPENID_CONNECT"]
    assert provider == {"kind": "OPENID_CONNECT", "label": "Example ID", "url": "http://keydesk.test/sso/start"}


async def test_without_a_provider_there_are_passwords(site: Site) -> None:
    """And none of the provider's addresses."""
    browser = await site.browser()

    methods = (await browser.graphql(METHODS)).value

    assert [(each["kind"], each["url"]) for each in methods] == [("PASSWORD", None)]
    assert [(await browser.http.get(f"/sso/{each}")).status_code for each in ("start", "callback")] == [404, 404]


@pytest.mark.parametrize(("passwords", "mels"), [("everybody", "Viewer"), ("break-glass", "Viewer"), ("nobody", None)])
async def test_a_right_password_of_others_is_answered_like_a_wrong_one(
    opened: Opened, passwords: str, mels: str | None
) -> None:
    """Mel is marked, Ada is not."""
    async with opened(passwords) as mail_site:
        wrong = await sign_in(mail_site.site, "ada@example.com", "wrong")
        ada = await sign_in(mail_site.site, "ada@example.com")
        mel = await sign_in(mail_site.site, "mel@example.com")

    assert (ada == wrong) == (passwords != "everybody")
    assert mel["__typename"] == (mels or wrong["__typename"])


@FOR_FEW
async def test_others_get_no_link_for_a_new_password(opened: Opened, passwords: str) -> None:
    """They get the same answer as others."""
    async with opened(passwords) as mail_site:
        browser = await mail_site.site.browser()

        asked = [(await browser.graphql(ASK_RESET, email=f"{name}@example.com")).value for name in ("ada", "mel")]

        assert asked == [True, True]
        assert len(await mail_site.mailed("/reset-password")) == (1 if passwords == "break-glass" else 0)


async def test_a_link_for_a_new_password_ends_with_the_right_to_one(opened: Opened) -> None:
    """The person was marked when they asked for it, and is not any more."""
    async with opened("break-glass") as mail_site:
        browser = await mail_site.site.browser()
        await browser.graphql(ASK_RESET, email="mel@example.com")
        [token] = await mail_site.mailed("/reset-password")
        await mark(mail_site.site, "mel@example.com", False)

        refused = (await browser.graphql(RESET, input={"token": token, "newPassword": NEW})).value
        await mark(mail_site.site, "mel@example.com")
        done = (await browser.graphql(RESET, input={"token": token, "newPassword": NEW})).value

        assert (refused["code"], done["__typename"]) == ("LINK_NOT_VALID", "Viewer")


@FOR_FEW
async def test_an_invitation_makes_no_password_of_others(opened: Opened, clock: Clock, passwords: str) -> None:
    """Somebody new is told so; somebody with an account gets the answer to a wrong password."""
    async with opened(passwords) as mail_site:
        site = mail_site.site
        ada = await signed_in_as_ada(site, clock())
        for email in ("new@example.com", "eve@example.com"):
            wanted = {"organizationId": site.organization("acme"), "email": email, "role": "MEMBER"}
            await ada.graphql(INVITE, input=wanted)
        new, eve = await mail_site.mailed("/invitation")
        browser = await site.browser()

        of_new = (await browser.graphql(ACCEPT, input={"token": new, "name": "N", "password": NEW})).value
        of_eve = (await browser.graphql(ACCEPT, input={"token": eve, "password": PASSWORD})).value

        assert (of_new["__typename"], of_new["field"]) == ("InvalidInput", "password")
        assert "People don't choose a password here" in of_new["message"]
        assert of_eve["__typename"] == "SignInRefused"
        assert (await browser.graphql("{ viewer { user { id } } }")).value is None


@FOR_FEW
async def test_others_change_no_password(opened: Opened, clock: Clock, passwords: str) -> None:
    """The current password counts as wrong."""
    async with opened(passwords) as mail_site:
        ada = await signed_in_as_ada(mail_site.site, clock())

        refused = (await ada.graphql(CHANGE_PASSWORD, current=PASSWORD, new=NEW)).value

    assert (refused["__typename"], refused["field"]) == ("InvalidInput", "currentPassword")


@FOR_FEW
def test_a_server_without_a_provider_does_not_start(database_address: str, passwords: str) -> None:
    """Nobody could sign in."""
    with pytest.raises(SettingsError, match=f"KEYDESK_PASSWORDS={passwords} leaves people no way to sign in"):
        application(database_address, environment={"KEYDESK_PASSWORDS": passwords})


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"KEYDESK_OIDC_ISSUER": "https://id.example"}, "KEYDESK_OIDC_CLIENT_ID is not set"),
        ({"KEYDESK_OIDC_CLIENT_ID": "keydesk"}, "KEYDESK_OIDC_ISSUER is not set"),
        ({"KEYDESK_OIDC_CLIENT_SECRET": "s"}, "KEYDESK_OIDC_ISSUER is not set"),
    ],
)
def test_half_a_provider_does_not_start(database_address: str, environment: dict[str, str], named: str) -> None:
    """The message names what is missing."""
    with pytest.raises(SettingsError, match=named):
        application(database_address, environment=environment)
