"""The search of the documentation: a plain form, answered by the server, with every query escaped."""

from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from re import findall
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.layout import QUERY_CHARACTERS_AT_MOST, Layout
from app.pages.search import results_page
from assistant.facts.documents import documents_in
from assistant.facts.search_words import ALSO_FOUND_BY
from tests.app.pages.test_docs import Seen, client_of
from tests.support.documentation import ROOT

DOCS = ROOT / "docs"
DOCUMENTS = documents_in(DOCS)
SURROUNDINGS = Layout(DOCUMENTS.pages, None)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the project's own documentation."""
    async with client_of(DOCS, "support@keys.example") as opened:
        yield opened


async def search(client: httpx.AsyncClient, words: str) -> httpx.Response:
    """Searches as the form does."""
    return await client.get("/docs/search", params={"q": words})


def results(answer: httpx.Response) -> list[str]:
    """The addresses of the results, in order."""
    return findall(r'<li><a href="(/docs[^"]*)">[^<]+</a><p>', answer.text)


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("deleted_key", "/docs/errors#deleted_key"),
        ("How do I rotate a key?", "/docs/guide/keys#rotate"),
        ("renaming", "/docs/guide/keys#rename"),
        ("expiry", "/docs/guide/keys#no-expiry"),
        ("KEYDESK_REDIS_URL", "/docs/guide/operating#redis"),
        ("which role creates organization-level keys", "/docs/guide/roles#who-may-do-what"),
        ("nginx auth_request", "/docs/guide/gateways#nginx"),
        ("too many requests 429", "/docs/errors#rate_limited"),
        ("conversations kept", "/docs/guide/assistant#what-is-kept"),
        ("leaked secret", "/docs/guide/keys#if-a-secret-got-out"),
        ("SSO", "/docs/guide/single-sign-on"),
        ("webhook", "/docs/guide/use-it-in-your-product#learning-of-changes"),
        ("embed", "/docs/guide/build-your-own-ui#iframes"),
        ("kubernetes", "/docs/guide/deploy#kubernetes"),
        ("k8s helm chart", "/docs/guide/deploy#kubernetes"),
        ("fastapi", "/docs/guide/python#fastapi"),
        ("express", "/docs/guide/express"),
        ("cors", "/docs/errors#blocked-by-cors"),
        ("cors preflight localhost", "/docs/guide/build-your-own-ui#cors"),
        ("codegen", "/docs/guide/build-your-own-ui#types-and-codegen"),
        ("sizing", "/docs/guide/deploy#sizing"),
        ("capacity", "/docs/guide/deploy#sizing"),
        ("iframe", "/docs/guide/build-your-own-ui#iframes"),
        ("systemd", "/docs/guide/deploy#systemd"),
    ],
)
async def test_a_search_finds_the_section(client: httpx.AsyncClient, words: str, first: str) -> None:
    """The section with the answer is the first result."""
    answer = await search(client, words)

    assert answer.status_code == 200
    assert results(answer)[0] == first


async def test_every_result_opens(client: httpx.AsyncClient) -> None:
    """Every result's page and anchor exist."""
    addresses = results(await search(client, "key secret"))

    assert len(addresses) == 10
    for each in map(urlsplit, addresses):
        page = await client.get(each.path)
        assert page.status_code == 200
        assert not each.fragment or each.fragment in Seen(page.text).ids


async def test_the_words_are_marked_in_the_excerpt(client: httpx.AsyncClient) -> None:
    """Other forms of the words are marked, too."""
    answer = await search(client, "rotate a key")

    assert "<mark>keys</mark>" in answer.text
    assert "<mark>Rotating</mark>" in answer.text


async def test_the_search_says_how_many_it_found_and_for_what(client: httpx.AsyncClient) -> None:
    """The result page repeats the query in the search box."""
    answer = await search(client, "  server   keys ")

    assert "sections for “server keys”, the best first." in answer.text
    assert 'name="q" value="server keys"' in answer.text
    assert "<title>Search: server keys · Keydesk</title>" in answer.text


@pytest.mark.parametrize("words", ["", "   ", None])
async def test_an_empty_search_says_what_can_be_asked(client: httpx.AsyncClient, words: str | None) -> None:
    """An empty search asks for words instead of reporting no results."""
    answer = await client.get("/docs/search", params={} if words is None else {"q": words})

    assert answer.status_code == 200
    assert "What are you looking for?" in answer.text
    assert results(answer) == []


@pytest.mark.parametrize("words", ["zeppelin", "the weather in Paris", "???", "\x00", "_", "天気"])
async def test_a_search_that_finds_nothing_says_so(client: httpx.AsyncClient, words: str) -> None:
    """The page says where to look instead."""
    answer = await search(client, words)

    assert answer.status_code == 200
    assert "Nothing fits" in answer.text
    assert 'href="/docs/errors"' in answer.text
    assert results(answer) == []


@pytest.mark.parametrize(
    "words",
    ['"><script>alert(1)</script>', "key <b>secret</b>", "' onfocus=alert(1) autofocus '", "{query}{0}", "%s %(x)s"],
)
async def test_what_is_searched_for_is_text(client: httpx.AsyncClient, words: str) -> None:
    """HTML in a query is escaped."""
    answer = await search(client, words)

    seen = Seen(answer.text)
    assert {"script", "b"}.isdisjoint(seen.tags)
    assert {"onfocus", "autofocus"}.isdisjoint(seen.attributes)
    assert f"“{words}”" in unescape(answer.text)


async def test_markup_in_a_section_is_text_in_its_excerpt(tmp_path: Path) -> None:
    """HTML in a document is escaped in the excerpt, beside the marks."""
    (tmp_path / "README.md").write_text("# Contents\n\n[a](a.md)\n")
    (tmp_path / "a.md").write_text("# A\n\nWrite `<img src=x>` and \x02zebra\x03 <b>.\n")

    async with client_of(tmp_path) as client:
        answer = await search(client, "zebra")

    assert "&lt;img src=x&gt; and <mark>zebra</mark> &lt;b&gt;." in answer.text


async def test_rows_of_a_table_are_told_apart_in_an_excerpt(tmp_path: Path) -> None:
    """Cells are separated by a dot, rows by a semicolon."""
    (tmp_path / "README.md").write_text("# Contents\n\n[a](a.md)\n")
    (tmp_path / "a.md").write_text(
        "# A\n\nSeen.\n\n| animal | stripes |\n|---|---|\n| zebra | many |\n| okapi | some |\n"
    )

    async with client_of(tmp_path) as client:
        answer = await search(client, "zebra")

    assert "<p>Seen.\nanimal · stripes; <mark>zebra</mark> · many; okapi · some</p>" in answer.text


@pytest.mark.parametrize("query", ["q=%ff%fe", "q=%ED%A0%80", "q=key&q=nginx", "q[]=key", "q", "q=%", "x=1;q=key"])
async def test_a_query_that_is_written_oddly_is_answered(client: httpx.AsyncClient, query: str) -> None:
    """Invalid UTF-8, repeated parameters and other spellings are answered."""
    answer = await client.get(f"/docs/search?{query}")

    assert answer.status_code == 200


async def test_a_long_query_is_looked_at_up_to_its_bound(client: httpx.AsyncClient) -> None:
    """The form and the server use the same maximum length."""
    answer = await search(client, "deleted_key " + "x" * 20_000)

    assert f'maxlength="{QUERY_CHARACTERS_AT_MOST}"' in answer.text
    assert "x" * (QUERY_CHARACTERS_AT_MOST - len("deleted_key ")) in answer.text
    assert "x" * QUERY_CHARACTERS_AT_MOST not in answer.text


async def test_head_of_a_search_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    """HEAD has the headers of GET."""
    got = await client.get("/docs/search?q=key")

    headed = await client.head("/docs/search?q=key")

    assert (headed.status_code, headed.content, headed.headers) == (200, b"", got.headers)


@given(st.text(max_size=300))
def test_no_query_is_an_error(words: str) -> None:
    """Any query gives a page with no tags other than those of results."""
    page = results_page(DOCUMENTS, SURROUNDINGS, words)

    empty = set(Seen(results_page(DOCUMENTS, SURROUNDINGS, "")).tags)
    assert set(Seen(page).tags) <= empty | {"ol", "li", "p", "mark", "a"}


def test_every_section_with_words_of_its_own_exists() -> None:
    """A heading that is renamed keeps its words."""
    sections = {section.url for page in DOCUMENTS.pages.values() for section in page.sections}

    assert ALSO_FOUND_BY
    assert set(ALSO_FOUND_BY) - sections == set()


@pytest.mark.parametrize("word", sorted({word for words in ALSO_FOUND_BY.values() for word in words.split()}))
def test_each_of_these_words_finds_something(word: str) -> None:
    """Whatever its form: with a hyphen, with a full stop."""
    assert DOCUMENTS.search(word)
