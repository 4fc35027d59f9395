"""Reads bytes that are written as numbers: lists in the notation of any programming language, and groups of a dump."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assistant.redaction.decoding import View
from assistant.redaction.encodings import as_views

_SUFFIX = r"_?(?:[uUiI]8|[uU]?[yY]|[uU]?[lL]{1,2})(?![0-9A-Za-z])"
"""A type after a number, as in 107u8 or 0x6bUL."""
_CAST = r"(?:s?byte|u?int8(?:_t)?|(?:un)?signed|u?char|chr[bw]?|rune|u(?=\+))(?=[^0-9A-Za-z])"
"""A cast or a function before a number, as in (byte) 107, chr(107) or U+006B."""
_CHARACTER = r"[ \t]{1,3}'(?:\\\d{1,3}|\\?[^\n])'"
"""A character after a number, as in 107 'k', which debuggers print."""
_NOISE = re.compile(rf"(?<=[0-9A-Fa-f]){_SUFFIX}|(?<![0-9A-Za-z]){_CAST}|{_CHARACTER}", re.IGNORECASE)
_BETWEEN = rf"(?:{_SUFFIX})?(?:{_CHARACTER})?[^0-9A-Za-z]{{1,24}}+(?:{_CAST}[^0-9A-Za-z]{{1,4}}+){{0,2}}"


@dataclass(frozen=True, slots=True)
class _Notation:
    """
    How numbers of one base are written.

    `lists` matches many in a row, `number` one; `read` turns them into bytes.
    """

    base: int
    number: re.Pattern[str]
    lists: re.Pattern[str]
    read: Callable[[Sequence[str]], Iterator[bytes]]


def _notation(
    base: int, mark: str, digits: str, end: str, read: Callable[[Sequence[str]], Iterator[bytes]], *, at_least: int
) -> _Notation:
    bare = rf"(?:{mark})?(?:{digits}){end}"
    return _Notation(
        base,
        re.compile(rf"(?<![0-9A-Za-z])(?:{mark})?({digits}){end}(?![0-9A-Za-z])"),
        re.compile(rf"(?<![0-9A-Za-z]){bare}(?:{_BETWEEN}{bare}){{{at_least},}}", re.IGNORECASE),
        read,
    )


def _hexadecimal(numbers: Sequence[str]) -> Iterator[bytes]:
    """Yields the bytes in the order written, then with each word's bytes reversed, as little-endian machines need."""
    groups = [bytes.fromhex(number) for number in numbers]
    yield b"".join(groups)
    if any(len(group) in {2, 4, 8} for group in groups):
        yield b"".join(group[::-1] for group in groups)


def _words(base: int) -> Callable[[Sequence[str]], Iterator[bytes]]:
    """
    Makes a reader for numbers of one base: bytes, or words of two or four bytes in either byte order.

    The greatest number decides the size.
    """

    def read(numbers: Sequence[str]) -> Iterator[bytes]:
        values = [int(number, base) for number in numbers]
        size = next((size for size in (1, 2, 4) if max(values) < 256**size), 0)
        if size == 1:
            yield bytes(values)
        elif size:
            yield b"".join(value.to_bytes(size, "big") for value in values)
            yield b"".join(value.to_bytes(size, "little") for value in values)

    return read


NOTATIONS = (
    _notation(16, "0x|[xuh]", "(?:[0-9A-Fa-f]{2}){1,8}", "h?", _hexadecimal, at_least=2),
    _notation(10, "", "[0-9]{1,10}", "", _words(10), at_least=3),
    _notation(8, "0o?", "[01][0-7]{5}|[0-3]?[0-7]{1,2}", "", _words(8), at_least=5),
    _notation(2, "0b", "[01]{7,8}", "", _words(2), at_least=9),
)
_BITS = re.compile(r"(?<![0-9A-Za-z])(?:[01]{8}){10,}(?![0-9A-Za-z])")


def read_numbers(numbers: Sequence[str]) -> Iterator[bytes]:
    """Yields the bytes that these numbers may mean, for each base in which all of them are valid."""
    for notation in NOTATIONS:
        digits = [match[1] for match in map(notation.number.fullmatch, numbers) if match is not None]
        if len(digits) == len(numbers):
            yield from notation.read(digits)


def listed(view: View) -> Iterator[View]:
    """Yields the texts in lists of numbers. Each of their characters has the position of the whole list."""
    for notation in NOTATIONS:
        for run in notation.lists.finditer(view.text):
            numbers = notation.number.findall(_NOISE.sub(" ", run[0]))
            for content in notation.read(numbers) if numbers else ():
                yield from as_views(content, *view.span(*run.span()))
    for run in _BITS.finditer(view.text):
        bits = run[0]
        yield from as_views(int(bits, 2).to_bytes(len(bits) // 8), *view.span(*run.span()))
