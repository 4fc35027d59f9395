"""Finds Keydesk keys that are interrupted after every few characters: by spaces, dashes, line marks or emoji."""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from functools import lru_cache

from assistant.redaction.decoding import View
from assistant.redaction.finding import Found, LikeAKey, found_key
from assistant.redaction.randomness import is_hexadecimal, is_prose, reads_as_prose
from keys.randomness import looks_random
from keys.token import PUBLIC_ID_LENGTH, TAIL_LENGTH, Secret

LOOKED_AT = 1200
"""The rest of a key is searched for in this many characters after its prefix."""
TRIED_AT_MOST = 20
LENGTH = PUBLIC_ID_LENGTH + TAIL_LENGTH
ENDING_LENGTH = 4
_PIECE = re.compile(r"[0-9A-Za-z]+")
_BETWEEN = "[^0-9A-Za-z]{0,12}"
_APART_AT_MOST = 40
_MASK = re.compile(r"…|\.\.|[*•●]{2}")


@lru_cache(maxsize=16)
def _prefix(prefixes: tuple[str, ...]) -> re.Pattern[str]:
    spelled = "|".join(_BETWEEN.join(map(re.escape, prefix)) for prefix in sorted(prefixes, key=len, reverse=True))
    return re.compile(rf"(?<![0-9A-Za-z])(?:{spelled})(?=[^0-9A-Za-z])", re.IGNORECASE)


def spelled(view: View, prefixes: Collection[str]) -> Iterator[Found]:
    """Yields keys with one of the prefixes that are in at least three pieces, as much of each as is there."""
    taken = 0
    for tried, match in enumerate(_prefix(tuple(prefixes)).finditer(view.text)):
        if match.start() < taken or tried >= TRIED_AT_MOST:
            continue
        pieces = _pieces(view.text, match.end())
        letters = "".join(piece for piece, _ in pieces)
        if len(pieces) < 3 or len(letters) <= PUBLIC_ID_LENGTH or not looks_random(letters):
            continue
        prefix = "".join(_PIECE.findall(match[0]))
        tail = letters[PUBLIC_ID_LENGTH:LENGTH]
        ending = tail[-ENDING_LENGTH:] if len(letters) == LENGTH else ""
        taken = pieces[-1][1]
        key = LikeAKey(prefix, letters[:PUBLIC_ID_LENGTH], Secret(tail), ending)
        yield found_key(view.span(match.start(), taken), key)


def _pieces(text: str, start: int) -> list[tuple[str, int]]:
    """
    The pieces of a key after its prefix, each with its end position.

    They end at a key's length or, if that is not reached, where a sentence begins.
    """
    pieces: list[tuple[str, int]] = []
    before, length = start, 0
    for piece in _PIECE.finditer(text, start, start + LOOKED_AT):
        between = text[before : piece.start()]
        if len(between) > _APART_AT_MOST or length >= LENGTH or _MASK.search(between) or is_hexadecimal(piece[0]):
            break
        pieces.append((piece[0], piece.end()))
        before, length = piece.end(), length + len(piece[0])
    words = [piece for piece, _ in pieces]
    lengths = Counter(map(len, words))
    usual = max(lengths, key=lambda each: each * lengths[each], default=0)
    if length == LENGTH:
        last = next((at for at in range(1, len(words)) if reads_as_prose(words[at:])), len(words))
    else:
        last = next((at for at in range(len(words)) if _begins_prose(words[at : at + 2], usual)), len(words))
    return pieces[:last]


def _begins_prose(words: list[str], usual: int) -> bool:
    """Whether a sentence begins here. A piece may be a word by chance, but then it is as long as the other pieces."""
    if not is_prose(words[0]) or len(words[0]) < 2:
        return False
    return len(words[0]) != usual or (len(words) > 1 and len(words[1]) != usual and is_prose(words[1]))
