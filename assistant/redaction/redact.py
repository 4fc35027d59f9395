"""
Removes secrets from a text that a person pasted, and reports what was removed.

This happens before the text is logged, traced, stored or interpreted. The text is searched in several views (without
invisible characters, escapes, line breaks, encodings); what is found in any view is removed from the text itself. A
random run of up to 16 letters and digits stays if no word before it says that it is a secret, because public ids are as
short as that.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial

from assistant.redaction.decoding import View, as_pasted, unescaped_layers
from assistant.redaction.finding import MARKERS, Found, Kind, LikeAKey, found_key
from assistant.redaction.keys import ENDING_LENGTH, rest_of
from assistant.redaction.search import found_in, is_whole
from assistant.redaction.vendors import VENDORS
from keys.token import PROGRAM_TOKEN_KINDS, TAIL_LENGTH, Secret, parse
from keys.verification.malformed import WRAPPER_WORDS, Malformed, examine
from keys.verification.malformed_rules import FormatError

LENGTH_AT_MOST = 4000
"""Only this many characters are examined and kept. A message has no more."""
PASSES_AT_MOST = 4
TOLD_AT_MOST = 40
"""For this many credentials of other services, the vendor is determined. Nobody reads about more."""

_MARKER = re.compile(
    r"\[key(?: [0-9A-Za-z]{1,12}_[0-9A-Za-z]{0,4}…)?\]|"
    + "|".join(re.escape(marker) for marker in sorted({*MARKERS.values(), *(f"[{name}]" for name, *_ in VENDORS)}))
)
_TOLD_BY_FORM = frozenset({Kind.VENDOR, Kind.PASSWORD, Kind.TOKEN})
ECHO_LENGTH = 6
"""This many characters of a secret in a row do not occur elsewhere in a message by chance."""
_RUN = re.compile(r"[0-9A-Za-z]{6,}")
LINES_AT_LEAST = 3
"""A key that was cut over this many lines goes on in the next lines of one word; they can't be a new sentence."""
_LINE_OF_ONE_WORD = re.compile(
    r"[^\w\n]*\n[^\w\n]*(?:(?:line|part|L)?[ \t]*\d{1,4}[^\w\n]+)?"
    r"([0-9A-Za-z_]{1,40})(?![0-9A-Za-z_])(?=[^\w\n]*(?:\n|\Z))",
    re.IGNORECASE,
)
_BETWEEN_DOUBLED = re.compile(r",? ?")


@dataclass(frozen=True, slots=True)
class Piece:
    """
    A secret, or something that looks like one, that was found in the text.

    `marker` is what the text has instead of it; a hint stays in the text unchanged. For something like a Keydesk key:
    `hint` is the known part of its hint, and `malformed` is set if it was not a well-formed key as it was pasted. If a
    well-formed key is left after removing what was around it, `key` and `public_id` are set, so that callers can look
    it up; they must not keep `key`. For a vendor's credential, `malformed` names the vendor.
    """

    kind: Kind
    marker: str
    hint: str | None = None
    malformed: Malformed | None = None
    public_id: str | None = None
    key: Secret | None = None


@dataclass(frozen=True, slots=True)
class Redacted:
    """
    The text that may be stored and shown, and `pieces`: what was removed, in order, then the hints that stay in it.
    """

    text: str
    pieces: tuple[Piece, ...]


def redact(text: str, prefixes: Collection[str], *, length_at_most: int = LENGTH_AT_MOST) -> Redacted:
    """
    Removes secrets from the first `length_at_most` characters of a text. The rest is dropped.

    `prefixes` are the accepted prefixes of Keydesk keys; the first one is shown in sentences about malformed keys.
    """
    text = text[:length_at_most]
    like_ours = (*prefixes, *(prefix + kind for prefix in prefixes for kind in PROGRAM_TOKEN_KINDS))
    gone: list[Piece] = []
    hints: list[Piece] = []
    # A marker together with the text around it may look like another secret, so repeat until nothing changes.
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
    """The findings in order and without overlaps. Markers from earlier redaction are not found again."""
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
    """Sorts overlapping findings: the one that says most comes first, and a hint, which may stay, comes last."""
    key = found.key or LikeAKey()
    is_others = not is_whole(found, prefixes)
    kind = list(Kind).index(found.kind)
    return found.discreet, kind, is_others, not key.complete, not key.masked, found.start - found.end


def _rest(view: View, found: list[Found]) -> list[Found]:
    """
    Finds the rest of a key that was cut in two.

    Returns a finding for the rest, and one at the position of the first part that has the whole key.
    """
    first = next((each for each in found if each.key and each.key.missing > 0), None)
    if first is None or first.key is None:
        return []
    key, added = first.key, []
    taken = [(each.start, each.end) for each in found if each.kind is not Kind.SECRET]
    for run, span in rest_of(next(unescaped_layers(view)), key.missing, taken):
        added.append(found_key(span, LikeAKey()))
        if len(run) == key.missing:
            together = Secret(key.tail.reveal() + run)
            added.append(found_key((first.start, first.end), replace(key, tail=together, ending=run[-ENDING_LENGTH:])))
    return added


def _echoes(view: View, found: list[Found]) -> list[Found]:
    """Finds copies of parts of the found keys' secrets, for example in the text column of a dump."""
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
    """Extends a key that was cut over several lines to the following lines that have only one word."""
    key = found.key
    if key is None or key.masked or key.complete or text.count("\n", found.start, found.end) < LINES_AT_LEAST - 1:
        return found
    end, missing = found.end, key.missing or TAIL_LENGTH
    while (line := _LINE_OF_ONE_WORD.match(text, end)) and len(line[1]) <= missing:
        end, missing = line.end(1), missing - len(line[1])
    return replace(found, end=end)


def _doubled(text: str, found: list[Found]) -> list[Found]:
    """Joins findings of the same key with nothing or a comma between them."""
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
    """Cuts the text to the allowed length. A marker that would be cut is left out."""
    if len(text) <= length_at_most:
        return text
    crossing = (match for match in _MARKER.finditer(text) if match.start() < length_at_most < match.end())
    return text[: next((match.start() for match in crossing), length_at_most)]


def _piece(text: str, found: Found, prefixes: Collection[str], *, is_told: bool = True) -> Piece:
    raw = text[found.start : found.end]
    if found.key is None:
        told = examine(raw, prefixes) if is_told and found.kind in _TOLD_BY_FORM else None
        is_telling = told is not None and told.error in {
            FormatError.VENDOR,
            FormatError.BASIC_CREDENTIALS,
            FormatError.UUID,
        }
        return Piece(found.kind, found.marker, malformed=told if is_telling else None)
    whole = found.key.whole.reveal()
    if found.is_shown:
        raw = whole
    token = parse(whole, prefixes) if found.key.complete else None
    malformed = examine(raw, prefixes) if parse(raw, prefixes) is None else None
    if token and malformed and malformed.error not in {*WRAPPER_WORDS, FormatError.DOUBLED} and len(raw.split()) > 1:
        # The lines have marks of a quotation, which were not part of the key that was sent. Judge it without them.
        malformed = examine(f"{whole[:-TAIL_LENGTH]}\n{whole[-TAIL_LENGTH:]}", prefixes)
    return Piece(
        found.kind,
        raw if found.discreet else found.marker,
        found.key.hint,
        malformed,
        token.public_id if token else None,
        Secret(whole) if token else None,
    )
