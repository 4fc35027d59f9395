"""
Finds out whether a password is easy to guess, and why.

zxcvbn looks for common passwords, words, names, dates, repetitions and keyboard rows, in its own lists and among the
words that are given for the person. It is imported at the first use, because no other command or request needs it.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from keys.text import is_invisible
from keys.token import LIKE_A_KEY

SCORE_AT_LEAST = 3
"""Of zxcvbn's 0 to 4: "safely unguessable", 10^8 guesses or more."""
SCORED_AT_MOST = 40
"""Only this many characters are scored: zxcvbn's time grows quickly with the length, and 40 good ones are enough."""
WORDS_AT_MOST = 40
WORD_LENGTH_AT_LEAST = 3
OUR_NAME = "keydesk"
LEFT_AT_LEAST = 6
"""A password must have this many letters and digits besides the words that belong to the person."""
PUBLISHED = frozenset(
    {
        "atleast12characters",
        "demonoranorthwind",
        "demoamirnorthwind",
        "demomianorthwind",
    }
)
"""Passwords in the documentation and the demo that zxcvbn does not list, reduced to letters and digits."""

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
CHOOSE = "Choose another, such as four unrelated words."
EXAMPLE = f"This password is a published example. {CHOOSE}"
KEY = "This is an API key, not a password. Choose a password that is used nowhere else."
COMMON = f"This password is one of the most common ones, or similar to one, so attackers try it first. {CHOOSE}"
REPEATED = f"This password repeats the same characters, so it is easy to guess. {CHOOSE}"
SEQUENCE = f"This password is a sequence of neighboring keys, letters or digits, so it is easy to guess. {CHOOSE}"
PERSONAL = (
    "This password is easy to guess from your name, e-mail address or organization, or from the name of this site. "
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
    Returns a sentence that says why the password is easy to guess and what to do, or None if it is hard to guess.

    `words` are the person's own words, from `personal`. A password in full-width, accented or look-alike letters is
    judged in plain letters too, because it is as easy to guess.
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
    Returns the password in plain letters, without invisible characters.

    Accents are removed only from ASCII letters: in other scripts, such as Devanagari, marks carry meaning.
    """
    plain = ""
    for character in unicodedata.normalize("NFKD", password.translate(_LOOKALIKES)).translate(_LOOKALIKES):
        is_accent = unicodedata.category(character) == "Mn" and plain[-1:].isascii()
        if not is_accent and not is_invisible(character):
            plain += character
    return unicodedata.normalize("NFC", plain)


def personal(*texts: str) -> list[str]:
    """
    The guesses that a person's names and addresses allow, in lower case: each text, and the words in it.

    At most 40, and none shorter than 3 characters.
    """
    found = dict.fromkeys(part for text in texts for part in _parts(text))
    return list(found)[:WORDS_AT_MOST]


def _parts(text: str) -> Iterator[str]:
    whole = unicodedata.normalize("NFC", text).casefold()
    words = re.findall(r"[^\W_]+", whole)
    for part in (whole, whole.rpartition("@")[0], "".join(words), *words):
        if len(part) >= WORD_LENGTH_AT_LEAST:
            yield part


def _is_made_of(password: str, words: list[str]) -> bool:
    """
    Whether fewer than LEFT_AT_LEAST letters and digits of the password are left without these words.

    zxcvbn scores two such words in a row as hard to guess.
    """
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
    Returns the part of the password that is scored.

    zxcvbn tries every combination of symbols that may stand for letters, which for a long text with all of them would
    take a second. So in a text of more than 16 characters, only the first 4 different symbols are kept; the others are
    replaced.
    """
    text = password[:SCORED_AT_MOST]
    if len(text) <= _SHORT:
        return text
    kept = set([each for each in dict.fromkeys(text) if each in _LEET][:_LEET_AT_MOST])
    return "".join(_PLAIN if each in _LEET and each not in kept else each for each in text)
