"""Invitations in a browser: from the admin's form, by the link, into the organization, in each of the three ways."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.support.browser.browser import NARROW, Tab
from tests.support.browser.demo import DemoServer, OpenTab

pytest_plugins = ("tests.support.browser.fixtures",)

OLGA, OMAR = "olga@contoso.example", "omar@northwind.example"
"""One has an account, the other has none."""
PASSWORD = "a password of her own"
INVITE = "mutation ($input: InviteMemberInput!) { inviteMember(input: $input) { ... on InvitationIssued { link } } }"
MEMBERS = "query ($id: ID!) { organization(id: $id) { members { user { id email } } } }"
REMOVE = "mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { __typename } }"


def path_of(link: str) -> str:
    """The path of the link, with its token."""
    return re.sub(r"^https?://[^/]+", "", link)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_somebody_new_is_invited_and_joins(shared_demo: DemoServer, open_tab: OpenTab) -> None:
    """Without a mail server, the admin passes on the link, which makes an account; then the console opens."""
    demo = shared_demo
    nora, mia = demo.person("organization-admin"), demo.person("member")
    tab, theirs = open_tab(demo, "organization-admin"), open_tab(demo, scheme="dark", size=NARROW)
    page, new = tab.page, theirs.page
    tab.open(f"{demo.home}/people")

    press(page, "Invite")
    page.get_by_label("E-mail address").fill(mia["email"])
    page.get_by_role("radio", name="Member").check()
    page.get_by_role("dialog").get_by_role("button", name="Invite", exact=True).click()
    expect(page.get_by_text(f"{mia['name']} is in this organization already.")).to_be_visible()
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.get_by_label("E-mail address").fill(OMAR)
    page.get_by_role("radio", name="Agent admin").check()
    page.get_by_role("combobox", name="Agents").fill("fleet")
    page.get_by_role("option", name="Fleet Dispatcher").click()
    page.keyboard.press("Escape")
    tab.shoot("invite")
    violations = tab.violations()
    page.get_by_role("dialog").get_by_role("button", name="Invite", exact=True).click()
    link = page.get_by_label("Link", exact=True).input_value()
    tab.shoot("invite-link")
    violations += tab.violations()
    press(page, "Done")
    expect(page.get_by_text("Leave without the link?")).to_be_visible()
    press(page, "Leave without it")
    invited = page.get_by_role("table", name="Invitations").get_by_role("row").filter(has_text=OMAR)
    expect(invited).to_contain_text("Fleet Dispatcher")
    expect(invited).to_contain_text(nora["name"])
    tab.shoot("invitations")
    violations += tab.violations()

    asked = _addresses_asked(theirs)
    theirs.open(path_of(link))
    expect(new.get_by_role("heading", name=f"Join {demo.told['organization']['name']}")).to_be_visible()
    theirs.shoot("invitation-new-dark-390")
    violations += theirs.violations()
    assert theirs.page.url == f"{demo.address}/invitation"
    press(new, "Accept and join")
    expect(new.get_by_label("Your name")).to_be_focused()
    new.get_by_label("Your name").fill("Omar Orlov")
    new.get_by_label("Choose a password").fill(PASSWORD)
    press(new, "Accept and join")
    expect(new.get_by_role("heading", name="API Keys")).to_be_visible()
    assert theirs.path() == f"{demo.home}/api-keys"
    token = link.partition("#")[2]
    assert token
    assert [each for each in asked() if token in each] == []

    theirs.open(path_of(link))
    expect(new.get_by_text("This link no longer works.")).to_be_visible()
    violations += theirs.violations()
    tab.open(f"{demo.home}/people")
    expect(page.get_by_role("row").filter(has_text="Omar Orlov")).to_contain_text("Fleet Dispatcher")
    assert violations == []


def test_an_invitation_is_accepted_by_who_has_an_account(shared_demo: DemoServer, open_tab: OpenTab) -> None:
    """Signed in as somebody else: first signs out, on the page, and then uses the password. Signed in: by one click."""
    demo = shared_demo
    demo.keydesk("organization", "create", "Contoso")
    of = ("--organization", "Contoso", "--role", "organization-admin")
    demo.keydesk("user", "create", OLGA, "--name", "Olga Orlova", *of, "--password-stdin", typed=f"{PASSWORD}\n")
    tab = open_tab(demo, "organization-admin")
    page = tab.page

    tab.open(path_of(_invited(demo)))
    expect(page.get_by_text("You are signed in as")).to_be_visible()
    tab.shoot("invitation-somebody-else")
    violations = tab.violations()
    press(page, "Sign out")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    tab.shoot("invitation-password")
    page.get_by_label("Password", exact=True).fill("not her password")
    press(page, "Accept and join")
    expect(page.get_by_role("alert")).to_contain_text("password")
    violations += tab.violations()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    press(page, "Accept and join")
    expect(page.get_by_role("heading", name="API Keys")).to_be_visible()
    assert tab.path() == f"{demo.home}/api-keys"

    people = demo.graphql(MEMBERS, id=demo.told["organization"]["id"])["organization"]["members"]
    user_id = next(each["user"]["id"] for each in people if each["user"]["email"] == OLGA)
    demo.graphql(REMOVE, input={"organizationId": demo.told["organization"]["id"], "userId": user_id})
    tab.open(path_of(_invited(demo)))
    expect(page.get_by_role("button", name="Accept and join")).to_be_visible()
    expect(page.get_by_role("textbox")).to_have_count(0)
    violations += tab.violations()
    press(page, "Accept and join")
    expect(page.get_by_role("heading", name="API Keys")).to_be_visible()
    assert tab.path() == f"{demo.home}/api-keys"
    assert violations == []


def _invited(demo: DemoServer) -> str:
    """The link of a new invitation."""
    answer = demo.graphql(
        INVITE, input={"organizationId": demo.told["organization"]["id"], "email": OLGA, "role": "MEMBER"}
    )
    return str(answer["inviteMember"]["link"])


def _addresses_asked(tab: Tab) -> Callable[[], list[str]]:
    """Every address that the page asked for, and every address that it said that it comes from."""
    seen: list[str] = []
    tab.page.on("request", lambda request: seen.extend((request.url, request.headers.get("referer", ""))))
    return lambda: seen
