"""Owns what is kept of a user agent: text from a stranger, which may be anything."""

import re
import unicodedata
from functools import lru_cache

from keys.token import LIKE_A_KEY
from models.caller import USER_AGENT_LENGTH_AT_MOST

READ_AT_MOST = 4 * USER_AGENT_LENGTH_AT_MOST
REMEMBERED = 4096
_LIKE_A_KEY = re.compile(LIKE_A_KEY + "[0-9A-Za-z]*")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@lru_cache(maxsize=REMEMBERED)
def cleaned(sent: bytes) -> str:
    """
    The text as it is kept: what can be seen of it, shortened, and without what looks like a key of ours, should a
    program have put it there.
    """
    text = sent[:READ_AT_MOST].decode("utf-8", "replace")
    # First what can't be seen: it may stand in the middle of a key.
    seen = "".join(character for character in text if unicodedata.category(character) not in _UNSEEN)
    return _LIKE_A_KEY.sub("(key)", seen)[:USER_AGENT_LENGTH_AT_MOST].strip()
