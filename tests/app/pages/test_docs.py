"""The pages / and /docs: rendering, headers, and that only linked files are served."""

import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from litestar import Litestar

from app.pages.docs import pages
from app.pages.layout import Layout
from assistant.explain import doc_links as sources
from assistant.facts.documents import Documents
from models.usage.refused_request import RefusedReason

DOCS = Path(__file__).parents[3] / "docs"
DOCUMENTS = Documents(DOCS)
ELSEWHERE = {"/graphql", "/v1/verify", "/healthz", "/readyz"}
"""Addresses that are not pages of the documentation."""


def client_of(docs_folder: Path, support_email: str | None = None) -> httpx.AsyncClient:
    """A client of an application that serves only these pages."""
    documents = Documents(docs_folder)
    app = Litestar(pages(documents, Layout(documents.pages, support_email)), openapi_config=None, logging_config=None)
    return httpx.AsyncClient(transport=httpx.ASGITransport(cast(Any, app)), base_url="https://keys.example")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the project's own documentation."""
    async with client_of(DOCS, "support@keys.example") as opened:
        yield opened


class Seen(HTMLParser):
    """The tags, attributes, ids and links of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append(name)
            if name == "id":
                self.ids.append(value or "")
            if name == "href" and tag == "a":
                self.links.append(value or "")


async def crawled(client: httpx.AsyncClient) -> dict[str, Seen]:
    """All pages that can be reached from /, by path."""
    found: dict[str, Seen] = {}
    waiting = ["/"]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        answer = await client.get(path)
        assert answer.status_code == 200, path
        found[path] = Seen(answer.text)
        links = [urlsplit(urljoin(str(answer.url), link)) for link in found[path].links]
        waiting += [
            each.path
            for each in links
            if each.hostname == "keys.example" and each.scheme == "https" and each.path not in ELSEWHERE
        ]
    return found


async def test_every_link_opens_what_it_promises(client: httpx.AsyncClient) -> None:
    """Every link between pages opens, and its anchor exists exactly once."""
    found = await crawled(client)

    broken = []
    for path, page in found.items():
        for link in page.links:
            to = urlsplit(urljoin(f"https://keys.example{path}", link))
            if to.hostname == "keys.example" and to.fragment and found[to.path].ids.count(to.fragment) != 1:
                broken.append((path, link))
    assert broken == []
    guides = {f"/docs/guide/{each.stem}" for each in DOCS.glob("guide/*.md")}
    others = {f"/docs/{name}" for name in ("errors", "security", "glossary", "cli", "reliability")}
    assert {"/", "/docs", *others, *guides} == set(found)


async def test_the_address_in_a_refusal_opens_the_section_of_its_code(client: httpx.AsyncClient) -> None:
    """/docs/errors has a heading with the anchor of each code, such as #deleted_key."""
    answer = await client.get("/docs/errors")

    assert '<h2 id="deleted_key">deleted_key</h2>' in answer.text


CITED = {value for name, value in vars(sources).items() if name.isupper() and isinstance(value, str)} | {
    sources.of_refusal(reason) for reason in RefusedReason
}


@pytest.mark.parametrize("address", sorted(CITED))
async def test_every_passage_that_an_answer_can_cite_opens(client: httpx.AsyncClient, address: str) -> None:
    """Each cited address has a title, and its page and anchor exist."""
    title = DOCUMENTS.title(address)

    path, _, anchor = address.partition("#")
    answer = await client.get(path)
    assert title
    assert answer.status_code == 200
    assert not anchor or Seen(answer.text).ids.count(anchor) == 1


async def test_pages_keep_the_policy_that_they_are_sent_with(client: httpx.AsyncClient) -> None:
    """Pages have no scripts, inline styles or event handlers, which their policy would block."""
    found = await crawled(client)

    for page in found.values():
        assert {"script", "style", "iframe", "object", "base"}.isdisjoint(page.tags)
        assert [name for name in page.attributes if name == "style" or name.startswith("on")] == []


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/errors", "/docs/style.css", "/docs/nothing-here"])
async def test_every_answer_is_strict_with_the_browser(client: httpx.AsyncClient, path: str) -> None:
    """All answers, also 404, have the strict headers."""
    answer = await client.get(path)

    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "camera=()" in answer.headers["permissions-policy"]
    assert answer.headers["cache-control"] == "no-cache"


async def test_the_stylesheet_is_one_file(client: httpx.AsyncClient) -> None:
    """All pages use the same stylesheet, served as CSS."""
    answer = await client.get("/docs/style.css")

    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "prefers-color-scheme: dark" in answer.text
    assert '<link rel="stylesheet" href="/docs/style.css">' in (await client.get("/")).text


async def test_what_has_not_changed_is_not_sent_again(client: httpx.AsyncClient) -> None:
    """A matching ETag gets 304 without a body; another one gets the page."""
    first = await client.get("/docs/errors")

    again = await client.get("/docs/errors", headers={"if-none-match": first.headers["etag"]})
    weakened = await client.get("/docs/errors", headers={"if-none-match": f'"other", W/{first.headers["etag"]}'})
    other = await client.get("/docs/errors", headers={"if-none-match": '"other"'})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert weakened.status_code == 304
    assert (other.status_code, other.content) == (200, first.content)


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    """HEAD has the headers of GET."""
    got = await client.get("/docs/errors")

    headed = await client.head("/docs/errors")

    assert (headed.status_code, headed.content, headed.headers) == (200, b"", got.headers)


@pytest.mark.parametrize(
    "path",
    [
        "/docs/nothing-here",
        "/docs/errors.md",
        "/docs/guide",
        "/docs/decisions/README",
        "/docs/decisions/uuidv7-ids",
        "/docs/%2e%2e/pyproject.toml",
        "/docs/..%2f..%2fetc%2fpasswd",
        "/docs/guide/../../README",
        "/docs//etc/passwd",
        "/docs/not%20found",
        "/docs/%00",
        "/docs/errors%00",
    ],
)
async def test_anything_else_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    """Paths that the contents do not list are 404, however they are written."""
    answer = await client.get(path)

    assert answer.status_code == 404


async def test_the_front_page_says_where_things_are(client: httpx.AsyncClient) -> None:
    """/ links to GraphQL, verification, documentation and support."""
    answer = await client.get("/")

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for words in ("/graphql", "/v1/verify", 'href="/docs"', 'href="mailto:support@keys.example"'):
        assert words in answer.text


async def test_every_page_has_the_search_the_address_for_support_and_its_date(client: httpx.AsyncClient) -> None:
    """Every page has the search form, the support address and its date."""
    found = [await client.get(path) for path in await crawled(client) if path != "/"]

    assert len(found) > 10
    for page in found:
        assert '<form role="search" action="/docs/search"><input type="search" name="q" value=""' in page.text
        assert "form-action 'self'" in page.headers["content-security-policy"]
        assert 'href="mailto:support@keys.example"' in page.text
        assert re.search(
            r'<footer>.*Last updated <time datetime="\d{4}-\d\d-\d\d">\d+ [A-Z]\w+ \d{4}</time>', page.text
        )


async def test_the_date_of_a_page_is_that_of_its_file(tmp_path: Path) -> None:
    """The date comes from the last line of the file and is shown in the footer. Other pages have the newest date."""
    (tmp_path / "README.md").write_text("# Contents\n\n[a](a.md)\n\n*Last updated: 2026-03-01*\n")
    (tmp_path / "a.md").write_text("# A\n\nText.\n\n*Last updated: 2026-02-09*\n")

    async with client_of(tmp_path) as client:
        answers = {path: (await client.get(path)).text for path in ("/docs", "/docs/a", "/docs/search", "/docs/no")}

    dates = {path: re.findall(r"Last updated.*?>(.+?)<", text) for path, text in answers.items()}
    assert dates == {
        "/docs": ["1 March 2026"],
        "/docs/a": ["9 February 2026"],
        "/docs/search": ["1 March 2026"],
        "/docs/no": ["1 March 2026"],
    }


async def test_the_menu_has_the_parts_of_the_contents(client: httpx.AsyncClient) -> None:
    """The menu has the groups of the contents, and marks the open page."""
    answer = await client.get("/docs/guide/keys")

    menu = answer.text.partition('<nav id="menu"')[2].partition("</nav>")[0]
    assert re.findall(r"<p>(.+?)</p>", menu) == [
        "Using keys",
        "Building with keys",
        "Running Keydesk",
        "Looking up",
    ]
    assert re.findall(r'aria-current="page">(.+?)<', menu) == ["API keys"]


async def test_a_page_leads_on_to_the_next(client: httpx.AsyncClient) -> None:
    """Each page links to the previous and next page of the contents."""
    answer = await client.get("/docs/guide/keys")

    assert '<a class="before" href="/docs/guide/getting-started">' in answer.text
    assert '<a class="after" href="/docs/guide/roles">' in answer.text


async def test_an_address_for_support_cannot_carry_markup() -> None:
    """The support address is escaped."""
    async with client_of(DOCS, '"><script>alert(1)</script>@keys.example') as client:
        answer = await client.get("/")

    assert "script" not in Seen(answer.text).tags
    assert "&lt;script&gt;" in answer.text


async def test_without_an_address_for_support_none_is_shown() -> None:
    """Without a configured address, no page has one."""
    async with client_of(DOCS) as client:
        answer = await client.get("/")

    assert "mailto:" not in answer.text


async def test_markup_in_the_documentation_is_text(tmp_path: Path) -> None:
    """HTML in a source file is escaped."""
    (tmp_path / "README.md").write_text("# Contents\n\n<script>alert(1)</script>\n\n[a](javascript:alert(1))\n")

    async with client_of(tmp_path) as client:
        answer = await client.get("/docs")

    seen = Seen(answer.text)
    assert "script" not in seen.tags
    assert [link for link in seen.links if link.startswith("javascript")] == []


async def test_only_files_that_the_contents_link_to_are_served(tmp_path: Path) -> None:
    """Files that the contents do not link to, or outside the folder, are not served."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (tmp_path / "outside.md").write_text("# Outside\n")
    (docs / "README.md").write_text(
        "# Contents\n\n[in](in.md), [out](../outside.md), [far](https://x.example/far.md)\n"
    )
    (docs / "in.md").write_text("# In\n\n[back](README.md#contents)\n")
    (docs / "draft.md").write_text("# Draft\n")

    async with client_of(docs) as client:
        answers = {name: await client.get(f"/docs/{name}") for name in ("in", "draft", "outside", "../outside")}

    assert {name: answer.status_code for name, answer in answers.items()} == {
        "in": 200,
        "draft": 404,
        "outside": 404,
        "../outside": 404,
    }
    assert '<a href="/docs#contents">back</a>' in answers["in"].text
