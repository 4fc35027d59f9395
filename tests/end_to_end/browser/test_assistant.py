"""The support assistant's chat in a browser: questions, answers, interruptions and tickets, by each role."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Response, Route, expect

from tests.support.browser.browser import GIVE_UP_MILLISECONDS, NARROW, WIDE, Scheme, Tab
from tests.support.browser.demo import ROLES, SUPPORT_EMAIL, DemoServer, OpenTab

pytest_plugins = ("tests.support.browser.fixtures",)

DELETED = "Handheld scanners (old)"
CUT_OFF = r"net::ERR_(FAILED|INTERNET_DISCONNECTED)"


def opened_chat(tab: Tab, path: str) -> Page:
    """The page, with the chat open on it."""
    tab.open(path)
    tab.page.get_by_role("button", name="Assistant", exact=True).click()
    expect(question_of(tab.page)).to_be_focused()
    return tab.page


def question_of(page: Page) -> Locator:
    return page.get_by_label("Your question")


def ask(page: Page, question: str) -> None:
    question_of(page).fill(question)
    page.keyboard.press("Enter")


def said_by(page: Page, author: str) -> Locator:
    """The messages of PERSON or ASSISTANT."""
    return page.locator(f"[data-author={author}]")


def answered(page: Page, count: int = 1) -> Locator:
    """The newest answer, once this many are stored."""
    expect(page.get_by_role("button", name="This helped")).to_have_count(count, timeout=GIVE_UP_MILLISECONDS)
    return said_by(page, "ASSISTANT").last


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def is_stream(response: Response) -> bool:
    return response.headers.get("content-type", "").startswith("text/event-stream")


def streams(act: Callable[[Route], None]) -> Callable[[Route], None]:
    """Handles the streams among the requests with `act`, and lets the others through."""

    def handle(route: Route) -> None:
        if "text/event-stream" in route.request.headers["accept"]:
            act(route)
        else:
            route.continue_()

    return handle


def test_it_tells_why_calls_fail_with_evidence_and_what_to_do(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """A starter is one click; its answer streams, cites the documentation, and opens the dialog that helps."""
    tab = open_tab(looked_at, "organization-admin")
    page = opened_chat(tab, f"{looked_at.home}/api-keys")

    with page.expect_response(is_stream):
        press(page, f"Why does “{DELETED}” get 401?")
    answer = answered(page)
    expect(answer.get_by_role("list", name="Evidence").get_by_role("listitem").first).to_contain_text("Nora Lindqvist")
    expect(answer).to_contain_text("Create a new key")
    with page.expect_popup() as documentation:
        answer.get_by_role("link").first.click()
    expect(documentation.value.get_by_role("heading", level=1)).to_be_visible()
    documentation.value.close()
    press(page, "Create an API key")

    expect(page.get_by_role("dialog", name="New API Key")).to_be_visible()
    assert tab.path() == f"{looked_at.home}/api-keys?new="


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_an_answer(looked_at: DemoServer, open_tab: OpenTab, role: str) -> None:
    """To a starter of their own; the support address is visible before and after."""
    page = opened_chat(open_tab(looked_at, role), f"{looked_at.home}/api-keys")

    page.get_by_role("group", name="Worth asking now").get_by_role("button").first.click()

    expect(answered(page)).to_be_visible()
    expect(page.get_by_role("link", name=SUPPORT_EMAIL)).to_be_in_viewport()
    expect(page.get_by_role("button", name="Talk to a person")).to_be_in_viewport()


def test_of_a_pasted_key_nothing_is_kept(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """After the answer, the person's own message shows the redacted text, and the secret is nowhere on the page."""
    secret = looked_at.told["key"]["secret"]
    page = opened_chat(open_tab(looked_at, "organization-admin"), f"{looked_at.home}/api-keys")

    ask(page, f"I put {secret} into a public chat")
    answered(page)

    expect(said_by(page, "PERSON")).to_contain_text("I put [key kd_")
    assert secret not in page.content()
    assert secret not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, location.href])")
    assert question_of(page).input_value() == ""


def test_an_unclear_question_is_settled_with_one_click(demo: DemoServer, open_tab: OpenTab) -> None:
    """Each suggested reply is sent as the next message of the same conversation."""
    page = opened_chat(open_tab(demo, "organization-admin"), f"{demo.home}/api-keys")

    ask(page, "Why do I get 401?")
    answered(page)
    page.get_by_role("group", name="Suggested replies").get_by_role("button", name=DELETED).click()

    expect(answered(page, 2)).to_contain_text("was deleted by Nora Lindqvist")
    press(page, "Earlier conversations")
    expect(page.get_by_role("listitem").filter(has_text="Why do I get 401?")).to_have_count(1)


def test_an_earlier_conversation_goes_on(demo: DemoServer, open_tab: OpenTab) -> None:
    """With all messages and ratings, after the page was loaded again."""
    page = opened_chat(open_tab(demo, "agent-admin"), f"{demo.home}/api-keys")
    ask(page, "Do keys expire?")
    answered(page)
    press(page, "This did not help")
    expect(page.get_by_text("Thank you.")).to_be_visible()

    page.reload()
    press(page, "Assistant")
    press(page, "Earlier conversations")
    page.get_by_role("button", name="Do keys expire?").click()
    answered(page)
    expect(page.get_by_role("button", name="This did not help")).to_have_attribute("aria-pressed", "true")
    ask(page, "How do I rename a key?")
    answered(page, 2)

    expect(said_by(page, "PERSON")).to_have_count(2)
    press(page, "New conversation")
    expect(page.get_by_text("Worth asking now")).to_be_visible()


def test_a_person_takes_over(demo: DemoServer, open_tab: OpenTab) -> None:
    """With a note, which arrives; the ticket is shown, here and with the conversation."""
    tab = open_tab(demo, "member")
    page = opened_chat(tab, f"{demo.home}/api-keys")
    ask(page, "Who may create keys?")
    answered(page)

    press(page, "Talk to a person")
    page.get_by_label("Note").fill("Please call me.")
    press(page, "Cancel")
    press(page, "Talk to a person")
    expect(page.get_by_label("Note")).to_have_value("Please call me.")
    press(page, "Hand over")
    expect(page.get_by_text(f"Waiting to be sent to {SUPPORT_EMAIL}")).to_be_visible()
    press(page, "Back to the chat")

    expect(page.get_by_text("Handed over to a person")).to_be_in_viewport()
    [ticket] = demo.keydesk("ticket", "list")
    expect(page.get_by_text(ticket["id"])).to_be_visible()
    assert tab.violations() == []


def test_why_was_this_refused(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """The usage page asks about that request, and says that the key is sent along."""
    keys = looked_at.keydesk("key", "list", "--organization", "Northwind Logistics")
    key_id = next(each["id"] for each in keys if each["name"] == "Route Planner production")
    tab = open_tab(looked_at, "agent-admin")
    tab.open(f"{looked_at.home}/api-keys/{key_id}/usage")
    page = tab.page

    with page.expect_request(lambda each: "assistantAnswer" in (each.post_data or "")) as asked:
        page.get_by_role("button", name="Why?").first.click()
    answered(page)

    sent = json.loads(asked.value.post_data or "")["variables"]["input"]
    assert (sent["apiKeyId"], sent["requestId"][:4]) == (key_id, "req_")
    expect(said_by(page, "PERSON")).to_have_count(1)
    expect(page.get_by_role("button", name="Do not ask about Route Planner production")).to_be_visible()


@pytest.mark.parametrize("fate", ["broken", "held back"])
def test_where_streams_do_not_come_through_it_is_asked_at_once(demo: DemoServer, open_tab: OpenTab, fate: str) -> None:
    """With the same id: one question and one answer are stored."""
    tab = open_tab(demo, "organization-admin")
    tab.expected.append(CUT_OFF)
    page = opened_chat(tab, f"{demo.home}/api-keys")
    # Nothing is done with a request that is held back: it is never answered.
    page.route("**/graphql", streams(Route.abort if fate == "broken" else lambda _: None))

    ask(page, "Do keys expire?")
    expect(answered(page)).to_contain_text("expire")

    page.unroute_all(behavior="ignoreErrors")
    press(page, "Earlier conversations")
    expect(page.get_by_role("list", name="Earlier conversations").get_by_role("listitem")).to_have_count(1)
    page.get_by_role("button", name="Do keys expire?").click()
    answered(page)
    expect(said_by(page, "PERSON")).to_have_count(1)


def test_who_is_offline_tries_again(demo: DemoServer, open_tab: OpenTab) -> None:
    """The question stays, to be sent again or changed."""
    tab = open_tab(demo, "organization-admin")
    tab.expected.append(CUT_OFF)
    page = opened_chat(tab, f"{demo.home}/api-keys")

    page.context.set_offline(True)
    ask(page, "How do I delete a key?")
    alert = page.get_by_role("complementary").get_by_role("alert")
    expect(alert).to_contain_text("You are offline.")
    expect(alert).to_be_in_viewport()
    press(page, "Change the question")
    expect(question_of(page)).to_have_value("How do I delete a key?")
    ask(page, "How do I rename a key?")
    expect(alert).to_be_visible()
    page.context.set_offline(False)
    press(page, "Try again")

    expect(answered(page)).to_contain_text("name")
    expect(alert).to_have_count(0)


def test_who_was_signed_out_loses_nothing(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """The question waits for the password, and is answered then."""
    page = opened_chat(open_tab(looked_at, "organization-admin"), f"{looked_at.home}/api-keys")

    page.context.clear_cookies()
    ask(page, "How do I delete a key?")
    page.get_by_role("dialog", name="You were signed out").get_by_label("Password", exact=True).fill(
        looked_at.person("organization-admin")["password"]
    )
    page.keyboard.press("Enter")

    expect(answered(page)).to_contain_text("slot")
    expect(said_by(page, "PERSON")).to_have_text(re.compile("How do I delete a key"))


def test_by_keyboard_alone(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """Shift+Enter begins a line, Enter sends, Escape closes; the focus and the typed text are back afterwards."""
    tab = open_tab(looked_at, "organization-admin")
    tab.open(f"{looked_at.home}/api-keys")
    page, keyboard = tab.page, tab.page.keyboard

    page.get_by_role("button", name="Assistant", exact=True).focus()
    keyboard.press("Enter")
    expect(question_of(page)).to_be_focused()
    keyboard.type("How do I rename")
    keyboard.press("Shift+Enter")
    keyboard.type("a key?")
    keyboard.press("Enter")
    answered(page)
    expect(said_by(page, "PERSON").locator("p")).to_have_text("How do I rename\na key?")
    expect(question_of(page)).to_be_focused()
    keyboard.type("and then")
    keyboard.press("Escape")

    expect(page.get_by_role("button", name="Assistant", exact=True)).to_be_focused()
    expect(question_of(page)).not_to_be_in_viewport()
    keyboard.press("Enter")
    expect(question_of(page)).to_have_value("and then")


def test_a_long_question_is_told_before_it_is_sent(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """The text stays, to be shortened."""
    page = opened_chat(open_tab(looked_at, "member"), f"{looked_at.home}/api-keys")

    ask(page, "why " * 1001)

    expect(page.get_by_text("4,004 of 4,000 characters.")).to_be_visible()
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    expect(said_by(page, "PERSON")).to_have_count(0)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_chat_is_open_to_everybody(
    demo: DemoServer, open_tab: OpenTab, scheme: Scheme, size: tuple[int, int]
) -> None:
    """Accessible with an answer, the list of conversations, a ticket and a failure; an answer starts at its top."""
    tab = open_tab(demo, "organization-admin", scheme=scheme, size=size)
    tab.expected.append(CUT_OFF)
    page = opened_chat(tab, f"{demo.home}/api-keys")
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        tab.shoot(f"assistant-{name}-{scheme}-{size[0]}")
        if violations := tab.violations():
            found[name] = violations

    press(page, f"Why does “{DELETED}” get 401?")
    answered(page)
    expect(said_by(page, "PERSON")).to_be_in_viewport()
    look("answer")
    press(page, "This helped")
    expect(page.get_by_text("Thank you.")).to_be_visible()
    look("rated")
    page.context.set_offline(True)
    ask(page, "Do keys expire?")
    expect(page.get_by_role("button", name="Try again")).to_be_in_viewport()
    look("offline")
    page.context.set_offline(False)
    press(page, "Earlier conversations")
    expect(page.get_by_role("button", name="Why do calls with the key")).to_be_visible()
    look("conversations")
    press(page, "Talk to a person")
    look("person")
    press(page, "Hand over")
    expect(page.get_by_text("Handed over to a person")).to_be_visible()
    look("ticket")

    assert found == {}
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_on_a_narrow_screen_what_an_answer_opens_is_not_covered(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """The chat gives way to the dialog, and is unchanged when it is opened again."""
    page = opened_chat(open_tab(looked_at, "organization-admin", size=NARROW), f"{looked_at.home}/api-keys")
    press(page, f"Why does “{DELETED}” get 401?")
    answered(page)

    press(page, "Create an API key")
    dialog = page.get_by_role("dialog", name="New API Key")
    dialog.get_by_label("Name").fill("scanners")
    dialog.get_by_role("button", name="Cancel").click()
    press(page, "Assistant")

    expect(said_by(page, "ASSISTANT")).to_be_visible()
