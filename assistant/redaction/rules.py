"""Rules that find credentials: the words and marks before a credential, and what the credential must look like."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

from assistant.redaction.encodings import BASE64_FOR_ADDRESSES
from assistant.redaction.finding import Kind
from assistant.redaction.randomness import is_hexadecimal, looks_made_up

VALUE = r"""(?:\\?"(?P<a>[^"\n\\]{1,300})|\\?'(?P<b>[^'\n\\]{1,300})|(?P<c>[^\s"'`&;,<>()\\]{1,300}))"""
"""A value after a name: between quotes (`a`, `b`), or up to what ends a value in a program (`c`)."""
ARGUMENT = r"""(?:"(?P<a>[^"\n]{1,300})"|'(?P<b>[^'\n]{1,300})'|(?P<d>[^\s"'`|;]{1,300}))"""
"""An argument on a command line."""
SURE = (
    r"pass(?:word|wd|phrase|wort|code)|(?<![a-z])pass|(?<!old)pwd(?!=[/~])|kennwort|contrase[nñ]a|mot de passe"
    r"|(?<![a-z])mdp|senha|palavra[- ]passe|パスワード|暗証番号|密[码碼]|口令"
)
"""Words for a password in the languages that the assistant understands."""
RUN = re.compile(r"[0-9A-Za-z]++")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_SIGN = re.compile(r"[!#$%&*+=?@^~|\\<>{}\[\]]")


@dataclass(frozen=True, slots=True)
class Rule:
    """
    A rule that finds credentials.

    `pattern` matches the credential with what precedes it; it is searched for only if one of `words` occurs in the
    text. `wanted` decides whether the matched text looks like a credential.
    """

    kind: Kind
    words: tuple[str, ...]
    pattern: re.Pattern[str]
    wanted: Callable[[str], bool]


def rule(kind: Kind, words: str, pattern: str, wanted: Callable[[str], bool]) -> Rule:
    """Makes a rule. `words` are separated by bars; `pattern` has the credential in one of the groups a, b, c and d."""
    return Rule(kind, tuple(words.split("|")), re.compile(pattern, re.IGNORECASE | re.MULTILINE), wanted)


def anything(value: str) -> bool:
    """Accepts any text."""
    return True


def something(value: str) -> bool:
    """Accepts a text of at least 4 characters."""
    return len(value) >= 4


def with_digits(value: str) -> bool:
    """Accepts a text of at least 6 characters with digits, but not only digits."""
    return len(value) >= 6 and any(map(str.isdigit, value)) and not value.isdigit()


def like_a_password(value: str) -> bool:
    """Accepts a text that is not a word of a sentence, because it has digits or signs, or looks random."""
    if len(value) < 4:
        return False
    has_letters, has_digits = any(map(str.isalpha, value)), any(map(str.isdigit, value))
    if has_digits and (len(value) >= 6 or not has_letters):
        return True
    if RUN.search(value) is None:
        return False
    return _SIGN.search(value) is not None or any(len(run) >= 6 and looks_made_up(run) for run in RUN.findall(value))


def made_up(value: str) -> bool:
    """Accepts a UUID, and a text of at least 8 characters that looks random or has a long hexadecimal part."""
    if _UUID.fullmatch(value):
        return True
    return len(value) >= 8 and any(
        looks_made_up(run) or (len(run) >= 12 and is_hexadecimal(run)) for run in RUN.findall(value)
    )


def basic(value: str) -> bool:
    """
    Accepts base64 with a colon in its content, as in HTTP Basic credentials, and texts that look random.

    What is not base64 may be a word after "Basic", or credentials that were cut short.
    """
    try:
        content = base64.b64decode(value.translate(BASE64_FOR_ADDRESSES) + "=" * (-len(value) % 4))
    except binascii.Error:
        return looks_made_up(value)
    return b":" in content or looks_made_up(value)
