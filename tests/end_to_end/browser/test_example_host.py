"""The product in examples/host, in a browser: from signing up to a key that is refused after its deletion."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Databases
from tests.support.browser.browser import opened
from tests.support.documentation import ROOT
from tests.support.servers.servers import REAL, Server, Servers
from tests.support.servers.small_servers import free_port

pytest_plugins = ("tests.support.browser.fixtures",)

DATABASE_NUMBER = 150
"""The shared database of this file's servers; conftest's databases are emptied for each test."""
TOKEN = "the-gateway-token"
GIVE_UP_SECONDS = 60.0
COMMAND = (sys.executable, "-c", "from app.cli import main; main()")


@dataclass(frozen=True, slots=True)
class Product:
    """The running product, and Keydesk behind it."""

    url: str
    keydesk: Server

    def call(self, key: str) -> httpx2.Response:
        """A call of the product's API, as a customer's program sends it."""
        return httpx2.get(f"{self.url}/api/assistant", headers={"authorization": f"Bearer {key}"})


@pytest.fixture(scope="module")
def product(browser: Browser, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Both, set up as the README of the example says."""
    url = f"http://127.0.0.1:{free_port()}"
    settings = {"KEYDESK_GATEWAY_TOKEN": TOKEN, "KEYDESK_RETURN_ORIGINS": url}
    folder = tmp_path_factory.mktemp("keydesk")
    servers = Servers(databases.fresh(DATABASE_NUMBER), folder, program=REAL, settings=settings)
    try:
        (keydesk,) = servers.start()
        create = ("token", "create", "product", "--can", "provision", "--can", "sign-in", "--json")
        made = subprocess.run(
            [*COMMAND, *create], cwd=ROOT, env=servers.environment, capture_output=True, text=True, check=True
        )
        with running(url, keydesk.address, json.loads(made.stdout)["secret"], folder):
            yield Product(url, keydesk)
    finally:
        servers.close()


@contextmanager
def running(url: str, keydesk_url: str, operator_token: str, folder: Path) -> Iterator[None]:
    program = ("-m", "uvicorn", "--app-dir", "examples/host", "app:app", "--port", url.rpartition(":")[2])
    settings = {
        "PRODUCT_URL": url,
        "KEYDESK_URL": keydesk_url,
        "KEYDESK_GATEWAY_TOKEN": TOKEN,
        "KEYDESK_OPERATOR_TOKEN": operator_token,
    }
    with (folder / "product.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, *program], cwd=ROOT, env={**os.environ, **settings}, stdout=log, stderr=log
        )
    try:
        give_up_at = time.monotonic() + GIVE_UP_SECONDS
        while not answers(url):
            assert process.poll() is None, (folder / "product.log").read_text()
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(GIVE_UP_SECONDS)


def answers(url: str) -> bool:
    try:
        return httpx2.get(url).status_code == 200
    except httpx2.TransportError:
        return False


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def fill(page: Page, form: str, **fields: str) -> None:
    """Fills the form with this button, and sends it."""
    filled = page.locator("form", has=page.get_by_role("button", name=form, exact=True))
    for label, value in fields.items():
        filled.get_by_label(label.replace("_", "-")).fill(value)
    filled.get_by_role("button", name=form, exact=True).click()


def delete_used(page: Page, name: str) -> None:
    """Deletes the key. Its use is written behind the request; from then on, the dialog asks for the name."""
    dialog = page.get_by_role("dialog")
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while True:
        page.reload(wait_until="networkidle")
        press(page, f"Menu of {name}")
        page.get_by_role("menuitem", name="Delete", exact=True).click()
        expect(dialog.get_by_role("button", name="Delete", exact=True)).to_be_visible()
        if dialog.get_by_role("textbox").count():
            break
        assert time.monotonic() < give_up_at
    dialog.get_by_role("textbox").fill(name)
    dialog.get_by_role("button", name="Delete", exact=True).click()


def test_a_customer_signs_up_and_uses_the_products_api(product: Product, browser: Browser) -> None:
    """Without a second password: the customer, the agent and the key are there when they are needed."""
    with opened(browser, product.url, permissions=("clipboard-read", "clipboard-write")) as tab:
        tab.expected.append(f"another host: {re.escape(product.keydesk.address)}")
        page = tab.page
        tab.open("/")
        fill(
            page, "Sign up", Company="Initech <&>", Name="Peter", E_mail="peter@initech.example", Password="red stapler"
        )
        expect(page.get_by_role("heading", name="Initech <&>")).to_be_visible()
        assert product.call("kd_made_up").status_code == 401

        press(page, "API keys")
        page.wait_for_url(f"{product.keydesk.address}/organizations/*/api-keys")
        press(page, "New API Key")
        dialog = page.get_by_role("dialog", name="New API Key")
        dialog.get_by_label("Name").fill("first")
        dialog.get_by_role("radio", name="Agent").check()
        dialog.get_by_role("combobox", name="Agent").click()
        page.get_by_role("option", name="Assistant").click()
        press(page, "Create")
        key = page.get_by_label("Secret", exact=True).input_value()
        press(page, "Copy")
        press(page, "Done")

        accepted = product.call(key)
        assert (accepted.status_code, accepted.json()) == (200, {"answer": "42", "for": "Initech <&>"})
        assert "ratelimit" in accepted.headers

        delete_used(page, "first")
        expect(page.get_by_role("link", name="first", exact=True)).to_have_count(0)
        refused = product.call(key)
        assert (refused.status_code, refused.json()["code"]) == (401, "deleted_key")
        assert refused.headers["www-authenticate"].startswith("Bearer")

        page.get_by_role("link", name=re.compile("Back to")).first.click()
        expect(page.get_by_role("heading", name="Initech <&>")).to_be_visible()


def test_two_customers_have_nothing_in_common(product: Product, browser: Browser) -> None:
    """Each sees its own organization; who comes back to the product finds the same one."""
    organizations, attempt = [], uuid4().hex
    for number, form in enumerate(("Sign up", "Sign up", "Sign in")):
        with opened(browser, product.url) as tab:
            tab.expected.append(f"another host: {re.escape(product.keydesk.address)}")
            page, who = tab.page, min(number, 1)
            tab.open("/")
            more = {"Company": f"Company {who}", "Name": f"Person {who}"} if form == "Sign up" else {}
            fill(page, form, **more, E_mail=f"person-{who}@{attempt}.example", Password=f"password of {who}")
            press(page, "API keys")
            page.wait_for_url(f"{product.keydesk.address}/organizations/*/api-keys")
            organizations.append(page.url)

    assert organizations[0] != organizations[1] == organizations[2]


def test_while_keydesk_is_away_nobody_is_refused(browser: Browser, tmp_path: Path) -> None:
    """People can sign up, the page says that keys have to wait, and a call gets 503."""
    url, nowhere = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    with running(url, nowhere, "kdo_1", tmp_path), opened(browser, url) as tab:
        tab.open("/")
        fill(tab.page, "Sign up", Company="Initech", Name="Peter", E_mail="peter@initech.example", Password="stapler")
        expect(tab.page.get_by_role("heading", name="Initech")).to_be_visible()
        press(tab.page, "API keys")
        expect(tab.page.get_by_role("alert")).to_have_text("API keys are not available. Try again in a minute.")

        answer = httpx2.get(f"{url}/api/assistant", headers={"x-api-key": "kd_1"})
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "5")
