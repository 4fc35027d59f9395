"""The whole application with a mail server of the test's own, and the links in the mails that arrive there."""

import re
from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest

from app.mail.outbox import Outbox
from tests.conftest import Clock
from tests.support.client import PUBLIC_URL, Site, open_site
from tests.support.tickets.smtp_server import SmtpServer, smtp_server

SENDER = "keys@example.com"
BRAND = "Acme Keys"


class MailSite:
    """A site that mails to people."""

    def __init__(self, site: Site, office: SmtpServer) -> None:
        self.site = site
        self.office = office

    async def mails(self) -> list[EmailMessage]:
        """The mails that have arrived, after all that are due were sent."""
        await self.site.app.outbox.send_due()
        return [mail.message for mail in self.office.mails]

    async def mailed(self, page: str) -> list[str]:
        """The tokens of the links to this page in all mails."""
        link = re.compile(re.escape(f"{PUBLIC_URL}{page}#") + r"([0-9a-f]{40})\b")
        return [match[1] for mail in await self.mails() for match in link.finditer(text_of(mail))]


@pytest.fixture
async def mail_site(database_address: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MailSite]:
    """A site with a mail server, and mails in the operator's own name, which are sent when the test asks for them."""
    monkeypatch.setattr(Outbox, "wake", lambda _outbox: None)
    with smtp_server() as office:
        environment = {
            "KEYDESK_SMTP_URL": f"smtp://127.0.0.1:{office.port}",
            "KEYDESK_MAIL_FROM": SENDER,
            "KEYDESK_BRAND_NAME": BRAND,
        }
        async with open_site(database_address, clock, environment) as site:
            yield MailSite(site, office)


def text_of(message: EmailMessage) -> str:
    """The plain text of a mail."""
    return _part(message, "plain")


def html_of(message: EmailMessage) -> str:
    """The HTML of a mail."""
    return _part(message, "html")


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")
