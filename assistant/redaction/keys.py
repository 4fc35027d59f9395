"""Finds Keydesk keys in a view of a text: whole, cut short, masked, or only a part of one."""

import re
import string
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from assistant.redaction.decoding import View
from assistant.redaction.finding import Found, LikeAKey, found_key
from assistant.redaction.randomness import is_hexadecimal, is_prose, looks_made_up, reads_as_prose
from keys.randomness import looks_random
from keys.token import HINT_BEGINNING, LIKE_A_KEY, PREFIX_LENGTH_AT_MOST, PUBLIC_ID_LENGTH, TAIL_LENGTH, Secret

ENDING_LENGTH = 4
_LETTER = "[0-9A-Za-z]"
_ANY_PREFIX = rf"[A-Za-z][0-9A-Za-z]{{0,{PREFIX_LENGTH_AT_MOST}}}"
_BETWEEN = r"[_\-.:=~/|\u2010-\u2015\u2212]"
_BACKWARDS = re.compile(rf"{_LETTER}{{6,{TAIL_LENGTH}}}_{_LETTER}{{{PUBLIC_ID_LENGTH}}}_{_LETTER}")
_BY_THIRTEEN = str.maketrans(
    string.ascii_lowercase + string.ascii_uppercase,
    "".join(letters[13:] + letters[:13] for letters in (string.ascii_lowercase, string.ascii_uppercase)),
)
_MASK = re.compile(r"(?:[*•●∙·○◦█▪…]|\.{2,}|[xX]{4,}|\\\*)++")
_RUN = re.compile(rf"{_LETTER}++")
_HEAD = re.compile(LIKE_A_KEY)
_TAIL_ALONE = re.compile(
    rf"(?<!{_LETTER})(?:{_LETTER}{{1,{PUBLIC_ID_LENGTH}}}_)?({_LETTER}{{{TAIL_LENGTH}}})(?!{_LETTER})"
)
_SHOWN = rf"(?:(?![xX]{{4}}){_LETTER})*+"
_MASKED = re.compile(rf"(?<![0-9A-Za-z_])({_ANY_PREFIX})_({_SHOWN})(?:_({_SHOWN}))?(?:{_MASK.pattern})({_LETTER}*+)")


@dataclass(frozen=True, slots=True)
class _Heads:
    """
    Patterns for the beginning of a key, for certain prefixes.

    `own` has underscores, `unusual` has other characters or nothing instead of them, `ending` matches only a prefix.
    """

    own: re.Pattern[str]
    unusual: re.Pattern[str]
    ending: re.Pattern[str]


@lru_cache(maxsize=16)
def _heads(prefixes: tuple[str, ...]) -> _Heads:
    own = "|".join(sorted(map(re.escape, prefixes), key=len, reverse=True))
    return _Heads(
        own=re.compile(rf"(?<!{_LETTER})((?i:{own}))_{{1,3}}({_LETTER}++)(?:_{{1,3}}({_LETTER}*+))?"),
        unusual=re.compile(
            rf"((?i:{own})){_BETWEEN}{{0,3}}({_LETTER}{{{PUBLIC_ID_LENGTH}}}){_BETWEEN}{{0,3}}"
            rf"({_LETTER}{{{TAIL_LENGTH}}})(?!{_LETTER})"
        ),
        ending=re.compile(rf"(?i:{own})\Z"),
    )


def whole_or_cut(view: View, prefixes: Collection[str]) -> Iterator[Found]:
    """Yields keys that begin with a prefix, as much of each as is there. The view must be `decoding.joined`."""
    heads = _heads(tuple(prefixes))
    taken = 0
    while head := _HEAD.search(view.text, taken):
        start = _prefix_start(view, head, heads, taken)
        if start == head.end(1):
            # The letters before the underscore are the end of a key, not a prefix.
            taken = start + 1
            continue
        prefix, public_id = view.text[start : head.end(1)], head[2]
        end = _tail_end(view, head.end(), prefix)
        tail = view.text[head.end() : end]
        parted = any(start < gap < head.end() for gap in view.gaps)
        if not _is_likely(prefix, public_id, tail, heads, parted=parted):
            taken = head.end() - 1
            continue
        key = LikeAKey(prefix, public_id, Secret(tail), tail[-ENDING_LENGTH:] if len(tail) >= TAIL_LENGTH else "")
        if len(tail) < TAIL_LENGTH and end not in view.gaps and (mask := _MASK.match(view.text, end)):
            end = mask.end() if mask.end() in view.gaps else _run_end(view, mask.end())
            key = replace(key, ending=view.text[mask.end() : end][-ENDING_LENGTH:], masked=True)
        yield found_key(view.span(start, end), key)
        taken = end
    yield from _otherwise_parted(view, heads)


def _prefix_start(view: View, head: re.Match[str], heads: _Heads, taken: int) -> int:
    """
    Where the prefix starts: at a gap, or where one of the given prefixes starts.

    The letters before it may belong to another word.
    """
    first = max([head.start(), *(place for place in range(head.start() + 1, head.end(1) + 1) if place in view.gaps)])
    own = heads.ending.search(view.text, head.start(), head.end(1))
    if own is None:
        return first
    begins = own.start() == taken or own.start() in view.gaps or not view.text[own.start() - 1].isalnum()
    # A longer run than a prefix can have is two keys, or a word and a key, with nothing in between.
    return own.start() if begins or _run_length_before(view, head.end(1)) > PREFIX_LENGTH_AT_MOST else first


def _run_length_before(view: View, end: int) -> int:
    start = end
    while start and end - start <= PREFIX_LENGTH_AT_MOST and start not in view.gaps and view.text[start - 1].isalnum():
        start -= 1
    return end - start


def _run_end(view: View, start: int) -> int:
    """Where the letters and digits that begin at `start` end. A gap ends them too."""
    end = start
    while end < len(view.text) and view.text[end].isascii() and view.text[end].isalnum():
        end += 1
        if end in view.gaps:
            break
    return end


def _tail_end(view: View, start: int, prefix: str) -> int:
    """Where the tail of a key ends. The tail may have gaps and may be cut short."""
    ends = [_run_end(view, start) if start not in view.gaps else start]
    if ends[0] - start > TAIL_LENGTH and view.text.startswith(f"{prefix}_", start + TAIL_LENGTH):
        return start + TAIL_LENGTH
    while ends[-1] - start < TAIL_LENGTH and (end := _run_end(view, ends[-1])) > ends[-1]:
        ends.append(end)
    parts = [view.text[a:b] for a, b in zip([start, *ends], ends, strict=False)]
    if ends[-1] - start == TAIL_LENGTH:
        # The full length may be reached by chance: a key that was cut short, and the first words after it.
        words = (index for index in range(1, len(parts)) if reads_as_prose(parts[index:]))
        return ends[next(words, len(parts)) - 1]
    last = 0
    for index in range(1, len(parts)):
        part, after = parts[index], "".join(parts[index + 1 : index + 2])
        if is_hexadecimal(part) or is_prose(part) or (len(part) == 1 and len(after) > 2):
            break
        last = index
    return ends[last]


def _is_likely(prefix: str, public_id: str, tail: str, heads: _Heads, *, parted: bool) -> bool:
    """Whether this is a key, and not a name with underscores that has sixteen letters in the place of a public id."""
    if len(tail) >= TAIL_LENGTH:
        return not parted or looks_random(tail)
    if heads.ending.fullmatch(prefix):
        return looks_made_up(public_id + tail)
    return not parted and looks_made_up(public_id)


def unusual(view: View, prefixes: Collection[str]) -> Iterator[Found]:
    """Yields keys with one of the prefixes whose parts have another length, or that lack the second underscore."""
    for match in _heads(tuple(prefixes)).own.finditer(view.text):
        prefix, public_id, tail = match[1], match[2], match[3] or ""
        if len(public_id) + len(tail) > HINT_BEGINNING and looks_made_up(public_id + tail):
            ending = tail[-ENDING_LENGTH:] if len(tail) >= TAIL_LENGTH else ""
            key = LikeAKey(prefix, public_id, Secret(tail), ending)
            if len(public_id) > PUBLIC_ID_LENGTH:
                # Some part of this is secret, but it is not known which, so all of it is treated as secret.
                key = LikeAKey(prefix, "", Secret(public_id + tail), ending)
            yield found_key(view.span(*match.span()), key)


def _otherwise_parted(view: View, heads: _Heads) -> Iterator[Found]:
    """Yields keys with one of the prefixes that have something else, or nothing, instead of the underscores."""
    for match in heads.unusual.finditer(view.text):
        if _HEAD.match(view.text, match.start()):
            continue
        before = match.start() - 1
        begins = before < 0 or match.start() in view.gaps or not view.text[before].isalnum()
        if begins and looks_random(match[3]):
            key = LikeAKey(match[1], match[2], Secret(match[3]), match[3][-ENDING_LENGTH:])
            yield found_key(view.span(*match.span()), key)


def masked(view: View, prefixes: Collection[str]) -> Iterator[Found]:
    """Yields hints, and keys of which a part was masked before they were pasted."""
    heads = _heads(tuple(prefixes))
    for match in _MASKED.finditer(view.text):
        prefix, beginning, tail, ending = match[1], match[2], match[3] or "", match[4]
        if heads.ending.fullmatch(prefix) is None and not looks_made_up(beginning + tail + ending):
            continue
        key = LikeAKey(prefix, beginning, Secret(tail), ending[-ENDING_LENGTH:], masked=True)
        if len(ending) > ENDING_LENGTH and not tail:
            key = replace(key, tail=Secret(ending))
        if len(beginning) > PUBLIC_ID_LENGTH:
            key = replace(key, public_id="", tail=Secret(beginning))
        yield found_key(view.span(*match.span()), key)


def without_beginning(view: View) -> Iterator[Found]:
    """Yields tails of keys, with or without the end of the public id before them."""
    for match in _TAIL_ALONE.finditer(view.text):
        if looks_random(match[1]):
            yield found_key(view.span(*match.span()), LikeAKey(tail=Secret(match[1]), ending=match[1][-ENDING_LENGTH:]))


def turned(view: View, prefixes: Collection[str]) -> Iterator[Found]:
    """Yields keys that were written backwards or encoded in ROT13."""
    if _BACKWARDS.search(view.text):
        backwards = View(view.text[::-1], [*view.ends[::-1]], [*view.starts[::-1]])
        for each in whole_or_cut(backwards, prefixes):
            yield replace(each, start=each.end, end=each.start)
    if any(f"{prefix.translate(_BY_THIRTEEN)}_" in view.text for prefix in prefixes):
        moved = replace(view, text=view.text.translate(_BY_THIRTEEN))
        yield from (each for each in whole_or_cut(moved, prefixes) if each.key and each.key.prefix in prefixes)


def rest_of(view: View, missing: int, taken: Sequence[tuple[int, int]]) -> list[tuple[str, tuple[int, int]]]:
    """
    Finds what may be the rest of a key that lacks `missing` characters, outside of the `taken` positions.

    Returns the run of exactly that length or, if there is none, all shorter runs that are not words; each with its
    position in the pasted text.
    """
    runs = [
        (run[0], (start, end))
        for run in _RUN.finditer(view.text)
        if len(run[0]) <= missing and looks_made_up(run[0])
        for start, end in [view.span(*run.span())]
        if not any(first < end and start < last for first, last in taken)
    ]
    return [run for run in runs if len(run[0]) == missing][:1] or runs
