"""A host product's link in a browser: it signs in by itself, arrives where it leads, and offers the way back."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser.browser import NARROW
from tests.support.browser.demo import DemoServer, OpenTab, served
from tests.support.graphql.provisioning import CREATE_LINK, ENSURE_MEMBER, ENSURE_ORGANIZATION

pytest_plugins = ("tests.support.browser.fixtures",)

HOST = "http://127.0.0.1:9"
"""The host product. Nothing listens there."""
BACK = "Back to 127.0.0.1:9"


@pytest.fixture(scope="module")
def demo(browser: Browser, demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    """A demo that links back to the host product."""
    folder = tmp_path_factory.mktemp("host") / "demo"
    shutil.copytree(demo_folder, folder)
    with served(folder, KEYDESK_RETURN_ORIGINS=HOST) as server:
        yield server


class Host:
    """The host product's program, with a customer called Initech, whose admin is Samir."""

    def __init__(self, demo: DemoServer) -> None:
        token = demo.keydesk("token", "create", "host product", "--can", "provision", "--can", "sign-in")["secret"]
        self._http = httpx.Client(base_url=demo.address, headers={"authorization": f"Bearer {token}"})
        customer = self._send(ENSURE_ORGANIZATION, externalId="customer-1", name="Initech")
        self.organization_id = customer["organization"]["id"]
        member = {"externalId": "user-1", "email": "samir@initech.example", "name": "Samir"}
        self._send(ENSURE_MEMBER, organizationId=self.organization_id, role="ORGANIZATION_ADMIN", **member)

    def link(self, **more: Any) -> str:
        """The path of a new link, with its code."""
        url = self._send(CREATE_LINK, organizationId=self.organization_id, externalId="user-1", **more)["url"]
        return re.sub(r"^https?://[^/]+", "", str(url))

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def _send(self, document: str, **wanted: Any) -> dict[str, Any]:
        answer = self._http.post("/graphql", json={"query": document, "variables": {"input": wanted}}).json()
        [value] = answer["data"].values()
        assert value["__typename"] != "InvalidInput", value
        return dict(value)


@pytest.fixture(scope="module")
def host(demo: DemoServer) -> Iterator[Host]:
    """The program, as long as the module's tests run."""
    made = Host(demo)
    yield made
    made.close()


def test_a_link_arrives_in_the_console_and_leads_back(demo: DemoServer, host: Host, open_tab: OpenTab) -> None:
    """Somebody else was signed in in this browser. The visitor sees one organization, and no password to change."""
    tab = open_tab(demo, "member")
    page = tab.page
    tab.open(demo.home)
    expect(page.get_by_role("link", name=BACK)).to_have_count(0)

    tab.open(host.link(path="people", returnUrl=f"{HOST}/settings"))
    expect(page.get_by_text("This link is for samir@initech.example")).to_be_visible()
    tab.shoot("enter-somebody-else")
    violations = tab.violations()
    page.get_by_role("button", name="Continue as samir@initech.example").click()

    expect(page.get_by_role("heading", name="People")).to_be_visible()
    assert tab.path() == f"/organizations/{host.organization_id}/people"
    expect(page.get_by_text("samir@initech.example").first).to_be_visible()
    assert page.get_by_role("link", name=BACK).get_attribute("href") == f"{HOST}/settings"
    tab.shoot("entered")
    violations += tab.violations()
    page.get_by_role("button", name="User menu of Samir").click()
    expect(page.get_by_role("menuitem", name=BACK)).to_be_visible()
    expect(page.get_by_role("menuitem", name="Change password")).to_have_count(0)
    violations += tab.violations()
    tab.open(f"{demo.home}/api-keys")
    expect(page.get_by_role("heading", name="No such organization")).to_be_visible()
    assert violations == []


def test_a_link_that_no_longer_works_says_so(demo: DemoServer, host: Host, open_tab: OpenTab) -> None:
    """Used once already, in another browser; and what to do is said."""
    link = host.link()
    first, second = open_tab(demo), open_tab(demo, scheme="dark", size=NARROW)
    first.open(link)
    expect(first.page.get_by_role("heading", name="API Keys")).to_be_visible()

    second.open(link)

    expect(second.page.get_by_text("This link no longer works.")).to_be_visible()
    expect(second.page.get_by_text("Go back to the product that you came from")).to_be_visible()
    assert second.page.url == f"{demo.address}/enter"
    second.shoot("enter-dark-390")
    assert second.violations() == []


def test_a_scanner_without_scripts_leaves_the_link_as_it_was(
    demo: DemoServer, host: Host, browser: Browser, open_tab: OpenTab
) -> None:
    """It gets the page, which alone does nothing."""
    link = host.link()
    context = browser.new_context(base_url=demo.address, java_script_enabled=False)
    context.new_page().goto(link)
    httpx.head(f"{demo.address}{link}")

    tab = open_tab(demo)
    tab.open(link)

    expect(tab.page.get_by_role("heading", name="API Keys")).to_be_visible()
    assert context.cookies() == []
    context.close()
