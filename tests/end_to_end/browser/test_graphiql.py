"""GraphiQL in a browser: who may open it, its first tabs, and that it uses the person's session."""

import pytest
from playwright.sync_api import expect

from tests.support.browser.browser import Scheme
from tests.support.browser.demo import DemoServer, OpenTab

pytest_plugins = ("tests.support.browser.fixtures",)

STARTERS = (
    "ListApiKeys",
    "CreateApiKey",
    "RotateApiKey",
    "DeleteApiKey",
    "KeyUsage",
    "AuditLog",
    "DiagnoseRequest",
    "AskAssistant",
)


def test_it_begins_with_the_common_tasks_and_answers(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """Each task has a tab, and the first runs unchanged: it names an organization of the person."""
    tab = open_tab(looked_at, "organization-admin")

    tab.open("/graphiql")
    titles = tab.page.get_by_role("tab").all_inner_texts()
    tab.page.get_by_role("button", name="Execute query").click()

    assert tuple(titles) == STARTERS
    expect(tab.page.get_by_label("Result Window")).to_contain_text("Northwind Logistics")
    tab.shoot("graphiql")


def test_the_assistant_answers_as_it_is_written(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """Subscriptions use server-sent events; the last event is the whole answer."""
    tab = open_tab(looked_at, "organization-admin")
    tab.open("/graphiql")

    tab.page.get_by_role("tab", name="AskAssistant").click()
    # The editors show the tab's document and variables a moment after the tab itself.
    for part in ("assistantAnswer", "org_"):
        expect(tab.page.locator(".view-line").get_by_text(part).first).to_be_visible()
    with tab.page.expect_response("**/graphql") as answered:
        tab.page.get_by_role("button", name="Execute query").click()

    assert answered.value.headers["content-type"].startswith("text/event-stream")
    expect(tab.page.get_by_label("Result Window")).to_contain_text('"__typename": "AssistantAnswer"')


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_knows_the_schema(looked_at: DemoServer, open_tab: OpenTab, scheme: Scheme) -> None:
    """The explorer shows the types with their descriptions, in light and in dark."""
    tab = open_tab(looked_at, "organization-admin", scheme=scheme)
    tab.open("/graphiql")

    tab.page.get_by_label("Show Documentation Explorer").click()
    tab.page.get_by_role("link", name="Mutation", exact=True).click()

    expect(tab.page.get_by_text("Takes a slot and issues a key.", exact=False)).to_be_visible()
    tab.shoot(f"graphiql-schema-{scheme}")


def test_others_are_told_whom_it_is_for(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """A member and an agent admin see a page that says for whom GraphiQL is."""
    for role in ("agent-admin", "member"):
        tab = open_tab(looked_at, role)
        tab.expected.append(r"status of 403 .*/graphiql")

        tab.open("/graphiql")

        expect(tab.page.get_by_role("heading", name="GraphiQL is for organization admins")).to_be_visible()
        assert tab.violations() == []


def test_who_is_signed_out_signs_in_and_comes_back(looked_at: DemoServer, open_tab: OpenTab) -> None:
    """The sign-in form leads back to the address that was requested."""
    nora = looked_at.person("organization-admin")
    tab = open_tab(looked_at)

    tab.open("/graphiql")
    assert tab.path() == "/sign-in?next=/graphiql"
    tab.page.get_by_label("Email").fill(nora["email"])
    tab.page.get_by_label("Password", exact=True).fill(nora["password"])
    tab.page.get_by_role("button", name="Sign in", exact=True).click()

    expect(tab.page.get_by_role("tab", name="ListApiKeys")).to_be_visible()
    assert tab.path() == "/graphiql"
