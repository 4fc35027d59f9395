"""
Looks for secrets in all views of a text: as it stands, put together from pieces, and decoded, within bounded work.
"""

from bisect import bisect
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter

from assistant.redaction.decoding import View, joined, undressed, unwrapped
from assistant.redaction.dumps import dumped
from assistant.redaction.encodings import decoded, decoded_otherwise
from assistant.redaction.finding import Found, Kind
from assistant.redaction.keys import masked, turned, unusual, whole_or_cut, without_beginning
from assistant.redaction.labelled import credentials, named
from assistant.redaction.lines import broken_words, columns, evenly_separated, unnumbered
from assistant.redaction.numbers import listed
from assistant.redaction.own_secrets import own
from assistant.redaction.randomness import public_places, random_runs
from assistant.redaction.scattered import scattered
from assistant.redaction.spelled import spelled
from assistant.redaction.vendors import vendors, vendors_over_lines
from keys.token import TAIL_LENGTH

ENCODINGS_AT_MOST = 2
CHARACTERS_AT_MOST = 20_000
"""Of all views together that are looked at. What is in few encodings comes first."""
THOROUGHLY_AT_MOST = 8_000
"""Of these, where pieces are put together and what is encoded is decoded: the longest message, in two views."""
VIEW_COSTS = 120
"""What a view costs beside its characters, in characters."""
_NOT_IN_PUBLIC = frozenset({Kind.SECRET, Kind.PASSWORD})
"""What a certificate or an image has none of, however a part of it looks."""


@dataclass(frozen=True, slots=True)
class _Look:
    """
    A view to look at, with how many more encodings to look through in it. `is_pieced` where it was put together from
    pieces, `is_shown` where it comes from a dump or a list of bytes.
    """

    view: View
    encodings: int
    is_pieced: bool = False
    is_shown: bool = False


def found_in(view: View, prefixes: Collection[str], markers: list[tuple[int, int]]) -> list[Found]:
    """
    All that is found in all views of this one, overlapping as it may; the views of what is decoded come after it.

    Where a whole key is found as it stands, what was put together from pieces does not say otherwise: a word after the
    key is easily taken for more of it.
    """
    found: list[Found] = []
    pieced: list[list[Found]] = []
    rows: list[Found] = []
    looks = deque([_Look(view, ENCODINGS_AT_MOST)])
    seen: set[tuple[str, int, int]] = set()
    work = 0
    while looks and work < CHARACTERS_AT_MOST:
        look = looks.popleft()
        for plain in undressed(look.view):
            identity = (plain.text, *plain.span(0, len(plain.text))) if plain.text else ("", 0, 0)
            if identity in seen:
                continue
            seen.add(identity)
            work += len(plain.text) + VIEW_COSTS
            together = joined(plain)
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
    """Whether it has the form of a key of ours, whole."""
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
    """What is found where a text was cut into pieces, with other things between: the surest ways first."""
    lines = unnumbered(plain)
    if "\n" in plain.text:
        for put_together in (*((lines,) if lines else ()), *columns(plain)):
            together = joined(put_together)
            yield (_with_equal_pieces(together, each) for each in whole_or_cut(together, prefixes))
        for broken in broken_words(plain):
            yield vendors_over_lines(broken)
    for separated in evenly_separated(plain):
        yield (*_as_it_stands(separated, prefixes), *whole_or_cut(separated, prefixes))
    yield spelled(lines or plain, prefixes)


def _with_equal_pieces(view: View, found: Found) -> Found:
    """A key without its end goes on in the pieces after it that are as long as its last one, words or not."""
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
    """What is in an encoding, in one piece or wrapped; and what dumps and lists of bytes show."""
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
            wrapped.append(joined(lines))
            yield from (replace(deeper, view=content, is_shown=True) for content in chain(dumped(lines), listed(lines)))
    if not look.is_pieced:
        wrapped += evenly_separated(plain)
    for view in wrapped:
        for content in chain(decoded(view), decoded_otherwise(view)):
            yield replace(deeper, view=content, is_pieced=True)


def is_within(found: Found, places: list[tuple[int, int]]) -> bool:
    """Whether it is in one of the places, which are in order."""
    before = bisect(places, found.start, key=itemgetter(0))
    return before > 0 and found.end <= places[before - 1][1]
