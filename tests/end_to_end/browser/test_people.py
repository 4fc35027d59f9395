"""An organization admin invites, changes and removes people in a browser; the other roles see nothing of it."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser.browser import Tab
from tests.support.browser.demo import DemoServer, OpenTab

pytest_plugins = ("tests.support.browser.fixtures",)

NAMES_OF_PAGES = {
    "organization-admin": ["API Keys", "Agents", "People", "Tokens", "Audit log", "Documentation"],
    "agent-admin": ["API Keys", "Audit log", "Documentation"],
    "member": ["API Keys", "Documentation"],
}


def pages(page: Page) -> Locator:
    """The links to the organization's pages, in the header."""
    return page.get_by_role("navigation", name="Pages")


def choose(page: Page, name: str, item: str) -> None:
    """Chooses an item in the menu ⋮ of a person or an invitation."""
    page.get_by_role("button", name=f"Menu of {name}", exact=True).click()
    page.get_by_role("menuitem", name=item, exact=True).click()


def row(page: Page, text: str) -> Locator:
    """The row with this text, in the table of people or of invitations."""
    return page.get_by_role("row").filter(has_text=text)


def press(tab: Tab, name: str) -> None:
    """Presses a button of the dialog."""
    tab.page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()


@pytest.mark.parametrize("role", NAMES_OF_PAGES)
def test_the_header_leads_to_the_pages_of_the_role(looked_at: DemoServer, open_tab: OpenTab, role: str) -> None:
    """The current page is marked, and pages that are not for the role are not named."""
    tab = open_tab(looked_at, role)
    tab.open(f"{looked_at.home}/api-keys")

    links = pages(tab.page).get_by_role("link")
    expect(links).to_have_text(NAMES_OF_PAGES[role])
    expect(pages(tab.page).locator("[aria-current=page]")).to_have_text(["API Keys"])


def test_another_page_begins_at_its_top_with_its_title(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """By keyboard: the first Tab reaches the way past the header, and a chosen page gets the focus."""
    tab = open_tab(looked_at, "organization-admin", size=(1280, 300))
    tab.open(f"{looked_at.home}/api-keys")
    tab.page.keyboard.press("Tab")
    expect(tab.page.get_by_role("button", name="Skip to the page")).to_be_focused()
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("heading", name="API Keys")).to_be_focused()
    tab.page.evaluate("scrollTo(0, document.body.scrollHeight)")

    pages(tab.page).get_by_role("link", name="People").press("Enter")

    expect(tab.page.get_by_role("heading", name="People", exact=True)).to_be_focused()
    assert tab.page.evaluate("scrollY") == 0


def test_on_a_narrow_screen_a_menu_leads_to_the_pages(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """It opens and closes by keyboard, and nothing is wider than the window."""
    tab = open_tab(looked_at, "organization-admin", scheme="dark", size=(320, 700))
    tab.open(f"{looked_at.home}/people")
    menu = pages(tab.page).get_by_role("button", name="Pages")

    menu.press("Enter")
    tab.page.wait_for_selector("[role=menu]:focus-within")
    tab.shoot("navigation-dark-320")
    violations = tab.violations()
    tab.page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    menu.click()
    tab.page.get_by_role("menuitem", name="API Keys", exact=True).click()

    expect(tab.page.get_by_role("heading", name="API Keys")).to_be_visible()
    assert violations == []
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_page_of_people_shows_who_is_there(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """With search; in both color schemes and wide and narrow, axe finds nothing serious."""
    tab = open_tab(looked_at, "organization-admin")
    tab.open(f"{looked_at.home}/people")
    mia, amir = looked_at.person("member"), looked_at.person("agent-admin")
    expect(row(tab.page, mia["name"])).to_contain_text("Member")
    expect(row(tab.page, amir["name"])).to_contain_text("Agent admin")
    expect(row(tab.page, looked_at.person("organization-admin")["name"])).to_contain_text("You")

    assert tab.violations_everywhere("people") == []
    tab.page.get_by_label("Search").fill(mia["email"].upper())
    expect(tab.page.get_by_role("table", name="People").get_by_role("row")).to_have_count(2)
    tab.page.get_by_label("Search").fill("nobody at all")
    expect(tab.page.get_by_text("matches “nobody at all”")).to_be_visible()


@pytest.mark.parametrize("role", ["agent-admin", "member"])
def test_who_may_not_manage_people_is_told_whom_to_ask(looked_at: DemoServer, open_tab: OpenTab, role: str) -> None:
    """The page has no list and no button for them."""
    tab = open_tab(looked_at, role)

    tab.open(f"{looked_at.home}/people")

    expect(tab.page.get_by_role("link", name=looked_at.person("organization-admin")["email"])).to_be_visible()
    expect(tab.page.get_by_role("button", name="Invite")).to_have_count(0)
    expect(tab.page.get_by_role("table")).to_have_count(0)


def test_roles_change_and_people_go(demo: DemoServer, open_tab: OpenTab) -> None:
    """The last admin stays admin; a new role shows at the person's next page; who is removed leaves keys to rotate."""
    nora, mia, amir = (demo.person(role) for role in ("organization-admin", "member", "agent-admin"))
    created = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { ... on ApiKeyIssued { secret } } }"
    tab, theirs = open_tab(demo, "organization-admin"), open_tab(demo, "member")
    page = tab.page
    tab.open(f"{demo.home}/people")

    choose(page, nora["name"], "Change role")
    page.get_by_role("radio", name="Member").check()
    press(tab, "Save")
    expect(page.get_by_text(re.compile("organization admin", re.IGNORECASE)).first).to_be_visible()
    expect(page.get_by_role("radio", name="Member")).to_be_focused()
    press(tab, "Cancel")

    choose(page, mia["name"], "Change role")
    page.get_by_role("radio", name="Agent admin").check()
    press(tab, "Save")
    expect(page.get_by_text("Choose at least one agent.")).to_be_visible()
    page.get_by_role("combobox", name="Agents").fill("fleet")
    page.get_by_role("option", name="Fleet Dispatcher").click()
    tab.shoot("people-change")
    violations = tab.violations()
    press(tab, "Save")
    expect(row(page, mia["name"])).to_contain_text("Fleet Dispatcher")
    expect(page.get_by_text(f"{mia['name']} is now an agent admin.")).to_be_visible()
    theirs.open(f"{demo.home}/api-keys")
    expect(theirs.page.get_by_role("button", name="New API Key")).to_be_visible()

    answer = theirs.page.context.request.post(
        f"{demo.address}/graphql",
        data={
            "query": created,
            "variables": {
                "input": {
                    "organizationId": demo.told["organization"]["id"],
                    "name": "seen by Mia",
                    "scope": "AGENT",
                    "agentId": _agent_id(demo, "Fleet Dispatcher"),
                }
            },
        },
    )
    assert answer.json()["data"]["createApiKey"]["secret"]
    choose(page, mia["name"], "Remove")
    expect(page.get_by_role("dialog").get_by_text("seen by Mia")).to_be_visible()
    tab.shoot("people-remove")
    violations += tab.violations()
    press(tab, "Remove")
    expect(row(page, mia["email"])).to_have_count(0)
    expect(page.get_by_text(f"{mia['name']} was removed.")).to_be_visible()
    page.get_by_role("button", name="Rotate seen by Mia").click()
    page.get_by_role("radio", name="No overlap").check()
    press(tab, "Rotate")
    press(tab, "Done")
    press(tab, "Leave without it")
    expect(page.get_by_role("list", name="Keys whose secret").get_by_text("Rotated")).to_be_visible()
    tab.shoot("people-removed")
    violations += tab.violations()
    theirs.open("/")

    expect(theirs.page.get_by_role("heading", name="Sign in to Keydesk")).to_be_visible()
    expect(row(page, amir["name"])).to_be_visible()
    assert violations == []


def _agent_id(demo: DemoServer, name: str) -> str:
    document = "query ($id: ID!) { organization(id: $id) { agents { id name } } }"
    agents = demo.graphql(document, id=demo.told["organization"]["id"])["organization"]["agents"]
    return str(next(each["id"] for each in agents if each["name"] == name))
