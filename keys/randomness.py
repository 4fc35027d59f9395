"""Distinguishes letters and digits that a random generator made from what people write."""

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
    Whether a run of letters and digits looks as if a random generator made it.

    It must be longer than a public id (16) and switch often between lower case, capitals and digits; the shorter the
    run, the more often. Hexadecimal in one case (a digest, an id) and CamelCase do not count as random.
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
    """
    Whether the run repeats itself: it has too few different groups of three characters.

    In the output of a generator, a group of three hardly ever comes back.
    """
    return len({run[at : at + 3] for at in range(len(run) - 2)}) + 2 <= PUBLIC_ID_LENGTH
