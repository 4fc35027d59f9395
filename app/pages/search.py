"""Makes the results page of the documentation's search: the best sections, with the found words marked."""

import re
from html import escape

from app.pages.layout import QUERY_CHARACTERS_AT_MOST, Layout
from assistant.facts.documents import Documents, Match

RESULTS_AT_MOST = 10
SCORE_AT_LEAST = 0.25
"""Lower than the assistant's threshold, because a reader can skip results in a list that don't fit."""
_END_OF_A_ROW = re.compile(r"(?<![.:?!])\n")


def results_page(documents: Documents, layout: Layout, query: str) -> str:
    """
    The results page for a query.

    Only the first QUERY_CHARACTERS_AT_MOST characters are used. The query is escaped and has no search syntax.
    """
    query = " ".join(query[:QUERY_CHARACTERS_AT_MOST].split())
    matches = [each for each in documents.search(query, RESULTS_AT_MOST) if each.score >= SCORE_AT_LEAST]
    if matches:
        main = _FOUND.format(
            number="1 section" if len(matches) == 1 else f"{len(matches)} sections",
            query=escape(query),
            results="".join(map(_result, matches)),
        )
    else:
        main = _NOTHING_FOUND.format(query=escape(query)) if query else _EMPTY
    title = f"Search: {query}" if query else "Search"
    return layout.document(title, main, query=query)


def _result(match: Match) -> str:
    pieces = ((escape(_END_OF_A_ROW.sub("; ", piece)), is_found) for piece, is_found in match.excerpt)
    excerpt = "".join(f"<mark>{piece}</mark>" if is_found else piece for piece, is_found in pieces)
    title = escape(match.section.title)
    return f'<li><a href="{escape(match.section.url)}">{title}</a><p>{excerpt}</p></li>\n'


_FOUND = """<h1>Search</h1>
<p class="quiet">{number} for “{query}”, the best first.</p>
<ol class="results">
{results}</ol>
"""
_EMPTY = """<h1>Search</h1>
<p>What are you looking for? Type a few words, the code of a refusal or the name of a setting: <em>rotate a key</em>,
<code>deleted_key</code>, <code>KEYDESK_REDIS_URL</code>.</p>
"""
_NOTHING_FOUND = """<h1>Search</h1>
<p>Nothing fits “{query}”.</p>
<p>Try other words, or fewer. The documentation is in English. The <a href="/docs">table of contents</a> has all pages,
and <a href="/docs/errors">Errors</a> every code.</p>
"""
