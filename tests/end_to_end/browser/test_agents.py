"""An organization admin creates, renames and deletes agents in a browser."""

from playwright.sync_api import Locator, Page, expect

from tests.support.browser.demo import DemoServer, OpenTab

pytest_plugins = ("tests.support.browser.fixtures",)


def row(page: Page, name: str) -> Locator:
    """The agent's row in the table."""
    return page.get_by_role("row").filter(has=page.get_by_text(name, exact=True))


def choose(page: Page, name: str, item: str) -> None:
    """Chooses an item in the agent's menu ⋮."""
    page.get_by_role("button", name=f"Menu of {name}", exact=True).click()
    page.get_by_role("menuitem", name=item, exact=True).click()


def press(page: Page, name: str) -> None:
    """Presses a button of the dialog."""
    page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()


def test_agents_come_and_go(demo: DemoServer, open_tab: OpenTab) -> None:
    """
    A name is used once; deleting an agent names the keys and the traffic that go along, and asks for its name.

    An agent admin is told whom to ask.
    """
    key = next(each for each in demo.api_keys() if each["name"] == "Route Planner production")
    amir = demo.person("agent-admin")["name"]
    tab, theirs = open_tab(demo, "organization-admin"), open_tab(demo, "agent-admin")
    page = tab.page
    tab.open(f"{demo.home}/agents")
    expect(row(page, "Route Planner")).to_contain_text(amir)
    violations = tab.violations_everywhere("agents")

    page.get_by_role("button", name="New agent").click()
    page.get_by_role("dialog").get_by_label("Name").fill("route planner")
    press(page, "Create")
    expect(page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
    expect(page.get_by_role("dialog").get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("dialog").get_by_label("Name").fill("Parcel Tracker")
    press(page, "Create")
    expect(page.get_by_text("The agent “Parcel Tracker” was created.")).to_be_visible()
    expect(row(page, "Parcel Tracker")).to_contain_text("None")

    choose(page, "Parcel Tracker", "Rename")
    page.get_by_role("dialog").get_by_label("Name").fill("Parcel Finder")
    press(page, "Save")
    expect(row(page, "Parcel Finder")).to_be_visible()
    choose(page, "Parcel Finder", "Delete")
    expect(page.get_by_role("dialog").get_by_role("textbox")).to_have_count(0)
    press(page, "Delete")
    expect(row(page, "Parcel Finder")).to_have_count(0)

    choose(page, "Route Planner", "Delete")
    expect(page.get_by_role("dialog").get_by_text(key["name"])).to_be_visible()
    tab.shoot("agents-delete")
    violations += tab.violations()
    press(page, "Delete")
    expect(page.get_by_text("That is not the agent’s name.")).to_be_visible()
    page.get_by_label("Type “Route Planner”").fill("Route Planner")
    press(page, "Delete")
    expect(row(page, "Route Planner")).to_have_count(0)

    theirs.open(f"{demo.home}/agents")
    expect(theirs.page.get_by_role("link", name=demo.person("organization-admin")["email"])).to_be_visible()
    expect(theirs.page.get_by_role("button", name="New agent")).to_have_count(0)
    assert key["name"] not in [each["name"] for each in demo.api_keys()]
    assert violations == []
