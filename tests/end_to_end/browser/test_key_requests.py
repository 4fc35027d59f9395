"""A member asks for a key in a browser, and an organization admin creates it or dismisses the request."""

from playwright.sync_api import Locator, Page, expect

from tests.support.browser.browser import NARROW
from tests.support.browser.demo import DemoServer, OpenTab

pytest_plugins = ("tests.support.browser.fixtures",)

REASON = "Invoices at night.\nFor the agent Route Planner."


AGENTS = "query ($id: ID!) { organization(id: $id) { agents { id } } }"
DELETE_AGENT = "mutation ($input: DeleteAgentInput!) { deleteAgent(input: $input) { __typename } }"


def press(page: Page | Locator, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def asked(page: Page, name: str) -> None:
    """Asks for a key of this name."""
    press(page, "Ask for a key")
    page.get_by_label("Name of the key").fill(name)
    page.get_by_label("What for").fill(REASON)
    press(page, "Ask")
    expect(page.get_by_role("dialog")).to_contain_text("Your request was stored.")


def test_a_member_asks_for_keys_and_an_admin_deals_with_them(shared_demo: DemoServer, open_tab: OpenTab) -> None:
    """One is created in the filled-in form, which the mail's address opens, too; the other is dismissed."""
    demo = shared_demo
    mia = demo.person("member")
    theirs, tab = open_tab(demo, "member", scheme="dark", size=NARROW), open_tab(demo, "organization-admin")
    page = tab.page
    theirs.open(f"{demo.home}/api-keys")
    violations = theirs.violations()
    asked(theirs.page, "nightly export")
    theirs.shoot("asked-dark-390")
    violations += theirs.violations()
    theirs.page.keyboard.press("Escape")
    asked(theirs.page, "second thoughts")

    tab.open(f"{demo.home}/api-keys")
    requests = page.get_by_role("list", name="Requests for keys")
    expect(requests.get_by_role("listitem")).to_have_count(2)
    tab.shoot("key-requests")
    violations += tab.violations()
    press(page, "Create nightly export")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Name")).to_have_value("nightly export")
    expect(dialog.get_by_text("Invoices at night.")).to_be_visible()
    tab.shoot("key-request-create")
    violations += tab.violations()
    mailed = tab.path()
    tab.open(mailed)
    dialog.get_by_role("radio", name="Organization").check()
    press(page, "Create")
    expect(dialog.get_by_label("Secret")).to_be_visible()
    expect(dialog.get_by_text(f"Give the secret to {mia['name']}")).to_be_visible()
    press(page, "Done")
    press(page, "Leave without it")
    expect(requests.get_by_role("listitem")).to_have_count(1)
    press(page, "Dismiss second thoughts")
    press(page, "Dismiss")
    expect(requests).to_have_count(0)
    tab.open(mailed)
    expect(dialog).to_contain_text("This request is no longer open")

    assert "nightly export" in [each["name"] for each in demo.api_keys()]
    assert violations == []


def test_an_agent_admin_without_agents_asks_instead(shared_demo: DemoServer, open_tab: OpenTab) -> None:
    """No form is offered that can't be filled in."""
    demo = shared_demo
    agents = demo.graphql(AGENTS, id=demo.told["organization"]["id"])["organization"]["agents"]
    for each in agents:
        demo.graphql(DELETE_AGENT, input={"id": each["id"]})
    tab = open_tab(demo, "agent-admin")

    tab.open(f"{demo.home}/api-keys?new")
    expect(tab.page.get_by_role("dialog").get_by_text("you don’t administer an agent yet")).to_be_visible()
    press(tab.page.get_by_role("dialog"), "Ask for a key")

    expect(tab.page.get_by_role("dialog", name="Ask for a key")).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(tab.page.get_by_role("button", name="New API Key")).to_have_count(0)
    expect(tab.page.get_by_role("button", name="Ask for a key")).to_be_visible()
