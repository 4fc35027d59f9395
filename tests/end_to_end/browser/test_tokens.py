"""An organization admin creates and revokes service tokens in a browser, and programs use them."""

from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.support.browser.demo import DemoServer, OpenTab

pytest_plugins = ("tests.support.browser.fixtures",)

KEYS = "query ($id: ID!) { organization(id: $id) { apiKeys { name } } }"


def row(page: Page, name: str) -> Locator:
    """The token's row in the table."""
    return page.get_by_role("row").filter(has=page.get_by_text(name, exact=True))


def press(page: Page, name: str) -> None:
    """Presses a button of the dialog."""
    page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()


def asked_with(token: str, demo: DemoServer) -> Any:
    """What a program that sends the token gets."""
    variables = {"id": demo.told["organization"]["id"]}
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.post(f"{demo.address}/graphql", json={"query": KEYS, "variables": variables}, headers=headers)
    return answer.status_code, answer.json()


def test_tokens_come_and_go(demo: DemoServer, open_tab: OpenTab) -> None:
    """A token is shown once, works, and is refused once it was revoked. An agent admin is told whom to ask."""
    tab, theirs = open_tab(demo, "organization-admin"), open_tab(demo, "agent-admin")
    page = tab.page
    tab.open(f"{demo.home}/tokens")
    expect(page.get_by_text("No tokens yet")).to_be_visible()
    violations = tab.violations_everywhere("tokens-none")

    page.get_by_role("button", name="New token").click()
    press(page, "Create")
    expect(page.get_by_role("dialog").get_by_label("Name")).to_be_focused()
    page.get_by_role("dialog").get_by_label("Name").fill("deploy-bot")
    page.get_by_role("radio", name="Agent admin").check()
    page.get_by_role("combobox", name="Agents").click()
    page.get_by_role("option", name="Route Planner").click()
    page.get_by_role("dialog").get_by_label("Name").click()
    tab.shoot("tokens-new")
    violations += tab.violations()
    press(page, "Create")
    token = page.get_by_role("textbox", name="Token").input_value()
    tab.shoot("tokens-secret")
    violations += tab.violations()
    press(page, "Done")
    expect(page.get_by_text("Leave without the token?")).to_be_visible()
    press(page, "Leave without it")

    expect(row(page, "deploy-bot")).to_contain_text("Route Planner")
    expect(row(page, "deploy-bot")).to_contain_text("Never")
    violations += tab.violations_everywhere("tokens")
    status, seen = asked_with(token, demo)
    names = {each["name"] for each in seen["data"]["organization"]["apiKeys"]}
    assert (status, "Route Planner production" in names) == (200, True)
    assert token[-42:] not in page.content()

    page.get_by_role("button", name="Menu of deploy-bot").click()
    page.get_by_role("menuitem", name="Revoke").click()
    tab.shoot("tokens-revoke")
    violations += tab.violations()
    press(page, "Revoke")
    expect(row(page, "deploy-bot")).to_contain_text("Revoked")
    assert asked_with(token, demo)[0] == 401

    theirs.open(f"{demo.home}/tokens")
    expect(theirs.page.get_by_role("link", name=demo.person("organization-admin")["email"])).to_be_visible()
    expect(theirs.page.get_by_role("button", name="New token")).to_have_count(0)
    assert violations == []


def test_the_tokens_of_somebody_who_is_removed_are_named(demo: DemoServer, open_tab: OpenTab) -> None:
    """Before the removal and after it, with a way to revoke each."""
    mia, organization_id = demo.person("member"), demo.told["organization"]["id"]
    user_id = demo.graphql(
        "query ($id: ID!) { organization(id: $id) { members { user { id email } } } }", id=organization_id
    )["organization"]["members"]
    mia_id = next(each["user"]["id"] for each in user_id if each["user"]["email"] == mia["email"])
    change = "mutation ($input: ChangeMemberInput!) { changeMember(input: $input) { __typename } }"
    demo.graphql(
        change,
        input={"organizationId": organization_id, "userId": mia_id, "role": "ORGANIZATION_ADMIN", "agentIds": []},
    )
    theirs, tab = open_tab(demo, "member"), open_tab(demo, "organization-admin")
    theirs.open(f"{demo.home}/tokens?new-token")
    theirs.page.get_by_role("dialog").get_by_label("Name").fill("mias-bot")
    theirs.page.get_by_role("radio", name="Organization admin").check()
    press(theirs.page, "Create")
    token = theirs.page.get_by_role("textbox", name="Token").input_value()
    page = tab.page

    tab.open(f"{demo.home}/people?remove={mia_id}")
    expect(page.get_by_role("dialog").get_by_text("mias-bot")).to_be_visible()
    tab.shoot("tokens-of-removed")
    press(page, "Remove")
    expect(page.get_by_role("list", name=f"Tokens that {mia['name']} made")).to_contain_text("mias-bot")
    assert asked_with(token, demo)[0] == 200
    page.get_by_role("link", name="Revoke mias-bot").click()
    expect(page.get_by_role("dialog", name="Revoke the token “mias-bot”?")).to_be_visible()
    press(page, "Revoke")

    expect(row(page, "mias-bot")).to_contain_text("Revoked")
    assert asked_with(token, demo)[0] == 401
