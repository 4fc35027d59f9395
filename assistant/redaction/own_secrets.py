"""
Finds Keydesk's own secrets besides keys: session cookies, device cookies, one-time passwords, and secret settings.
"""

import re
from collections.abc import Iterator

from assistant.redaction.decoding import View
from assistant.redaction.finding import MARKERS, Found, Kind

_NAMED_COOKIE = re.compile(
    r"(?:__(?:Host|Secure)-)?keydesk_(?:session|device)(?P<before>(?:[\"'\\\s=:+|,;()]|%3D|value\b){1,40}+)"
    r"(?P<a>[0-9A-Za-z._+/=-]{6,})",
    re.IGNORECASE,
)
_SETTING = re.compile(
    r"KEYDESK_[A-Z_]*(?:KEY|TOKEN|PASSWORD|SECRET)S?(?P<before>(?:[\"'\\\s=:|,]|value\b){1,40}+)"
    r"(?P<a>(?!valueFrom)[^\s\"'=:|,\\$<{\[][^\s\"'\\]{5,})"
)
_EQUALS = re.compile(r"[=:+|,]|%3D|value", re.IGNORECASE)
_DEVICE = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32}\.[0-9a-f]{64}(?:\.[0-9a-f]{32}\.[0-9a-f]{64})*(?![0-9A-Za-z])")
DIGITS_AT_LEAST = 6
"""Different digits in a token of 64 digits. A generator almost always uses at least ten: all but one in a million."""
_TOKEN = re.compile(r"(?<![0-9A-Za-z+/=_-])[0-9a-f]{64}(?:[0-9a-f]{2})?(?![0-9A-Za-z+/=_-])")
_DIGEST_BEFORE = re.compile(
    r"(?:sha-?\d{3}|sha3|blake\w*|keccak|digest|checksum|hash|commit|container|image|layer|etag|fingerprint|thumbprint"
    r"|integrity|docker|sum|tree|block|tx\w*|transaction|object|revision)s?\b[^\n]{0,60}\Z",
    re.IGNORECASE,
)
_FILE_AFTER = re.compile(r"[ \t]{1,3}[*-]?[ \t]?[\w./-]*(?:\.\w{1,8}|-)?[ \t]*(?=\n|\Z)")
_MAY_BREAK = r"(?:=?[ \t]*\r?\n[ \t]*(?:[>|│*+\"'#\\-]{1,3}[ \t]*){0,3})?"
"""A link that a mail program has broken over lines, perhaps within a quotation."""
_LINK = re.compile(
    rf"/(?:invitation|reset-?password|enter)\b[^\s#%]{{0,100}}{_MAY_BREAK}(?:#|%23|&#35;|&#x23;)"
    rf"{_MAY_BREAK}(?P<a>[0-9a-f](?:{_MAY_BREAK}[0-9a-f]){{9,39}}+)",
    re.IGNORECASE,
)
"""A link to a page that takes a token in the fragment, also one that was cut short."""
_LINK_TOKEN = re.compile(
    r"(?:invit|einladung|convite|convid|招待|邀请|邀請|reset.(?:link|token|code)|zurücksetz|réinitialis|restablec|redefin|sign.?in|log.?in"
    r"|anmelde|connexion|magic|fragment|link)[^\n]{0,40}?(?<![0-9A-Za-z/#._-])(?P<a>[0-9a-f]{40})(?![0-9A-Za-z_-])",
    re.IGNORECASE,
)
"""The token of a link without the link. A word must precede it, because the id of a commit looks the same."""
_LETTER = "[abcdefghjkmnpqrstuvwxyz2-9]"
_GROUP = f"{_LETTER}{{5}}"
ONE_TIME = re.compile(
    rf"(?<![0-9A-Za-z_-]){_GROUP}(?P<between>[ \t]?[-–—._/,:|+][ \t]?|[ \t]{{1,3}}|\n|){_GROUP}"
    rf"(?P=between){_GROUP}(?P=between){_GROUP}(?![0-9A-Za-z_-])",
    re.IGNORECASE,
)
"""A one-time password: four groups of five, in an alphabet without characters that look alike."""
_PASSWORD_BEFORE = re.compile(
    r"(?i:pass(?:wor[dt]|phrase|e)|one.?time|einmal|temporary|kennwort|contraseña|senha|mot de|パスワード|密[码碼])"
)


def own(view: View) -> Iterator[Found]:
    """Yields Keydesk's own secrets, found by the name before them or by their form."""
    text = view.text
    if "keydesk" in text.lower():
        for pattern, kind in ((_NAMED_COOKIE, Kind.COOKIE), (_SETTING, Kind.TOKEN)):
            for match in pattern.finditer(text):
                if _is_given(match["before"], match["a"]):
                    yield _found(view, match.span("a"), kind)
    yield from (_found(view, match.span(), Kind.COOKIE) for match in _DEVICE.finditer(text))
    for match in _TOKEN.finditer(text):
        if len(set(match[0])) >= DIGITS_AT_LEAST and not _is_digest(text, match):
            yield _found(view, match.span(), Kind.SECRET)
    yield from links(view)
    for match in _LINK_TOKEN.finditer(text):
        if not _is_digest(text, match, "a"):
            yield _found(view, match.span("a"), Kind.TOKEN)
    for match in ONE_TIME.finditer(text):
        if _is_one_time(match) or _PASSWORD_BEFORE.search(text, max(0, match.start() - 60), match.start()):
            yield _found(view, match.span(), Kind.PASSWORD)


def links(view: View) -> Iterator[Found]:
    """Yields the tokens in the links of invitations, forgotten passwords, and sign-ins by a host product."""
    if "/" in view.text:
        yield from (_found(view, match.span("a"), Kind.TOKEN) for match in _LINK.finditer(view.text))


def _is_given(before: str, value: str) -> bool:
    """
    Whether the text after a name is its value.

    After only a space, it may be the next word of a sentence; after a quote that ends the name, it may be program code.
    """
    if not before[0].isspace() and _EQUALS.search(before) is None:
        return False
    return before.strip(" ") != "" or any(map(str.isdigit, value))


def _found(view: View, place: tuple[int, int], kind: Kind) -> Found:
    return Found(*view.span(*place), kind, MARKERS[kind])


def _is_digest(text: str, match: re.Match[str], group: str | int = 0) -> bool:
    """Whether these digits are a digest: a word before them says so, or a file name follows, as sha256sum prints it."""
    start, end = match.span(group)
    before = text[max(0, start - 90) : start].rpartition("\n")[2]
    is_alone = before.strip(" \t>") == ""
    after = _FILE_AFTER.match(text, end)
    return _DIGEST_BEFORE.search(before) is not None or bool(is_alone and after and after[0].strip())


def _is_one_time(match: re.Match[str]) -> bool:
    """
    Whether a match is a one-time password.

    With dashes between the groups, hardly anything else has this form. With spaces or nothing between them, it may be
    words or an id, so more groups must mix digits and letters.
    """
    between = match["between"].strip()
    letters = match[0] if not match["between"] else match[0].replace(match["between"], "")
    groups = [letters[start : start + 5] for start in range(0, 20, 5)]
    mixed = sum(not group.isdigit() and any(map(str.isdigit, group)) for group in groups)
    if letters.isdigit() or not (letters.islower() or letters.isupper() or letters == letters.swapcase()):
        return False
    return mixed >= (1 if between in {"-", "–", "—"} else 2)
