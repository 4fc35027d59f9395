"""While an answer is pending, no way out of a dialog loses it; and nobody leaves an uncopied secret by mistake."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.end_to_end.browser.test_api_keys import UNUSED, press, secret_of
from tests.support.browser.browser import Tab
from tests.support.browser.demo import DemoServer, OpenTab
from tests.support.browser.network import HeldBack, asks_before_unload, expect_stays, hold_back, on

pytest_plugins = ("tests.support.browser.fixtures",)

NEW_PASSWORD = "a password of her own"
PASSWORD_OF = "agent-admin"
"""The role whose password these tests change: no other test signs in with it."""
SLOW = 8_000
"""Milliseconds after which a dialog offers to stop waiting."""


@pytest.fixture(name="demo")
def one_for_all(shared_demo: DemoServer) -> DemoServer:
    """One server for this module's tests."""
    return shared_demo


def names(demo: DemoServer) -> list[str]:
    return [each["name"] for each in demo.api_keys()]


def fill_in_new(dialog: Locator, name: str) -> None:
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_role("radio", name="Organization").check()


def create(tab: Tab, demo: DemoServer) -> None:
    tab.open(f"{demo.home}/api-keys")
    press(tab.page, "New API Key")
    fill_in_new(tab.page.get_by_role("dialog"), "while it waits")


def menu(tab: Tab, demo: DemoServer, item: str) -> None:
    tab.open(f"{demo.home}/api-keys")
    tab.page.get_by_role("button", name=f"Menu of {UNUSED}", exact=True).click()
    tab.page.get_by_role("menuitem", name=item, exact=True).click()
    expect(tab.page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_visible()


def rotate(tab: Tab, demo: DemoServer) -> None:
    menu(tab, demo, "Rotate")
    tab.page.get_by_role("radio", name="No overlap").check()


def rename(tab: Tab, demo: DemoServer) -> None:
    menu(tab, demo, "Edit")
    tab.page.get_by_role("dialog").get_by_label("Name").fill("another name")


def delete(tab: Tab, demo: DemoServer) -> None:
    menu(tab, demo, "Delete")


def change_password(tab: Tab, demo: DemoServer, role: str = PASSWORD_OF) -> None:
    tab.open(f"{demo.home}/audit-log")
    tab.page.get_by_role("button", name="User menu").click()
    tab.page.get_by_role("menuitem", name="API Keys", exact=True).click()
    tab.page.get_by_role("button", name="User menu").click()
    tab.page.get_by_role("menuitem", name="Change password").click()
    tab.page.get_by_label("Current password").fill(demo.person(role)["password"])
    tab.page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    tab.page.get_by_label("New password again").fill(NEW_PASSWORD)


def shows_secret(page: Page) -> None:
    expect(page.get_by_label("Secret", exact=True)).to_have_value(re.compile("^kd_"))


def is_closed(page: Page) -> None:
    expect(page.get_by_role("dialog")).to_have_count(0)


def says_changed(page: Page) -> None:
    expect(page.get_by_text("Your password was changed.")).to_be_visible()


@dataclass(frozen=True)
class Case:
    """A dialog that changes something."""

    operation: str
    fill_in: Callable[[Tab, DemoServer], None]
    button: str
    comes_out: Callable[[Page], None]
    role: str = "organization-admin"


CASES = [
    Case("CreateApiKey", create, "Create", shows_secret),
    Case("RotateApiKey", rotate, "Rotate", shows_secret),
    Case("RenameApiKey", rename, "Save", is_closed),
    Case("DeleteApiKey", delete, "Delete", is_closed),
    Case("ChangePassword", change_password, "Change password", says_changed, PASSWORD_OF),
]


def submitted(tab: Tab, demo: DemoServer, case: Case) -> HeldBack:
    """Submits the dialog; its answer is pending."""
    case.fill_in(tab, demo)
    held = hold_back(tab.page, case.operation)
    press(tab.page, case.button)
    held.wait()
    return held


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.operation)
def test_a_dialog_stays_until_its_answer_is_there(demo: DemoServer, open_tab: OpenTab, case: Case) -> None:
    """Cancel and the cross are disabled, Escape and Back do nothing, a reload asks first, and the dialog says why."""
    tab = open_tab(demo, case.role)
    page = tab.page
    held = submitted(tab, demo, case)
    dialog, address = page.get_by_role("dialog"), page.url

    expect(dialog.get_by_role("button", name="Cancel")).to_be_disabled()
    expect(dialog.get_by_role("button", name="Close")).to_be_disabled()
    page.keyboard.press("Escape")
    expect_stays(page, address)
    expect(dialog.get_by_role("status").filter(has_text=re.compile("ing "))).to_be_visible()
    expect(dialog).to_be_visible()
    asked = asks_before_unload(page)
    violations = tab.violations()
    held.let_go()

    case.comes_out(page)
    assert asked
    assert violations == []
    assert held.seen == 1


def test_what_is_pressed_twice_is_done_once(demo: DemoServer, open_tab: OpenTab) -> None:
    """A double click and repeated Enter create one key."""
    tab = open_tab(demo, "organization-admin")
    page = tab.page
    create(tab, demo)
    held = hold_back(page, "CreateApiKey")

    page.get_by_role("button", name="Create", exact=True).evaluate(
        "(button) => { for (let at = 0; at < 3; at++) button.form.requestSubmit() }"
    )
    held.wait()
    page.get_by_label("Name").press("Enter")
    page.get_by_label("Name").press("Enter")
    held.let_go()
    secret_of(page)

    assert names(demo).count("while it waits") == 1


def test_the_way_out_is_open_again_after_a_refusal(demo: DemoServer, open_tab: OpenTab) -> None:
    """Typed values stay, and Cancel and Back work."""
    tab = open_tab(demo, "organization-admin")
    page = tab.page
    tab.open(f"{demo.home}/audit-log")
    create(tab, demo)
    page.get_by_label("Name").fill("zero\u200bwidth")

    press(page, "Create")
    expect(page.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Name")).to_be_focused()
    expect(page.get_by_role("radio", name="Organization")).to_be_checked()
    asked = asks_before_unload(page)
    page.evaluate("history.back()")

    is_closed(page)
    assert not asked


def test_the_session_ends_while_an_answer_is_on_its_way(demo: DemoServer, open_tab: OpenTab) -> None:
    """The sign-in form opens on top; Back does not close the dialog below it, and the key appears afterwards."""
    tab = open_tab(demo, "organization-admin")
    page = tab.page
    tab.open(f"{demo.home}/audit-log")
    create(tab, demo)
    held = hold_back(page, "CreateApiKey")

    press(page, "Create")
    held.wait()
    page.context.clear_cookies()
    held.let_go()
    sign_in = page.get_by_role("dialog", name="You were signed out")
    expect(sign_in).to_be_visible()
    expect_stays(page, page.url)
    expect(sign_in).to_be_visible()
    asked = asks_before_unload(page)
    sign_in.get_by_label("Password", exact=True).fill(demo.person("organization-admin")["password"])
    sign_in.get_by_role("button", name="Sign in", exact=True).click()

    secret_of(page)
    assert not asked  # nothing was done yet: leaving loses only the typed values


def leave_by_escape(page: Page) -> None:
    page.keyboard.press("Escape")


def leave_by_back(page: Page) -> None:
    page.evaluate("history.back()")


def leave_by_cross(page: Page) -> None:
    page.get_by_role("button", name="Close", exact=True).click()


def leave_by_done(page: Page) -> None:
    press(page, "Done")


def leave_by_link(page: Page) -> None:
    page.locator("header a").first.evaluate("(link) => link.click()")


@pytest.mark.parametrize("leave", [leave_by_escape, leave_by_back, leave_by_cross, leave_by_done, leave_by_link])
def test_an_uncopied_secret_is_left_after_one_question(
    demo: DemoServer, open_tab: OpenTab, leave: Callable[[Page], None]
) -> None:
    """Whichever way out: the secret stays if the person cancels, goes if they confirm, and they are asked once."""
    tab = open_tab(demo, "organization-admin")
    page = tab.page
    tab.open(f"{demo.home}/audit-log")
    create(tab, demo)
    press(page, "Create")
    secret_of(page)

    leave(page)
    question = page.get_by_role("alert").filter(has_text="Leave without the secret?")
    expect(question).to_be_visible()
    violations, asked = tab.violations(), asks_before_unload(page)
    press(page, "Stay")
    expect(question).to_have_count(0)
    shows_secret(page)
    leave(page)
    press(page, "Leave without it")

    is_closed(page)
    assert violations == []
    assert asked
    assert not asks_before_unload(page)


def test_a_copied_secret_is_left_without_a_question(demo: DemoServer, open_tab: OpenTab) -> None:
    """Also if it was copied only after the question."""
    tab = open_tab(demo, "organization-admin", permissions=("clipboard-read", "clipboard-write"))
    page = tab.page
    tab.open(f"{demo.home}/audit-log")
    create(tab, demo)
    press(page, "Create")
    secret_of(page)

    leave_by_back(page)
    expect(page.get_by_text("Leave without the secret?")).to_be_visible()
    press(page, "Copy")
    expect(page.get_by_text("Leave without the secret?")).to_have_count(0)
    shows_secret(page)
    leave_by_back(page)

    is_closed(page)


def test_a_hand_over_finds_its_answer_wherever_the_person_went(demo: DemoServer, open_tab: OpenTab) -> None:
    """The person opens another page and closes the panel: the ticket is there when they open the panel again."""
    tab = open_tab(demo, "organization-admin")
    page = tab.page
    tab.open(f"{demo.home}/api-keys")
    press(page, "Assistant")
    press(page, "Talk to a person")
    page.get_by_label("Note").fill("the billing job fails")
    held = hold_back(page, "ContactSupport")

    press(page, "Hand over")
    held.wait()
    expect(page.get_by_role("button", name="Cancel")).to_be_disabled()
    expect(page.get_by_role("button", name="Earlier conversations")).to_be_disabled()
    asked = asks_before_unload(page)
    page.get_by_role("button", name="Close the assistant").click()
    page.get_by_role("button", name="User menu").click()
    page.get_by_role("menuitem", name="Audit log").click()
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    held.let_go()
    press(page, "Assistant")

    expect(page.get_by_text("Handed over to a person")).to_be_visible()
    assert asked


def test_waiting_is_open_to_everybody(demo: DemoServer, open_tab: OpenTab) -> None:
    """With the reason, and with the question about the secret; in both color schemes, wide and narrow."""
    tab = open_tab(demo, "organization-admin")
    page = tab.page
    page.clock.install()
    held = submitted(tab, demo, CASES[0])

    page.clock.fast_forward(SLOW)
    expect(page.get_by_role("button", name="Stop waiting")).to_be_visible()
    waiting = tab.violations_everywhere("pending")
    held.let_go()
    secret_of(page)
    leave_by_done(page)
    asking = tab.violations_everywhere("uncopied")

    assert (waiting, asking) == ([], [])


@pytest.mark.parametrize(
    ("field", "label"), [("name", "Name"), ("agentId", "Agent"), ("scope", "Scope"), ("organizationId", None)]
)
def test_a_refusal_is_shown_at_the_field_that_it_names(
    demo: DemoServer, open_tab: OpenTab, field: str, label: str | None
) -> None:
    """For any field, with messages that are unknown to this console; the person's choices stay."""
    tab = open_tab(demo, "organization-admin")
    page = tab.page
    create(tab, demo)
    page.get_by_role("radio", name="One agent").check()
    agent = page.get_by_role("combobox", name="Agent", exact=True)
    agent.click()
    page.get_by_role("option", name="Customs Clerk").click()
    refused = {"__typename": "InvalidInput", "field": field, "message": "A new sentence."}
    on(page, "CreateApiKey", lambda route: route.fulfill(json={"data": {"createApiKey": refused}}))

    press(page, "Create")
    if label is None:
        expect(page.get_by_role("alert").filter(has_text="A new sentence.")).to_be_visible()
    elif label == "Scope":
        expect(page.get_by_role("radiogroup", name=label)).to_have_accessible_description(re.compile("A new sentence"))
    else:
        expect(page.get_by_label(label, exact=True).first).to_have_accessible_description(re.compile("A new sentence"))

    expect(agent).to_have_value("Customs Clerk")
    expect(page.get_by_label("Name")).to_have_value("while it waits")


def test_a_weak_password_is_refused_at_its_field(demo: DemoServer, open_tab: OpenTab) -> None:
    """In the server's words, and the typed value stays."""
    tab = open_tab(demo, "organization-admin")
    page = tab.page
    change_password(tab, demo, "organization-admin")
    new = page.get_by_label("New password", exact=True)
    for label in ("New password", "New password again"):
        page.get_by_label(label, exact=True).fill("aaaaaaaaaaaa")

    press(page, "Change password")

    expect(page.get_by_role("button", name="Change password", exact=True)).to_be_enabled()
    expect(new).to_have_attribute("data-invalid", "true")
    expect(new).to_be_focused()
    expect(new).to_have_value("aaaaaaaaaaaa")
