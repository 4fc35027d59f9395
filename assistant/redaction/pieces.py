"""Finds secrets of fixed forms, other than Keydesk keys, that were cut into pieces of equal length over lines."""

import re
from collections.abc import Iterator
from itertools import pairwise

from assistant.redaction.decoding import View
from assistant.redaction.finding import MARKERS, Found, Kind
from assistant.redaction.own_secrets import DIGITS_AT_LEAST, ONE_TIME
from assistant.redaction.randomness import is_hexadecimal, is_prose
from assistant.redaction.vendors import vendor_of

PIECE_AT_LEAST = 4
PIECES_AT_MOST = 24
"""A secret of sixty-four characters has fewer lines in every form that was seen."""
LENGTH_OF_IDS = 32
"""Two ids or digests of this many digits often stand below each other, and are as long as a session together."""
_SESSION = re.compile(r"[0-9a-f]{64}(?:[0-9a-f]{2})?")
_MAY_BE_ONE = re.compile(r"[0-9A-Za-z_.+/=-]+")


def in_pieces(view: View) -> Iterator[Found]:
    """Yields what the pieces of a view, one from each line, are together. The last piece of a secret may be shorter."""
    bounds = sorted({0, *view.gaps, len(view.text)})
    # In a diff, each line begins with a plus sign.
    pieces = [(start + (view.text[start] == "+"), end) for start, end in pairwise(bounds)]
    pieces = [each for each in pieces if each[0] < each[1]]
    at = 0
    while at < len(pieces):
        found = _longest(view, pieces[at : at + PIECES_AT_MOST])
        if found is None or (found[1].kind is Kind.COOKIE and _is_list(view, pieces, at, at + found[0])):
            at += 1
        else:
            at += found[0]
            yield found[1]


def _is_list(view: View, pieces: list[tuple[int, int]], first: int, last: int) -> bool:
    """Whether these pieces are a part of a list of ids, which goes on before or after them."""
    length = pieces[first][1] - pieces[first][0]
    beside = [pieces[at] for at in (first - 1, last) if 0 <= at < len(pieces)]
    goes_on = any(end - start == length and is_hexadecimal(view.text[start:end]) for start, end in beside)
    return goes_on or length == LENGTH_OF_IDS


def _longest(view: View, pieces: list[tuple[int, int]]) -> tuple[int, Found] | None:
    """The most pieces that are a secret together, with how many they are. At least two."""
    start, first_end = pieces[0]
    length = first_end - start
    if length < PIECE_AT_LEAST:
        return None
    best: tuple[int, Found] | None = None
    for number, (begin, end) in enumerate(pieces[1:], 2):
        piece = view.text[begin:end]
        if end - begin > length or _MAY_BE_ONE.fullmatch(piece) is None:
            break
        is_last = end - begin < length
        marker = _marker("".join(view.text[slice(*each)] for each in pieces[:number]))
        # A word after a vendor's credential may belong to a sentence: how long these are is not fixed.
        if marker is not None and not (is_last and marker[0] is Kind.VENDOR and is_prose(piece)):
            best = number, Found(*view.span(start, end), *marker)
        if is_last:
            break
    return best


def _marker(text: str) -> tuple[Kind, str] | None:
    """The kind of this whole text, if it is a secret, with the marker for it."""
    if _SESSION.fullmatch(text) and len(set(text)) >= DIGITS_AT_LEAST:
        return Kind.COOKIE, MARKERS[Kind.COOKIE]
    if ONE_TIME.fullmatch(text) and any(map(str.isdigit, text)) and "-" in text:
        return Kind.PASSWORD, MARKERS[Kind.PASSWORD]
    name = vendor_of(text)
    return None if name is None else (Kind.VENDOR, f"[{name}]")
