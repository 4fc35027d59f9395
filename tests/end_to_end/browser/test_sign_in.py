"""Signing in, out, and in again in a browser: redirects stay in the console, and nothing that was typed is lost."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser.browser import NARROW, WIDE, Scheme
from tests.support.browser.demo import SUPPORT_EMAIL, DemoServer, OpenTab

pytest_plugins = ("tests.support.browser.fixtures",)

NEW_PASSWORD = "a password of her own"


def fill_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_signing_in_leads_to_the_keys(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """A wrong password shows a message; the right one opens the organization's API keys."""
    nora = looked_at.person("organization-admin")
    tab = open_tab(looked_at)

    tab.open("/")
    fill_in(tab.page, nora["email"], "not her password")
    expect(tab.page.get_by_role("alert")).to_be_visible()
    fill_in(tab.page, nora["email"], nora["password"])

    expect(tab.page.get_by_role("heading", name="API Keys")).to_be_visible()
    assert tab.path() == f"{looked_at.home}/api-keys"


def test_a_link_from_a_colleague_opens_after_signing_in(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """After signing in, the requested address opens, with its dialog."""
    nora = looked_at.person("organization-admin")
    tab = open_tab(looked_at)

    tab.open(f"{looked_at.home}/api-keys?new")
    expect(tab.page).to_have_url(re.compile(r"/sign-in\?next="))
    fill_in(tab.page, nora["email"], nora["password"])

    expect(tab.page.get_by_role("dialog", name="New API Key")).to_be_visible()


@pytest.mark.parametrize(
    "astray", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "data:text/html,x"]
)
def test_signing_in_leads_nowhere_else(looked_at: DemoServer, open_tab: OpenTab, astray: str) -> None:
    """A return address outside the console is ignored."""
    nora = looked_at.person("organization-admin")
    tab = open_tab(looked_at)

    tab.open(f"/sign-in?next={astray}")
    fill_in(tab.page, nora["email"], nora["password"])

    expect(tab.page.get_by_role("heading", name="API Keys")).to_be_visible()


def test_who_forgot_the_password_is_told_whom_to_ask(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """The page shows the address for support."""
    tab = open_tab(looked_at)
    tab.open("/sign-in")

    tab.page.get_by_role("button", name="Forgotten password?").click()

    link = tab.page.get_by_role("link", name=SUPPORT_EMAIL)
    expect(link).to_be_visible()
    assert link.get_attribute("href") == f"mailto:{SUPPORT_EMAIL}"


def test_a_one_time_password_is_changed_at_once(demo: DemoServer, open_tab: OpenTab) -> None:
    """Nothing else opens until the person has chosen a password; then the requested address opens."""
    mia = demo.person("member")["email"]
    one_time = demo.keydesk("user", "password", mia)["oneTimePassword"]
    tab = open_tab(demo)

    tab.open("/")
    fill_in(tab.page, mia, one_time)
    expect(tab.page.get_by_role("heading", name="Choose a password of your own")).to_be_visible()
    assert tab.violations() == []
    tab.page.get_by_label("One-time password").fill(one_time)
    tab.page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    tab.page.get_by_label("New password again").fill(NEW_PASSWORD)
    tab.page.get_by_role("button", name="Change password").click()

    expect(tab.page.get_by_role("heading", name="API Keys")).to_be_visible()


def test_a_changed_password_ends_the_other_sessions(demo: DemoServer, open_tab: OpenTab) -> None:
    """From the user icon's menu; the browser that changed it stays signed in, the other is signed out."""
    mia = demo.person("member")
    here, there = open_tab(demo, "member"), open_tab(demo, "member")
    here.open("/")
    there.open("/")

    here.page.get_by_role("button", name="User menu").click()
    here.page.get_by_role("menuitem", name="Change password").click()
    here.page.get_by_label("Current password").fill(mia["password"])
    here.page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    here.page.get_by_label("New password again").fill(NEW_PASSWORD)
    here.page.get_by_role("button", name="Change password").click()
    expect(here.page.get_by_role("status")).to_contain_text("Your password was changed")
    here.page.get_by_role("button", name="Done").click()
    here.open("/")
    there.open("/")

    expect(here.page.get_by_role("heading", name="API Keys")).to_be_visible()
    expect(there.page.get_by_role("heading", name="Sign in to Keydesk")).to_be_visible()


def test_signed_out_in_the_middle_nothing_typed_is_lost(demo: DemoServer, open_tab: OpenTab) -> None:
    """The form opens on top of the page, which then continues by itself."""
    tab = open_tab(demo, "organization-admin")
    tab.open(f"{demo.home}/api-keys?new")
    tab.page.get_by_label("Name").fill("typed before")
    tab.page.get_by_role("radio", name="Organization").check()

    tab.page.context.clear_cookies()
    tab.page.get_by_role("button", name="Create", exact=True).click()
    dialog = tab.page.get_by_role("dialog", name="You were signed out")
    expect(dialog).to_be_visible()
    assert tab.violations() == []
    dialog.get_by_label("Password", exact=True).fill(demo.person("organization-admin")["password"])
    dialog.get_by_role("button", name="Sign in", exact=True).click()

    expect(tab.page.get_by_label("Secret")).to_be_visible()
    expect(tab.page.get_by_text("“typed before”")).to_be_visible()


def test_signing_out_leaves_nothing_behind(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """Neither Back nor the address shows any data."""
    tab = open_tab(looked_at, "organization-admin")
    tab.open("/")
    expect(tab.page.get_by_text("Warehouse integration")).to_be_visible()

    tab.page.get_by_role("button", name="User menu").click()
    tab.page.get_by_role("menuitem", name="Sign out").click()
    expect(tab.page.get_by_role("heading", name="Sign in to Keydesk")).to_be_visible()
    tab.page.go_back(wait_until="networkidle")

    expect(tab.page.get_by_role("heading", name="Sign in to Keydesk")).to_be_visible()
    expect(tab.page.get_by_text("Warehouse integration")).to_have_count(0)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_sign_in(looked_at: DemoServer, open_tab: OpenTab, scheme: Scheme, size: tuple[int, int]) -> None:
    """In any color scheme and width, axe finds nothing serious, and nothing is cut off."""
    tab = open_tab(looked_at, scheme=scheme, size=size)

    tab.open("/sign-in")
    tab.page.get_by_role("button", name="Forgotten password?").click()

    assert tab.violations() == []
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    tab.shoot(f"sign-in-{scheme}-{size[0]}")
