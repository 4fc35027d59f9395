"""Cleans user agents before they are stored. They may contain any text, so everything like a secret is removed."""

import re
from functools import lru_cache
from urllib.parse import unquote

from keys.randomness import looks_random
from keys.text import printable
from keys.token import LIKE_A_KEY
from keys.verification.malformed_rules import VENDORS
from models.usage.caller import USER_AGENT_LENGTH_AT_MOST

READ_AT_MOST = 4 * USER_AGENT_LENGTH_AT_MOST
REMEMBERED = 4096
DIFFERENT_DIGITS_AT_LEAST = 6
KEY, SECRET = "(key)", "(secret)"
_LIKE_A_KEY = re.compile(LIKE_A_KEY + "[0-9A-Za-z]*")
_VENDOR = re.compile(rf"(?<![0-9A-Za-z])(?:{'|'.join(VENDORS.values())})[0-9A-Za-z._/+=-]{{12,}}")
_PASSWORD = re.compile(r"(?<=://)[^\s/@]{1,256}:[^\s/@]{1,256}(?=@)")
_TOKEN = re.compile(r"[0-9A-Za-z_+/=-]{20,}")
_LETTERS = re.compile(r"[0-9A-Za-z]+")
_HEXADECIMAL = re.compile(r"[0-9A-Fa-f]{48,}")
_BYTES = re.compile(r"(?:(?<![0-9A-Za-z])(?:0x)?[0-9A-Fa-f]{2,3}[^0-9A-Za-z]{1,3}){24,}[0-9A-Fa-f]{0,3}")


@lru_cache(maxsize=REMEMBERED)
def cleaned(sent: bytes) -> str:
    """
    Returns the text that is stored: only visible characters, shortened, without anything like a key or other secret.

    Takes time linear in the length of the text, whatever it contains, because it is called for each caller.
    """
    text = sent[:READ_AT_MOST].decode("utf-8", "replace")
    # Invisible characters are removed first, because they may be in the middle of a key.
    seen = printable(text)
    if "%" in seen and _without_secrets(plain := printable(unquote(unquote(seen)))) != plain:
        seen = plain
    return _without_secrets(seen)[:USER_AGENT_LENGTH_AT_MOST].strip()


def _without_secrets(text: str) -> str:
    text = _LIKE_A_KEY.sub(KEY, text)
    text = _VENDOR.sub(SECRET, text)
    text = _PASSWORD.sub(SECRET, text)
    text = _BYTES.sub(SECRET, text)
    return _TOKEN.sub(lambda token: SECRET if _is_secret(token[0]) else token[0], text)


def _is_secret(token: str) -> bool:
    """Whether a token looks random, or has as many hexadecimal digits as a digest."""
    digits = _HEXADECIMAL.search(token)
    if digits is not None and len(set(digits[0])) >= DIFFERENT_DIGITS_AT_LEAST:
        return True
    return any(map(looks_random, _LETTERS.findall(token)))
