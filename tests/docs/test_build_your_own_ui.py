"""docs/guide/build-your-own-ui.md: its documents fit the schema, and what it says of sites and origins is so."""

import re
from http.cookies import SimpleCookie

import httpx
import pytest
from graphql import build_schema, parse, validate

from app.pages.console import PAGE_HEADERS
from tests.conftest import Clock
from tests.support.client import PASSWORD, open_site
from tests.support.documentation import ROOT, rows, sections
from tests.support.graphql.documents import SIGN_IN

PAGE = "docs/guide/build-your-own-ui.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
DOCUMENTS = [
    *re.findall(r"^```graphql\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL),
    *re.findall(r"query: `(.*?)`", TEXT, re.DOTALL),
    *re.findall(r'query: "(.*?)"', TEXT),
]


@pytest.mark.parametrize("number", range(len(DOCUMENTS)))
def test_a_document_of_the_page_fits_the_schema(number: int) -> None:
    """So that it can be copied."""
    schema = build_schema((ROOT / "schema" / "schema.graphql").read_text())

    assert validate(schema, parse(DOCUMENTS[number])) == []


def test_all_documents_were_found() -> None:
    """A mutation, a subscription, a query."""
    assert [document.split()[0] for document in DOCUMENTS] == ["mutation", "subscription", "{"]


async def test_named_pages_and_no_others_get_answers(database_address: str, clock: Clock) -> None:
    """With the setting as the page has it."""
    (origins,) = re.findall(r"^ {4}KEYDESK_ALLOWED_ORIGINS=(\S+)$", TEXT, re.MULTILINE)
    settings = {"KEYDESK_PUBLIC_URL": "https://keys.example.com", "KEYDESK_ALLOWED_ORIGINS": origins}
    async with open_site(database_address, clock, settings) as site:
        answers = {}
        for origin in (*origins.split(","), "https://app.example.org"):
            person = await site.browser(origin=origin)
            answers[origin] = (await person.graphql(SIGN_IN, email="ada@example.com", password=PASSWORD)).response

    *named, other = answers.values()
    assert [answer.status_code for answer in named] == [200, 200]
    assert [answer.headers["access-control-allow-credentials"] for answer in named] == ["true", "true"]
    assert (other.status_code, other.json()["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")
    assert "set-cookie" not in other.headers
    assert_is_lax(named[0])


def assert_is_lax(answer: httpx.Response) -> None:
    """The cookie is sent by pages of the same site only, and is not readable by scripts."""
    (line,) = [each for each in answer.headers.get_list("set-cookie") if "keydesk_session=" in each]
    (session,) = SimpleCookie(line).values()
    assert (session["samesite"].lower(), session["httponly"], session["domain"]) == ("lax", True, "")


def test_the_codes_of_the_page_are_codes() -> None:
    """Each is in the table of *Errors*."""
    documented = [row[0].strip("`") for row in rows(sections(PAGE)["Errors"])]

    known = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert len(documented) == 5
    assert [code for code in documented if f"`{code}`" not in known] == []


def test_no_page_of_ours_can_be_framed() -> None:
    """As the section on iframes says."""
    assert "frame-ancestors 'none'" in sections(PAGE)["IFrames"]
    assert "frame-ancestors 'none'" in PAGE_HEADERS["content-security-policy"]
