"""Forgotten passwords over GraphQL, with a real mail server."""

import asyncio
import re
from typing import Any

from sqlalchemy import event

from tests.conftest import Clock
from tests.support.client import PASSWORD, PUBLIC_URL, Client
from tests.support.graphql.documents import CHANGE_PASSWORD
from tests.support.graphql.people_documents import ASK_RESET, RESET
from tests.support.mail_site import MailSite, html_of, mail_site

__all__ = ["mail_site"]

GOOD_PASSWORD = "a rather long passphrase, newly made"


async def asked(mail_site: MailSite, email: str) -> Any:
    """Asks for a link, as somebody who is not signed in."""
    return (await (await mail_site.site.browser()).graphql(ASK_RESET, email=email)).value


async def reset(client: Client, token: str, password: str = GOOD_PASSWORD) -> Any:
    return (await client.graphql(RESET, input={"token": token, "newPassword": password})).value


async def test_a_forgotten_password_is_replaced_by_a_link(mail_site: MailSite) -> None:
    """The link works once, ends all other sessions and signs in; the old password no longer works."""
    site = mail_site.site
    mel, browser = await site.person("mel"), await site.browser()

    assert await asked(mail_site, " MEL@example.com") is True
    [token] = await mail_site.mailed("/reset-password")
    done = await reset(browser, token)
    again = await reset(await site.browser(), token)

    assert done == {"__typename": "Viewer", "user": {"email": "mel@example.com"}}
    assert again["code"] == "LINK_NOT_VALID"
    assert (await mel.graphql("{ viewer { user { email } } }")).value is None
    assert (await browser.graphql("{ viewer { user { email } } }")).value is not None
    assert (await (await site.browser()).sign_in("mel@example.com", PASSWORD)).outcome == "SignInRefused"
    assert (await (await site.browser()).sign_in("mel@example.com", GOOD_PASSWORD)).outcome == "Viewer"


async def test_every_address_gets_the_same_answer(mail_site: MailSite) -> None:
    """Nobody is mailed who has no account."""
    answers = [
        await asked(mail_site, email) for email in ("mel@example.com", "nobody@example.com", "", "\0", "x" * 9999)
    ]

    assert answers == [True] * 5
    assert len(await mail_site.mailed("/reset-password")) == 1
    assert [mail.recipients for mail in mail_site.office.mails] == [["mel@example.com"]]


async def test_three_mails_an_hour_go_to_an_address(mail_site: MailSite, clock: Clock) -> None:
    """The fourth request is answered like the others."""
    for _ in range(5):
        assert await asked(mail_site, "mel@example.com") is True
    first = await mail_site.mailed("/reset-password")
    clock.advance(hours=1, seconds=1)
    await asked(mail_site, "mel@example.com")

    assert (len(first), len(await mail_site.mailed("/reset-password"))) == (3, 4)


async def test_a_link_is_good_for_an_hour(mail_site: MailSite, clock: Clock) -> None:
    """And never was, if it has another form."""
    await asked(mail_site, "mel@example.com")
    [token] = await mail_site.mailed("/reset-password")
    clock.advance(hours=1)
    browser = await mail_site.site.browser()

    refused = [await reset(browser, each) for each in (token, "", "0" * 40, token.upper(), token + "0")]

    assert {each["code"] for each in refused} == {"LINK_NOT_VALID"}


async def test_a_bad_password_uses_up_nothing(mail_site: MailSite) -> None:
    """Short, common, or made of one's own name: a sentence, and the link still works."""
    await asked(mail_site, "mel@example.com")
    [token] = await mail_site.mailed("/reset-password")
    browser = await mail_site.site.browser()

    refused = [await reset(browser, token, each) for each in ("short", "passwordpassword", "mel@example.com1")]

    assert [(each["field"], each["code"]) for each in refused] == [("newPassword", "INVALID_INPUT")] * 3
    assert (await reset(browser, token))["__typename"] == "Viewer"


async def test_one_link_ends_the_others(mail_site: MailSite) -> None:
    """After a reset, an earlier mail leads nowhere."""
    for _ in range(2):
        await asked(mail_site, "mel@example.com")
    first, second = await mail_site.mailed("/reset-password")
    browser = await mail_site.site.browser()

    assert (await reset(browser, second))["__typename"] == "Viewer"
    assert (await reset(browser, first))["code"] == "LINK_NOT_VALID"


async def test_the_mail_is_in_the_operators_name(mail_site: MailSite) -> None:
    """Plain text and HTML with the same link, from the operator's address, whatever Host the request named."""
    browser = await mail_site.site.browser(host="evil.example")
    await browser.graphql(ASK_RESET, email="mel@example.com")

    [token] = await mail_site.mailed("/reset-password")

    [message] = await mail_site.mails()
    html = html_of(message)
    assert (message["From"], message["Subject"]) == (
        "Acme Keys <keys@example.com>",
        "Choose a new password for Acme Keys",
    )
    assert f'href="{PUBLIC_URL}/reset-password#{token}"' in html
    assert "evil.example" not in message.as_string()
    assert not re.search(r"<(img|script|link|iframe)", html)


async def test_requests_at_once_count(mail_site: MailSite) -> None:
    """Of ten, three are mailed."""
    await asyncio.gather(*(asked(mail_site, "mel@example.com") for _ in range(10)))

    assert len(await mail_site.mailed("/reset-password")) == 3


async def test_one_caller_asks_sixty_times_an_hour(mail_site: MailSite, clock: Clock) -> None:
    """More are refused, whatever the address: nobody can fill the database. An hour later, the caller may ask again."""
    for number in range(60):
        assert await asked(mail_site, f"nobody{number}@example.com") is True
    browser = await mail_site.site.browser()

    refused = [await browser.graphql(ASK_RESET, email=f"{name}@example.com") for name in ("mel", "nobody")]
    clock.advance(hours=1)

    assert [each.codes for each in refused] == [["RATE_LIMITED"]] * 2
    assert refused[0].body["errors"][0]["message"] == refused[1].body["errors"][0]["message"]
    assert await asked(mail_site, "mel@example.com") is True
    assert len(await mail_site.mailed("/reset-password")) == 1


async def test_every_address_takes_the_same_steps(mail_site: MailSite) -> None:
    """The statements that the database gets are the same, and no mail is being sent meanwhile."""
    said: list[list[str]] = []
    engine = mail_site.site.app.database.engine.sync_engine

    def hear(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "password_resets" in statement or "people" in statement:
            said[-1].append(statement)

    event.listen(engine, "before_cursor_execute", hear)
    for email in ("mel@example.com", "nobody@example.com"):
        said.append([])
        await asked(mail_site, email)
    event.remove(engine, "before_cursor_execute", hear)

    assert said[0] == said[1]
    assert any(each.startswith("INSERT") for each in said[0])
    assert mail_site.office.mails == []


async def test_a_changed_password_ends_the_links(mail_site: MailSite) -> None:
    """Somebody who has read the mail can't take the account back."""
    await asked(mail_site, "mel@example.com")
    [token] = await mail_site.mailed("/reset-password")
    mel = await mail_site.site.person("mel")
    assert (await mel.graphql(CHANGE_PASSWORD, current=PASSWORD, new=GOOD_PASSWORD)).outcome == "Viewer"

    assert (await reset(await mail_site.site.browser(), token))["code"] == "LINK_NOT_VALID"
