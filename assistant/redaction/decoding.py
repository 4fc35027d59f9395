"""
Makes views of a pasted text: without invisible characters, escapes or line breaks.

For each character of a view, its position in the pasted text is known, so that a secret that is found in a view can be
removed from the pasted text.
"""

import html
import re
import sys
import unicodedata
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from keys.text import is_invisible

ROUNDS_AT_MOST = 4
"""
How many layers of escapes are removed, one after the other.

A text may be percent-encoded twice, in a JSON string, in JSON again.
"""

_QUOTES = "\"'`“”„‟‘’‚‛«»"
_ESCAPE = re.compile(
    r"%[0-7][0-9A-Fa-f]|(?:%[89A-Fa-f][0-9A-Fa-f])+"
    r"|\\u\{[0-9A-Fa-f]{1,6}\}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[0-3][0-7]{2}|\\[nrtbfv0]|\\[^0-9A-Za-z]"
    r"|&(?:\#\d{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]\w{1,9});"
)
_ESCAPED_BLANKS = {"n": "\n", "r": "\r", "t": "\t", "b": "", "f": "\n", "v": "\n", "0": ""}
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MARK = r"(?:[>|│┃#+*•·‣▪-]|//|\d{1,5}[:|.)\]│]|L\d{1,5}(?![0-9A-Za-z]))"
_JOINT = re.compile(
    rf"(?:[^\S\n]{{0,3}}[-=\\|│+&])?[^\S\n]*+\n\s*+(?:{_MARK}\s*+)*+"
    rf"|[{_QUOTES}]\s*+(?:\.\.|<<|\|\||<>|\+\+|& _|[+.,&\\~^|])?\s*+(?:[bfruBFRU@$]{{1,2}}(?=[{_QUOTES}]))?[{_QUOTES}]"
    r"|</?(?:a|b|br|code|div|em|font|i|kbd|li|mark|ol|p|pre|samp|span|strong|t[abdhr]\w*|u|ul|wbr)\b[^<>\n_]{0,80}>"
    r"|\s+"
)
"""
What may stand between the parts of a key.

A line break with marks around it (of a quotation, a diff, a list, a table, a line number), the end of a string and the
start of the next in a program, an HTML tag, or white space.
"""
_LINE_BREAK = re.compile(rf"[-=\\]?[^\S\n]*+\n[^\S\n]*+(?:{_MARK}[^\S\n]*+)*+")
_ODD = re.compile(r"[^\t\n\r\x20-\x7e]")
_LOOKALIKES = str.maketrans("АВЕЅІЈКМНОРСТХУаеорсухіјѕԁһԛԝ", "ABESIJKMHOPCTXYaeopcyxijsdhqw")


@dataclass(frozen=True, slots=True)
class View:
    """
    A text derived from the pasted text.

    `starts` and `ends` are the positions in the pasted text of each character of `text`. `gaps` are the indexes in
    `text` before which something was left out.
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]
    gaps: frozenset[int] = frozenset()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The start and end in the pasted text of this part of the view."""
        return self.starts[start], self.ends[end - 1]


def as_pasted(text: str) -> View:
    """A view of the unchanged text."""
    return View(text, range(len(text)), range(1, len(text) + 1))


def unescaped_layers(view: View) -> Iterator[View]:
    """Yields the view with only visible characters, then without one layer of escapes, then without the next."""
    view = _seen(view)
    yield view
    for _ in range(ROUNDS_AT_MOST):
        plain = _seen(rewritten(view, _ESCAPE, _unescaped))
        if plain.text == view.text:
            return
        view = plain
        yield view


def without_separators(view: View) -> View:
    """The view without what may stand between the parts of a key: white space, line breaks, `" + "`."""
    return rewritten(view, _JOINT, _nothing)


def unwrapped(view: View) -> View:
    """The view without line breaks, and without marks of a quotation or a list at the start of lines."""
    return rewritten(view, _LINE_BREAK, _nothing) if "\n" in view.text else view


def pieced(view: View, places: Sequence[tuple[int, int]]) -> View:
    """Joins these parts of a view, each given by start and end, with a gap before each part."""
    starts: list[int] = []
    ends: list[int] = []
    gaps: set[int] = set()
    for start, end in places:
        gaps.update(len(starts) + gap - start for gap in view.gaps if start <= gap < end)
        gaps.add(len(starts))
        starts.extend(view.starts[start:end])
        ends.extend(view.ends[start:end])
    return View("".join(view.text[start:end] for start, end in places), starts, ends, frozenset(gaps))


def rewritten(view: View, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str]) -> View:
    """
    The view with every match of the pattern replaced.

    Each character of a replacement has the position of the whole match.
    """
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    gaps: set[int] = set()
    older_gaps = deque(sorted(view.gaps))
    position = 0

    def keep(end: int) -> None:
        while older_gaps and older_gaps[0] <= end:
            gaps.add(len(starts) + max(older_gaps.popleft() - position, 0))
        parts.append(view.text[position:end])
        starts.extend(view.starts[position:end])
        ends.extend(view.ends[position:end])

    for match in pattern.finditer(view.text):
        instead = replace(match)
        if instead == match[0]:
            continue
        keep(match.start())
        position = match.end()
        start, end = view.span(*match.span())
        parts.append(instead)
        starts.extend([start] * len(instead))
        ends.extend([end] * len(instead))
        if not instead:
            gaps.add(len(starts))
    if not parts:
        return view
    keep(len(view.text))
    return View("".join(parts), starts, ends, frozenset(gaps))


def _nothing(_: re.Match[str]) -> str:
    return ""


def _unescaped(match: re.Match[str]) -> str:
    escape = match[0]
    if escape[0] == "%":
        return bytes.fromhex(escape.replace("%", "")).decode("utf-8", "replace")
    if escape[0] == "&":
        return html.unescape(escape)
    code = escape[1:]
    if code[0] in "ux" and len(code) > 1:
        number = int(code[1:].strip("{}"), 16)
        return chr(number) if number <= sys.maxunicode else escape
    if code.isdigit() and len(code) == 3:
        return chr(int(code, 8))
    return _ESCAPED_BLANKS.get(code, code)


def _seen(view: View) -> View:
    """The view without invisible characters, with look-alike and full-width letters replaced by ASCII letters."""
    if view.text.isascii() and view.text.isprintable():
        return view
    return rewritten(rewritten(view, _COLOUR, _nothing), _ODD, _plain)


def _plain(match: re.Match[str]) -> str:
    odd = match[0]
    if is_invisible(odd) or unicodedata.combining(odd) or unicodedata.category(odd) in {"Mn", "Me"}:
        return ""
    plain = unicodedata.normalize("NFKC", odd.translate(_LOOKALIKES))
    return plain if len(plain) == 1 and plain.isascii() else odd
