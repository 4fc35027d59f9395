"""Every screen and dialog, as each role, in light and dark, wide and narrow: without errors, and accessible."""

import re
from itertools import product

import pytest
from playwright.sync_api import expect

from tests.support.browser.browser import NARROW, WIDE, Scheme
from tests.support.browser.demo import DemoServer, OpenTab
from tests.support.thorough import IS_THOROUGH

pytest_plugins = ("tests.support.browser.fixtures",)

KEY = "{key}"
SCREENS = {
    "api-keys": ("/api-keys", "heading", "API Keys"),
    "new": ("/api-keys?new", "dialog", "New API Key"),
    "edit": ("/api-keys?edit={key}", "dialog", "Edit API key"),
    "rotate": ("/api-keys?rotate={key}", "dialog", "Rotate"),
    "delete": ("/api-keys?delete={key}", "dialog", "Delete"),
    "usage": ("/api-keys/{key}/usage", "heading", "Usage"),
    "audit-log": ("/audit-log", "heading", "Audit log"),
    "not-found": ("/nothing-here", "heading", "not found|no such page"),
}
FOR_MEMBERS = {"api-keys", "audit-log", "not-found"}
USUAL_LOOKS = [
    ("organization-admin", "light", WIDE),
    ("organization-admin", "dark", NARROW),
    ("agent-admin", "dark", WIDE),
    ("member", "light", NARROW),
]
LOOKS = list(product(("organization-admin", "agent-admin", "member"), ("light", "dark"), (WIDE, NARROW)))
"""Only a thorough run looks at all: rules for colours and for widths know no role."""


@pytest.mark.parametrize(("role", "scheme", "size"), LOOKS if IS_THOROUGH else USUAL_LOOKS, ids=lambda each: str(each))
def test_every_screen_is_open_to_everybody(
    looked_at: DemoServer, open_tab: OpenTab, role: str, scheme: Scheme, size: tuple[int, int]
) -> None:
    """By its own address: axe finds nothing serious, and nothing is wider than the window."""
    tab = open_tab(looked_at, role, scheme=scheme, size=size)
    keys = looked_at.keydesk("key", "list", "--organization", "Northwind Logistics")
    key_id = next(each["id"] for each in keys if each["name"] == "Route Planner production")

    found: dict[str, list[str]] = {}
    too_wide = []
    for name, (path, kind, title) in SCREENS.items():
        if role == "member" and name not in FOR_MEMBERS:
            continue
        tab.open(looked_at.home + path.replace(KEY, key_id))
        expect(tab.page.get_by_role(kind, name=re.compile(title, re.IGNORECASE)).first).to_be_visible()  # type: ignore[arg-type]
        tab.shoot(f"{name}-{role}-{scheme}-{size[0]}")
        if tab.page.evaluate("document.documentElement.scrollWidth") > size[0]:
            too_wide.append(name)
        if violations := tab.violations():
            found[name] = violations

    assert found == {}
    assert too_wide == []


@pytest.mark.parametrize(("scheme", "size"), [("light", WIDE), ("dark", NARROW)], ids=["light-wide", "dark-narrow"])
def test_the_assistant_is_open_to_everybody(
    looked_at: DemoServer, open_tab: OpenTab, scheme: Scheme, size: tuple[int, int]
) -> None:
    """With its starters, and with an answer."""
    tab = open_tab(looked_at, "organization-admin", scheme=scheme, size=size)
    tab.open(f"{looked_at.home}/api-keys")

    tab.page.get_by_role("button", name="Assistant", exact=True).click()
    tab.page.wait_for_load_state("networkidle")
    before = tab.violations()
    tab.shoot(f"assistant-{scheme}-{size[0]}")

    assert before == []


def test_the_page_is_light_or_dark_after_the_system(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """It follows the system's setting while it is open."""
    tab = open_tab(looked_at, "organization-admin", scheme="dark")
    tab.open("/")
    colour = "getComputedStyle(document.body).backgroundColor"

    dark = tab.page.evaluate(colour)
    tab.page.emulate_media(color_scheme="light")
    expect(tab.page.locator("html")).to_have_attribute("data-mantine-color-scheme", "light")
    light = tab.page.evaluate(colour)

    assert light == "rgb(255, 255, 255)"
    assert dark != light


def test_the_results_of_a_search_follow_what_was_searched_for(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """Also if there are few: the menu beside them is longer."""
    tab = open_tab(looked_at)
    tab.open("/docs/search?q=webhook")

    said, results = tab.page.locator("main > p").first.bounding_box(), tab.page.locator(".results").bounding_box()

    assert said is not None
    assert results is not None
    assert results["y"] - said["y"] < 100
