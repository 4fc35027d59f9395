"""
Searches for secrets in all views of a text: unchanged, joined from pieces, and decoded. The work is limited.
"""

from bisect import bisect
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter

from assistant.redaction.decoding import View, unescaped_layers, unwrapped, without_separators
from assistant.redaction.dumps import dumped
from assistant.redaction.encodings import decoded, decoded_otherwise
from assistant.redaction.finding import Found, Kind
from assistant.redaction.keys import masked, turned, unusual, whole_or_cut, without_beginning
from assistant.redaction.labelled import credentials, named
from assistant.redaction.lines import broken_words, columns, evenly_separated, unnumbered
from assistant.redaction.numbers import listed
from assistant.redaction.own_secrets import links, own
from assistant.redaction.pieces import in_pieces
from assistant.redaction.randomness import public_places, random_runs
from assistant.redaction.scattered import scattered
from assistant.redaction.spelled import spelled
from assistant.redaction.vendors import vendors, vendors_over_lines
from keys.token import TAIL_LENGTH

ENCODINGS_AT_MOST = 2
CHARACTERS_AT_MOST = 20_000
"""How many characters of all views together are searched. Views with fewer encodings come first."""
THOROUGHLY_AT_MOST = 8_000
"""For how many of these, pieces are joined and encodings decoded: enough for two views of the longest message."""
VIEW_COSTS = 120
"""The fixed cost of a view, in characters."""
_NOT_IN_PUBLIC = frozenset({Kind.SECRET, Kind.PASSWORD})
"""Kinds that are ignored inside public data, such as a certificate or an image, which may look like them by chance."""


@dataclass(frozen=True, slots=True)
class _Look:
    """
    A view to search. `encodings` is how many more layers of encoding to decode in it.

    `is_pieced` says that it was joined from pieces, `is_shown` that it comes from a dump or a list of bytes.
    """

    view: View
    encodings: int
    is_pieced: bool = False
    is_shown: bool = False


def found_in(view: View, prefixes: Collection[str], markers: list[tuple[int, int]]) -> list[Found]:
    """
    Searches a view and all views that are derived from it. The findings may overlap.

    Where a whole key was found directly, findings in joined pieces are ignored, because joining easily adds a following
    word to the key. `markers` are the positions of markers, in which nothing is found.
    """
    found: list[Found] = []
    pieced: list[list[Found]] = []
    rows: list[Found] = []
    looks = deque([_Look(view, ENCODINGS_AT_MOST)])
    seen: set[tuple[str, int, int]] = set()
    work = 0
    while looks and work < CHARACTERS_AT_MOST:
        look = looks.popleft()
        for plain in unescaped_layers(look.view):
            identity = (plain.text, *plain.span(0, len(plain.text))) if plain.text else ("", 0, 0)
            if identity in seen:
                continue
            seen.add(identity)
            work += len(plain.text) + VIEW_COSTS
            together = without_separators(plain)
            here = [*_as_it_stands(plain, prefixes), *turned(plain, prefixes), *whole_or_cut(together, prefixes)]
            if look.encodings < ENCODINGS_AT_MOST:
                here += credentials(plain)
            is_thorough = work <= THOROUGHLY_AT_MOST + len(plain.text) + VIEW_COSTS
            if is_thorough and not look.is_pieced:
                rows += scattered(plain)
            loose = (
                [list(some) for some in _put_together(plain, prefixes)] if is_thorough and not look.is_pieced else []
            )
            if look.is_shown:
                here, *loose = ([replace(each, is_shown=True) for each in some] for some in (here, *loose))
            if look.is_pieced:
                pieced.append(here)
            else:
                found += here
            pieced += loose
            if look.encodings and is_thorough:
                looks.extend(_decoded(plain, together, look))
    settled = [each for each in found if not is_within(each, markers)]
    taken = [*markers, *((each.start, each.end) for each in found if each.key and each.key.ended)]
    settled += [each for each in rows if not any(start < each.end and each.start < end for start, end in taken)]
    for some in pieced:
        apart = [each for each in some if not any(start < each.end and each.start < end for start, end in taken)]
        taken += [(each.start, each.end) for each in apart if is_whole(each, prefixes)]
        settled += apart
    public = public_places(view)
    return [each for each in settled if each.kind not in _NOT_IN_PUBLIC or not is_within(each, public)]


def is_whole(found: Found, prefixes: Collection[str]) -> bool:
    """Whether the finding is a complete key with one of the prefixes."""
    return found.key is not None and found.key.complete and found.key.prefix in prefixes


def _as_it_stands(plain: View, prefixes: Collection[str]) -> Iterator[Found]:
    yield from vendors(plain)
    yield from named(plain, prefixes)
    yield from own(plain)
    yield from random_runs(plain)
    yield from masked(plain, prefixes)
    yield from unusual(plain, prefixes)
    yield from without_beginning(plain)


def _put_together(plain: View, prefixes: Collection[str]) -> Iterator[Iterable[Found]]:
    """Yields what is found after joining pieces that have other text between them, the most reliable ways first."""
    lines = unnumbered(plain)
    if "\n" in plain.text:
        for put_together in (*((lines,) if lines else ()), *columns(plain)):
            together = without_separators(put_together)
            yield (_with_equal_pieces(together, each) for each in whole_or_cut(together, prefixes))
        for column in columns(plain):
            yield in_pieces(column)
        yield links(unwrapped(lines or plain))
        for broken in broken_words(plain):
            yield vendors_over_lines(broken)
    for separated in evenly_separated(plain):
        yield (*_as_it_stands(separated, prefixes), *whole_or_cut(separated, prefixes))
    yield spelled(lines or plain, prefixes)


def _with_equal_pieces(view: View, found: Found) -> Found:
    """
    Extends a key without its end by the following pieces that are as long as its last piece, even if they are words.
    """
    key = found.key
    if key is None or key.complete or key.masked:
        return found
    gaps = [*sorted(view.gaps), len(view.text)]
    end = next((at + 1 for at, each in enumerate(view.ends) if each == found.end), 0)
    place = bisect(gaps, end - 1)
    if place == 0 or gaps[place] != end:
        return found
    length, missing = end - gaps[place - 1], key.missing or TAIL_LENGTH
    while place + 1 < len(gaps) and (following := gaps[place + 1] - gaps[place]) <= min(length, missing):
        place, missing = place + 1, missing - following
        if following < length:
            break
    return replace(found, end=view.ends[gaps[place] - 1])


def _decoded(plain: View, together: View, look: _Look) -> Iterator[_Look]:
    """Yields the contents of encodings, in one piece or wrapped over lines, and of dumps and lists of bytes."""
    deeper = replace(look, encodings=look.encodings - 1)
    for content in chain(decoded(plain), decoded_otherwise(plain)):
        yield replace(deeper, view=content)
    for content in chain(dumped(plain), listed(plain)):
        yield replace(deeper, view=content, is_shown=True)
    wrapped = [together] if together.gaps else []
    if look.is_pieced:
        pass
    elif "\n" in plain.text:
        lines = unnumbered(plain)
        wrapped += [unwrapped(plain), *columns(plain)]
        if lines is not None:
            wrapped.append(without_separators(lines))
            yield from (replace(deeper, view=content, is_shown=True) for content in chain(dumped(lines), listed(lines)))
    if not look.is_pieced:
        wrapped += evenly_separated(plain)
    for view in wrapped:
        for content in chain(decoded(view), decoded_otherwise(view)):
            yield replace(deeper, view=content, is_pieced=True)


def is_within(found: Found, places: list[tuple[int, int]]) -> bool:
    """Whether the finding lies within one of the places, which must be in order."""
    before = bisect(places, found.start, key=itemgetter(0))
    return before > 0 and found.end <= places[before - 1][1]
