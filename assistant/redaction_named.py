"""Owns the credentials that are told by what stands before them: a header, an option, *password* and other names."""

import base64
import binascii
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from assistant.redaction_chance import is_hexadecimal, looks_made_up
from assistant.redaction_encodings import BASE64_FOR_ADDRESSES
from assistant.redaction_found import MARKERS, Found, Kind
from assistant.redaction_views import View
from keys.form import recognise
from keys.form_rules import Fault

_VALUE = r"""(?:\\?"(?P<a>[^"\n\\]{1,300})|\\?'(?P<b>[^'\n\\]{1,300})|(?P<c>[^\s"'`&;,<>()\\]{1,300}))"""
_PHRASES = r"pass(?:word|wd|phrase|wort)|(?<![a-z])pass|pwd|kennwort|contraseña|mot de passe|senha|パスワード|密码"
_SURE = rf"{_PHRASES}|secret(?:[-_. ]?(?:access[-_. ]?)?key)?|private[-_. ]?key"
_LIKELY = (
    r"(?:api|access|auth|account)[-_. ]?key|token|credentials?|authorization|session(?:[-_ ]?id)?|signature"
    r"|(?<![a-z])sig"
)
_EQUALS = r"[\"'\\]{0,3}\s{0,3}(?:=>|:=|=)\s{0,3}"
_COLON = r"[\"'\\]{0,3}\s{0,3}:\s{0,3}"
_RUN = re.compile(r"[0-9A-Za-z]++")


def _anything(value: str) -> bool:
    return True


def _something(value: str) -> bool:
    return len(value) >= 4


def _with_digits(value: str) -> bool:
    return len(value) >= 6 and any(map(str.isdigit, value)) and not value.isdigit()


def _made_up(value: str) -> bool:
    return len(value) >= 8 and any(
        looks_made_up(run) or (len(run) >= 12 and is_hexadecimal(run)) for run in _RUN.findall(value)
    )


def _basic(value: str) -> bool:
    """A name and a password, or a part of them: what is no base64 is a word after *Basic*, or was cut short."""
    try:
        content = base64.b64decode(value.translate(BASE64_FOR_ADDRESSES) + "=" * (-len(value) % 4))
    except binascii.Error:
        return looks_made_up(value)
    return b":" in content or looks_made_up(value)


@dataclass(frozen=True, slots=True)
class _Rule:
    """
    What stands before a credential, and what the text there must look like to be taken for one. One of the words must
    occur for the rest to be looked for.
    """

    kind: Kind
    words: tuple[str, ...]
    pattern: re.Pattern[str]
    wanted: Callable[[str], bool]


def _rule(kind: Kind, words: str, pattern: str, wanted: Callable[[str], bool]) -> _Rule:
    return _Rule(kind, tuple(words.split("|")), re.compile(pattern, re.IGNORECASE | re.MULTILINE), wanted)


_SURE_WORDS = "pass|pwd|kennwort|contraseña|senha|パスワード|密码|secret|private"
_LIKELY_WORDS = "key|token|credential|authorization|session|sig"
RULES: tuple[_Rule, ...] = (
    _rule(Kind.PASSWORD, "://", r"://[^\s/:@\"'<>]{0,100}:(?P<a>[^\s/@\"'<>]{1,200})@", _anything),
    _rule(
        Kind.PASSWORD,
        "-u|-a|--user|--proxy-user",
        r"(?<!\S)(?:-u|-a|--user|--auth|--proxy-user)[= ]?[\"']?[^\s:\"']{1,100}:(?P<a>[^\s\"']{1,200})",
        _anything,
    ),
    _rule(Kind.PASSWORD, "basic", r"(?<![a-z])basic[ +]{1,3}(?P<a>[0-9A-Za-z+/_-]{4,}={0,2})", _basic),
    _rule(
        Kind.COOKIE,
        "cookie",
        r"cookie[\"']?\s{0,3}:\s{0,3}[\"']?(?P<a>[^\s=;,\"']{1,64}=[^\s;\"']*+(?:;[^\"'\n]*+)?)",
        _anything,
    ),
    _rule(
        Kind.COOKIE,
        "-b|--cookie",
        r"(?<!\S)(?:-b|--cookie)[= ][\"']?(?P<a>[^\s=;,\"']{1,64}=[^\"'\n]*+)",
        _anything,
    ),
    _rule(
        Kind.COOKIE,
        "cookie",
        r"\"name\":\s{0,3}\"(?:set-)?cookie\",\s{0,30}\"value\":\s{0,3}\"(?P<a>[^\"\n]{4,}+)",
        _anything,
    ),
    _rule(Kind.PASSWORD, _SURE_WORDS, rf"(?:{_SURE}){_EQUALS}{_VALUE}", _something),
    _rule(
        Kind.PASSWORD,
        _SURE_WORDS,
        rf"(?:{_SURE})\\?[\"']\s{{0,3}}:\s{{0,3}}(?=\\?[\"']){_VALUE}",
        _something,
    ),
    _rule(Kind.PASSWORD, _SURE_WORDS, rf"(?:{_SURE}){_COLON}{_VALUE}", _with_digits),
    _rule(
        Kind.PASSWORD,
        _SURE_WORDS,
        rf"^\W{{0,5}}(?:\w{{1,20}}[ _-]){{0,2}}(?:{_PHRASES}){_COLON}(?P<a>[^\s\"'<>]{{6,300}})[ \t]*$",
        _something,
    ),
    _rule(Kind.PASSWORD, _SURE_WORDS, rf"(?:{_SURE})\s+(?:is|was|ist|war|est|es|é|era)\s+{_VALUE}", _with_digits),
    _rule(Kind.PASSWORD, "--", rf"--(?:{_SURE})\s+{_VALUE}", _something),
    _rule(Kind.TOKEN, _LIKELY_WORDS, rf"(?:{_LIKELY})(?:{_EQUALS}|{_COLON}){_VALUE}", _made_up),
    _rule(Kind.TOKEN, "bearer|token", rf"(?<![a-z0-9])(?:bearer|token)[:=]?\s{{1,3}}{_VALUE}", _made_up),
    _rule(
        Kind.SECRET,
        "value",
        r"\"name\":\s{0,3}\"[\w-]{0,40}(?:key|token|secret|password)\",\s{0,30}\"value\":\s{0,3}\"(?P<a>[^\"\n]{4,300})",
        _made_up,
    ),
)
_NO_SECRETS = frozenset({Fault.EMPTY, Fault.NO_VALUE, Fault.PLACEHOLDER, Fault.ID, Fault.ADDRESS, Fault.HINT})
_CODE = re.compile(
    r"[A-Za-z_]\w*+(?:\.\w++)*+[(\[]"
    r"|[A-Za-z_]*[a-z](?:[._][A-Za-z_]+)+(?![^\s\"'&;,<>()])"
    r"|(?<=[=:] )[a-z]+(?![^\s,;:)])"
)
"""Without quotes, in a program: a call, a name with dots or underscores, or a small word after a space."""
_STAND_IN = re.compile(r"(?i:(?:your|my|new|old|the)?[-_ ]?(?:pass(?:word|wd)?|pw|secret|token|true|false|str|string))")
_NAME_AND_PASSWORD = re.compile(r"[\w.@+-]{1,64}:[^\s:]{4,200}")
_SCHEME = re.compile(r"(?:bearer\s{1,3}){0,3}", re.IGNORECASE)
"""Before a header's credential: it stays, since how often it stands there may be what is wrong."""
_VARIABLE = re.compile(r"[$%{]|process\.env|os\.environ|getenv|import\.meta")


def named(view: View, prefixes: Collection[str]) -> Iterator[Found]:
    """Passwords, tokens and cookies, by the word, the header or the option before them."""
    small = view.text.lower()
    for rule in RULES:
        if not any(word in small for word in rule.words):
            continue
        for match in rule.pattern.finditer(view.text):
            group = match.lastgroup or "a"
            scheme = _SCHEME.match(match[group])
            start = match.start(group) + (0 if scheme is None else scheme.end())
            value = view.text[start : match.end(group)]
            value = value if rule.wanted is _anything else value.rstrip(".,;:!?")
            if _STAND_IN.fullmatch(value) or (group == "c" and _CODE.match(view.text, match.start(group))):
                continue
            if value and rule.wanted(value) and not _is_no_secret(value, prefixes):
                yield Found(*view.span(start, start + len(value)), rule.kind, MARKERS[rule.kind])


def credentials(content: View) -> Iterator[Found]:
    """A name and a password, where they are all that something encoded has in it."""
    if _NAME_AND_PASSWORD.fullmatch(content.text):
        yield Found(*content.span(0, len(content.text)), Kind.PASSWORD, MARKERS[Kind.PASSWORD])


def _is_no_secret(value: str, prefixes: Collection[str]) -> bool:
    """What stands for a secret that is not there, or is known to be none."""
    fault = recognise(value, prefixes).fault
    if fault is Fault.VARIABLE:
        return _VARIABLE.match(value) is not None
    if fault is Fault.MASKED:
        return len("".join(_RUN.findall(value))) <= 4
    # Without dashes it may be a vendor's key just as well.
    return fault in _NO_SECRETS or (fault is Fault.UUID and "-" in value)
