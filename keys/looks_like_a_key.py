"""Recognizes an API key, or most of one, in a text that should be something else, such as a name."""

import re
import unicodedata
from itertools import pairwise

from keys.text import visible
from keys.token import LIKE_A_KEY, PUBLIC_ID_LENGTH, TAIL_LENGTH

KEY_AS_ID = (
    "This is an API key or a token, not an id: ids are stored and shown unencrypted, so nothing was stored. "
    "Use another id; if others may have seen this key or token, replace it."
)
LOOKED_AT = 1_024
RANDOM_LENGTH_AT_LEAST = 40
"""Letters and digits. A key has 60 of them, its secret part 42."""
CHANGES_AT_LEAST, CHANGES_WITH_DIGITS = 0.45, 0.35
"""Share of neighboring characters that are of different kinds: about 0.62 in a key, less in what people write."""
DIGITS = 0.08
"""Share of digits that CamelCase names do not reach."""
_KINDS = ("digit", "capital", "small")
SHARES_AT_LEAST = (0.01, 0.15, 0.15)
"""Share of each of the three kinds: in a key about 0.16, 0.42 and 0.42. Dates and digests have hardly any capitals."""
_WHOLE = re.compile(rf"{LIKE_A_KEY}[0-9A-Za-z]{{{TAIL_LENGTH}}}")
_BEGUN = re.compile(LIKE_A_KEY + "[0-9A-Za-z]{8,}")
_BEFORE, _AFTER = "(?<![0-9A-Za-z])", "(?![0-9A-Za-z])"
_PARTS = re.compile(rf"{_BEFORE}[0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}}[^0-9A-Za-z]+[0-9A-Za-z]{{{TAIL_LENGTH}}}{_AFTER}")
_TAIL = re.compile(rf"{_BEFORE}[0-9A-Za-z]{{{TAIL_LENGTH}}}{_AFTER}")
_WHOLE_ALONE = re.compile(rf"(?<![0-9A-Za-z_-]){LIKE_A_KEY}[0-9A-Za-z]{{{TAIL_LENGTH}}}(?![0-9A-Za-z_-])")
_NO_LETTER = re.compile(r"[^0-9A-Za-z]+")


def is_like_a_key(text: str) -> bool:
    """
    Whether the text contains a key with any prefix.

    The key may be whole or cut off, have spaces or invisible characters inside, have other signs instead of the
    underscores, or be only its secret part. Only the first 1,024 characters are examined.
    """
    seen = visible(text[:LOOKED_AT])
    seen = unicodedata.normalize("NFKC", seen)
    joined = "".join(seen.split())
    if _WHOLE.search(seen) or _WHOLE.search(joined) or _PARTS.search(seen):
        return True
    partly = (_BEGUN.search(seen), _BEGUN.search(joined), _TAIL.search(seen))
    if any(_has_all_kinds(found[0]) for found in partly if found):
        return True
    return _looks_random(_NO_LETTER.sub("", seen))


def is_a_whole_key(text: str) -> bool:
    """
    Whether the text contains a key or a program's token with any prefix, whole and unchanged.

    For ids that other programs make: they are often random, and `is_like_a_key` takes many of those for keys.
    """
    return _WHOLE_ALONE.search(text[:LOOKED_AT]) is not None


def _has_all_kinds(text: str) -> bool:
    """Whether the text has digits, capitals and lower-case letters, as nearly every key has and few names have."""
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
