"""The programs of docs/guide/use-it-in-your-product.md and examples/host run as they are, with the real application."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from types import ModuleType, SimpleNamespace
from unittest.mock import patch

import httpx2
import pytest
from fastapi.responses import PlainTextResponse
from markdown_it import MarkdownIt
from sqlalchemy import delete, select
from sqlmodel import col

import keydesk_client
from models import Membership, Person
from tests.conftest import Clock
from tests.support.client import Site, open_site
from tests.support.documentation import ROOT
from tests.support.graphql.provisioning import enter
from tests.support.programs import stored_token

PAGE = "docs/guide/use-it-in-your-product.md"
PRODUCT = "https://app.example.com"
TOKEN = "the-gateway-token"
NEWCOMERS = select(col(Person.id)).where(col(Person.email) == "peter@initech.example")
USER = SimpleNamespace(
    id="user-1",
    customer_id="customer-1017",
    company="Initech",
    name="Peter",
    email="peter@initech.example",
    keydesk_organization_id=None,
)


def programs() -> str:
    """The Python programs of the page, one after the other."""
    tokens = MarkdownIt("commonmark").parse((ROOT / PAGE).read_text(encoding="utf-8"))
    found = [token.content for token in tokens if token.type == "fence" and token.info == "python"]
    assert len(found) == 3
    return "\n".join(found)


@asynccontextmanager
async def product_of(
    program: str, database_address: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Site, httpx2.AsyncClient, SimpleNamespace]]:
    """A real Keydesk, a browser at the product that the program is, and the product's signed-in user."""
    settings = {"KEYDESK_GATEWAY_TOKEN": TOKEN, "KEYDESK_RETURN_ORIGINS": PRODUCT}
    async with open_site(database_address, clock, settings) as site:
        _, operator_token = await stored_token(site, "operator token")
        monkeypatch.setenv("PRODUCT_URL", PRODUCT)
        monkeypatch.setenv("KEYDESK_URL", "http://keydesk.test")
        monkeypatch.setenv("KEYDESK_GATEWAY_TOKEN", TOKEN)
        monkeypatch.setenv("KEYDESK_OPERATOR_TOKEN", operator_token)
        for name in ("AsyncKeydesk", "AsyncProvisioning"):
            transport = httpx2.ASGITransport(site.app)  # type: ignore[arg-type]
            monkeypatch.setattr(keydesk_client, name, partial(getattr(keydesk_client, name), transport=transport))
        module, user = ModuleType("product"), SimpleNamespace(**vars(USER))
        vars(module).update(your_signed_in_user=lambda: user, your_page_with=PlainTextResponse)
        with patch.dict(sys.modules, {"product": module}):
            exec(compile(program, "product.py", "exec", dont_inherit=True), vars(module))
            transport = httpx2.ASGITransport(module.app)
            async with httpx2.AsyncClient(transport=transport, base_url=PRODUCT) as product:
                yield site, product, user


async def test_the_programs_of_the_page_make_a_product(
    database_address: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A click opens the console, in which the user creates a key, which the product's API takes."""
    async with product_of(programs(), database_address, clock, monkeypatch) as (site, product, _):
        clicked = await product.post("/api-keys")
        browser = await site.browser()
        entered = (await enter(browser, clicked.headers["location"])).value
        secret = (await browser.create(entered["organizationId"])).value["secret"]
        called = await product.get("/api/assistant", headers={"x-api-key": secret})
        refused = await product.get("/api/assistant")

    assert clicked.status_code == 303
    assert (called.status_code, called.json()) == (200, {"customer": "customer-1017"})
    assert (refused.status_code, refused.json()["code"]) == (401, "missing_key")


async def test_the_page_says_what_keydesk_refuses(
    database_address: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as the address of somebody who has an account there; and nobody is signed in to that account."""
    async with product_of(programs(), database_address, clock, monkeypatch) as (_, product, user):
        user.email = "ada@example.com"
        clicked = await product.post("/api-keys")

    assert (clicked.status_code, clicked.text) == (
        200,
        "Your e-mail address has an account for API keys already. Ask our support.",
    )


async def test_the_example_says_what_keydesk_refuses(
    database_address: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signing up goes on; each click says why there are no keys."""
    form = {"company": "Initech", "name": "Ada", "email": "ada@example.com", "password": "red stapler"}
    program = (ROOT / "examples" / "host" / "app.py").read_text(encoding="utf-8")
    async with product_of(program, database_address, clock, monkeypatch) as (_, product, _):
        signed_up = await product.post("/sign-up", data=form)
        clicked = await product.post("/api-keys")
        page = await product.get(clicked.headers["location"])

    assert (signed_up.status_code, signed_up.headers["location"], clicked.status_code) == (303, "/", 303)
    assert '<p role="alert">There is an account for API keys with your address already. Ask us.</p>' in page.text


@pytest.mark.parametrize("which", ["page", "example"])
async def test_somebody_whom_an_admin_removed_is_not_let_in_again(
    database_address: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """The click says it. In the console, admins decide."""
    program = programs() if which == "page" else (ROOT / "examples" / "host" / "app.py").read_text(encoding="utf-8")
    async with product_of(program, database_address, clock, monkeypatch) as (site, product, _):
        form = {"company": "Initech", "name": "Peter", "email": "peter@initech.example", "password": "red stapler"}
        if which == "example":
            await product.post("/sign-up", data=form)
        await product.post("/api-keys")
        async with site.database.transaction() as session:
            await session.execute(delete(Membership).where(col(Membership.person_id).in_(NEWCOMERS)))
        clicked = await product.post("/api-keys")
        text = clicked.text if which == "page" else (await product.get(clicked.headers["location"])).text
        async with site.database.reading() as session:
            again = (await session.execute(select(Membership).where(col(Membership.person_id).in_(NEWCOMERS)))).all()

    assert "Ask an admin of your company." in text
    assert again == []
