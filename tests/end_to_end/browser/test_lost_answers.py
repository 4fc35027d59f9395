"""An answer is lost after the server did the work: the console looks first, and repeats nothing by mistake."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.end_to_end.browser.test_api_keys import UNUSED, press, row, secret_of
from tests.end_to_end.browser.test_pending import (
    NEW_PASSWORD,
    PASSWORD_OF,
    SLOW,
    change_password,
    create,
    delete,
    is_closed,
    names,
    rename,
    rotate,
    shows_secret,
)
from tests.support.browser.browser import Tab
from tests.support.browser.demo import DemoServer, OpenTab
from tests.support.browser.network import (
    GRAPHQL,
    NO_ANSWER,
    answer_502,
    asks_before_unload,
    hold_back,
    lose_answer,
    lose_request,
    on,
)

pytest_plugins = ("tests.support.browser.fixtures",)

NAME = "while it waits"
FIRST_LOOK = 3_000
"""Milliseconds after which the list is read again."""


@pytest.fixture(name="demo")
def one_for_all(shared_demo: DemoServer) -> DemoServer:
    """One server for this module's tests."""
    return shared_demo


def opened_by(open_tab: OpenTab, demo: DemoServer, role: str | None = "organization-admin") -> Tab:
    tab = open_tab(demo, role)
    tab.expected.append(NO_ANSWER)
    return tab


def alert(page: Page, text: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("alert").filter(has_text=text)


def once(page: Page, operation: str, act: Callable[[Route], None]) -> list[str]:
    """Handles the first request of the operation; returns the list of sent requests, which grows."""
    sent: list[str] = []

    def handle(route: Route) -> None:
        sent.append(operation)
        if len(sent) == 1:
            act(route)
        else:
            route.continue_()

    on(page, operation, handle)
    return sent


@pytest.mark.parametrize("lose", [lose_answer, answer_502])
def test_a_key_whose_secret_was_lost_is_found_and_rotated(
    demo: DemoServer, open_tab: OpenTab, lose: Callable[[Route], None]
) -> None:
    """Nothing is created twice; the key is named with its hint, and rotating it gives a secret that works."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    create(tab, demo)
    sent = once(page, "CreateApiKey", lose)

    press(page, "Create")
    expect(alert(page, "The answer did not arrive")).to_contain_text("The key was created all the same")
    found = page.get_by_role("list", name="Keys whose secret was lost")
    expect(found.get_by_role("listitem")).to_have_count(1)
    expect(found).to_contain_text(re.compile(rf"{NAME}.*kd_.*created .* by you", re.DOTALL))
    expect(page.get_by_role("button", name="Create", exact=True)).to_have_count(0)
    assert not asks_before_unload(page)
    assert tab.violations() == []
    found.get_by_role("button", name="Rotate").click()
    page.get_by_role("radio", name="No overlap").check()
    press(page, "Rotate")
    secret = secret_of(page)

    assert demo.verified(secret) == "good"
    assert sent == ["CreateApiKey"]
    assert names(demo).count(NAME) == 1


def test_a_key_whose_secret_was_lost_is_deleted(demo: DemoServer, open_tab: OpenTab) -> None:
    """Deleting is the other thing that the person can do with it."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    create(tab, demo)
    once(page, "CreateApiKey", lose_answer)
    press(page, "Create")

    page.get_by_role("list", name="Keys whose secret was lost").get_by_role("button", name="Delete").click()
    press(page, "Delete")

    is_closed(page)
    expect(page.get_by_text("7 of 10 keys used")).to_be_visible()
    assert NAME not in names(demo)


def test_another_persons_key_is_not_taken_for_it(demo: DemoServer, open_tab: OpenTab) -> None:
    """A colleague's key of the same name and the person's own older one are in the list; the request never arrived."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    create(tab, demo)
    # The operator creates one meanwhile.
    demo.keydesk("key", "create", NAME, "--organization", "Northwind Logistics")
    sent = once(page, "CreateApiKey", lose_request)

    press(page, "Create")
    expect(alert(page, "The key may have been created.")).to_contain_text("no new key of yours")
    expect(page.get_by_label("Name")).to_have_value(NAME)
    press(page, "Try again")
    secret = secret_of(page)

    assert demo.verified(secret) == "good"
    assert len(sent) == 2
    assert names(demo).count(NAME) == 2


def test_offline_after_the_commit_trying_again_looks_first(demo: DemoServer, open_tab: OpenTab) -> None:
    """The dialog says that the list can't be read; a retry then finds the key, and creates no second one."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    create(tab, demo)
    is_cut = [False]

    def cut(route: Route) -> None:
        if is_cut[0]:
            route.abort()
        else:
            route.fallback()

    def lose_and_cut(route: Route) -> None:
        is_cut[0] = True
        lose_answer(route)

    page.route(GRAPHQL, cut)

    sent = once(page, "CreateApiKey", lose_and_cut)

    press(page, "Create")
    expect(alert(page, "The key may have been created.")).to_contain_text("could not read it")
    again = page.get_by_role("dialog").get_by_role("button", name="Try again")
    again.click()
    expect(again).to_be_enabled()
    expect(alert(page, "The key may have been created.")).to_contain_text("could not read it")
    is_cut[0] = False
    again.click()

    expect(page.get_by_text("The key was created all the same")).to_be_visible()
    assert sent == ["CreateApiKey"]
    assert names(demo).count(NAME) == 1


def test_offline_before_it_was_sent_nothing_is_in_doubt(demo: DemoServer, open_tab: OpenTab) -> None:
    """The dialog says that nothing was sent."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    create(tab, demo)
    sent = once(page, "CreateApiKey", lose_answer)

    page.context.set_offline(True)
    press(page, "Create")

    expect(alert(page, "The key was not created. You are offline.")).to_be_visible()
    assert sent == []
    page.context.set_offline(False)


def test_a_key_that_comes_late_is_found_without_asking(demo: DemoServer, open_tab: OpenTab) -> None:
    """A proxy gave up while the server was still working: the console reads the list again by itself."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    page.clock.install()
    create(tab, demo)
    kept: list[Route] = []
    is_done = [False]

    def give_up(route: Route) -> None:
        kept.append(route)
        route.fulfill(status=504, content_type="text/html", body="Gateway Timeout")

    on(page, "CreateApiKey", give_up)
    tab.expected.append("status of 504")
    press(page, "Create")
    expect(alert(page, "HTTP 504")).to_contain_text("no new key of yours")
    is_done[0] = kept[0].fetch().ok
    page.clock.fast_forward(FIRST_LOOK)

    expect(page.get_by_text("The key was created all the same")).to_be_visible()
    assert is_done == [True]


def test_who_does_not_want_to_wait_still_gets_the_secret(demo: DemoServer, open_tab: OpenTab) -> None:
    """The dialog shows what is known, and the answer when it arrives."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    page.clock.install()
    create(tab, demo)
    held = hold_back(page, "CreateApiKey")
    press(page, "Create")
    held.wait()

    page.clock.fast_forward(SLOW)
    press(page, "Stop waiting")
    expect(alert(page, "No answer yet")).to_contain_text("The key may have been created.")
    expect(page.get_by_role("dialog").get_by_role("button", name="Close").last).to_be_enabled()
    press(page, "Keep waiting")
    page.clock.fast_forward(SLOW)
    press(page, "Stop waiting")
    held.let_go()

    shows_secret(page)
    assert names(demo).count(NAME) == 1
    assert held.seen == 1


def test_a_look_without_an_answer_does_not_lock_the_dialog(demo: DemoServer, open_tab: OpenTab) -> None:
    """A retry looks first; if that takes long, the person can stop waiting, and nothing is sent."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    page.clock.install()
    create(tab, demo)
    sent = once(page, "CreateApiKey", lose_request)
    press(page, "Create")
    expect(alert(page, "The key may have been created.")).to_contain_text("no new key of yours")
    again = page.get_by_role("button", name="Try again", exact=True)
    expect(again).to_be_focused()
    held = hold_back(page, "ApiKeys")

    again.click()
    held.wait()
    page.clock.fast_forward(SLOW)
    expect(page.get_by_role("status").filter(has_text="Checking whether it was done already")).to_be_visible()
    press(page, "Stop waiting")

    expect(page.get_by_role("dialog").get_by_role("button", name="Close").last).to_be_enabled()
    expect(again).to_be_enabled()
    assert sent == ["CreateApiKey"]


def test_a_rotation_whose_secret_was_lost_is_said_and_done_again(demo: DemoServer, open_tab: OpenTab) -> None:
    """The dialog says who rotated it, when, and when its secret ends; rotating again gives one that works."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    rotate(tab, demo)
    sent = once(page, "RotateApiKey", lose_answer)

    press(page, "Rotate")
    lost = alert(page, "The answer did not arrive")
    expect(lost).to_contain_text("You rotated the key")
    expect(lost).to_contain_text("The old secret no longer works.")
    assert tab.violations() == []
    press(page, "Rotate again")
    secret = secret_of(page)

    assert demo.verified(secret, None) in ("good", "agent_not_in_scope")
    assert len(sent) == 2


def test_a_lost_rotation_with_overlap_says_until_when_the_old_secret_works(demo: DemoServer, open_tab: OpenTab) -> None:
    """And that rotating again ends it."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    rotate(tab, demo)
    page.get_by_role("radio", name="Works for 1 more hour").check()
    once(page, "RotateApiKey", answer_502)

    press(page, "Rotate")

    lost = alert(page, "The answer did not arrive")
    expect(lost).to_contain_text(re.compile("The old secret ends in an hour"))
    expect(lost).to_contain_text("That ends the old secret at once")


def test_a_rotation_that_never_got_there_is_not_claimed(demo: DemoServer, open_tab: OpenTab) -> None:
    """The key has its old secret; a retry rotates it, once."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    rotate(tab, demo)
    sent = once(page, "RotateApiKey", lose_request)

    press(page, "Rotate")
    expect(alert(page, "The key may have been rotated.")).to_contain_text("So far the key has its old secret")
    press(page, "Try again")

    shows_secret(page)
    assert len(sent) == 2


@pytest.mark.parametrize(
    ("operation", "fill_in", "button", "says"),
    [
        ("DeleteApiKey", delete, "Delete", "the key is deleted"),
        ("RenameApiKey", rename, "Save", "the key is called “another name” now"),
    ],
)
def test_what_was_done_all_the_same_is_said(
    demo: DemoServer,
    open_tab: OpenTab,
    operation: str,
    fill_in: Callable[[Tab, DemoServer], None],
    button: str,
    says: str,
) -> None:
    """The list is read at once, and shows the change, too."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    fill_in(tab, demo)
    sent = once(page, operation, lose_answer)

    press(page, button)
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text(says)
    page.get_by_role("dialog").get_by_role("button", name="Close").last.click()

    is_closed(page)
    expect(row(page, UNUSED)).to_have_count(0)
    assert sent == [operation]


@pytest.mark.parametrize(
    ("operation", "fill_in", "button", "says"),
    [
        ("DeleteApiKey", delete, "Delete", "So far the key still exists"),
        ("RenameApiKey", rename, "Save", f"the old name, “{UNUSED}”"),
    ],
)
def test_what_was_not_done_is_tried_again(
    demo: DemoServer,
    open_tab: OpenTab,
    operation: str,
    fill_in: Callable[[Tab, DemoServer], None],
    button: str,
    says: str,
) -> None:
    """The dialog says what the list shows; the second try succeeds."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    fill_in(tab, demo)
    once(page, operation, lose_request)

    press(page, button)
    expect(alert(page, "The answer did not arrive")).to_contain_text(says)
    press(page, "Try again")

    is_closed(page)
    expect(row(page, UNUSED)).to_have_count(0)


def test_a_password_that_may_have_been_changed(demo: DemoServer, open_tab: OpenTab) -> None:
    """It can't be looked up; a retry tells, at the field of the old password."""
    tab = opened_by(open_tab, demo, PASSWORD_OF)
    page = tab.page
    change_password(tab, demo)
    once(page, "ChangePassword", lose_answer)

    press(page, "Change password")
    expect(alert(page, "Your password may have been changed.")).to_contain_text("your password was already changed")
    assert tab.violations() == []
    press(page, "Try again")
    expect(page.get_by_label("Current password")).to_have_accessible_description(re.compile("password"))
    expect(page.get_by_label("Current password")).to_be_focused()


def test_a_one_time_password_that_was_changed_opens_the_console(demo: DemoServer, open_tab: OpenTab) -> None:
    """The server's next answer shows whether it was changed."""
    mia = demo.person("member")["email"]
    one_time = demo.keydesk("user", "password", mia)["oneTimePassword"]
    tab = opened_by(open_tab, demo, None)
    page = tab.page
    tab.open("/")
    page.get_by_label("Email").fill(mia)
    page.get_by_label("Password", exact=True).fill(one_time)
    press(page, "Sign in")
    page.get_by_label("One-time password").fill(one_time)
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    page.get_by_label("New password again").fill(NEW_PASSWORD)
    once(page, "ChangePassword", lose_answer)

    press(page, "Change password")

    expect(
        page.get_by_role("heading", name="API Keys").or_(page.get_by_role("heading", name="Sign in to Keydesk"))
    ).to_be_visible()


def test_a_hand_over_whose_answer_was_lost(demo: DemoServer, open_tab: OpenTab) -> None:
    """The conversation's ticket is found; a note without one stays, with a warning that support may get it twice."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    tab.open(f"{demo.home}/api-keys")
    press(page, "Assistant")
    press(page, "Talk to a person")
    page.get_by_label("Note").fill("the billing job fails")
    sent = once(page, "ContactSupport", lose_answer)
    press(page, "Hand over")
    expect(alert(page, "Your request may have been handed over.")).to_contain_text("may get your note twice")
    expect(page.get_by_label("Note")).to_have_value("the billing job fails")
    press(page, "Close")
    page.get_by_label("Your question").fill("How do I rotate a key?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="This helped")).to_have_count(1)

    sent.clear()
    press(page, "Talk to a person")
    press(page, "Hand over")

    expect(page.get_by_text("Handed over to a person")).to_be_visible()
    assert sent == ["ContactSupport"]


def write_note(page: Page, note: str) -> None:
    press(page, "Talk to a person")
    page.get_by_label("Note").fill(note)
    press(page, "Hand over")


def test_a_note_after_one_that_nobody_waits_for_is_sent(demo: DemoServer, open_tab: OpenTab) -> None:
    """It does not wait for the first one's answer."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    page.clock.install()
    tab.open(f"{demo.home}/api-keys")
    press(page, "Assistant")
    held = hold_back(page, "ContactSupport")
    write_note(page, "the first")
    held.wait()
    page.clock.fast_forward(SLOW)
    press(page, "Stop waiting")
    press(page, "Close")

    write_note(page, "the second")
    expect(page.get_by_role("button", name="Cancel")).to_be_disabled()
    held.let_go()

    expect(page.get_by_text("Handed over to a person")).to_be_visible()
    assert held.seen == 2


def test_after_a_note_the_conversation_can_be_handed_over(demo: DemoServer, open_tab: OpenTab) -> None:
    """The note's ticket is not shown as the conversation's."""
    page = opened_by(open_tab, demo).page
    page.goto(f"{demo.address}{demo.home}/api-keys")
    press(page, "Assistant")
    write_note(page, "the billing job fails")
    expect(page.get_by_text("Handed over to a person")).to_be_visible()
    press(page, "Back to the chat")
    page.get_by_label("Your question").fill("How do I rotate a key?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="This helped")).to_have_count(1)

    press(page, "Talk to a person")

    expect(page.get_by_role("button", name="Hand over", exact=True)).to_be_enabled()


def test_signing_out_is_not_claimed_when_it_is_not_known(demo: DemoServer, open_tab: OpenTab) -> None:
    """The cookie may still be valid: the page stays and says so, and a retry signs out."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    tab.open(f"{demo.home}/api-keys")
    once(page, "SignOut", lose_request)

    page.get_by_role("button", name="User menu").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("dialog", name="You may still be signed in")).to_be_visible()
    assert tab.violations() == []
    press(page, "Sign out")

    expect(page.get_by_role("heading", name="Sign in to Keydesk")).to_be_visible()
    assert "keydesk_session" not in [each.get("name") for each in page.context.cookies()]


def test_the_chosen_agent_stays_chosen(demo: DemoServer, open_tab: OpenTab) -> None:
    """After another choice, a search, and a change of scope and back, it is not silently empty."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    tab.open(f"{demo.home}/api-keys?new")
    page.get_by_label("Name").fill("for one agent")
    page.get_by_role("radio", name="One agent").check()
    agent = page.get_by_role("combobox", name="Agent", exact=True)
    for _ in range(2):
        agent.click()
        page.get_by_role("option", name="Customs Clerk").click()
        expect(agent).to_have_value("Customs Clerk")
    page.get_by_role("radio", name="Organization").check()
    page.get_by_role("radio", name="One agent").check()
    expect(agent).to_have_value("Customs Clerk")

    press(page, "Create")
    secret_of(page)

    press(page, "Copy")
    press(page, "Done")
    expect(row(page, "for one agent")).to_contain_text("Customs Clerk")


def test_a_name_that_is_too_long_is_not_cut(demo: DemoServer, open_tab: OpenTab) -> None:
    """Pasted text stays whole, with the error; 64 characters in 128 UTF-16 units are accepted."""
    tab = opened_by(open_tab, demo)
    page = tab.page
    create(tab, demo)
    name = page.get_by_label("Name")

    name.fill("a" * 65)
    press(page, "Create")
    expect(name).to_have_accessible_description(re.compile("The name has 65 characters; use at most 64."))
    expect(name).to_have_value("a" * 65)
    name.fill("🗝" * 64)
    press(page, "Create")

    shows_secret(page)


def test_what_is_said_of_lost_answers_is_open_to_everybody(demo: DemoServer, open_tab: OpenTab) -> None:
    """Axe finds nothing serious, and nothing is cut off, in both color schemes, wide and narrow."""
    tab = open_tab(demo, "organization-admin")
    tab.expected.append(NO_ANSWER)
    page = tab.page
    found: list[str] = []

    create(tab, demo)
    once(page, "CreateApiKey", lose_request)
    press(page, "Create")
    expect(alert(page, "no new key of yours")).to_be_visible()
    found += tab.violations_everywhere("lost-creation-absent")
    page.unroute_all()
    once(page, "CreateApiKey", answer_502)
    press(page, "Try again")
    expect(page.get_by_text("The key was created all the same")).to_be_visible()
    found += tab.violations_everywhere("lost-creation-found")
    rotate(tab, demo)
    once(page, "RotateApiKey", answer_502)
    press(page, "Rotate")
    expect(page.get_by_text("You rotated the key")).to_be_visible()
    found += tab.violations_everywhere("lost-rotation-found")
    delete(tab, demo)
    once(page, "DeleteApiKey", answer_502)
    press(page, "Delete")
    expect(page.get_by_text("the key is deleted")).to_be_visible()
    found += tab.violations_everywhere("lost-deletion-found")

    assert found == []
