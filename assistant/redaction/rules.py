"""What a rule is by which a credential is found: the words and marks before it, and what it must look like."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

from assistant.redaction.encodings import BASE64_FOR_ADDRESSES
from assistant.redaction.finding import Kind
from assistant.redaction.randomness import is_hexadecimal, looks_made_up

VALUE = r"""(?:\\?"(?P<a>[^"\n\\]{1,300})|\\?'(?P<b>[^'\n\\]{1,300})|(?P<c>[^\s"'`&;,<>()\\]{1,300}))"""
"""After a name: between quotes, or up to what ends a value in a program; only `c` may be a part of a program."""
ARGUMENT = r"""(?:"(?P<a>[^"\n]{1,300})"|'(?P<b>[^'\n]{1,300})'|(?P<d>[^\s"'`|;]{1,300}))"""
"""On a command line."""
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
    What stands before a credential, and what the text there must look like to be taken for one. One of the words must
    occur for the rest to be looked for.
    """

    kind: Kind
    words: tuple[str, ...]
    pattern: re.Pattern[str]
    wanted: Callable[[str], bool]


def rule(kind: Kind, words: str, pattern: str, wanted: Callable[[str], bool]) -> Rule:
    """A rule; its words are divided by bars, its pattern has the credential in the groups a, b, c or d."""
    return Rule(kind, tuple(words.split("|")), re.compile(pattern, re.IGNORECASE | re.MULTILINE), wanted)


def anything(value: str) -> bool:
    """Whatever stands there is a credential."""
    return True


def something(value: str) -> bool:
    """It is long enough for one."""
    return len(value) >= 4


def with_digits(value: str) -> bool:
    """A word with digits in it."""
    return len(value) >= 6 and any(map(str.isdigit, value)) and not value.isdigit()


def like_a_password(value: str) -> bool:
    """No word of a sentence: it has digits, a sign or capital letters in it."""
    if len(value) < 4:
        return False
    has_letters, has_digits = any(map(str.isalpha, value)), any(map(str.isdigit, value))
    if has_digits and (len(value) >= 6 or not has_letters):
        return True
    if RUN.search(value) is None:
        return False
    return _SIGN.search(value) is not None or any(len(run) >= 6 and looks_made_up(run) for run in RUN.findall(value))


def made_up(value: str) -> bool:
    """A generator made it, or a part of it."""
    if _UUID.fullmatch(value):
        return True
    return len(value) >= 8 and any(
        looks_made_up(run) or (len(run) >= 12 and is_hexadecimal(run)) for run in RUN.findall(value)
    )


def basic(value: str) -> bool:
    """A name and a password, or a part of them: what is not base64 is a word after *Basic*, or was cut short."""
    try:
        content = base64.b64decode(value.translate(BASE64_FOR_ADDRESSES) + "=" * (-len(value) % 4))
    except binascii.Error:
        return looks_made_up(value)
    return b":" in content or looks_made_up(value)
