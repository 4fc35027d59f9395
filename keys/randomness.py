"""Tells letters and digits that a random generator made from what people write."""

import re
import string
from itertools import pairwise

from keys.token import PUBLIC_ID_LENGTH, SECRET_LENGTH, TAIL_LENGTH

_CLASSES = str.maketrans(
    string.ascii_lowercase + string.ascii_uppercase + string.digits, "a" * 26 + "A" * 26 + "0" * 10
)
HEXADECIMAL = re.compile(r"[0-9a-f]+|[0-9A-F]+")
CAMEL_CASE = re.compile(r"[a-z]*+(?:[A-Z][a-z]{2,}+|[0-9]{1,4}+(?![0-9]))*+")


def looks_random(run: str) -> bool:
    """
    Letters and digits that a generator made: more of them than a public id has, and of changing classes. What is
    hexadecimal in one case (a digest, an id) or CamelCase does not count. The shorter the run, the surer the signs
    must be.
    """
    if len(run) <= PUBLIC_ID_LENGTH or HEXADECIMAL.fullmatch(run) or CAMEL_CASE.fullmatch(run) or _repeats(run):
        return False
    classes = run.translate(_CLASSES)
    changes = sum(before != after for before, after in pairwise(classes)) / (len(run) - 1)
    has_digits, has_both_cases = "0" in classes, "a" in classes and "A" in classes
    if len(run) in (SECRET_LENGTH, TAIL_LENGTH):
        return changes >= (0.25 if has_both_cases else 0.12) and len(set(run)) >= 10
    if has_digits and has_both_cases:
        return changes >= (0.33 if len(run) >= 28 else 0.42)
    if has_digits:
        return len(run) >= 24 and changes >= 0.3
    return len(run) >= 20 and changes >= 0.38 and classes.count("A") >= 0.38 * len(run)


def _repeats(run: str) -> bool:
    """It says the same few letters again and again: a generator's letters hardly ever come back in the same order."""
    return len({run[at : at + 3] for at in range(len(run) - 2)}) + 2 <= PUBLIC_ID_LENGTH
