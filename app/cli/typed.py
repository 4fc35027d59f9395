"""Removes secrets that were typed on the command line from error messages."""

import re
from collections.abc import Sequence

from keys.token import LIKE_A_KEY
from models.engine.ids import Prefix, parse_external_id

LONG_CHARACTERS = 20
"""A word of this length with letters and digits counts as a token, unless it is an id."""
LEFT_OUT = "…"
_TOO_MANY = re.compile(r"Got unexpected extra argument\(s\) \(.*\)", re.DOTALL)
_ADVICE = "There are more arguments than this command accepts. Send API keys and passwords on standard input"
_WITH_PASSWORD = re.compile(r"://[^/?#]*:[^/?#]*@|://.*@")


def without_secrets(text: str, typed: Sequence[str]) -> str:
    """
    Returns an error message without the typed arguments that look like a secret.

    Unexpected extra arguments are never repeated, because one of them may be a password, which can look like anything.
    """
    text = _TOO_MANY.sub(_ADVICE, text)
    parts = {part for argument in typed for part in (argument, argument.partition("=")[2], argument.lstrip("-"))}
    for part in sorted(filter(is_like_a_secret, parts), key=len, reverse=True):
        for form in (part, repr(part)[1:-1]):
            text = text.replace(form, LEFT_OUT)
    return text


def is_like_a_secret(text: str) -> bool:
    """Whether a text may be an API key, a URL with a password, or another token."""
    if re.search(LIKE_A_KEY, text) or _WITH_PASSWORD.search(text):
        return True
    is_id = any(parse_external_id(prefix, text) is not None for prefix in Prefix)
    return (
        len(text) >= LONG_CHARACTERS
        and not is_id
        and "@" not in text
        and not any(character.isspace() for character in text)
        and any(character.isdigit() for character in text)
        and any(character.isalpha() for character in text)
    )
