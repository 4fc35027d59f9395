"""
Owns what is left of a text that a person pasted: the text without anything secret, and what is known of what is gone.

It comes before a log, a span, storage, understanding and a model. The text is looked at in several views (without
invisible characters, escapes, line breaks, encodings); what is found in any of them is taken out of the text itself.
A random run of up to 16 letters and digits with nothing before it that says what it is stays: so short are public ids.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial

from assistant.redaction.decoding import View, as_pasted, undressed
from assistant.redaction.finding import MARKERS, Found, Kind, LikeAKey, found_key
from assistant.redaction.keys import ENDING_LENGTH, rest_of
from assistant.redaction.search import found_in, is_whole
from assistant.redaction.vendors import VENDORS
from keys.token import PROGRAM_TOKEN_KINDS, TAIL_LENGTH, Secret, parse
from keys.verification.malformed import DISGUISE_WORDS, Malformed, examine
from keys.verification.malformed_rules import Fault

LENGTH_AT_MOST = 4000
"""Characters that are looked at and kept; a message has no more."""
PASSES_AT_MOST = 4
TOLD_AT_MOST = 40
"""Credentials of others of which it is said whose they are: nobody reads of more."""

_MARKER = re.compile(
    r"\[key(?: [0-9A-Za-z]{1,12}_[0-9A-Za-z]{0,4}…)?\]|"
    + "|".join(re.escape(marker) for marker in sorted({*MARKERS.values(), *(f"[{name}]" for name, *_ in VENDORS)}))
)
_TOLD_BY_FORM = frozenset({Kind.VENDOR, Kind.PASSWORD, Kind.TOKEN})
ECHO_LENGTH = 6
"""Characters of a secret in a row that chance does not put elsewhere in a message."""
_RUN = re.compile(r"[0-9A-Za-z]{6,}")
LINES_AT_LEAST = 3
"""Lines that are surely pieces of one key, and no sentence that begins after it."""
_LINE_OF_ONE_WORD = re.compile(
    r"[^\w\n]*\n[^\w\n]*(?:(?:line|part|L)?[ \t]*\d{1,4}[^\w\n]+)?"
    r"([0-9A-Za-z_]{1,40})(?![0-9A-Za-z_])(?=[^\w\n]*(?:\n|\Z))",
    re.IGNORECASE,
)
_BETWEEN_DOUBLED = re.compile(r",? ?")


@dataclass(frozen=True, slots=True)
class Piece:
    """
    Something that was pasted and is secret, or looks like it. `marker` is what the text has in its place; a hint stays
    as it is.

    Of something like a key of ours: `hint` as far as it is known, `malformed` where it was not a well-formed key as it
    stood there, and, where one remains without what was around or in it, that `key`, to look it up and drop it.
    `malformed` also says whose another vendor's is.
    """

    kind: Kind
    marker: str
    hint: str | None = None
    malformed: Malformed | None = None
    public_id: str | None = None
    key: Secret | None = None


@dataclass(frozen=True, slots=True)
class Redacted:
    """The text as it may be kept and shown; what was taken out of it, in order; and the hints that are still in it."""

    text: str
    pieces: tuple[Piece, ...]


def redact(text: str, prefixes: Collection[str], *, length_at_most: int = LENGTH_AT_MOST) -> Redacted:
    """The text without secrets, as far as it is kept at all. The prefixes are those of our keys, the first to show."""
    text = text[:length_at_most]
    like_ours = (*prefixes, *(prefix + kind for prefix in prefixes for kind in PROGRAM_TOKEN_KINDS))
    gone: list[Piece] = []
    hints: list[Piece] = []
    # What stands in place of a secret could be read with what is around it: it is looked at until it stays.
    for _ in range(PASSES_AT_MOST):
        found = _settled(text, like_ours)
        taken_out = [each for each in found if not each.discreet]
        told = max(0, TOLD_AT_MOST - len(gone))
        gone += [
            _piece(text, each, prefixes, is_told=each.key is not None or place < told)
            for place, each in enumerate(taken_out)
        ]
        hints = [_piece(text, each, prefixes) for each in found if each.discreet]
        if not taken_out:
            break
        text = _cut(_without(text, taken_out), length_at_most)
    return Redacted(text, (*gone, *hints))


def _settled(text: str, prefixes: Collection[str]) -> list[Found]:
    """What was found, in order and without overlaps, and without what is there from being redacted before."""
    view = as_pasted(text)
    markers = [match.span() for match in _MARKER.finditer(text)]
    found = found_in(view, prefixes, markers)
    found += _rest(view, found)
    found += _echoes(view, found)
    settled: list[Found] = []
    for each in sorted(found, key=lambda one: (one.start, -one.end)):
        if settled and each.start < settled[-1].end:
            last = settled.pop()
            settled.append(
                replace(
                    min(last, each, key=partial(_rank, prefixes=prefixes)),
                    start=last.start,
                    end=max(last.end, each.end),
                )
            )
        else:
            settled.append(each)
    return _doubled(text, [_with_lines_after(text, each) for each in settled])


def _rank(found: Found, prefixes: Collection[str]) -> tuple[bool, int, bool, bool, bool, int]:
    """What says most of a place comes first; a hint, which may stay, does not speak for what must go."""
    key = found.key or LikeAKey()
    is_others = not is_whole(found, prefixes)
    kind = list(Kind).index(found.kind)
    return found.discreet, kind, is_others, not key.complete, not key.masked, found.start - found.end


def _rest(view: View, found: list[Found]) -> list[Found]:
    """The rest of a key that was cut in two, with the key put together in place of its first part."""
    first = next((each for each in found if each.key and each.key.missing > 0), None)
    if first is None or first.key is None:
        return []
    key, added = first.key, []
    taken = [(each.start, each.end) for each in found if each.kind is not Kind.SECRET]
    for run, span in rest_of(next(undressed(view)), key.missing, taken):
        added.append(found_key(span, LikeAKey()))
        if len(run) == key.missing:
            together = Secret(key.tail.reveal() + run)
            added.append(found_key((first.start, first.end), replace(key, tail=together, ending=run[-ENDING_LENGTH:])))
    return added


def _echoes(view: View, found: list[Found]) -> list[Found]:
    """Where a part of a key's secret that was found stands elsewhere, as in a column beside it."""
    tails = {each.key.tail.reveal() for each in found if each.key is not None}
    parts = {tail[at : at + ECHO_LENGTH] for tail in tails for at in range(len(tail) - ECHO_LENGTH + 1)}
    if not parts:
        return []
    return [
        found_key(view.span(*run.span()), LikeAKey())
        for run in _RUN.finditer(view.text)
        if any(run[0][at : at + ECHO_LENGTH] in parts for at in range(len(run[0]) - ECHO_LENGTH + 1))
    ]


def _with_lines_after(text: str, found: Found) -> Found:
    """A key that was cut over several lines and has no end goes on in the next ones, where each is one word, if any."""
    key = found.key
    if key is None or key.masked or key.complete or text.count("\n", found.start, found.end) < LINES_AT_LEAST - 1:
        return found
    end, missing = found.end, key.missing or TAIL_LENGTH
    while (line := _LINE_OF_ONE_WORD.match(text, end)) and len(line[1]) <= missing:
        end, missing = line.end(1), missing - len(line[1])
    return replace(found, end=end)


def _doubled(text: str, found: list[Found]) -> list[Found]:
    """A key and the same again, with nothing or a comma between, are one piece."""
    together: list[Found] = []
    for each in found:
        last = together[-1] if together else None
        if (
            last is not None
            and last.key is not None
            and last.key.complete
            and last.key == each.key
            and _BETWEEN_DOUBLED.fullmatch(text, last.end, each.start)
        ):
            together[-1] = replace(last, end=each.end)
        else:
            together.append(each)
    return together


def _without(text: str, found: list[Found]) -> str:
    parts, position = [], 0
    for each in found:
        parts += [text[position : each.start], each.marker]
        position = each.end
    return "".join([*parts, text[position:]])


def _cut(text: str, length_at_most: int) -> str:
    """The text as long as it may be, without the half of a marker."""
    if len(text) <= length_at_most:
        return text
    crossing = (match for match in _MARKER.finditer(text) if match.start() < length_at_most < match.end())
    return text[: next((match.start() for match in crossing), length_at_most)]


def _piece(text: str, found: Found, prefixes: Collection[str], *, is_told: bool = True) -> Piece:
    raw = text[found.start : found.end]
    if found.key is None:
        told = examine(raw, prefixes) if is_told and found.kind in _TOLD_BY_FORM else None
        is_telling = told is not None and told.fault in {Fault.VENDOR, Fault.BASIC_CREDENTIALS, Fault.UUID}
        return Piece(found.kind, found.marker, malformed=told if is_telling else None)
    whole = found.key.whole.reveal()
    if found.is_shown:
        raw = whole
    token = parse(whole, prefixes) if found.key.complete else None
    malformed = examine(raw, prefixes) if parse(raw, prefixes) is None else None
    if token and malformed and malformed.fault not in {*DISGUISE_WORDS, Fault.DOUBLED} and len(raw.split()) > 1:
        # With the marks of a quotation between its lines, which nobody sent.
        malformed = examine(f"{whole[:-TAIL_LENGTH]}\n{whole[-TAIL_LENGTH:]}", prefixes)
    return Piece(
        found.kind,
        raw if found.discreet else found.marker,
        found.key.hint,
        malformed,
        token.public_id if token else None,
        Secret(whole) if token else None,
    )
