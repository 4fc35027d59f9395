"""Owns the plain pages: the documentation, rendered once at start-up, and what stands at / until the console does."""

import hashlib
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from litestar import Request, Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, route
from markdown_it import MarkdownIt
from markdown_it.token import Token

CONTENTS = "README.md"
"""The documentation's table of contents: the files that it links to are served, in the order in which it does."""
SECTIONS_WORTH_A_LIST = 4
STYLE = Path(__file__).with_name("pages.css")
STYLE_ADDRESS = "/docs/style.css"
HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """Something with an address: what is sent, and its fingerprint."""

    body: bytes
    media_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """A file of the documentation, rendered. `sections` are the anchors and words of its second-level headings."""

    title: str
    html: str
    sections: tuple[tuple[str, str], ...]


def pages(*, docs_folder: Path, support_email: str | None) -> list[HTTPRouteHandler]:
    """
    Handlers for /, /docs and everything below it.

    What they answer is made here, when the application starts, so that no request reaches for a file.
    """
    assets = _assets(docs_folder, support_email)
    methods = [HttpMethod.GET, HttpMethod.HEAD]

    @route(["/", "/docs", "/docs/{rest:path}"], http_method=methods, status_code=200, include_in_schema=False)
    async def page(request: Request[Any, Any, Any]) -> Response[bytes]:
        return _answer(request, assets, request.scope["path"].rstrip("/") or "/")

    return [page]


def _answer(request: Request[Any, Any, Any], assets: Mapping[str, Asset], address: str) -> Response[bytes]:
    asset, status = assets.get(address), 200
    if asset is None:
        asset, status = assets["not found"], 404
    headers = {**HEADERS, "etag": asset.etag}
    if status == 200 and asset.etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    headers["content-length"] = str(len(asset.body))
    body = b"" if request.method == HttpMethod.HEAD else asset.body
    return Response(body, status_code=status, headers=headers, media_type=asset.media_type)


def _assets(docs_folder: Path, support_email: str | None) -> dict[str, Asset]:
    """Everything that is served, by its address; what is not in here is not found."""
    chapters = read_chapters(docs_folder)
    navigation = {address: chapter.title for address, chapter in chapters.items()}
    found = {
        address: _asset(_document(chapter.title, _main(chapter), navigation, support_email, address))
        for address, chapter in chapters.items()
    }
    found["/"] = _asset(_document("Keydesk", _WHAT_RUNS_HERE, {}, support_email, "/"))
    found["not found"] = _asset(_document("Not found", _NOT_FOUND, navigation, support_email))
    found[STYLE_ADDRESS] = _asset(STYLE.read_text(encoding="utf-8"), "text/css")
    return found


def _asset(text: str, media_type: str = "text/html") -> Asset:
    body = text.encode()
    return Asset(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def read_chapters(docs_folder: Path) -> dict[str, Chapter]:
    """The documentation by address, in reading order: the table of contents, then the files that it links to."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    sources = {CONTENTS: markdown.parse((docs_folder / CONTENTS).read_text(encoding="utf-8"))}
    for target in _linked_files(sources[CONTENTS]):
        sources[target] = markdown.parse((docs_folder / target).read_text(encoding="utf-8"))
    addresses = {source: _address(source) for source in sources}
    return {
        addresses[source]: _render(markdown, tokens, posixpath.dirname(source), addresses)
        for source, tokens in sources.items()
    }


def _address(source: str) -> str:
    return "/docs" if source == CONTENTS else f"/docs/{source.removesuffix('.md')}"


def _linked_files(tokens: list[Token]) -> list[str]:
    links = [str(child.attrGet("href")) for token in tokens for child in token.children or () if child.tag == "a"]
    targets = [posixpath.normpath(link.partition("#")[0]) for link in links if link.partition("#")[0].endswith(".md")]
    return [target for target in dict.fromkeys(targets) if not target.startswith(("/", "..")) and ":" not in target]


def _render(markdown: MarkdownIt, tokens: list[Token], folder: str, addresses: Mapping[str, str]) -> Chapter:
    """Gives headings their anchors, points links between files to addresses here, and lets wide tables scroll."""
    headings: list[tuple[str, str, str]] = []
    taken: dict[str, int] = {}
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following is not None:
            words = "".join(child.content for child in following.children or ())
            anchor = slug(words, taken)
            token.attrSet("id", anchor)
            headings.append((token.tag, anchor, words))
        elif token.type == "inline":
            for child in token.children or ():
                if child.type == "link_open":
                    child.attrSet("href", _link(str(child.attrGet("href")), folder, addresses))
    html = markdown.renderer.render(tokens, markdown.options, {})
    html = html.replace("<table>", '<div class="wide" role="region" aria-label="Table" tabindex="0"><table>').replace(
        "</table>", "</table></div>"
    )
    title = next((words for tag, _, words in headings if tag == "h1"), "Documentation")
    return Chapter(title, html, tuple((anchor, words) for tag, anchor, words in headings if tag == "h2"))


def slug(words: str, taken: dict[str, int]) -> str:
    """A heading's anchor as GitHub makes it; `taken` counts those of the page, so that none is there twice."""
    kept = "".join(character for character in words.strip().lower() if character.isalnum() or character in " -_")
    base = kept.replace(" ", "-")
    count = taken.get(base, 0)
    taken[base] = count + 1
    return f"{base}-{count}" if count else base


def _link(href: str, folder: str, addresses: Mapping[str, str]) -> str:
    """Files link to files, so that they can be read where they lie; here the link goes to the file's address."""
    target, hash_sign, anchor = href.partition("#")
    address = addresses.get(posixpath.normpath(posixpath.join(folder, target))) if target else None
    return href if address is None else f"{address}{hash_sign}{anchor}"


def _main(chapter: Chapter) -> str:
    """The chapter, with its sections listed below its title where there are many."""
    if len(chapter.sections) < SECTIONS_WORTH_A_LIST:
        return chapter.html
    entries = "".join(f'<li><a href="#{anchor}">{escape(words)}</a></li>' for anchor, words in chapter.sections)
    listed = f'<nav class="sections" aria-label="On this page"><ul>{entries}</ul></nav>'
    return chapter.html.replace("</h1>", f"</h1>\n{listed}", 1)


def _document(
    title: str, main: str, navigation: Mapping[str, str], support_email: str | None, address: str | None = None
) -> str:
    entries = "".join(
        f'<li><a href="{to}"{_CURRENT if to == address else ""}>{escape(name)}</a></li>'
        for to, name in navigation.items()
    )
    menu = f'<nav aria-label="Documentation"><ul>{entries}</ul></nav>' if entries else ""
    support = ""
    if support_email is not None:
        mailto = escape(quote(support_email, safe="@+"))
        support = f'<footer>Questions? <a href="mailto:{mailto}">{escape(support_email)}</a></footer>'
    whole_title = title if title == "Keydesk" else f"{escape(title)} · Keydesk"
    return _DOCUMENT.format(title=whole_title, style=STYLE_ADDRESS, menu=menu, main=main, support=support)


_CURRENT = ' aria-current="page"'
_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{style}">
</head>
<body>
<a class="skip" href="#content">Skip to content</a>
<header><a class="home" href="/">Keydesk</a>{menu}</header>
<main id="content">
{main}</main>
{support}
</body>
</html>
"""
_WHAT_RUNS_HERE = """<h1>Keydesk</h1>
<p>Self-service API keys for an organization and its agents. This server answers:</p>
<dl>
<dt><code>POST /graphql</code></dt><dd>GraphQL: sign in, and create, rename, rotate and delete keys
(<a href="/docs/guide/graphql">how</a>)</dd>
<dt><code>/v1/verify</code></dt><dd>Is this key good? For gateways, by any method
(<a href="/docs/guide/verify">how</a>)</dd>
<dt><a href="/docs"><code>/docs</code></a></dt><dd>The documentation, with
<a href="/docs/errors">what each error means and what to do about it</a></dd>
<dt><a href="/healthz"><code>/healthz</code></a>, <a href="/readyz"><code>/readyz</code></a></dt><dd>Whether the
process lives, and whether it can serve</dd>
</dl>
"""
_NOT_FOUND = """<h1>Not found</h1>
<p>There is no such page. The <a href="/docs">table of contents</a> has all there are.</p>
"""
