"""
Joins texts that were cut into pieces: numbered lines, columns of a table or a program, words that were broken over
lines, and pieces with the same separator between them.
"""

import re
from collections.abc import Iterator
from itertools import groupby

from assistant.redaction.decoding import View, pieced
from assistant.redaction.randomness import is_prose
from keys.token import PUBLIC_ID_LENGTH

COLUMNS_AT_MOST = 8
PIECES_AT_LEAST = 4
FEW_CHARACTERS = 8
"""A row of single characters with only this many different ones is not a secret."""
WORDS_SHARE = 0.6
"""
From this share of words on, pieces are not a secret.

Of a secret's pieces, about one in eight is a word by chance.
"""
_NUMBER = re.compile(
    r"^[^\S\n]*(?:[>|│#+*(\[-]{1,3}[^\S\n]*){0,3}(?:[Ll](?:ine)?[ \t]*)?(\d{1,6})(?![0-9A-Za-z_])[^\w\n\"'`]{0,6}",
    re.MULTILINE,
)
_LINE = re.compile(r"[^\n]+")
_TOKEN = re.compile(r"(?<![0-9A-Za-z_+/-])[0-9A-Za-z_+/-]*[0-9A-Za-z_][0-9A-Za-z_+/-]*={0,2}")
_BROKEN = re.compile(r"([^\s\"'`]++)[-=\\\"'`]?[^\S\n]*+\n[^\S\n]*+(?:[>|│+*][^\S\n]++)*+[\"'`]?([^\s\"'`]++)")
LINES_OF_A_WORD_AT_MOST = 4
_PIECE = "[0-9A-Za-z_]{1,9}"
_SEPARATED = re.compile(
    rf"(?<![0-9A-Za-z_]){_PIECE}([^0-9A-Za-z_]{{1,12}}+){_PIECE}(?:\1{_PIECE}){{3,}}(?![0-9A-Za-z_])"
)
_PIECES = re.compile(r"[0-9A-Za-z_]+")


def unnumbered(view: View) -> View | None:
    """The view without line numbers, which count up from line to line; None if there are none."""
    numbers = list(_NUMBER.finditer(view.text))
    values = [int(match[1]) for match in numbers]
    counted = [
        match
        for place, match in enumerate(numbers)
        if (place and values[place] == values[place - 1] + 1)
        or (place + 1 < len(values) and values[place + 1] == values[place] + 1)
    ]
    if not counted:
        return None
    bounds = [0, *(place for match in counted for place in match.span()), len(view.text)]
    places = [(bounds[at], bounds[at + 1]) for at in range(0, len(bounds), 2)]
    return pieced(view, [place for place in places if place[0] < place[1]])


def columns(view: View) -> Iterator[View]:
    """
    Yields the last words of all lines joined, then the first words, then each column in between.

    Columns in between are joined only over lines with the same number of words. A program or a table may have one piece
    of a text in each line.
    """
    lines = [[match.span() for match in _TOKEN.finditer(view.text, *line.span())] for line in _LINE.finditer(view.text)]
    lines = [line for line in lines if line]
    if len(lines) < 2 or all(len(line) == 1 for line in lines):
        return
    yield pieced(view, [line[-1] for line in lines])
    yield pieced(view, [line[0] for line in lines])
    for count, block in groupby(lines, key=len):
        together = list(block)
        if 2 < count <= COLUMNS_AT_MOST and len(together) > 1:
            for column in range(1, count - 1):
                yield pieced(view, [line[column] for line in together])


def broken_words(view: View) -> Iterator[View]:
    """Yields the last word of each line joined with the first word of the next, and so on over lines of one word."""
    for first in _BROKEN.finditer(view.text):
        places = [first.span(1), first.span(2)]
        yield pieced(view, places)
        while len(places) < LINES_OF_A_WORD_AT_MOST and (further := _BROKEN.match(view.text, places[-1][0])):
            places.append(further.span(2))
            yield pieced(view, places)


def evenly_separated(view: View) -> Iterator[View]:
    """Yields runs of short pieces of equal length with the same separator between them. The last may be shorter."""
    for run in _SEPARATED.finditer(view.text):
        places = [piece.span() for piece in _PIECES.finditer(view.text, *run.span())]
        for length, together in groupby(range(len(places)), key=lambda at: places[at][1] - places[at][0]):
            equal = list(together)
            if len(equal) >= PIECES_AT_LEAST and not _are_words([view.text[slice(*places[at])] for at in equal]):
                last = equal[-1] + 1
                rest = view.text[slice(*places[last])] if last < len(places) else ""
                is_longer = 0 < len(rest) < length and not (run[1].isspace() and is_prose(rest))
                yield pieced(view, places[equal[0] : last + is_longer])


def _are_words(pieces: list[str]) -> bool:
    """Whether the pieces are mostly words and numbers, or a few pieces that repeat, and so not a secret."""
    length, different = len(pieces[0]), len(set(pieces))
    few = FEW_CHARACTERS if length == 1 else PUBLIC_ID_LENGTH // length
    if different <= few and different < len(pieces):
        return True
    return length >= 3 and len(pieces) >= 6 and sum(map(is_prose, pieces)) >= WORDS_SHARE * len(pieces)
