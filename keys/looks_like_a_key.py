"""Recognizes an API key, or most of one, that was put where something else belongs, such as a name."""

import re
import unicodedata
from itertools import pairwise

from keys.token import LIKE_A_KEY, PUBLIC_ID_LENGTH, TAIL_LENGTH
from keys.verification.malformed_rules import is_invisible

LOOKED_AT = 1_024
RANDOM_LENGTH_AT_LEAST = 40
"""Letters and digits, of which a key has 60, and the part of it that is secret has 42."""
CHANGES_AT_LEAST, CHANGES_WITH_DIGITS = 0.45, 0.35
"""Of all neighbors, how many are of different kinds: about 0.62 in a key, and less in what people write."""
DIGITS = 0.08
"""A share of digits that the words of a name, written together with capitals, do not reach."""
_KINDS = ("digit", "capital", "small")
SHARES_AT_LEAST = (0.01, 0.15, 0.15)
"""Of the three kinds, which have about 0.16, 0.42 and 0.42 in a key. Dates and digests have hardly a capital."""
_WHOLE = re.compile(rf"{LIKE_A_KEY}[0-9A-Za-z]{{{TAIL_LENGTH}}}")
_BEGUN = re.compile(LIKE_A_KEY + "[0-9A-Za-z]{8,}")
_BEFORE, _AFTER = "(?<![0-9A-Za-z])", "(?![0-9A-Za-z])"
_PARTS = re.compile(rf"{_BEFORE}[0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}}[^0-9A-Za-z]+[0-9A-Za-z]{{{TAIL_LENGTH}}}{_AFTER}")
_TAIL = re.compile(rf"{_BEFORE}[0-9A-Za-z]{{{TAIL_LENGTH}}}{_AFTER}")
_NO_LETTER = re.compile(r"[^0-9A-Za-z]+")


def is_like_a_key(text: str) -> bool:
    """
    Whether the text has a key in it, whatever its prefix: whole, cut off, with spaces or invisible characters inside,
    with other signs in place of the underscores, or only the part that is secret.
    """
    seen = "".join(character for character in text[:LOOKED_AT] if not is_invisible(character))
    seen = unicodedata.normalize("NFKC", seen)
    joined = "".join(seen.split())
    if _WHOLE.search(seen) or _WHOLE.search(joined) or _PARTS.search(seen):
        return True
    partly = (_BEGUN.search(seen), _BEGUN.search(joined), _TAIL.search(seen))
    if any(_has_all_kinds(found[0]) for found in partly if found):
        return True
    return _looks_random(_NO_LETTER.sub("", seen))


def _has_all_kinds(text: str) -> bool:
    """Digits, capitals and small letters, as nearly every key has and few names have."""
    return len({_kind(character) for character in text if character != "_"}) == len(_KINDS)


def _looks_random(letters: str) -> bool:
    if len(letters) < RANDOM_LENGTH_AT_LEAST:
        return False
    kinds = [_kind(character) for character in letters]
    shares = [kinds.count(kind) / len(kinds) for kind in _KINDS]
    changes = sum(before != after for before, after in pairwise(kinds))
    return all(
        share >= least for share, least in zip(shares, SHARES_AT_LEAST, strict=True)
    ) and changes >= CHANGES_AT_LEAST * len(kinds)


def _kind(character: str) -> str:
    return "digit" if character.isdigit() else "capital" if character.isupper() else "small"
