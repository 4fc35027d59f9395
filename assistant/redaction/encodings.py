"""
Decodes encoded texts in a view: base64, base32, base58, base85, uuencoding and hexadecimal digits.

A run of characters of an encoding's alphabet is decoded, and used only if the result is printable. Each decoded
character has the position of a part of the encoded run, because single characters can't be removed from the run.
"""

import base64
import binascii
import re
import string
from bisect import bisect, bisect_left
from collections.abc import Iterator

from assistant.redaction.decoding import View, rewritten

DECODED_AT_LEAST = 10
"""A decoded result needs this many printable characters in a row to count as text."""
BASE64_FOR_ADDRESSES = str.maketrans("-_", "+/")

_TEXT = re.compile(rb"(?:[\t\n\r\x20-\x7e]\x00{0,3}){%d,}" % DECODED_AT_LEAST)
"""Printable text in ASCII, or in UTF-16 or UTF-32 with zero bytes in between."""
_BASE64 = re.compile(r"[0-9A-Za-z+/_-]{14,}={0,2}")
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2}){10,}[0-9A-Fa-f]?")
_BETWEEN_BYTES = re.compile(r"(?<=[0-9A-Fa-f]{2})(?:[:,;-]?(?:0x|\\x)|[:,;-])(?=[0-9A-Fa-f]{2})")
_BASE32 = re.compile(r"[0-9A-Z]{24,}|[0-9a-z]{24,}")
_BASE32_DIGITS = string.digits + "ABCDEFGHIJKLMNOPQRSTUV"
_BASE32_ALPHABETS = tuple(
    (frozenset(letters), str.maketrans(letters, _BASE32_DIGITS))
    for letters in (string.ascii_uppercase + "234567", _BASE32_DIGITS, "0123456789ABCDEFGHJKMNPQRSTVWXYZ")
)
"""The alphabets of base32 (RFC 4648), base32hex (RFC 4648) and Crockford's base32."""
_NUMBER = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{40,600}(?![0-9A-Za-z])")
_NUMBER_ALPHABETS = tuple(
    {letter: value for value, letter in enumerate(letters)}
    for letters in (
        string.digits,
        string.digits + string.ascii_lowercase,
        "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
        string.digits + string.ascii_uppercase + string.ascii_lowercase,
    )
)
"""Alphabets for runs that encode one large number: in base 10, 36, 58 or 62."""
_BASE85 = re.compile(r"[!-~]{20,}")
_BASE85_STARTS = re.compile(r"[\"'`=:(<~]+(?=.{20})")
_BASE85_ENDS = re.compile(r"(?:~>|[\"'`])[,;.)\]}]*\Z|~?>\Z")
_BASE85_ALPHABETS = tuple(
    {letter: value for value, letter in enumerate(letters)}
    for letters in (
        string.digits + string.ascii_uppercase + string.ascii_lowercase + "!#$%&()*+-;<=>?@^_`{|}~",
        "".join(map(chr, range(33, 118))),
        string.digits + string.ascii_lowercase + string.ascii_uppercase + ".-:+=^!/*?&<>()[]{}@%$#",
    )
)
"""The alphabets of base85 (Git, Python), ascii85 (Adobe) and Z85 (ZeroMQ)."""
_UUENCODED = re.compile(r"^([!-M])([ -`]{4,84})[^\S\n]*$", re.MULTILINE)


def decoded(view: View) -> Iterator[View]:
    """Yields the texts in base64 and in hexadecimal digits. The view may be joined from pieces."""
    gaps = sorted(view.gaps)
    for run in _BASE64.finditer(view.text):
        characters = run[0].rstrip("=").translate(BASE64_FOR_ADDRESSES)
        for offset in range(4):
            part = characters[offset:]
            # A single remaining character has less than a byte.
            part = part[:-1] if len(part) % 4 == 1 else part
            content = base64.b64decode(part + "=" * (-len(part) % 4))
            yield from _texts(view, gaps, run, offset, content, bits=6)
    between = rewritten(view, _BETWEEN_BYTES, lambda _: "")
    gaps = sorted(between.gaps)
    for run in _HEXADECIMAL.finditer(between.text):
        for offset in range(2):
            digits = run[0][offset:]
            yield from _texts(between, gaps, run, offset, bytes.fromhex(digits[: len(digits) // 2 * 2]), bits=4)


def decoded_otherwise(view: View) -> Iterator[View]:
    """Yields the texts in rarer encodings. Each of their characters has the position of the whole encoded run."""
    for run in _BASE32.finditer(view.text):
        for content in _from_base32(run[0].upper()):
            yield from as_views(content, *view.span(*run.span()))
    for run in _NUMBER.finditer(view.text):
        for content in _from_number(run[0]):
            yield from as_views(content, *view.span(*run.span()))
    for run in _BASE85.finditer(view.text):
        for content in _from_base85(run[0]):
            yield from as_views(content, *view.span(*run.span()))
    lines = list(_UUENCODED.finditer(view.text))
    if lines:
        content = b"".join(map(_from_uuencoding, lines))
        yield from as_views(content, *view.span(lines[0].start(), lines[-1].end()))


def as_views(content: bytes, start: int, end: int) -> Iterator[View]:
    """
    Yields the printable texts in these bytes.

    Each character has the position `start` to `end` in the pasted text.
    """
    for text in _TEXT.finditer(content):
        characters = text[0].replace(b"\x00", b"").decode("ascii")
        yield View(characters, [start] * len(characters), [end] * len(characters))


def _texts(
    view: View, gaps: list[int], run: re.Match[str], offset: int, content: bytes, *, bits: int
) -> Iterator[View]:
    """
    Yields the printable texts in the decoded `content` of a run.

    The first `offset` characters of the run were left out; each encoded character has `bits` bits.
    """
    texts = list(_TEXT.finditer(content))
    if not texts:
        return
    bounds = [run.start(), *gaps[bisect(gaps, run.start()) : bisect_left(gaps, run.end())], run.end()]
    first = run.start() + offset
    for text in texts:
        places = [index for index in range(*text.span()) if content[index]]
        begun = [bisect(bounds, first + index * 8 // bits) - 1 for index in places]
        ended = [bisect(bounds, first + (index * 8 + 7) // bits) for index in places]
        yield View(
            bytes(content[index] for index in places).decode("ascii"),
            [view.starts[bounds[bound]] for bound in begun],
            [view.ends[bounds[bound] - 1] for bound in ended],
        )


def _from_base32(run: str) -> Iterator[bytes]:
    """
    Yields what the run decodes to from each of its first eight characters on, in each alphabet.

    The run's first characters may belong to something else.
    """
    letters = set(run)
    for alphabet, digits in _BASE32_ALPHABETS:
        if letters <= alphabet:
            text = run.translate(digits)
            for offset in range(8):
                part = text[offset:]
                length, spare = divmod(len(part) * 5, 8)
                yield (int(part, 32) >> spare).to_bytes(length)


def _from_number(run: str) -> Iterator[bytes]:
    for values in _NUMBER_ALPHABETS:
        number, base = 0, len(values)
        try:
            for letter in run:
                number = number * base + values[letter]
        except KeyError:
            continue
        yield number.to_bytes((number.bit_length() + 7) // 8)


def _from_base85(run: str) -> Iterator[bytes]:
    starts = [0, *(match.end() for match in _BASE85_STARTS.finditer(run))][:4]
    for start in starts:
        characters = _BASE85_ENDS.sub("", run[start:])
        for values in _BASE85_ALPHABETS:
            content = _groups_of_five(characters, values)
            if len(content) >= DECODED_AT_LEAST:
                yield content


def _groups_of_five(characters: str, values: dict[str, int]) -> bytes:
    """Decodes groups of five characters, up to the first that is not valid or does not begin with printable text."""
    content = bytearray()
    highest = len(values) - 1
    for start in range(0, len(characters), 5):
        group = characters[start : start + 5]
        number = 0
        for place in range(5):
            value = values.get(group[place]) if place < len(group) else highest
            if value is None:
                return bytes(content)
            number = number * 85 + value
        if number >> 32 or not 0x09 <= number >> 24 <= 0x7E:
            return bytes(content)
        content += number.to_bytes(4)[: len(group) - 1]
    return bytes(content)


def _from_uuencoding(line: re.Match[str]) -> bytes:
    """Decodes a uuencoded line, whose first character is the number of its bytes; empty if it is not such a line."""
    length = ord(line[1]) - 32
    if len(line[2].rstrip()) > (length + 2) // 3 * 4 or len(line[2]) < (length * 8 + 5) // 6 - 1:
        return b""
    try:
        return binascii.a2b_uu(line[0])
    except binascii.Error:
        return b""
