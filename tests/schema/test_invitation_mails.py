"""Mails of invitations and requests for keys, with a real mail server."""

import re
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.mail.outbox import Outbox
from app.mail.server import MailServer
from tests.conftest import Clock
from tests.support.client import open_site
from tests.support.graphql.people_documents import (
    ACCEPT,
    ASK_FOR_KEY,
    CLOSE,
    INVITE,
    KEY_REQUESTS,
    PREVIEW,
    RESEND,
    REVOKE,
)
from tests.support.mail_site import BRAND, SENDER, MailSite, html_of, mail_site, text_of
from tests.support.tickets.outbox_fixtures import CREDENTIALS
from tests.support.tickets.smtp_server import certificate, smtp_server, tls

__all__ = ["mail_site"]

EMAIL = "new@example.com"
GOOD_PASSWORD = "a rather long passphrase, newly made"
HOSTILE = (
    "Eve\r\nBcc: all@example.com",
    '<a href="https://evil.example">Click</a><script>alert(1)</script>',
    "\u202eEve\u2066",
    "x" * 128,
)


async def invited(mail_site: MailSite, email: str = EMAIL, role: str = "MEMBER", **more: Any) -> dict[str, Any]:
    """Ada invites the address to Acme."""
    site = mail_site.site
    wanted = {"organizationId": site.organization("acme"), "email": email, "role": role, **more}
    issued: dict[str, Any] = (await (await site.person("ada")).graphql(INVITE, input=wanted)).value
    return issued


async def test_an_invitation_is_mailed_to_the_invited_address(mail_site: MailSite, clock: Clock) -> None:
    """Plain text and HTML with the same link; the admin is not shown it, but when it was sent."""
    site = mail_site.site
    issued = await invited(mail_site, role="AGENT_ADMIN", agentIds=[site.agent("own"), site.agent("other")])

    [token] = await mail_site.mailed("/invitation")
    [message] = await mail_site.mails()

    assert issued["link"] is None
    assert {name: message[name] for name in ("From", "To", "Subject", "Auto-Submitted")} == {
        "From": f"{BRAND} <{SENDER}>",
        "To": EMAIL,
        "Subject": "Ada invites you to Acme",
        "Auto-Submitted": "auto-generated",
    }
    text = text_of(message)
    assert f"Ada (ada@example.com) invites you to the organization Acme in {BRAND}, as an agent admin." in text
    assert "You will administer: Biller, Crawler." in text
    assert token in html_of(message)
    accepted = {"token": token, "name": "Nina", "password": GOOD_PASSWORD}
    assert (await (await site.browser()).graphql(ACCEPT, input=accepted)).outcome == "Viewer"


async def test_a_scanner_that_opens_every_link_uses_up_nothing(mail_site: MailSite) -> None:
    """It fetches each address of the mail with GET and HEAD, reads what the page reads, and posts to the pages."""
    await invited(mail_site)
    [token] = await mail_site.mailed("/invitation")
    [message] = await mail_site.mails()
    browser = await mail_site.site.browser()
    links = set(re.findall(r"https?://[^\s\"<>]+", text_of(message) + html_of(message)))

    answers: list[httpx.Response] = []
    for link in links:
        answers += [await browser.http.get(link), await browser.http.head(link), await browser.http.post(link)]
    await browser.graphql(PREVIEW, token=token)

    assert links
    assert {each.status_code for each in answers} <= {200, 404, 405}
    accepted = {"token": token, "name": "Nina", "password": GOOD_PASSWORD}
    assert (await browser.graphql(ACCEPT, input=accepted)).outcome == "Viewer"


@pytest.mark.parametrize("name", HOSTILE)
async def test_names_are_escaped_and_cut(mail_site: MailSite, name: str) -> None:
    """A name adds no header, no tag and no turn of the text, and is at most 64 characters long."""
    site = mail_site.site
    async with site.database.transaction() as session:
        (await session.merge(site.world.ada)).name = name
        (await session.merge(site.world.acme)).name = name[:64]
    await invited(mail_site)

    [message] = await mail_site.mails()

    whole = text_of(message) + html_of(message) + message["Subject"]
    assert "Bcc" not in message
    assert mail_site.office.mails[0].recipients == [EMAIL]
    assert not re.search(r"<(script|a href=\"https://evil)", html_of(message))
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", whole)
    assert "x" * 65 not in whole


async def test_a_new_link_makes_a_new_mail(mail_site: MailSite) -> None:
    """Resending mails another link, under another Message-ID; revoking before it is sent mails nothing."""
    ada = await mail_site.site.person("ada")
    issued = await invited(mail_site)
    [first] = await mail_site.mailed("/invitation")
    await ada.graphql(RESEND, input={"id": issued["invitation"]["id"]})
    both = await mail_site.mailed("/invitation")

    revoked = await invited(mail_site, "other@example.com")
    await ada.graphql(REVOKE, input={"id": revoked["invitation"]["id"]})

    assert both[0] == first
    assert len(set(both)) == 2
    assert await mail_site.mailed("/invitation") == both
    assert len({mail["Message-ID"] for mail in await mail_site.mails()}) == 2
    browser = await mail_site.site.browser()
    assert (await browser.graphql(PREVIEW, token=first)).value is None


async def test_a_request_for_a_key_is_mailed_to_the_admins(mail_site: MailSite) -> None:
    """With a link to the filled-in form, which has no secret in it."""
    site = mail_site.site
    wanted = {"organizationId": site.organization("acme"), "name": "deploy", "reason": "For the <b>new</b>\nsite."}

    asked = (await (await site.person("mel")).graphql(ASK_FOR_KEY, input=wanted)).value
    [message] = await mail_site.mails()

    assert asked["isMailed"] is True
    assert (message["To"], message["Subject"]) == ("ada@example.com", "Mel asks for an API key in Acme")
    assert "> For the <b>new</b>\n> site." in text_of(message)
    assert "&lt;b&gt;new" in html_of(message)
    assert f"/organizations/{site.organization('acme')}/api-keys?request={asked['keyRequest']['id']}" in text_of(
        message
    )


async def test_five_requests_a_day(mail_site: MailSite, clock: Clock) -> None:
    """The sixth is refused, and possible a day after the first. Closed ones count, too."""
    site = mail_site.site
    mel, ada = await site.person("mel"), await site.person("ada")
    wanted = {"organizationId": site.organization("acme"), "name": "deploy", "reason": "x"}
    for _ in range(5):
        asked = await mel.graphql(ASK_FOR_KEY, input=wanted)
        assert (await ada.graphql(CLOSE, id=asked.value["keyRequest"]["id"])).value is True

    refused = await mel.graphql(ASK_FOR_KEY, input=wanted)
    clock.advance(days=1)
    await mel.sign_in("mel@example.com")
    later = await mel.graphql(ASK_FOR_KEY, input=wanted)

    assert (refused.codes, later.outcome) == (["RATE_LIMITED"], "ApiKeyRequested")
    assert refused.body["errors"][0]["extensions"]["retryAfterSeconds"] == 24 * 3600


async def test_requests_are_listed_until_they_are_closed(mail_site: MailSite) -> None:
    """The name and the reason without white space around them."""
    site = mail_site.site
    mel, ada = await site.person("mel"), await site.person("ada")
    wanted = {"organizationId": site.organization("acme"), "name": " Deploy ", "reason": " why "}
    request_id = (await mel.graphql(ASK_FOR_KEY, input=wanted)).value["keyRequest"]["id"]

    listed = (await ada.graphql(KEY_REQUESTS, id=site.organization("acme"))).value["keyRequests"]
    closed = [(await ada.graphql(CLOSE, id=each)).value for each in (request_id, request_id, "nonsense")]

    assert listed == [
        {"id": request_id, "name": "Deploy", "reason": "why", "requestedBy": {"email": "mel@example.com"}}
    ]
    assert closed == [True, False, False]
    assert (await ada.graphql(KEY_REQUESTS, id=site.organization("acme"))).value["keyRequests"] == []


async def test_bad_requests_say_what_is_wrong(mail_site: MailSite) -> None:
    """For the field; nothing is stored."""
    site = mail_site.site
    mel, acme = await site.person("mel"), site.organization("acme")

    refused = [
        (await mel.graphql(ASK_FOR_KEY, input={"organizationId": acme, "name": "x", "reason": "y", **bad})).value
        for bad in (
            {"name": ""},
            {"reason": " "},
            {"reason": "\u200b"},
            {"reason": "x" * 1001},
            {"agentId": site.agent("theirs")},
            {"agentId": site.agent("retired")},
            {"agentId": "nonsense"},
        )
    ]

    fields = ["name", "reason", "reason", "reason", "agentId", "agentId", "agentId"]
    assert [each["field"] for each in refused] == fields


async def test_three_invitations_an_hour_are_mailed_to_an_address(mail_site: MailSite, clock: Clock) -> None:
    """Whichever organizations invite it, and however often one sends it again."""
    site = mail_site.site
    issued = await invited(mail_site)
    resend = {"id": issued["invitation"]["id"]}
    ada, eve = await site.person("ada"), await site.person("eve")
    elsewhere = {"organizationId": site.organization("globex"), "email": EMAIL, "role": "MEMBER"}

    outcomes = [
        (await ada.graphql(RESEND, input=resend)).outcome,
        (await eve.graphql(INVITE, input=elsewhere)).outcome,
        (await ada.graphql(RESEND, input=resend)).outcome,
        (await eve.graphql(INVITE, input=elsewhere)).outcome,
    ]
    clock.advance(hours=1)

    assert outcomes == ["InvitationIssued", "InvitationIssued", "RATE_LIMITED", "RATE_LIMITED"]
    assert (await ada.graphql(RESEND, input=resend)).outcome == "InvitationIssued"


async def test_an_address_that_cannot_be_mailed_is_refused(mail_site: MailSite) -> None:
    """With a sentence for the field; without a mail server, its link could be passed on."""
    assert (await invited(mail_site, "nin\u00e4@example.com"))["field"] == "email"


async def test_an_invitation_that_is_sent_again_while_it_is_sent_is_mailed_again(
    mail_site: MailSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the first mail arrived does not count for the new one."""
    issued = await invited(mail_site)
    ada = await mail_site.site.person("ada")
    send = MailServer.send
    answers: list[str] = []

    async def slowly(self: MailServer, message: EmailMessage) -> None:
        if not answers:
            answers.append((await ada.graphql(RESEND, input={"id": issued["invitation"]["id"]})).outcome)
        await send(self, message)

    monkeypatch.setattr(MailServer, "send", slowly)
    first, second = await mail_site.mailed("/invitation")

    browser = await mail_site.site.browser()
    assert answers == ["InvitationIssued"]
    assert (await browser.graphql(PREVIEW, token=first)).value is None
    assert (await browser.graphql(PREVIEW, token=second)).value is not None


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_an_invitation_goes_by_tls_and_with_a_password(
    database_address: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scheme: str
) -> None:
    """With STARTTLS or with TLS from the start; the server's certificate is checked, and the invited person joins."""
    monkeypatch.setattr(Outbox, "wake", lambda _outbox: None)
    trusted = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    encryption: dict[str, Any] = (
        {"from_the_start": tls(trusted)}
        if scheme == "smtps"
        else {"tls_context": tls(trusted), "require_starttls": True}
    )
    with smtp_server(signs_in=True, auth_require_tls=scheme == "smtp", **encryption) as office:
        environment = {
            "KEYDESK_SMTP_URL": f"{scheme}://{CREDENTIALS}localhost:{office.port}",
            "KEYDESK_MAIL_FROM": SENDER,
        }
        async with open_site(database_address, clock, environment) as site:
            mailing = MailSite(site, office)
            await invited(mailing)
            [token] = await mailing.mailed("/invitation")
            newcomer = await site.browser()
            wanted = {"token": token, "name": "Nina", "password": GOOD_PASSWORD}
            joined = await newcomer.graphql(ACCEPT, input=wanted)

    assert joined.outcome == "Viewer"
    assert [(mail.is_encrypted, mail.is_signed_in) for mail in office.mails] == [(True, True)]
