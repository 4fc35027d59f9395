"""Owns what is left of text that people chose where it is shown outside a page: in a mail, on a terminal."""

import unicodedata

_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_LINE_ENDS = str.maketrans({"\r": "\n", "\u2028": "\n", "\u2029": "\n", "\t": " "})


def plain(text: str) -> str:
    """Without what can't be seen, line ends aside: control, format, surrogate, private and unassigned characters."""
    text = text.replace("\r\n", "\n").translate(_LINE_ENDS)
    return "".join(each for each in text if each == "\n" or unicodedata.category(each) not in _DROPPED)


def one_line(text: str) -> str:
    """The same on one line, which begins nothing new."""
    return " ".join(plain(text).split())


def shortened(text: str, length_at_most: int) -> str:
    """The text, with an ellipsis where it was longer."""
    return text if len(text) <= length_at_most else text[: length_at_most - 1].rstrip() + "…"
