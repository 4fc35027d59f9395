"""Makes text that people chose harmless where it is shown outside a page: in a mail, on a terminal."""

from keys.text import printable

_LINE_ENDS = str.maketrans({"\r": "\n", "\u2028": "\n", "\u2029": "\n", "\t": " "})


def plain(text: str) -> str:
    """The text without unprintable characters. Each kind of line end becomes a plain one, a tab a space."""
    text = text.replace("\r\n", "\n").translate(_LINE_ENDS)
    return "\n".join(printable(line) for line in text.split("\n"))


def one_line(text: str) -> str:
    """The plain text on one line, so that none of it looks like a new part of the mail."""
    return " ".join(plain(text).split())


def shortened(text: str, length_at_most: int) -> str:
    """The text, with an ellipsis where it was longer."""
    return text if len(text) <= length_at_most else text[: length_at_most - 1].rstrip() + "…"
