"""Single sign-on in a browser, with a certified provider: there, back to the console, and out again."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser.browser import Tab
from tests.support.browser.demo import DemoServer, OpenTab, served
from tests.support.sso.certified import CertifiedProvider, certified_provider

pytest_plugins = ("tests.support.browser.fixtures",)

CONTINUE = "Continue with Example ID"


class Signing(NamedTuple):
    """The demo and its provider, where the demo's admin is `nora`, and `zoe` is in the group `staff`."""

    demo: DemoServer
    provider: CertifiedProvider


@pytest.fixture(scope="module")
def signing(browser: Browser, demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signing]:
    folder = tmp_path_factory.mktemp("single-sign-on") / "demo"
    shutil.copytree(demo_folder, folder)
    with certified_provider(folder) as provider, served(folder, **provider.environment) as demo:
        nora = demo.person("organization-admin")
        people = {
            "nora": {"email": nora["email"], "email_verified": True, "name": nora["name"]},
            "zoe": {"email": "zoe@northwind.example", "email_verified": True, "name": "Zoe", "groups": ["staff"]},
            "eve": {"email": "eve@elsewhere.example", "email_verified": True, "name": "Eve"},
        }
        provider.begin(demo.address, people)
        demo.keydesk("sso", "allow", nora["email"])
        demo.keydesk("sso", "map", demo.told["organization"]["id"], "--group", "staff", "--role", "member")
        yield Signing(demo, provider)


def tab_of(signing: Signing, open_tab: OpenTab) -> Tab:
    """A tab that may also visit the provider."""
    tab: Tab = open_tab(signing.demo)
    tab.expected.append(f"another host: {re.escape(signing.provider.issuer)}/")
    return tab


def sign_in_there(page: Page, who: str) -> None:
    """Leaves for the provider, and signs in there."""
    page.get_by_role("link", name=CONTINUE).click()
    page.get_by_label("Who").fill(who)
    page.get_by_role("button", name="Sign in there").click()


def test_the_provider_signs_in_and_ends_the_session(signing: Signing, open_tab: OpenTab) -> None:
    """To the page that was asked for; out; in again without a question; and out when the provider says so."""
    tab = tab_of(signing, open_tab)
    page = tab.page
    audit_log = f"{signing.demo.home}/audit-log"
    tab.open(audit_log)
    expect(page.get_by_label("Password", exact=True)).to_be_visible()
    assert tab.violations_everywhere("sign-in-with-a-provider") == []

    sign_in_there(page, "nora")
    expect(page).to_have_url(signing.demo.address + audit_log)
    expect(page.get_by_text("signed in by Example ID")).to_be_visible()

    page.get_by_role("button", name=re.compile("User menu")).click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in$"))
    page.get_by_role("link", name=CONTINUE).click()
    expect(page.get_by_role("heading", name="API Keys")).to_be_visible()

    there = page.context.new_page()
    there.goto(f"{signing.provider.issuer}/session/end")
    there.get_by_role("button", name="Sign out there").click()
    expect(there.get_by_role("heading", name="Signed out there")).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name=CONTINUE)).to_be_visible()


def test_a_group_lets_somebody_new_in_and_nobody_else(signing: Signing, open_tab: OpenTab) -> None:
    """Zoe becomes a member; Eve is told whom to ask."""
    zoe, eve = tab_of(signing, open_tab), tab_of(signing, open_tab)

    zoe.open("/")
    sign_in_there(zoe.page, "zoe")
    expect(zoe.page.get_by_role("button", name="User menu of Zoe")).to_be_visible()
    eve.open("/")
    eve.expected.append("403")
    sign_in_there(eve.page, "eve")
    expect(eve.page.get_by_role("heading", name="You are not signed in")).to_be_visible()

    assert eve.violations() == []
    people = signing.demo.keydesk("user", "list", "--organization", signing.demo.told["organization"]["id"])
    roles = {person["email"]: person["role"] for person in people}
    assert roles["zoe@northwind.example"] == "member"
    assert "eve@elsewhere.example" not in roles
