"""The words by which programs and Keydesk itself say why a call failed: one table of signs, one of sentences of"
" ours."""

import re
from typing import NamedTuple

from assistant.intents.causes import Cause, Sign
from keys.verification.malformed import WORDS, WRAPPER_WORDS
from keys.verification.malformed_rules import FormatError


class SignPattern(NamedTuple):
    """What shows a sign. `needs` are lower-case words of which one is in every text that matches."""

    sign: Sign
    needs: tuple[str, ...]
    regex: re.Pattern[str]
    only_pasted: bool
    """Whether it counts only in pasted lines, because a person may write the same words about something else."""


_CAUSE_OF_FORM = {
    FormatError.EMPTY: Cause.MISSING,
    FormatError.NO_VALUE: Cause.MISSING,
    FormatError.VENDOR: Cause.OTHER_ISSUER,
    FormatError.SERVICE_TOKEN: Cause.OTHER_ISSUER,
    FormatError.OPERATOR_TOKEN: Cause.OTHER_ISSUER,
}
_PLACEHOLDER = re.compile(r"\{\w+\}")
_SHORTEST_QUOTE = 17


def _quoted(sentence: str) -> str:
    """The longest part of a sentence without placeholders, in lower case."""
    return max(_PLACEHOLDER.split(sentence), key=len).strip(" .").lower()


OURS: tuple[tuple[str, Cause, FormatError | None], ...] = (
    *(
        (_quoted(sentence), _CAUSE_OF_FORM.get(form, Cause.MALFORMED), form)
        for form, (sentence, _) in (*WORDS.items(), *WRAPPER_WORDS.items())
        if len(_quoted(sentence)) >= _SHORTEST_QUOTE
    ),
    ("the request contains no key", Cause.MISSING, None),
    ("authorization says bearer, but no key comes after it", Cause.MISSING, None),
    ("the scheme of authorization is not bearer", Cause.MALFORMED, None),
    ("authorization is there more than once", Cause.MALFORMED, FormatError.SEVERAL),
    ("x-api-key is there more than once", Cause.MALFORMED, FormatError.SEVERAL),
    ("authorization and x-api-key carry different keys", Cause.MALFORMED, FormatError.SEVERAL),
    ("this key was not issued here in this form", Cause.UNKNOWN, None),
    ("this key was deleted.", Cause.DELETED, None),
    ("this key has a new secret, and the secret that was sent no longer works", Cause.REPLACED, None),
    ("this key is valid, but not for the agent", Cause.WRONG_AGENT, None),
    ("this key is valid for one agent only", Cause.WRONG_AGENT, None),
    ("this key is valid, but x-agent-id", Cause.WRONG_AGENT, None),
    ("this key has used its quota of", Cause.QUOTA, None),
    ("the key could not be checked just now", Cause.UNAVAILABLE, None),
)
"""Sentences of our answers, in lower case, each with its cause and what is wrong with the form. A test compares"
" them."""

_NAME = r"\b(?=\w{0,50}(?:key|token|secret|auth|bearer|credential))[A-Za-z_]\w{1,60}+"
"""The name of a variable for a key. The run is possessive, so that a text of such words takes linear time."""
_VALUE_NAME = r"\b(?=\w{0,50}(?:key|token|secret|bearer))[A-Za-z_]\w{1,60}+"
_NO_VALUE = r"(?:undefined|null|none|nil|nan|<nil>|<empty>|<unset>|\(empty\)|\(null\)|not set)"
_VARIABLE = r"(?:[A-Za-z_$][\w.$>\[\]'\"()-]{0,60})"
_TABLE: tuple[tuple[Sign, str, str, bool], ...] = (
    # ------------------------------------------------------------------------------------------------ no key arrived
    (
        Sign.EMPTY_VARIABLE,
        "key token secret auth bearer credential",
        rf"(?i:^(?:- |export |set |setx |env |\$env:|>>> )?{_NAME} ?(?:= ?(?:\"\"|''|{_NO_VALUE})?|: ?(?:\"\"|''"
        rf"|{_NO_VALUE}))[,;]?\s*$)"
        rf"|(?i:\bname: ?{_NAME}\n ?value: ?(?:\"\"|'')?\s*$)",
        True,
    ),
    (
        Sign.EMPTY_VARIABLE,
        "undefined null none nil empty set 0 blank keyerror",
        rf"(?i:\bbearer[ '\"+:=]{{1,4}}{_NO_VALUE}\b|\bx-api-key['\"]? ?[:=] ?['\"]?{_NO_VALUE}\b)"
        rf"|(?i:\b(?:process\.env|import\.meta\.env|os\.environ|os\.getenv|getenv)\b[^\n]{{0,60}}"
        rf"(?: is| are| returns?| gives?| was| ?=>| ?->| ?==?|:) ?{_NO_VALUE}\b)"
        rf"|(?i:{_VALUE_NAME}[^\n,;{{}}]{{0,30}}(?: is| was| returns| ?==?|:| logs?| prints?) ?(?:{_NO_VALUE}\b"
        rf"|empty\b|''|\"\"))"
        r"|\$\{#\w{1,60}\}[^\n]{0,30}\b0\b"
        r"|(?i:\bthe \"?[A-Z0-9_]{2,40}\"? variable is not set\b|defaulting to a blank string"
        r"|\bKeyError: ['\"]\w{0,40}(?:key|token|secret))",
        False,
    ),
    (
        Sign.DROPPED_ON_THE_WAY,
        "proxy_set_header requestheader",
        r"(?i:proxy_set_header\s{1,3}(?:authorization|x-api-key)\s{1,3}(?:\"\"|''|\$empty)"
        r"|requestheader unset authorization)",
        False,
    ),
    (
        Sign.WRONG_ARGUMENT,
        "header=",
        r"(?i:\b(?:get|post|put|patch|delete|request)\([^\n]{0,160}\bheader=)",
        False,
    ),
    (
        Sign.OTHER_HEADER,
        "key token auth",
        r"(?i:['\"](?:api-?_?key|apikey|x-apikey|x-key|x-token|x-auth|x-auth-token|access-token|auth-token|token"
        r"|api-token"
        r"|x-api-token|api_token)['\"]\s?(?:=>|:|=|,)\s?(?:['\"]?\$|process\.env|os\.environ|\[key"
        r"|[a-z_$][\w.]{0,40}(?:key|token))"
        r"[^\n]{0,60})",
        False,
    ),
    # --------------------------------------------------------------------------------- what arrived has another form
    (
        Sign.LINE_BREAK,
        "header illegal invalid newline new-line carriage line break return char crlf lf",
        r"(?i:invalid leading whitespace, reserved character|invalid (?:header )?value b?['\"]|illegal header value"
        r"|invalid character in header content|err_invalid_char|invalid header field value|invalid header value"
        r"|unexpected char 0x0?[ad]\b|newline, carriage return|newline or carriage return"
        r"|new-?line characters? (?:are|is) not"
        r"|illegal character\(?s?\)? in message header|not a legal http header value"
        r"|not a valid http header (?:field )?value"
        r"|is not valid header value|is an invalid header value|invalidheadervalue|invalidheader\b"
        r"|cannot include cr/?lf"
        r"|failed to parse header value|header (?:field )?value (?:is not|contains? (?:an? )?(?:invalid|illegal"
        r"|forbidden))"
        r"|header contains invalid characters|bare (?:cr|lf)\b)"
        r"|(?i:(?:bearer |key|token|secret)[^\n'\"]{0,30}\[key[^\]\n]{0,40}\](?:\\r)?\\n)",
        False,
    ),
    (
        Sign.LINE_BREAK,
        "\\n \\r ^m crlf 0d 0a",
        r"\[key[^\]\n]{0,40}\](?:\\r\\n|\\n|\\r|\^M|%0[aAdD])|\^M\$?\s*$",
        False,
    ),
    (
        Sign.NOT_ASCII,
        "latin-1 ascii bytestring iso-8859 \\u feff",
        r"(?i:'(?:latin-?1|ascii)' codec can't encode|cannot convert (?:argument|value) to (?:a )?bytestring"
        r"|(?:non|not) iso-8859-1|request headers must contain only ascii|string contains non[ -]iso-8859-1|\\ufeff)",
        False,
    ),
    (
        Sign.BEARER_WITHOUT_SPACE,
        "bearer",
        rf"(?i:['\"`]bearer['\"]\s?[+.&,]{{1,2}}\s?{_VARIABLE}|['\"`]bearer[{{$]|\bbearer\[key\b|['\"]bearer%s)",
        False,
    ),
    (
        Sign.NO_BEARER,
        "authorization",
        r"(?i:['\"]authorization['\"]\s?(?:=>|:|,|\]\s?=)\s?(?!['\"`]|f['\"]"
        r"|bearer)[\w.$>\[\]'\"(-]{0,50}key\b[\])'\"]{0,3}\s?[)},;\n]"
        r"|['\"]authorization['\"]\s?(?:=>|:|,)\s?['\"`]?\$\{?\w{1,40}\}?['\"`]?\s?[)}\],\n]"
        r"|-H\s?['\"]authorization:\s?\$\{?\w{1,40}\}?['\"])",
        False,
    ),
    (
        Sign.OTHER_SCHEME,
        "token basic apikey api-key",
        rf"(?i:['\"`](?:token|basic|apikey|api-key|key) ['\"]\s?[+.&]\s?{_VARIABLE}"
        r"|['\"`](?:token|basic|apikey|api-key|key) \$?\{)",
        False,
    ),
    (
        Sign.BEARER_IN_X_API_KEY,
        "x-api-key",
        r"(?i:x-api-key['\"]?\s?(?::|=>|=|,)\s?[f$]?['\"`]?bearer\b)",
        False,
    ),
    (
        Sign.VARIABLE_NOT_REPLACED,
        "authorization x-api-key",
        r"(?i:'(?:authorization:\s?bearer|x-api-key:)\s{0,3}\$\{?\w{1,40}\}?'"
        r"|\b(?:bearer|x-api-key:)\s{1,3}(?:\$\{?\w{1,40}\}?|\{\{\s?\w{1,40}\s?\}\}|%\w{1,40}%"
        r"|<your[\w -]{0,30}>)\s*$)",
        True,
    ),
    # ------------------------------------------------------------------------------------- limits, in others' words
    (
        Sign.USED_UP,
        "quota",
        r"(?i:insufficient_quota|exceeded your current quota|quota[ _]?exceeded(?:exception|error)?\b|quotaexceeded"
        r"|(?:daily|monthly|request) quota (?:is |was |has been )?(?:exceeded|used up|exhausted|reached))",
        False,
    ),
    (
        Sign.TOO_FAST,
        "ratelimit rate limit rate_limit throttl requests per",
        r"(?i:\bratelimit(?:error|ed|exceeded|exception)|rate_limit(?:ed|_error|_exceeded)|\brate limit (?:is "
        r"|was )?(?:exceeded|reached)"
        r"|throttling(?:exception|error)|throttled\b|requests per (?:second|minute) exceeded)",
        True,
    ),
    # ------------------------------------------------------------------------- the request never reached us, or others
    (
        Sign.NAME_NOT_FOUND,
        "enotfound eai_again getaddrinfo resol host name_not_resolved nodename name or service",
        r"(?i:\benotfound\b|\beai_again\b|getaddrinfo|name or service not known|temporary failure in name resolution"
        r"|nameresolutionerror|could ?n[o']t resolve (?:host|the host|proxy)|unknownhostexception|no such host(?:\b"
        r"| is known)"
        r"|nodename nor servname|\berr_name_not_resolved\b|dns_probe|failed to resolve|curl: \(6\)"
        r"|name resolution failed"
        r"|the remote name could not be resolved|nxdomain)",
        False,
    ),
    (
        Sign.TLS,
        "certificate ssl tls cert x509 pkix eproto curl: self signed self-signed handshake",
        r"(?i:certificate[ _]verify[ _]failed|\bsslerror\b|ssl(?:handshake|certverification"
        r"|peerunverified)(?:exception|error)"
        r"|cert_has_expired|unable_to_(?:verify|get)_\w{1,40}|depth_zero_self_signed|self[ _-]signed[ _-]cert|x509:"
        r"|pkix path|curl: \((?:35|51|58|60|77)\)|wrong version number|\beproto\b|err_(?:cert|ssl)_\w|err_tls_cert"
        r"|the ssl connection could not be established|ssl routines|tls handshake (?:failed|failure|timeout|error)"
        r"|remote certificate (?:is|was) (?:invalid|rejected)|hostname mismatch|altnames|certificate (?:has"
        r"|is) expired"
        r"|unknown ca\b|unsupported protocol version)",
        False,
    ),
    (
        Sign.PROXY,
        "proxy tunnel 407",
        r"(?i:proxyerror|proxy authentication required|tunnel connection failed|connect tunnel failed|err_proxy"
        r"|err_tunnel"
        r"|cannot connect to proxy|unable to connect to proxy|\b407 proxy|proxyconnect tcp|curl: \(5\))",
        False,
    ),
    (
        Sign.NOT_CONNECTED,
        "econn refused reset hang connect reach route epipe closed retries empty reply aborted unreach curl:"
        " disconnect",
        r"(?i:\beconnrefused\b|\beconnreset\b|\beconnaborted\b|\behostunreach\b|\benetunreach\b|\bepipe\b"
        r"|connection (?:was )?"
        r"(?:refused|reset|aborted|closed (?:by|before|unexpectedly))|actively refused|socket hang up|no route to host"
        r"|network is unreachable|newconnectionerror|max retries exceeded with|remotedisconnected|remoteprotocolerror"
        r"|failed to establish a new connection|curl: \((?:7|52|55|56)\)|empty reply from server|connectexception"
        r"|httpx\.connecterror|clientconnectorerror|serverdisconnectederror|err_connection_\w"
        r"|faraday::connectionfailed"
        r"|server closed the connection|unexpected end of (?:stream|file)|broken pipe|und_err_socket"
        r"|failed to connect to)",
        False,
    ),
    (
        Sign.TIMED_OUT,
        "taskcanceled timed timeout time-out time out deadline etimedout curl: (28)",
        r"(?i:\betimedout\b|\besockettimedout\b|(?:read|connect|pool|write|sockettimeout|socket ?|connection"
        r"|request)[ _-]?timeout"
        r"(?:error|exception)?\b|timeoutexception|timeouterror|context deadline exceeded|i/o timeout|curl: \(28\)"
        r"|(?:operation|connection|request|read|connect) timed out|und_err_(?:headers|connect|body)_timeout"
        r"|err_timed_out"
        r"|net::readtimeout|net::opentimeout|timeout of \d{1,8} ?ms exceeded|taskcanceledexception"
        r"|faraday::timeouterror)",
        False,
    ),
    (
        Sign.BROWSER,
        "failed to fetch networkerror load failed err_network err_failed err_blocked network error",
        r"(?i:typeerror: (?:failed to fetch|load failed|networkerror|fetch failed)|\bfailed to fetch\b"
        r"|networkerror when attempting"
        r"|\berr_network\b|net::err_(?:failed|blocked|network|internet)\w{0,30}|axioserror: network error"
        r"|uncaught \(in promise\) typeerror: network)",
        False,
    ),
    (
        Sign.ANOTHER_ANSWERED,
        "openai anthropic doctype html cloudflare awselb amzn microsoft google unexpected token",
        r"(?i:platform\.openai\.com/|incorrect api key provided|api\.openai\.com|api\.anthropic\.com"
        r"|generativelanguage\.googleapis"
        r"|api key not valid\. please pass|<!doctype html|unexpected token '?<|server: ?(?:awselb|cloudfront"
        r"|cloudflare|microsoft-iis)"
        r"|x-amzn-(?:errortype|requestid)|sorry, you have been blocked|attention required! \| cloudflare"
        r"|ocp-apim-|bad credentials\", ?\"documentation_url|invalidaccesskeyid|signaturedoesnotmatch)",
        False,
    ),
    (
        Sign.DOWN,
        "503 502 504 500 bad gateway upstream unavailable",
        r"(?i:\bbadgateway\b|serviceunavailable(?:error|exception)|\b50[0234] (?:server error|internal server"
        r"|bad gateway"
        r"|service (?:temporarily )?unavailable|gateway time)|upstream connect error|no healthy upstream"
        r"|internalservererror)",
        False,
    ),
)
SIGNS = tuple(
    SignPattern(
        sign,
        tuple(words.split()),
        re.compile(pattern, re.MULTILINE),
        only_pasted,
    )
    for sign, words, pattern, only_pasted in _TABLE
)
"""The signs in pasted material, in the order in which they are told."""
