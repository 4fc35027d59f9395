"""Finds secrets that are split into pieces of equal length, with other words, numbers or field names between them."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from assistant.redaction.decoding import View
from assistant.redaction.finding import MARKERS, Found, Kind
from assistant.redaction.randomness import is_prose
from keys.randomness import CAMEL_CASE, HEXADECIMAL
from keys.token import PUBLIC_ID_LENGTH

PIECES_AT_LEAST = 3
LETTERS_AT_LEAST = 24
PIECE_AT_LEAST = 4
MADE_UP_AT_LEAST = 0.6
"""Share of the pieces that must look random. Of random pieces of four characters, one in eight looks like a word."""
APART_AT_MOST = 40
_RUNS = (re.compile(r"[0-9A-Za-z]++(?!\s?=)"), re.compile(r"[0-9A-Za-z_]++(?!\s?=)"))
"""Patterns for pieces, in which underscores separate pieces or are part of them. Names before = are not pieces."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+|[A-Za-z]+\d{1,2}")
_OFTEN = 3
ONE_PIECE_MORE = 12
"""Of pieces with at least this many characters, two in a row are enough."""


def scattered(view: View) -> Iterator[Found]:
    """Yields rows of pieces of equal length that mostly look random, including a shorter last piece."""
    for form in _RUNS:
        runs = [match.span() for match in form.finditer(view.text)]
        words = [view.text[slice(*run)] for run in runs]
        often = Counter(words)
        pieces = [
            run
            for run, word in zip(runs, words, strict=True)
            if often[word] < _OFTEN and not (word.isdigit() and len(word) < PIECE_AT_LEAST)
        ]
        for length, row in groupby(range(len(pieces)), key=lambda at: pieces[at][1] - pieces[at][0]):
            if not PIECE_AT_LEAST <= length <= PUBLIC_ID_LENGTH:
                continue
            places = list(row)
            at_least = 2 if length >= ONE_PIECE_MORE else PIECES_AT_LEAST
            for part in _near(places, pieces):
                if len(part) >= at_least and _is_secret([view.text[slice(*pieces[at])] for at in part]):
                    last = _last(view.text, pieces, part[-1], length)
                    yield Found(*view.span(pieces[part[0]][0], pieces[last][1]), Kind.SECRET, MARKERS[Kind.SECRET])


def _near(places: list[int], pieces: list[tuple[int, int]]) -> Iterator[list[int]]:
    """Splits the places into rows in which no piece is far from the one before."""
    row: list[int] = []
    for at in places:
        if row and pieces[at][0] - pieces[row[-1]][1] > APART_AT_MOST:
            yield row
            row = []
        row.append(at)
    yield row


def _is_secret(pieces: list[str]) -> bool:
    letters = "".join(pieces).replace("_", "")
    kinds = (any(map(kind, letters)) for kind in (str.isdigit, str.isupper, str.islower))
    if len(letters) < LETTERS_AT_LEAST or not all(kinds):
        return False
    return sum(map(_is_made_up, pieces)) >= MADE_UP_AT_LEAST * len(pieces)


def _is_made_up(piece: str) -> bool:
    return not is_prose(piece) and not any(form.fullmatch(piece) for form in (_WORD, CAMEL_CASE, HEXADECIMAL))


def _last(text: str, pieces: list[tuple[int, int]], at: int, length: int) -> int:
    """The last piece of a row. A shorter piece after the row belongs to it, unless it is a word."""
    if at + 1 == len(pieces):
        return at
    start, end = pieces[at + 1]
    is_near = start - pieces[at][1] <= APART_AT_MOST
    return at + 1 if is_near and end - start < length and not is_prose(text[start:end]) else at
