"""Finds credentials by the words before them: headers, options, "password" and other names, in seven languages."""

import re
from collections.abc import Collection, Iterator

from assistant.redaction.clients import CLIENT_RULES
from assistant.redaction.decoding import View
from assistant.redaction.finding import MARKERS, Found, Kind
from assistant.redaction.rules import (
    RUN,
    SURE,
    VALUE,
    Rule,
    anything,
    basic,
    like_a_password,
    made_up,
    rule,
    something,
    with_digits,
)
from keys.verification.malformed import recognize
from keys.verification.malformed_rules import FormatError

_SURE = rf"{SURE}|secret(?:[-_. ]?(?:access[-_. ]?)?key)?|private[-_. ]?key"
_LIKELY = (
    r"(?:api|access|auth|account)[-_. ]?key|token|credentials?|authorization|session(?:[-_ ]?id)?|signature"
    r"|(?<![a-z])sig"
)
_EQUALS = r"[\"'\\]{0,3}\s{0,3}(?:=>|:=|=)\s{0,3}"
_COLON = r"[\"'\\]{0,3}\s{0,3}:\s{0,3}"
_IS = r"(?:\s*(?:は|是|为|為)\s*|\s+(?:is|was|ist|war|lautet|est|était|es|era|é)\s*:?\s+)"
_SAID = r"""(?:["“„«'‘「『](?P<a>[^"”“»'’」』\n]{4,200})["”“»'’」』]|(?P<d>[^\s"“”„«»「」『』]{4,200}))"""
"""A value in a sentence: between quotes, or up to the next space."""
_SURE_WORDS = (
    "pass|pwd|kennwort|contraseña|contrasena|mdp|senha|palavra|パスワード|暗証番号|密码|密碼|口令|secret|private"
)
_LIKELY_WORDS = "key|token|credential|authorization|session|sig"
RULES: tuple[Rule, ...] = (
    *CLIENT_RULES,
    rule(Kind.PASSWORD, "basic", r"(?<![a-z])basic[ +]{1,3}(?P<a>[0-9A-Za-z+/_-]{4,}={0,2})", basic),
    rule(
        Kind.COOKIE,
        "cookie",
        r"cookie[\"']?\s{0,3}:\s{0,3}[\"']?(?P<a>[^\s=;,\"']{1,64}=[^\s;\"']*+(?:;[^\"'\n]*+)?)",
        anything,
    ),
    rule(
        Kind.COOKIE,
        "-b|--cookie",
        r"(?<!\S)(?:-b|--cookie)[= ][\"']?(?P<a>[^\s=;,\"']{1,64}=[^\"'\n]*+)",
        anything,
    ),
    rule(
        Kind.COOKIE,
        "cookie",
        r"\"name\":\s{0,3}\"(?:set-)?cookie\",\s{0,30}\"value\":\s{0,3}\"(?P<a>[^\"\n]{4,}+)",
        anything,
    ),
    rule(Kind.PASSWORD, _SURE_WORDS, rf"(?:{_SURE}){_EQUALS}{VALUE}", something),
    rule(
        Kind.PASSWORD,
        _SURE_WORDS,
        rf"^[ \t]*[\w.-]{{0,60}}(?:{_SURE})[\w.-]{{0,20}}[ \t]+=[ \t]+"
        r"(?P<d>(?![\w.]*[A-Za-z]\.[A-Za-z_]+[ \t]*$)[^\s\"'$<{%][^\n\"'()\[\]{}]{3,200}?)[ \t]*$",
        something,
    ),
    rule(
        Kind.PASSWORD,
        _SURE_WORDS,
        rf"(?:{_SURE})\\?[\"']\s{{0,3}}:\s{{0,3}}(?=\\?[\"']){VALUE}",
        something,
    ),
    rule(Kind.PASSWORD, _SURE_WORDS, rf"(?:{_SURE}){_COLON}{VALUE}", with_digits),
    rule(Kind.PASSWORD, _SURE_WORDS, rf"(?:{SURE})\s{{0,3}}[:：]\s{{0,3}}{_SAID}", like_a_password),
    rule(
        Kind.PASSWORD,
        _SURE_WORDS,
        rf"^\W{{0,5}}(?:\w{{1,20}}[ _-]){{0,2}}(?:{SURE})\s{{0,3}}[:：]\s{{0,3}}(?P<a>[^\s\"'<>]{{6,300}})[ \t]*$",
        something,
    ),
    rule(
        Kind.PASSWORD,
        _SURE_WORDS,
        rf"(?:{SURE})(?:\s+(?:for|of|für|von|zum|vom|pour|de|du|del|da|do|para)(?:\s+\S{{1,40}}){{1,4}}?)?{_IS}{_SAID}",
        like_a_password,
    ),
    rule(
        Kind.PASSWORD,
        _SURE_WORDS,
        rf"(?:{SURE}){_IS}[\"“„«'‘「『](?P<a>[^\"”“»'’」』\n]{{4,200}})[\"”“»'’」』]",
        something,
    ),
    rule(Kind.PASSWORD, _SURE_WORDS, rf"(?:{_SURE})\s+(?:is|was|ist|war|est|es|é|era)\s+{VALUE}", with_digits),
    rule(Kind.PASSWORD, _SURE_WORDS, rf"(?:{SURE})\s+{_SAID}", with_digits),
    rule(
        Kind.TOKEN,
        "authorization",
        r"authorization[\"']?\s{0,3}[:=,]\s{0,3}[\"']?(?!basic|bearer)[a-z][\w-]{0,30}\s{1,3}(?P<a>[^\s\"']{8,500})",
        made_up,
    ),
    rule(Kind.TOKEN, _LIKELY_WORDS, rf"(?:{_LIKELY})(?:{_EQUALS}|{_COLON}){VALUE}", made_up),
    rule(
        Kind.TOKEN,
        "token|secret",
        r"(?<![\w-])(?:x|http)[-_][\w-]{0,40}(?:token|secret)[\"']?\s{0,3}[:=]\s{0,3}[\"']?"
        r"(?P<a>[^\s\"'`&;,<>()\\]{10,300})",
        with_digits,
    ),
    rule(Kind.TOKEN, "bearer|token", rf"(?<![a-z0-9])(?:bearer|token)[:=]?\s{{1,3}}{VALUE}", made_up),
    rule(
        Kind.SECRET,
        "value",
        r"\"name\":\s{0,3}\"[\w-]{0,40}(?:key|token|secret|password)\",\s{0,30}\"value\":\s{0,3}\"(?P<a>[^\"\n]{4,300})",
        made_up,
    ),
)
_WORDS = tuple({word for each in RULES for word in each.words})
_NO_SECRETS = frozenset(
    {
        FormatError.EMPTY,
        FormatError.NO_VALUE,
        FormatError.PLACEHOLDER,
        FormatError.ID,
        FormatError.ADDRESS,
        FormatError.HINT,
    }
)
_CODE = re.compile(
    r"[A-Za-z_]\w*+(?:\.\w++)*+[(\[]"
    r"|[A-Za-z_]*[a-z](?:[._][A-Za-z_]+)+(?![^\s\"'&;,<>()])"
    r"|(?<=[=:] )[a-z]+(?![^\s,;:)])"
)
"""Program code instead of a value: a call, a name with dots or underscores, or a lower-case word after a space."""
_STAND_IN = re.compile(
    r"(?i:(?:your|my|new|old|the)?[-_ ]?(?:pass(?:word|wd)?|pw|secret|token|true|false|str|string)|[*x.•…-]+"
    r"|argon2\w{0,2}|bcrypt|scrypt|pbkdf2|sha-?\d{1,3}|md5|oauth2|base64)"
)
_NAME_AND_PASSWORD = re.compile(r"[\w.@+-]{1,64}:[^\s:]{4,200}")
_SCHEME = re.compile(r"(?:bearer\s{1,3}){0,3}", re.IGNORECASE)
"""The scheme before a header's credential. It stays in the text, because a repeated scheme may be the problem."""
_VARIABLE = re.compile(
    r"%|\{(?!S?SHA)|\$(?!(?:\d\w?|apr1|y|argon2\w*|scrypt)\$)|process\.env|os\.environ|getenv|import\.meta"
)


def named(view: View, prefixes: Collection[str]) -> Iterator[Found]:
    """Yields passwords, tokens and cookies that follow a certain word, header or option."""
    small = view.text.lower()
    here = {word for word in _WORDS if word in small}
    for each in RULES:
        if here.isdisjoint(each.words):
            continue
        for match in each.pattern.finditer(view.text):
            group = match.lastgroup or "a"
            scheme = _SCHEME.match(match[group])
            start = match.start(group) + (0 if scheme is None else scheme.end())
            value = view.text[start : match.end(group)]
            value = value if each.wanted is anything else value.rstrip(".,;:!?)。、，")
            if _STAND_IN.fullmatch(value) or (group == "c" and _CODE.match(view.text, match.start(group))):
                continue
            if value and each.wanted(value) and not _is_no_secret(value, prefixes):
                yield Found(*view.span(start, start + len(value)), each.kind, MARKERS[each.kind])


def credentials(content: View) -> Iterator[Found]:
    """Yields a user name and password if they are the whole content of a decoded text."""
    if _NAME_AND_PASSWORD.fullmatch(content.text):
        yield Found(*content.span(0, len(content.text)), Kind.PASSWORD, MARKERS[Kind.PASSWORD])


def _is_no_secret(value: str, prefixes: Collection[str]) -> bool:
    """Whether the value only stands for a secret, such as a variable or a placeholder, or is known not to be one."""
    error = recognize(value, prefixes).error
    if error is FormatError.VARIABLE:
        return _VARIABLE.match(value) is not None
    if error is FormatError.MASKED:
        return len("".join(RUN.findall(value))) <= 4
    return error in _NO_SECRETS
