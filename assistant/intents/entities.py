"""Finds entities in a message: statuses, codes, request ids, hints, ids, hosts, and mistakes in a header."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, TypeVar

_T = TypeVar("_T")
_AT_MOST = 10
"""The most entities of each kind; nobody asks about more."""


class HeaderMistake(StrEnum):
    """A mistake in how a pasted request sends its key."""

    NO_BEARER = "no-bearer"
    """`Authorization: KEY`, without a scheme."""
    BEARER_TWICE = "bearer-twice"
    OTHER_SCHEME = "other-scheme"
    """`Authorization: Token KEY`, or Basic."""
    BEARER_IN_X_API_KEY = "bearer-in-x-api-key"
    OTHER_HEADER = "other-header"
    """A header with another name, such as `apikey: KEY`."""
    QUOTED = "quoted"
    """Quotes in the header's value."""
    IN_ADDRESS = "in-address"
    """The key is in the URL, where it is never read."""
    NOTHING_SENT = "nothing-sent"
    """After `Bearer` comes nothing, or a program's word for no value."""
    VARIABLE_NOT_REPLACED = "variable-not-replaced"
    """The name of a variable in single quotes, or a placeholder."""


class Entities(NamedTuple):
    """The entities of a message, in order and without duplicates."""

    status_codes: tuple[int, ...]
    request_ids: tuple[str, ...]
    codes: tuple[str, ...]
    """Codes of refusals (`deleted_key`) and of the GraphQL schema (`KeyLimitReached`, `FORBIDDEN`), unchanged."""
    hints: tuple[str, ...]
    """Hints such as kd_Ab3dEf…x9Qz, or their beginning."""
    ids: tuple[str, ...]
    """Ids of keys, agents, organizations and people: key_…, agt_…, org_…, usr_…"""
    hosts: tuple[str, ...]
    header_mistakes: tuple[HeaderMistake, ...]
    has_pasted_key: bool
    has_pasted_other: bool
    """Whether redaction removed a vendor's credential, or another secret that is not a Keydesk key."""


_SURE_STATUS = r"401|403|429|502|503|504"
_STATUS = re.compile(
    rf"(?<![A-Za-z0-9_.,/$€£-])(?:(?<![a-z0-9]:)|(?<=status:)|(?<=code:)|(?<=http:))({_SURE_STATUS})(?![\d.,]\d"
    r"|[A-Za-z_]*\d|:\d|(?:k|ms|[kmg]b|px)\b)"
    r"|(?i:\b(?:status|code|error|http|returns?|returned|response)\b[^\w\n]{0,4}(?:code|status|error|is|of|with|a)?"
    r"[^\w\n]{0,4})([2-5]\d\d)(?![\d.,]\d|[A-Za-z_]*\d)"
    r"|(?i:HTTP/[\d.]{1,3}\"? )([2-5]\d\d)\b"
    r"|(?<![A-Za-z0-9_.])([45]\d\d)(?= (?i:error|fehler|unauthori|forbidden|too many|internal|bad gateway|service un"
    r"|gateway))"
)
_THREE_DIGITS = re.compile(r"[2-5]\d\d")
_PASTED_KEY = re.compile(r"\[key\b[^\]\n]{0,40}\]")
_PASTED_OTHER = re.compile(
    r"\[(?:cookie|password|token|secret|private key|JWT|[A-Z][A-Za-z ]{1,24} (?:key|token|webhook))\]"
)
_REQUEST_ID = re.compile(r"(?i:(?<![a-z0-9])req_[0-9a-z]{4,64})")
_HINT = re.compile(r"(?<![\w\[])([a-z][a-z0-9]{0,11}_[0-9A-Za-z]{2,8})(?:…|\.{2,3})([0-9A-Za-z]{0,6})")
_ID = re.compile(r"(?<![a-z0-9])(?:key|agt|org|usr)_[0-9a-f]{8,40}(?![0-9A-Za-z])")
_HOST = re.compile(
    r"(?i:https?://(?:[^\s/@\"'<>]{0,80}@)?|^host: )([a-z0-9][a-z0-9.-]{0,250}(?::\d{1,5})?)", re.M | re.I
)

UNAVAILABLE = "unavailable"
"""The only refusal code that is also an ordinary word. It counts as a code only where it is written like one."""
_SAID_ALONE = (
    *("missing_key", "malformed_key", "invalid_key", "deleted_key", "replaced_secret", "agent_not_in_scope"),
    *("rate_limited", "quota_exceeded", "gateway_not_allowed"),
)
REFUSALS = (*_SAID_ALONE, UNAVAILABLE)
"""The codes of refusals, repeated here so that this folder does not depend on others. A test compares them."""
_OF_GRAPHQL = (
    *("KeyLimitReached", "ApiKeyNotFound", "InvalidInput", "UNAUTHENTICATED", "PASSWORD_CHANGE_REQUIRED", "FORBIDDEN"),
    *("NOT_FOUND", "RATE_LIMITED"),
)
_CODES: dict[str, str] = (
    {code: code for code in (*_SAID_ALONE, *_OF_GRAPHQL)}
    | {spelling: code for code in _SAID_ALONE for spelling in (code.replace("_", "-"), code.upper())}
    | {"RATE_LIMITED": "rate_limited"}
)
_CODE = re.compile(rf"(?<![\w-])(?:{'|'.join(sorted(map(re.escape, _CODES), key=len, reverse=True))})(?![\w-])")
_UNAVAILABLE = re.compile(r"(?:\"code\"\s*:\s*\"|\bcode:? |errors#)(unavailable)\b")

_VALUE = (
    r"(?:\[[^\]\n]{1,40}\]|<[^>\n]{1,40}>|\$\{?\w{1,40}\}?|[a-z][a-z0-9]{0,11}_[0-9A-Za-z]{2,16}(?:…|\.\.\.)?\w{0,6})"
)
_HEADER = r"(?:^|[\s\"'`{(,])"
_MISTAKES = tuple(
    (mistake, needed.split(), re.compile(pattern, re.IGNORECASE | re.MULTILINE))
    for mistake, needed, pattern in (
        (HeaderMistake.BEARER_TWICE, "bearer", r"\bbearer\s{1,3}bearer\b"),
        (HeaderMistake.NO_BEARER, "authorization", rf"\bauthorization[\"']?\s{{0,3}}[:=]\s{{0,3}}[\"']?{_VALUE}"),
        (
            HeaderMistake.OTHER_SCHEME,
            "authorization",
            rf"\bauthorization[\"']?\s{{0,3}}[:=]\s{{0,3}}[\"']?(?:token|basic|api-?key|key|digest"
            rf"|jwt)[ =]\s{{0,3}}{_VALUE}",
        ),
        (HeaderMistake.BEARER_IN_X_API_KEY, "x-api-key", r"\bx-api-key[\"']?\s{0,3}:\s{0,3}[\"']?bearer\b"),
        (
            HeaderMistake.OTHER_HEADER,
            "key: token: auth: key' token'",
            rf"(?:-H\s{{0,3}}[\"']|--header\s{{0,3}}[\"']|^\s{{0,8}}[>\"']?\s{{0,2}})(?:api-?_?key|x-apikey|x-key"
            rf"|x-token|x-auth-token"
            rf"|auth|token|key|x-keydesk-key)[\"']?\s{{0,3}}:\s{{0,3}}[\"']?(?:bearer )?{_VALUE}",
        ),
        (
            HeaderMistake.QUOTED,
            "bearer x-api-key",
            rf"\b(?:bearer\s{{1,3}}|x-api-key:\s{{0,3}})\\?[\"'“”‘’]\s{{0,2}}{_VALUE}",
        ),
        (HeaderMistake.IN_ADDRESS, "key= token= auth=", rf"[?&][\w-]{{0,12}}(?:key|token|auth)[\w-]{{0,12}}={_VALUE}"),
        (
            HeaderMistake.NOTHING_SENT,
            "bearer x-api-key",
            r"\b(?:authorization[\"']?\s{0,3}:\s{0,3}[\"']?bearer|x-api-key[\"']?\s{0,3}:)"
            r"\s{0,3}(?:[\"'`](?=[\s\"'`,)}]|$)|$|(?:undefined|null|none|nil|nan|false)\b)",
        ),
        (
            HeaderMistake.VARIABLE_NOT_REPLACED,
            "bearer x-api-key",
            r"'(?:authorization: bearer|x-api-key:)\s{0,3}\$\{?\w{1,40}\}?'"
            r"|(?<!f[\"'])\bbearer\s{1,3}(?:\{\{?\w{1,40}\}?\}|%\w{1,40}%|<\w[\w -]{0,30}>|your[_-]?(?:api[_-]?)?key"
            r"|api[_-]?key\b)",
        ),
    )
)


def entities(text: str) -> Entities:
    """Finds the entities in a redacted text in the form that `normalize.plain` makes."""
    pasted = _PASTED_KEY.search(text) is not None
    lower = text.lower()
    return Entities(
        _once(
            int(next(filter(None, found))) for found in (_STATUS.findall(text) if _THREE_DIGITS.search(text) else ())
        ),
        _once(found.lower() for found in _REQUEST_ID.findall(text)),
        _once([_CODES[found] for found in _CODE.findall(text)] + _UNAVAILABLE.findall(text)),
        _once(f"{beginning}…{end}" for beginning, end in _HINT.findall(_PASTED_KEY.sub(" ", text))),
        _once(_ID.findall(text)),
        _once(host.lower() for host in _HOST.findall(text)),
        tuple(
            mistake
            for mistake, needed, pattern in _MISTAKES
            if any(word in lower for word in needed) and pattern.search(text)
        ),
        pasted,
        _PASTED_OTHER.search(text) is not None,
    )


def _once(found: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(found))[:_AT_MOST]
