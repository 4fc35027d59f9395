"""
Says why a password is easy to guess.

zxcvbn looks for common passwords, words, names, dates, repetitions and rows of keys, in its own lists and among the
words that are given for the person. It is imported at the first use: no other command and no request needs it.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from keys.token import LIKE_A_KEY
from keys.verification.malformed_rules import is_invisible

SCORE_AT_LEAST = 3
"""Of zxcvbn's 0 to 4: "safely unguessable", 10^8 guesses or more."""
SCORED_AT_MOST = 40
"""Characters that are looked at: zxcvbn's time grows quickly, and 40 good ones are enough."""
WORDS_AT_MOST = 40
WORD_LENGTH_AT_LEAST = 3
OUR_NAME = "keydesk"
LEFT_AT_LEAST = 6
"""Letters and digits beside the words that somebody who knows the person would try."""
PUBLISHED = frozenset(
    {
        "atleast12characters",
        "demonoranorthwind",
        "demoamirnorthwind",
        "demomianorthwind",
    }
)
"""Letters and digits of passwords that stand in documentation or in the demo, and that zxcvbn doesn't know."""

_KEY = re.compile(LIKE_A_KEY + "[0-9A-Za-z]{16}")
_LOOKALIKES = str.maketrans(
    "авезіїјкмнорстухѕԁһԛԝӏАВЕЗІЇЈКМНОРСТУХЅԌԚԜαβεηικνορτυχγωΑΒΕΖΗΙΚΜΝΟΡΤΥΧıɑɡ",
    "abe3iijkmhopctyxsdhqwlABE3IIJKMHOPCTYXSGQWabenikvoptuxywABEZHIKMNOPTYXiag",
)
"""Cyrillic, Greek and other letters that look like Latin ones."""
_LEET = frozenset("@({[<!|$+%")
_LEET_AT_MOST = 4
_SHORT = 16
_PLAIN = "~"
CHOOSE = "Choose another, such as four words that have nothing to do with each other."
EXAMPLE = f"This password stands in an example that everybody can read. {CHOOSE}"
KEY = "This is an API key, not a password. Choose a password that is used nowhere else."
COMMON = f"This password is one of the most used ones, or close to one, so it is tried first. {CHOOSE}"
REPEATED = f"This password repeats the same characters, so it is easy to guess. {CHOOSE}"
SEQUENCE = f"This password is a row of keys, letters or digits, so it is easy to guess. {CHOOSE}"
PERSONAL = (
    "This password is easy to guess from your name, e-mail address or organization, or from what this site is called. "
    f"{CHOOSE}"
)
EASY = f"This password is easy to guess: it consists of common words, names or dates. {CHOOSE}"
_WHY = {
    "StraightRowsOfKeysAreEasyToGuess": SEQUENCE,
    "ShortKeyboardPatternsAreEasyToGuess": SEQUENCE,
    "SequencesLikeAbcAreEasyToGuess": SEQUENCE,
    "RepeatsLikeAaaAreEasyToGuess": REPEATED,
    "RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess": REPEATED,
    "ThisIsATop10Password": COMMON,
    "ThisIsATop100Password": COMMON,
    "ThisIsACommonPassword": COMMON,
    "ThisIsSimilarToACommonlyUsedPassword": COMMON,
}


def weakness(password: str, words: Iterable[str] = ()) -> str | None:
    """
    Why the password is easy to guess and what to do, as a sentence; None where it is not. `words`: `personal`.

    A password in full-width, accented or look-alike letters is as easy to guess as the same one in plain letters.
    """
    known, plain = [*words, OUR_NAME], _plain(password)
    why = _weakness(password, known)
    return _weakness(plain, known) if why is None and plain != password else why


def _weakness(password: str, known: list[str]) -> str | None:
    if _KEY.search(password):
        return KEY
    if "".join(filter(str.isalnum, password)).casefold() in PUBLISHED:
        return EXAMPLE
    if _said(password, known) is None:
        return PERSONAL if _is_made_of(password, known) else None
    said = _said(password, [])
    return PERSONAL if said is None or (said == EASY and _is_made_of(password, known)) else said


def _plain(password: str) -> str:
    """
    The password in plain letters, without invisible characters.

    Marks go from letters that are ASCII then. In other scripts, such as Devanagari, marks are letters of their own.
    """
    plain = ""
    for character in unicodedata.normalize("NFKD", password.translate(_LOOKALIKES)).translate(_LOOKALIKES):
        is_accent = unicodedata.category(character) == "Mn" and plain[-1:].isascii()
        if not is_accent and not is_invisible(character):
            plain += character
    return unicodedata.normalize("NFC", plain)


def personal(*texts: str) -> list[str]:
    """What somebody would try who knows these: each name or address, and the words in it."""
    found = dict.fromkeys(part for text in texts for part in _parts(text))
    return list(found)[:WORDS_AT_MOST]


def _parts(text: str) -> Iterator[str]:
    whole = unicodedata.normalize("NFC", text).casefold()
    words = re.findall(r"[^\W_]+", whole)
    for part in (whole, whole.rpartition("@")[0], "".join(words), *words):
        if len(part) >= WORD_LENGTH_AT_LEAST:
            yield part


def _is_made_of(password: str, words: list[str]) -> bool:
    """Whether little is left of the password without these words: zxcvbn finds two of them hard to guess."""
    left = password.casefold()
    for word in sorted(words, key=len, reverse=True):
        left = left.replace(word, " ")
    return len(left) < len(password) and sum(map(str.isalnum, left)) < LEFT_AT_LEAST


def _said(password: str, words: list[str]) -> str | None:
    from zxcvbn_rs_py import Warning as Reason  # noqa: PLC0415 - see above
    from zxcvbn_rs_py import zxcvbn  # noqa: PLC0415

    found = zxcvbn(_scored(password), words)
    if int(found.score) >= SCORE_AT_LEAST:
        return None
    warning = found.feedback and found.feedback.warning
    return next((why for name, why in _WHY.items() if warning == getattr(Reason, name)), EASY)


def _scored(password: str) -> str:
    """
    The password as far as it is scored.

    zxcvbn tries every combination of symbols that may stand for letters. A long text with all of them would take it
    a second, so only the first few symbols keep their meaning.
    """
    text = password[:SCORED_AT_MOST]
    if len(text) <= _SHORT:
        return text
    kept = set([each for each in dict.fromkeys(text) if each in _LEET][:_LEET_AT_MOST])
    return "".join(_PLAIN if each in _LEET and each not in kept else each for each in text)
