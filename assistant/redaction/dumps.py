"""
Reads dumps of bytes, as xxd, hexdump, od, tcpdump, Wireshark, debuggers and PowerShell print them.

A line may begin with an offset, has groups of digits or characters, and may end with the same bytes as text. A secret
that is found in a dump has the position of the whole dump, with all lines and columns.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from assistant.redaction.decoding import View
from assistant.redaction.encodings import as_views
from assistant.redaction.numbers import read_numbers

WORDS_AT_MOST = 300
"""Only this many words of a line are examined."""
_LINE = re.compile(r"[^\n]*")
_QUOTED = re.compile(r"[^\n]{0,40}?[\"'`(\[{]\s*(?=(?:0x)?[0-9A-Fa-f]{4,16}:?\s)")
_MARK = re.compile(r"[>|│#+*$-]+")
_OFFSET = re.compile(r"(?:0x|x)?[0-9A-Fa-f]{1,16}[h:]?:?", re.IGNORECASE)
_ONLY_OFFSET = re.compile(r"[0-9A-Fa-f]{5,16}:?|\*")
_OFFSET_BEFORE = re.compile(r"(?:0x)?[0-9A-Fa-f]{4,16}:?\Z")
_SYMBOL = re.compile(r"<[^<>]*>:?")
_DIGITS = re.compile(r"(?:0x)?([0-9A-Fa-f]{1,16})[,;]?", re.IGNORECASE)
_OFFSET_AND_DIGITS = re.compile(r"[0-9A-Fa-f]{8}:?([0-9A-Fa-f]{2,})")
BYTES_OF_A_LINE_AT_MOST = 32
_BARS = str.maketrans("│┃┊┆", "    ")
_BETWEEN_GROUPS = frozenset({"-", "|", "│", ":"})
_CHARACTERS = {r"\0": "\0", r"\n": "\n", r"\r": "\r", r"\t": "\t", "nl": "\n", "cr": "\r", "sp": " ", "nul": "\0"}
_AROUND_TEXT = re.compile(r"\A[|>│]|[|<│]\Z")


@dataclass(slots=True)
class _Dump:
    """
    The lines of a dump, from `start` to `end`.

    `groups` are its groups by their number of digits, because some dumps show the same bytes in several ways. `texts`
    are the texts beside the groups.
    """

    start: int
    end: int
    groups: dict[int, list[str]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)


def dumped(view: View) -> Iterator[View]:
    """Yields the texts in the dumps of a view. Each of their characters has the position of the whole dump."""
    dumps = [*_dumps(view.text), *_without_spaces(view.text)]
    if len(dumps) > 1:
        dumps.append(_together(dumps))
    for dump in dumps:
        span = view.span(dump.start, dump.end)
        for groups in dump.groups.values():
            for content in _read(groups):
                yield from as_views(content, *span)
        yield from as_views("".join(dump.texts).encode("ascii", "replace"), *span)


def _without_spaces(text: str) -> Iterator[_Dump]:
    """Yields lines of xxd that lost their spaces: an offset, digits, and the characters of these bytes."""
    dump: _Dump | None = None
    place = 0
    while match := _OFFSET_AND_DIGITS.search(text, place):
        place = match.start(1)
        digits = text[place : match.end(1)]
        for length in range(min(BYTES_OF_A_LINE_AT_MOST, len(digits) // 2), 0, -1):
            content = bytes.fromhex(digits[: 2 * length]).decode("ascii", "replace")
            beside = text[place + 2 * length : place + 3 * length]
            if all(seen in (each, ".") for seen, each in zip(beside, content, strict=False)) and len(beside) == length:
                dump = dump or _Dump(match.start(), place)
                dump.groups.setdefault(2, []).extend(digits[at : at + 2] for at in range(0, 2 * length, 2))
                dump.end = place = place + 3 * length
                break
    if dump:
        yield dump


def _together(dumps: Sequence[_Dump]) -> _Dump:
    """
    Joins parts of a dump that has other lines in between.

    These may be comments, or parts of the text column that a mail program has wrapped.
    """
    together = _Dump(dumps[0].start, dumps[-1].end)
    for dump in dumps:
        together.texts += dump.texts
        for width, groups in dump.groups.items():
            together.groups.setdefault(width, []).extend(groups)
    return together


def _dumps(text: str) -> Iterator[_Dump]:
    dump: _Dump | None = None
    for line in _LINE.finditer(text):
        quoted = _QUOTED.match(line[0])
        start = line.start() + (0 if quoted is None else quoted.end())
        words = _words(text[start : line.end()])
        if not words:
            continue
        groups, beside = _columns(words)
        if groups and (not beside or len(groups) >= 4 or len(groups[0]) >= 8 or _OFFSET_BEFORE.match(words[0]) or dump):
            dump = dump or _Dump(start, line.end())
            dump.groups.setdefault(_width(groups), []).extend(groups)
            dump.texts.append(beside)
            dump.end = line.end()
        elif dump and len(words) == 1 and _ONLY_OFFSET.fullmatch(words[0]):
            dump.end = line.end()
        elif dump:
            yield dump
            dump = None
    if dump:
        yield dump


def _words(line: str) -> list[str]:
    """The words of a line, without the marks of a quotation, a table or a diff at its start."""
    words = line.translate(_BARS).split(maxsplit=WORDS_AT_MOST)[:WORDS_AT_MOST]
    first = next((place for place, word in enumerate(words) if _MARK.fullmatch(word) is None), len(words))
    return words[first:]


def _columns(words: Sequence[str]) -> tuple[list[str], str]:
    """The groups of a line, and the text after them."""
    place = 0
    # An offset has a colon, or another length than the groups. A line number may precede it.
    while place + 1 < len(words) and _is_offset(words[place], words[place + 1]) and place < 2:
        place += 1
        if _SYMBOL.fullmatch(words[place]):
            place += 1
    groups: list[str] = []
    for number, word in enumerate(words[place:], place):
        if word in _BETWEEN_GROUPS and groups:
            continue
        group = _group(word)
        if group is None or (groups and not _is_like(group, groups)):
            return groups, _AROUND_TEXT.sub("", " ".join(words[number:]))
        groups.append(group)
    return groups, ""


def _is_offset(word: str, following: str) -> bool:
    if _OFFSET.fullmatch(word) is None:
        return False
    if word.endswith(":") or _SYMBOL.fullmatch(following):
        return True
    own, group = _group(word), _group(following)
    return own is not None and group is not None and len(own) >= 4 and len(own) != len(group)


def _group(word: str) -> str | None:
    if word in _CHARACTERS:
        return _CHARACTERS[word]
    digits = _DIGITS.fullmatch(word)
    if digits is not None:
        return digits[1]
    return word if len(word) == 1 else None


def _is_like(group: str, groups: Sequence[str]) -> bool:
    """Whether a group fits the ones before it: not longer, or a decimal number of one to three digits after another."""
    first = groups[0]
    if len(first) == 1 and len(groups[-1]) == 1 and len(group) == 1:
        return True
    longest = max(len(each) for each in groups[:4])
    return len(group) <= longest or (len(group) <= 3 and group.isdigit() and groups[-1].isdigit())


def _width(groups: Sequence[str]) -> int:
    """The number of digits in a group; 0 for decimal numbers, which have different lengths."""
    widths = set(map(len, groups))
    if max(widths) in {1, 2, 3, 9, 10} and all(map(str.isdigit, groups)) and (len(widths) > 1 or max(widths) == 10):
        return 0
    return max(widths)


def _read(groups: Sequence[str]) -> Iterator[bytes]:
    if all(len(group) == 1 for group in groups):
        yield "".join(groups).encode("ascii", "replace")
    if len(groups) > 1 and len(groups[-1]) % 2:
        groups = [*groups[:-1], groups[-1].zfill(len(groups[-1]) + 1)] if len(groups[0]) % 2 == 0 else groups
    yield from read_numbers(groups)
