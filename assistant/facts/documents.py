"""
The user documentation as data: pages with their paths, sections with their anchors, and a search over them.

The served pages and the assistant's citations both come from here, so that a citation always opens the right section.
"""

import math
import posixpath
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from assistant.facts.search_words import ALSO_FOUND_BY

CONTENTS = "README.md"
"""The table of contents. The files that it links to are the documentation, in this order."""
ROOT_ADDRESS = "/docs"
FITS_AT_LEAST = 0.35
"""A section is given as an answer only from this score on."""
WORDS_AT_MOST = 24
"""Only this many words of a query are searched for."""

_SECTIONS_BEGIN_AT = frozenset({"h1", "h2", "h3"})
_LESS_A_PART = 0.2
"""
How much the weight of a match decreases with each later part of the contents.

Later parts are for people who run the server, and more people use keys than run the server.
"""
_UPDATED = re.compile(r"Last updated: (\d{4}-\d{2}-\d{2})")
_WORD = re.compile(r"[^\W_]+(?:_+[^\W_]+)*")
_FILLING = (
    "a an and any are as at be been by can could did do does doing don for from get had has have hello help hey hi"
    " how i if in into is it its just know ll m me mean means my need of on or our please re s should so some t tell"
    " than thank thanks that the their them then there these they this to too us ve want was we were what when where"
    " which who why will with would you your"
)
"""Words that occur in questions on any subject, and are not searched for."""
_FROM, _TO = "\x02", "\x03"
"""Characters that mark found words in an excerpt. No section contains them."""


class Section(NamedTuple):
    """
    The content below a heading.

    `title` begins with the page's title, `url` is the path on this server with a fragment, `text` is the prose, and
    `code` the code blocks.
    """

    title: str
    url: str
    text: str
    code: str


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """A page. `tokens` are its parsed Markdown, with an id for each heading and without the last line, the date."""

    source: str
    title: str
    part: str
    """The heading in the table of contents below which the page is listed."""
    updated: date | None
    tokens: Sequence[Token]
    headings: tuple[tuple[str, str, str], ...]
    """The tag, anchor and text of each heading."""
    sections: tuple[Section, ...]


class Match(NamedTuple):
    """
    A section that was found.

    `score`, from 0 to 1, is the share of the query that it contains; rare words weigh more. `excerpt` is a list of
    pieces, each with a flag that says whether it is a found word.
    """

    section: Section
    score: float
    excerpt: tuple[tuple[str, bool], ...]


def slug(words: str, taken: dict[str, int]) -> str:
    """The anchor of a heading, as GitHub makes it. `taken` counts the page's anchors, so that each is unique."""
    kept = "".join(character for character in words.strip().lower() if character.isalnum() or character in " -_")
    base = kept.replace(" ", "-")
    count = taken.get(base, 0)
    taken[base] = count + 1
    return f"{base}-{count}" if count else base


def address_of(source: str) -> str:
    """The path at which a file of the documentation is served."""
    return ROOT_ADDRESS if source == CONTENTS else f"{ROOT_ADDRESS}/{source.removesuffix('.md')}"


def markdown() -> MarkdownIt:
    """A parser for the documentation: CommonMark with tables and without HTML."""
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def read_pages(docs_folder: Path) -> dict[str, Page]:
    """Reads all pages, by path, in reading order: the table of contents, then the files that it links to."""
    parser = markdown()
    contents = parser.parse((docs_folder / CONTENTS).read_text(encoding="utf-8"))
    parts = {CONTENTS: "", **_linked_files(contents)}
    return {
        address_of(source): _page(source, part, parser.parse((docs_folder / source).read_text(encoding="utf-8")))
        for source, part in parts.items()
    }


def _linked_files(tokens: Sequence[Token]) -> dict[str, str]:
    """The linked files in the documentation's folder, each with the second-level heading above its link."""
    found: dict[str, str] = {}
    part = ""
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and token.tag == "h2" and following is not None:
            part = _words(following)
        for child in token.children or ():
            link = str(child.attrGet("href")) if child.tag == "a" else ""
            target = posixpath.normpath(link.partition("#")[0])
            if target.endswith(".md") and not target.startswith(("/", "..")) and ":" not in target:
                found.setdefault(target, part)
    found.pop(CONTENTS, None)
    return found


def _page(source: str, part: str, tokens: list[Token]) -> Page:
    updated = _updated(tokens)
    if updated is not None:
        del tokens[-3:]
    headings = _headings(tokens)
    title = next((words for tag, _, words in headings if tag == "h1"), "Documentation")
    sections = tuple(_sections(title, address_of(source), tokens))
    return Page(source, title, part, updated, tokens, headings, sections)


def _updated(tokens: Sequence[Token]) -> date | None:
    """
    The date in the last line of a file.

    It is in the file so that an image without git shows it too and builds are reproducible. A test compares it with
    git's date.
    """
    said = _UPDATED.fullmatch(_words(tokens[-2])) if len(tokens) > 2 else None
    return None if said is None else date.fromisoformat(said[1])


def _headings(tokens: Sequence[Token]) -> tuple[tuple[str, str, str], ...]:
    """Sets the headings' anchors, and returns tag, anchor and text of each."""
    found: list[tuple[str, str, str]] = []
    taken: dict[str, int] = {}
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following is not None:
            words = _words(following)
            anchor = slug(words, taken)
            token.attrSet("id", anchor)
            found.append((token.tag, anchor, words))
    return tuple(found)


def _sections(page_title: str, address: str, tokens: Sequence[Token]) -> Iterator[Section]:
    title, url = page_title, address
    text: list[str] = []
    code: list[str] = []
    is_heading = False
    for token in tokens:
        if token.type == "heading_open" and token.tag in _SECTIONS_BEGIN_AT:
            is_heading = True
            if token.tag != "h1":
                yield Section(title, url, "".join(text).strip(), "".join(code))
                text, code, url = [], [], f"{address}#{token.attrGet('id')}"
        elif token.type == "heading_close":
            is_heading = False
        elif is_heading:
            title = page_title if url == address else f"{page_title}: {_words(token)}"
        elif token.type == "inline":
            text.append(_words(token))
        elif token.type in {"fence", "code_block"}:
            code.append(token.content)
        elif token.type in {"th_open", "td_open"} and text and text[-1] != "\n":
            text.append(" · ")
        elif token.type in {"paragraph_close", "tr_close"}:
            text.append("\n")
    yield Section(title, url, "".join(text).strip(), "".join(code))


def _words(token: Token) -> str:
    return "".join(" " if child.type == "softbreak" else child.content for child in token.children or ())


class Documents:
    """The sections of the documentation, to search and cite. It never changes, so any thread may use it."""

    def __init__(self, docs_folder: Path) -> None:
        self.pages = read_pages(docs_folder)
        self._sections = [section for page in self.pages.values() for section in page.sections]
        self._titles = {section.url: section.title for section in self._sections}
        # In memory, because it is built in milliseconds and can never be outdated. SQLite serializes the threads.
        self._index = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._index.execute(
            "CREATE VIRTUAL TABLE sections USING fts5"
            " (title, text, code, words, weight UNINDEXED, tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        self._index.executemany(
            "INSERT INTO sections (rowid, title, text, code, words, weight) VALUES (?, ?, ?, ?, ?, ?)", self._rows()
        )

    def _rows(self) -> Iterator[tuple[int, str, str, str, str, float]]:
        """The sections that are searched. Without the table of contents, which has all words but answers nothing."""
        parts = list(dict.fromkeys(page.part for page in self.pages.values() if page.source != CONTENTS))
        number = 0
        for page in self.pages.values():
            for section in page.sections:
                if page.source != CONTENTS:
                    weight = max(0.5, 1 - _LESS_A_PART * parts.index(page.part))
                    words = ALSO_FOUND_BY.get(section.url, "")
                    yield number, section.title, _without_marks(section.text), section.code, words, weight
                number += 1

    def title(self, url: str) -> str:
        """The title of the section at a path such as /docs/guide/keys#rotate. Raises KeyError if there is none."""
        path, hash_sign, anchor = url.partition("#")
        return self._titles[f"{path.rstrip('/')}{hash_sign}{anchor}"]

    def search(self, text: str, at_most: int = 3) -> list[Match]:
        """The sections that fit the text best, the best first. Empty if none of its words occurs anywhere."""
        words = _wanted(text)
        if not words:
            return []
        where = {word: self._with(word) for word in words}
        found = self._index.execute(
            "SELECT rowid, snippet(sections, 1, ?, ?, '…', 32) FROM sections WHERE sections MATCH ?"
            " ORDER BY bm25(sections, 5.0, 1.0, 0.3, 5.0) * weight, rowid LIMIT ?",
            (_FROM, _TO, " OR ".join(map(_quoted, words)), at_most),
        ).fetchall()
        return [Match(self._sections[number], self._score(number, where), _pieces(cut)) for number, cut in found]

    def _with(self, word: str) -> frozenset[int]:
        rows = self._index.execute("SELECT rowid FROM sections WHERE sections MATCH ?", (_quoted(word),))
        return frozenset(number for (number,) in rows)

    def _score(self, number: int, where: Mapping[str, frozenset[int]]) -> float:
        weights = {word: math.log(1 + len(self._sections) / (0.5 + len(numbers))) for word, numbers in where.items()}
        return sum(weights[word] for word, numbers in where.items() if number in numbers) / sum(weights.values())


@cache
def documents_in(docs_folder: Path) -> Documents:
    """The documentation in this folder as it is at the first call. Parsing it takes a fifth of a second."""
    return Documents(docs_folder)


def _wanted(text: str) -> list[str]:
    """The words to search for, without duplicates: those with a meaning, or all if there are none."""
    words = list(dict.fromkeys(word.lower() for word in _WORD.findall(text)))
    filling = frozenset(_FILLING.split())
    return ([word for word in words if word not in filling] or words)[:WORDS_AT_MOST]


def _quoted(word: str) -> str:
    """Quotes a word for FTS5, so that it is never read as an operator or column. It contains no quotation mark."""
    return f'"{word}"'


def _without_marks(text: str) -> str:
    return text.replace(_FROM, "").replace(_TO, "")


def _pieces(cut: str) -> tuple[tuple[str, bool], ...]:
    """Splits an excerpt at its marks into pieces, each with a flag that says whether it is a found word."""
    pieces = re.split(f"([{_FROM}{_TO}])", cut)
    return tuple(
        (piece, before == _FROM) for before, piece in zip([_TO, *pieces[1::2]], pieces[::2], strict=True) if piece
    )
