"""
Characters that a reader does not see, and texts without them.

Two places drop more, on purpose: `assistant/redaction/decoding.py` and `assistant/intents/normalize.py` also drop
marks over letters, which can be seen but hide a key or a word from a pattern.
"""

import unicodedata

_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: control, format, surrogate, private use, unassigned, line and paragraph separators."""
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\U0001d159")
"""Unicode calls them letters, marks or symbols, but they draw nothing."""


def is_unprintable(character: str) -> bool:
    """Whether it is a control, format or line separating character, or not a character at all. A space is not."""
    return unicodedata.category(character) in _UNPRINTABLE


def printable(text: str, instead: str = "") -> str:
    """The text without unprintable characters, or with another text in place of each."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(instead if is_unprintable(character) else character for character in text)


def is_invisible(character: str) -> bool:
    """
    Whether it draws nothing and is not white space: unprintable characters, fillers and variation selectors.

    The stricter rule, for texts in which such characters hide something: a name that shows nothing, a key with a
    filler in its middle. Elsewhere fillers and selectors stay, as scripts and emoji are written with them.
    """
    if character.isascii():
        return not character.isprintable() and not character.isspace()
    return (
        is_unprintable(character)
        or character in _BLANKS
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    ) and not character.isspace()


def visible(text: str) -> str:
    """The text without invisible characters; its white space stays."""
    return "".join(character for character in text if not is_invisible(character))
