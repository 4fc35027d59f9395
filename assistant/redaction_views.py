"""
Owns the views of a pasted text: as it is without invisible characters, escapes, line breaks and encodings, each
character knowing where it stands in what was pasted.
"""

import base64
import html
import re
import sys
import unicodedata
from bisect import bisect
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from keys.form_rules import is_invisible

ROUNDS_AT_MOST = 4
"""Layers of escapes that are taken off one after the other: percent-encoded twice, in a JSON string, in JSON again."""
DECODED_AT_LEAST = 10
"""Printable characters in a row that make something encoded a text."""

_QUOTES = "\"'`“”„‟‘’‚‛«»"
_ESCAPE = re.compile(
    r"%[0-7][0-9A-Fa-f]|(?:%[89A-Fa-f][0-9A-Fa-f])+"
    r"|\\u\{[0-9A-Fa-f]{1,6}\}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[0-3][0-7]{2}|\\[nrtbfv0]|\\[^0-9A-Za-z]"
    r"|&(?:\#\d{1,7}|\#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]\w{1,9});"
)
_ESCAPED_BLANKS = {"n": "\n", "r": "\r", "t": "\t", "b": "", "f": "\n", "v": "\n", "0": ""}
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_JOINT = re.compile(
    r"[-=\\]?[^\S\n]*+\n\s*+(?:[>|│#+]\s*+)*+"
    rf"|[{_QUOTES}]\s*+(?:\.\.|[+.,&\\])?\s*+[{_QUOTES}]"
    r"|</?(?:a|b|br|code|em|font|i|mark|span|strong|u|wbr)\b[^<>\n_]{0,80}>"
    r"|\s+"
)
"""A wrapped line with the marks of a quotation or a diff, two strings put together, a tag, white space."""
_BASE64 = re.compile(r"[0-9A-Za-z+/_-]{14,}={0,2}")
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2}){10,}[0-9A-Fa-f]?")
_BETWEEN_BYTES = re.compile(r"(?<=[0-9A-Fa-f]{2})(?:[:,;-]?(?:0x|\\x)|[:,;-])(?=[0-9A-Fa-f]{2})")
BASE64_FOR_ADDRESSES = str.maketrans("-_", "+/")
_PRINTABLE = re.compile(rb"[\t\n\r\x20-\x7e]{%d,}" % DECODED_AT_LEAST)
_ODD = re.compile(r"[^\t\n\r\x20-\x7e]")
_LOOKALIKES = str.maketrans("АВЕЅІЈКМНОРСТХУаеорсухіјѕԁһԛԝ", "ABESIJKMHOPCTXYaeopcyxijsdhqw")


@dataclass(frozen=True, slots=True)
class View:
    """
    A text, and where each of its characters starts and ends in what was pasted. `gaps` are the indexes before which
    something was left out.
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]
    gaps: frozenset[int] = frozenset()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where this part of the view stands in what was pasted."""
        return self.starts[start], self.ends[end - 1]


def as_pasted(text: str) -> View:
    """The text as it is."""
    return View(text, range(len(text)), range(1, len(text) + 1))


def undressed(view: View) -> Iterator[View]:
    """The text as it is seen, then without one layer of escapes, then without the next."""
    view = _seen(view)
    yield view
    for _ in range(ROUNDS_AT_MOST):
        plain = _seen(_rewritten(view, _ESCAPE, _unescaped))
        if plain.text == view.text:
            return
        view = plain
        yield view


def joined(view: View) -> View:
    """The text without what may come between the parts of a key: white space, line breaks, `" + "`."""
    return _rewritten(view, _JOINT, lambda _: "")


def decoded(view: View) -> Iterator[View]:
    """
    The texts that are in base64 or in hexadecimal digits in a view that is `joined`. Nothing can be taken out of the
    middle of such a run: each character stands for as much of the run as is without a gap around it.
    """
    for run in _BASE64.finditer(view.text):
        characters = run[0].rstrip("=").translate(BASE64_FOR_ADDRESSES)
        for offset in range(4):
            part = characters[offset:]
            # One character over is less than a byte.
            part = part[:-1] if len(part) % 4 == 1 else part
            content = base64.b64decode(part + "=" * (-len(part) % 4))
            yield from _texts(view, run, offset, content, bits=6)
    between = _rewritten(view, _BETWEEN_BYTES, lambda _: "")
    for run in _HEXADECIMAL.finditer(between.text):
        for offset in range(2):
            digits = run[0][offset:]
            yield from _texts(between, run, offset, bytes.fromhex(digits[: len(digits) // 2 * 2]), bits=4)


def _texts(view: View, run: re.Match[str], offset: int, content: bytes, *, bits: int) -> Iterator[View]:
    """The printable texts in what was decoded of a run, without its first `offset` characters of so many bits."""
    texts = list(_PRINTABLE.finditer(content))
    if not texts:
        return
    bounds = [run.start(), *sorted(gap for gap in view.gaps if run.start() < gap < run.end()), run.end()]
    first = run.start() + offset
    for text in texts:
        begun = [bisect(bounds, first + index * 8 // bits) - 1 for index in range(*text.span())]
        ended = [bisect(bounds, first + (index * 8 + 7) // bits) for index in range(*text.span())]
        yield View(
            text[0].decode("ascii"),
            [view.starts[bounds[bound]] for bound in begun],
            [view.ends[bounds[bound] - 1] for bound in ended],
        )


def _rewritten(view: View, pattern: re.Pattern[str], replace: Callable[[str], str]) -> View:
    """The view with what the pattern finds replaced; each new character stands for the whole that was found."""
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
        instead = replace(match[0])
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


def _unescaped(escape: str) -> str:
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
    """Without what can't be seen, and with letters of other widths and alphabets as the ones that they look like."""
    if view.text.isascii() and view.text.isprintable():
        return view
    return _rewritten(_rewritten(view, _COLOUR, lambda _: ""), _ODD, _plain)


def _plain(odd: str) -> str:
    if is_invisible(odd) or unicodedata.combining(odd) or unicodedata.category(odd) in {"Mn", "Me"}:
        return ""
    plain = unicodedata.normalize("NFKC", odd.translate(_LOOKALIKES))
    return plain if len(plain) == 1 and plain.isascii() else odd
