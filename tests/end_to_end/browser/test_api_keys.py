"""The documented tasks with API keys in a browser, by the roles that may do them."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.support.browser.browser import NEXT_FRAME
from tests.support.browser.demo import DemoServer, OpenTab

pytest_plugins = ("tests.support.browser.fixtures",)

UNUSED = "Route Planner staging"
NORTHWIND = ("--organization", "Northwind Logistics")


def row(page: Page, name: str) -> Locator:
    """The key's row in the table."""
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def choose(page: Page, name: str, item: str) -> None:
    """Chooses an item in the key's menu ⋮."""
    page.get_by_role("button", name=f"Menu of {name}", exact=True).click()
    page.get_by_role("menuitem", name=item, exact=True).click()


def begin(page: Page) -> Locator:
    """Opens the dialog for a new key from the user icon's menu."""
    page.get_by_role("button", name="User menu").click()
    page.get_by_role("menuitem", name="API Keys", exact=True).click()
    page.get_by_role("button", name="New API Key", exact=True).click()
    return page.get_by_role("dialog", name="New API Key")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def secret_of(page: Page) -> str:
    """The secret in the dialog, which shows it once."""
    field = page.get_by_label("Secret", exact=True)
    expect(field).to_be_focused()
    return field.input_value()


def leave(page: Page) -> None:
    """Copies the secret, and closes the dialog."""
    press(page, "Copy")
    press(page, "Done")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_organization_admin_creates_a_key(demo: DemoServer, open_tab: OpenTab) -> None:
    """It works at once; its secret is shown once, copied with one button, and stored nowhere in the browser."""
    tab = open_tab(demo, "organization-admin", permissions=("clipboard-read", "clipboard-write"))
    page = tab.page
    tab.open("/")

    dialog = begin(page)
    dialog.get_by_label("Name").fill("  nightly export ")
    dialog.get_by_role("radio", name="Organization").check()
    press(page, "Create")
    secret = secret_of(page)
    page.keyboard.press("Escape")
    expect(page.get_by_label("Secret", exact=True)).to_be_visible()
    press(page, "Copy")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    press(page, "Done")

    expect(row(page, "nightly export")).to_contain_text("by Nora Lindqvist")
    expect(page.get_by_role("button", name="New API Key")).to_be_focused()
    expect(page.get_by_text("8 of 10 keys used")).to_be_visible()
    assert demo.verified(secret) == "good"
    assert copied == secret
    assert secret not in page.content()
    assert secret not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, location.href])")


def test_an_agent_admin_creates_a_key_for_an_agent_of_theirs(demo: DemoServer, open_tab: OpenTab) -> None:
    """The scope of the whole organization is disabled, with the reason; only their agents are listed, with a search."""
    tab = open_tab(demo, "agent-admin")
    page = tab.page
    tab.open("/")

    dialog = begin(page)
    dialog.get_by_label("Name").fill("customs partner")
    expect(dialog.get_by_role("radio", name="Organization")).to_have_count(0)
    expect(dialog).to_contain_text("created by organization admins")
    expect(dialog.get_by_role("link", name="nora@northwind.example")).to_be_visible()
    dialog.get_by_role("combobox", name="Agent", exact=True).click()
    offered = page.get_by_role("option").all_inner_texts()
    dialog.get_by_role("combobox", name="Agent", exact=True).fill("cust")
    expect(page.get_by_role("option")).to_have_count(1)
    page.get_by_role("option", name="Customs Clerk").click()
    press(page, "Create")
    secret = secret_of(page)
    leave(page)

    assert sorted(offered) == ["Customs Clerk", "Route Planner"]
    expect(row(page, "customs partner")).to_contain_text("Customs Clerk")
    agents = {each["name"]: each["id"] for each in demo.keydesk("agent", "list", *NORTHWIND)}
    assert demo.verified(secret, agents["Customs Clerk"]) == "good"
    assert demo.verified(secret, agents["Route Planner"]) == "agent_not_in_scope"


def test_what_does_not_fit_is_told_where_it_is(demo: DemoServer, open_tab: OpenTab) -> None:
    """Each field shows what is missing, or what the server refuses; nothing is created."""
    tab = open_tab(demo, "organization-admin")
    page = tab.page
    tab.open(f"{demo.home}/api-keys?new")
    name = page.get_by_role("dialog").get_by_label("Name")

    press(page, "Create")
    expect(name).to_have_accessible_description(re.compile("Enter a name"))
    name.fill("zero​width")
    page.get_by_role("radio", name="Organization").check()
    press(page, "Create")

    expect(name).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("7 of 10 keys used")).to_be_visible()
    assert tab.violations() == []


def test_a_key_gets_another_name(demo: DemoServer, open_tab: OpenTab) -> None:
    """By ⋮ and Edit; afterwards the menu has the focus again."""
    tab = open_tab(demo, "agent-admin")
    page = tab.page
    tab.open(f"{demo.home}/api-keys")

    choose(page, UNUSED, "Edit")
    page.get_by_role("dialog").get_by_label("Name").fill("Route Planner rehearsal")
    press(page, "Save")

    expect(row(page, "Route Planner rehearsal")).to_be_visible()
    expect(page.get_by_role("button", name="Menu of Route Planner rehearsal")).to_be_focused()
    expect(page.get_by_role("link", name=UNUSED, exact=True)).to_have_count(0)


def test_a_key_gets_another_secret(demo: DemoServer, open_tab: OpenTab) -> None:
    """By ⋮ and Rotate: the person chooses when the old secret ends, and it ends then."""
    name, old = demo.told["key"]["name"], demo.told["key"]["secret"]
    tab = open_tab(demo, "organization-admin")
    page = tab.page
    tab.open(f"{demo.home}/api-keys")

    choose(page, name, "Rotate")
    press(page, "Rotate")
    expect(page.get_by_text("Choose what happens to the old secret.")).to_be_visible()
    page.get_by_role("radio", name="Works for 1 more hour").check()
    press(page, "Rotate")
    second = secret_of(page)
    leave(page)
    during = [demo.verified(each) for each in (old, second)]
    expect(row(page, name)).to_contain_text("Old secret ends")
    choose(page, name, "Rotate")
    page.get_by_role("radio", name="No overlap").check()
    press(page, "Rotate")
    third = secret_of(page)
    leave(page)

    assert during == ["good", "good"]
    assert [demo.verified(each) for each in (old, second, third)] == ["replaced_secret", "replaced_secret", "good"]


def test_a_key_that_is_used_is_deleted_by_its_name(demo: DemoServer, open_tab: OpenTab) -> None:
    """A warning says what will break; then the key stops at once, its slot is free, and it is listed as deleted."""
    name, secret = demo.told["key"]["name"], demo.told["key"]["secret"]
    assert demo.verified(secret) == "good"
    tab = open_tab(demo, "organization-admin")
    page = tab.page
    tab.open(f"{demo.home}/api-keys")

    choose(page, name, "Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Its callers will be refused.")
    expect(dialog).to_contain_text(re.compile(r"requests? in 24 hours from \d+ address"))
    press(page, "Delete")
    expect(dialog).to_contain_text("That is not the key’s name.")
    dialog.get_by_role("textbox").fill(name)
    press(page, "Delete")

    expect(page.get_by_text("6 of 10 keys used")).to_be_visible()
    expect(page.get_by_role("link", name=name, exact=True)).to_have_count(0)
    assert demo.verified(secret) == "deleted_key"
    page.get_by_label("Show deleted keys").check()
    expect(row(page, name)).to_contain_text("by Nora Lindqvist")


def test_the_last_slot_is_taken_while_the_dialog_is_open(demo: DemoServer, open_tab: OpenTab) -> None:
    """The dialog offers to free a slot, and then creates the key from the typed values."""
    tab = open_tab(demo, "organization-admin")
    page = tab.page
    tab.open("/")
    dialog = begin(page)
    dialog.get_by_label("Name").fill("the eleventh")
    dialog.get_by_role("radio", name="Organization").check()
    for number in range(3):
        demo.keydesk("key", "create", f"in between {number}", *NORTHWIND)

    press(page, "Create")
    expect(dialog.get_by_role("alert")).to_contain_text("Every slot is taken")
    assert tab.violations() == []
    candidate = dialog.get_by_role("button", name="Delete in between 0", exact=True)
    candidate.click()
    press(page, "Delete")
    expect(dialog.get_by_label("Name")).to_have_value("the eleventh")
    press(page, "Create")
    secret = secret_of(page)
    leave(page)

    assert demo.verified(secret) == "good"
    expect(page.get_by_text("10 of 10 keys used")).to_be_visible()


def test_a_member_is_told_who_can_help(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """No keys, no buttons, and the admins by name; a link to a dialog opens none."""
    tab = open_tab(looked_at, "member")
    page = tab.page

    tab.open(f"{looked_at.home}/api-keys")
    expect(page.get_by_role("link", name="nora@northwind.example")).to_be_visible()
    expect(page.get_by_text("7 of 10 keys used")).to_be_visible()

    expect(page.get_by_role("button", name="New API Key")).to_have_count(0)
    expect(page.get_by_role("table")).to_have_count(0)
    tab.open(f"{looked_at.home}/api-keys?delete={looked_at.told['key']['id']}")
    expect(page.get_by_role("dialog")).to_contain_text("There is no such API key.")


def test_an_agent_admin_sees_the_keys_of_their_agents(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """The slots of all keys, and only the keys of their agents; sorted and searched without another request."""
    tab = open_tab(looked_at, "agent-admin")
    page = tab.page
    tab.open(f"{looked_at.home}/api-keys")

    page.get_by_role("columnheader", name="Name").get_by_role("button").click()
    names = [page.get_by_role("row").nth(at).get_by_role("link").inner_text() for at in (1, 2, 3)]
    page.get_by_label("Search").fill("prod")

    assert names == ["Broker feed", "Route Planner production", "Route Planner staging"]
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_text("You see 3: those of the agents that you administer.")).to_be_visible()


def test_a_key_is_created_by_keyboard_alone(demo: DemoServer, open_tab: OpenTab) -> None:
    """From signing in to the secret and back to the start; the focused element is always visible."""
    nora = demo.person("organization-admin")
    tab = open_tab(demo, permissions=("clipboard-read", "clipboard-write"))
    page = tab.page
    tab.open("/")

    def go_to(target: Locator) -> None:
        for _ in range(40):
            if target.evaluate("(element) => element === document.activeElement"):
                return
            page.keyboard.press("Tab")
            page.evaluate(NEXT_FRAME)
        raise AssertionError(f"the keyboard does not get to {target}")

    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type(nora["email"])
    page.keyboard.press("Tab")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    page.keyboard.type(nora["password"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="API Keys")).to_be_visible()
    go_to(page.get_by_role("button", name="User menu"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="API Keys")).to_be_visible()
    expect(page.locator("[role=menu]:focus-within")).to_have_count(1)  # only then does it accept keystrokes
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(page.get_by_role("button", name="User menu")).to_be_focused()
    go_to(page.get_by_role("button", name="New API Key", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
    page.keyboard.type("by keyboard")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("combobox", name="Agent", exact=True)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("combobox", name="Agent", exact=True)).to_be_focused()
    page.keyboard.type("fleet")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Agent", exact=True)).to_have_value("Fleet Dispatcher")
    go_to(page.get_by_role("button", name="Create", exact=True))
    page.keyboard.press("Enter")
    secret_of(page)
    go_to(page.get_by_role("button", name="Copy", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    go_to(page.get_by_role("button", name="Done", exact=True))
    page.keyboard.press("Enter")

    expect(row(page, "by keyboard")).to_contain_text("Fleet Dispatcher")
    expect(page.get_by_role("button", name="New API Key", exact=True)).to_be_focused()


def test_without_a_connection_it_says_so_and_goes_on(demo: DemoServer, open_tab: OpenTab) -> None:
    """The failure is shown where the person tried, typed values stay, and a retry succeeds."""
    tab = open_tab(demo, "organization-admin")
    tab.expected.append(r"ERR_INTERNET_DISCONNECTED")
    page = tab.page
    tab.open(f"{demo.home}/api-keys?new")
    page.get_by_role("dialog").get_by_label("Name").fill("in the tunnel")
    page.get_by_role("radio", name="Organization").check()

    page.context.set_offline(True)
    press(page, "Create")
    expect(page.get_by_role("alert").filter(has_text="The key was not created")).to_be_visible()
    expect(page.get_by_text("What is shown may be old")).to_be_visible()
    page.context.set_offline(False)
    press(page, "Create")

    secret_of(page)
    leave(page)
    expect(page.get_by_text("What is shown may be old")).to_have_count(0)
