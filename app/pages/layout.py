"""Makes the HTML of the documentation and of error pages: menu, search box, footer, and rendered Markdown."""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from html import escape
from itertools import groupby
from urllib.parse import quote

from markdown_it.token import Token

from app.pages.brand import KEYDESK, Brand
from assistant.facts.documents import ROOT_ADDRESS, Page, address_of, markdown

STYLE_ADDRESS = f"{ROOT_ADDRESS}/style.css"
SEARCH_ADDRESS = f"{ROOT_ADDRESS}/search"
QUERY_CHARACTERS_AT_MOST = 200
SECTIONS_WORTH_A_LIST = 4


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout around every page: a menu of all `pages`, the support address, and the day of the last change."""

    pages: Mapping[str, Page]
    support_email: str | None
    brand: Brand = field(default_factory=Brand)

    @property
    def updated(self) -> date | None:
        """The day of the newest change in the documentation; shown on pages that have no date of their own."""
        return max((page.updated for page in self.pages.values() if page.updated is not None), default=None)

    def document(
        self,
        title: str,
        main: str,
        *,
        address: str | None = None,
        updated: date | None = None,
        query: str = "",
        is_alone: bool = False,
    ) -> str:
        """
        A complete HTML page around `main`, which is HTML already. `address` is the page's own path, for the menu.

        With `is_alone`, it gets no menu and no search box, for pages outside the documentation.
        """
        name, logo = escape(self.brand.name), self.brand.logo
        return _DOCUMENT.format(
            title=name if title == KEYDESK else f"{escape(title)} · {name}",
            home=name if logo is None else f'<img src="{logo.address}" alt="" height="24">{name}',
            icon="data:," if logo is None else logo.address,
            style=STYLE_ADDRESS,
            kind="alone" if is_alone else "guide",
            ways="" if is_alone else f'<a class="to-menu" href="#menu">All pages</a>{_search_box(query)}',
            menu="" if is_alone else self._menu(address),
            main=main,
            footer=self._footer(updated or self.updated),
        )

    def chapter(self, address: str) -> str:
        """A complete page of the documentation, with a list of its sections if there are at least four."""
        page = self.pages[address]
        headline, end, text = _rendered(page, frozenset(each.source for each in self.pages.values())).partition(
            "</h1>\n"
        )
        sections = [(anchor, words) for tag, anchor, words in page.headings if tag == "h2"]
        listed = ""
        if len(sections) >= SECTIONS_WORTH_A_LIST:
            entries = "".join(f'<li><a href="#{anchor}">{escape(words)}</a></li>' for anchor, words in sections)
            listed = f'<nav class="sections" aria-label="On this page"><p>On this page</p><ul>{entries}</ul></nav>\n'
        body = f'<div class="text">\n{text}{self._neighbours(address)}</div>\n'
        return self.document(page.title, f"{headline}{end}{listed}{body}", address=address, updated=page.updated)

    def _menu(self, address: str | None) -> str:
        parts = []
        for part, group in groupby(self.pages.items(), key=lambda entry: entry[1].part):
            entries = "".join(
                f'<li><a href="{to}"{_CURRENT if to == address else ""}>{escape(page.title)}</a></li>'
                for to, page in group
            )
            heading = f"<p>{escape(part)}</p>" if part else ""
            parts.append(f"{heading}<ul>{entries}</ul>")
        return f'<nav id="menu" class="menu" aria-label="Documentation">{"".join(parts)}</nav>'

    def _neighbours(self, address: str) -> str:
        addresses = list(self.pages)
        at = addresses.index(address)
        links = [
            f'<a class="{side}" href="{to}"><span>{words}</span> {escape(self.pages[to].title)}</a>'
            for side, words, to in (
                ("before", "Before", addresses[at - 1] if at else None),
                ("after", "Next", addresses[at + 1] if at + 1 < len(addresses) else None),
            )
            if to is not None
        ]
        return f'<nav class="neighbours" aria-label="Pages beside this one">{"".join(links)}</nav>\n' if links else ""

    def _footer(self, updated: date | None) -> str:
        said = []
        if self.support_email is not None:
            mailto = escape(quote(self.support_email, safe="@+"))
            said.append(f'<p>Questions? <a href="mailto:{mailto}">{escape(self.support_email)}</a></p>')
        if updated is not None:
            said.append(f'<p>Last updated <time datetime="{updated}">{updated.day} {updated:%B %Y}</time></p>')
        return f"<footer>{''.join(said)}</footer>" if said else ""


def _search_box(query: str) -> str:
    return (
        f'<form role="search" action="{SEARCH_ADDRESS}">'
        f'<input type="search" name="q" value="{escape(query)}" maxlength="{QUERY_CHARACTERS_AT_MOST}"'
        ' placeholder="Search" aria-label="Search the documentation" autocomplete="off">'
        "<button>Search</button></form>"
    )


@cache
def _rendered(page: Page, sources: frozenset[str]) -> str:
    """
    Renders a page's Markdown, once in each process.

    Links between Markdown files lead to the served pages, and wide tables scroll.
    """
    parser = markdown()
    folder = posixpath.dirname(page.source)
    for link in _links(page.tokens):
        link.attrSet("href", _link(str(link.attrGet("href")), folder, sources))
    html = str(parser.renderer.render(page.tokens, parser.options, {}))
    html = html.replace("<table>", '<div class="wide" role="region" aria-label="Table" tabindex="0"><table>')
    return html.replace("</table>", "</table></div>").replace("<pre>", '<pre tabindex="0">')


def _links(tokens: Iterable[Token]) -> list[Token]:
    return [child for token in tokens for child in token.children or () if child.type == "link_open"]


def _link(href: str, folder: str, sources: frozenset[str]) -> str:
    """The served path for a link to another Markdown file. Other links are returned unchanged."""
    target, hash_sign, anchor = href.partition("#")
    source = posixpath.normpath(posixpath.join(folder, target))
    return f"{address_of(source)}{hash_sign}{anchor}" if target and source in sources else href


_CURRENT = ' aria-current="page"'
_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{icon}">
<link rel="stylesheet" href="{style}">
</head>
<body class="{kind}">
<a class="skip" href="#content">Skip to content</a>
<header><a class="home" href="/">{home}</a>{ways}</header>
{menu}
<main id="content">
{main}</main>
{footer}
</body>
</html>
"""
WHAT_RUNS_HERE = """<h1>Keydesk</h1>
<p>Self-service API keys for an organization and its agents.</p>
<p>The console was not built on this server. The operator can build it with <code>make console</code> and then
restart the server. Everything else works without the console:</p>
<dl>
<dt><code>POST /graphql</code></dt><dd>GraphQL: sign in, and create, rename, rotate and delete keys
(<a href="/docs/guide/graphql">how</a>)</dd>
<dt><code>/v1/verify</code></dt><dd>Is this key valid? For gateways, with any method
(<a href="/docs/guide/verify">how</a>)</dd>
<dt><a href="/docs"><code>/docs</code></a></dt><dd>The documentation, with
<a href="/docs/errors">what each error means and what to do about it</a></dd>
<dt><a href="/healthz"><code>/healthz</code></a>, <a href="/readyz"><code>/readyz</code></a></dt><dd>Whether the
process runs, and whether it can serve</dd>
</dl>
"""
NOT_FOUND = """<h1>Not found</h1>
<p>There is no such page. The <a href="/docs">table of contents</a> has all there are, and the search looks through
them.</p>
"""
