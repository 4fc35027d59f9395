"""A name, a color and a logo of the operator's in a browser: the console, the documentation and GraphiQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser.browser import NARROW
from tests.support.browser.demo import DemoServer, OpenTab, served

pytest_plugins = ("tests.support.browser.fixtures",)

NAME = "Initech Keys"
YELLOW = "#ffd400"
"""Hard to read on white."""
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path fill="#c00" d="M0 0h9v9z"/></svg>'


@pytest.fixture(scope="module")
def demo(browser: Browser, demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    """A demo with a brand."""
    folder = tmp_path_factory.mktemp("brand") / "demo"
    shutil.copytree(demo_folder, folder)
    (folder / "logo.svg").write_text(LOGO)
    settings = {"KEYDESK_BRAND_NAME": NAME, "KEYDESK_BRAND_COLOR": YELLOW, "KEYDESK_BRAND_LOGO": "logo.svg"}
    with served(folder, **settings) as server:
        yield server


def test_every_part_has_the_brand_and_can_be_read(demo: DemoServer, open_tab: OpenTab) -> None:
    """In light and dark: axe-core finds no text without contrast, and no page breaks its policy."""
    for scheme, size in (("light", None), ("dark", NARROW)):
        tab = open_tab(demo, "organization-admin", scheme=scheme, **({} if size is None else {"size": size}))
        page, violations = tab.page, []

        tab.open(f"{demo.home}/api-keys")
        expect(page.get_by_role("heading", name="API Keys")).to_be_visible()
        expect(page).to_have_title(f"API Keys · {NAME}")
        expect(page.get_by_role("link", name=NAME)).to_be_visible()
        expect(page.locator('header img[src="/brand/logo.svg"]')).to_be_visible()
        assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--mantine-color-brand-7')")
        tab.shoot(f"brand-{scheme}")
        violations += tab.violations()
        tab.open(f"{demo.home}/people?invite")
        expect(page.get_by_role("dialog")).to_be_visible()
        violations += tab.violations()
        tab.open("/docs/guide/keys")
        expect(page).to_have_title(f"API keys · {NAME}")
        expect(page.locator('header img[src="/brand/logo.svg"]')).to_be_visible()
        violations += tab.violations()
        assert violations == []


def test_signed_out_pages_and_graphiql_have_the_brand(demo: DemoServer, open_tab: OpenTab) -> None:
    """Their titles and headings."""
    tab = open_tab(demo)
    tab.open("/sign-in")
    expect(tab.page.get_by_role("heading", name=f"Sign in to {NAME}")).to_be_visible()
    assert tab.violations() == []

    admin = open_tab(demo, "organization-admin")
    admin.open("/graphiql")
    expect(admin.page).to_have_title(f"GraphiQL · {NAME}")
    expect(admin.page.get_by_role("link", name=NAME)).to_be_visible()
