"""What is mailed, in a browser: the link for a forgotten password, and an invitation."""

import re
import shutil
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.support.browser.browser import NARROW
from tests.support.browser.demo import SUPPORT_EMAIL, OpenTab, served
from tests.support.tickets.smtp_server import SmtpServer, smtp_server

pytest_plugins = ("tests.support.browser.fixtures",)

OMAR = "omar@northwind.example"
NEW_PASSWORD = "a password of her own"
SAID = "If this address has an account, a mail with a link is on its way to it."


def test_a_forgotten_password_is_replaced_by_mail(
    browser: Browser, demo_folder: Path, tmp_path: Path, open_tab: OpenTab
) -> None:
    """The page says the same of every address; the link works once, and ends the other sessions."""
    shutil.copytree(demo_folder, tmp_path / "demo")
    with smtp_server() as office, served(tmp_path / "demo", KEYDESK_SMTP_URL=_address_of(office)) as demo:
        mia = demo.person("member")
        tab, elsewhere = open_tab(demo, scheme="dark", size=NARROW), open_tab(demo, "member")
        admin = open_tab(demo, "organization-admin")
        page = tab.page
        tab.open("/sign-in")
        page.get_by_label("Email").fill("nobody@northwind.example")
        page.get_by_role("button", name="Forgotten password?").click()
        expect(page.get_by_label("Your e-mail address")).to_be_focused()
        tab.shoot("forgotten-password-dark-390")
        violations = tab.violations()
        page.get_by_role("button", name="Mail me a link").click()
        expect(page.get_by_text(SAID)).to_be_visible()
        page.get_by_role("button", name="Forgotten password?").click()
        page.get_by_role("button", name="Forgotten password?").click()
        page.get_by_label("Your e-mail address").fill(mia["email"])
        page.get_by_role("button", name="Mail me a link").click()
        expect(page.get_by_text(SAID)).to_be_visible()
        expect(page.get_by_role("link", name=SUPPORT_EMAIL)).to_be_visible()
        violations += tab.violations()
        # An invitation is mailed at once, and other mails with it. Asking for a password hurries nothing, because that
        # would tell who has an account.
        admin.open(f"{demo.home}/people?invite")
        admin.page.get_by_label("E-mail address").fill(OMAR)
        admin.page.get_by_role("radio", name="Member").check()
        admin.page.get_by_role("dialog").get_by_role("button", name="Invite", exact=True).click()
        expect(admin.page.get_by_text(f"The invitation to {OMAR} is on its way.")).to_be_visible()
        expect(admin.page.get_by_role("dialog")).to_have_count(0)
        link = _link_in(office, mia["email"], "/reset-password")

        tab.open(link)
        expect(page.get_by_label("New password")).to_be_focused()
        assert page.url == f"{demo.address}/reset-password"
        tab.shoot("reset-password-dark-390")
        violations += tab.violations()
        page.get_by_label("New password").fill("short")
        page.get_by_role("button", name="Save and sign in").click()
        expect(page.get_by_label("New password")).to_be_focused()
        page.get_by_label("New password").fill(NEW_PASSWORD)
        page.get_by_role("button", name="Save and sign in").click()
        expect(page.get_by_role("heading", name="API Keys")).to_be_visible()
        elsewhere.open("/")
        expect(elsewhere.page.get_by_role("heading", name="Sign in to Keydesk")).to_be_visible()

        elsewhere.open(link)
        elsewhere.page.get_by_label("New password").fill(NEW_PASSWORD)
        elsewhere.page.get_by_role("button", name="Save and sign in").click()
        expect(elsewhere.page.get_by_role("alert")).to_be_visible()
        elsewhere.open("/reset-password")
        expect(elsewhere.page.get_by_text("open the link in your mail again")).to_be_visible()
        elsewhere.open(_link_in(office, OMAR, "/invitation"))
        expect(elsewhere.page.get_by_label("Your name")).to_be_focused()
        admin.open(f"{demo.home}/people")
        expect(admin.page.get_by_role("row").filter(has_text=OMAR)).to_contain_text("Mailed")
        assert sorted(each.recipients for each in office.mails) == [[mia["email"]], [OMAR]]
        assert violations == []


def _address_of(office: SmtpServer) -> str:
    return f"smtp://127.0.0.1:{office.port}"


def _link_in(office: SmtpServer, recipient: str, page: str) -> str:
    """The path and token of the link in the mail to this address, once it has arrived."""
    for _ in range(600):
        for mail in office.mails:
            if recipient in mail.recipients:
                text = mail.message.get_body(("plain",))
                assert text is not None
                found = re.search(rf"({page}#\S+)", text.get_content())
                assert found is not None
                return found[1]
        office.is_visited.wait(0.1)
        office.is_visited.clear()
    raise AssertionError("no mail arrived")
