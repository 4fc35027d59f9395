"""
The causes that a writer tells of a failing call, and how they are put together.

A cause is what the message says or plainly shows, not what the records say: the diagnosis compares both. Rules read
causes from pasted blocks (`blocks.shown`) and from sentences (`cause_sentences.told_in_prose`). A classifier may add
likely ones.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from keys.verification.malformed_rules import FormatError


class Cause(StrEnum):
    """Why a call fails, as its writer tells it."""

    MISSING = "missing"
    """No key arrived: an empty variable, a header that was not sent, or that a proxy or a redirect dropped."""
    MALFORMED = "malformed"
    """A key arrived that is not whole or is dressed up: quotes, a newline, another scheme or header, cut short."""
    UNKNOWN = "unknown"
    """Well formed, but nobody knows it."""
    OTHER_ISSUER = "other-issuer"
    """Another vendor's, installation's or environment's key, or a token of something else."""
    DELETED = "deleted"
    """Somebody deleted or revoked the key."""
    REPLACED = "replaced"
    """The key was rotated, and the old secret is still used somewhere."""
    WRONG_AGENT = "wrong-agent"
    """The key is for another agent, or lacks the scope for what is called."""
    RATE = "rate"
    """Too many requests in a short time."""
    QUOTA = "quota"
    """The quota is used up."""
    NETWORK = "network"
    """Client, name server, TLS, proxy, firewall, CORS, another host: the request never reached us."""
    UNAVAILABLE = "unavailable"
    """An outage of ours: 5xx."""


class Sign(StrEnum):
    """What in a message shows a cause. A sign of a malformed key says what is wrong with it, too."""

    CODE = "code"
    """A code of ours, or the sentence of ours that goes with it."""
    EMPTY_VARIABLE = "empty-variable"
    NOT_SENT = "not-sent"
    DROPPED_ON_THE_WAY = "dropped-on-the-way"
    """A proxy, a web server or a redirect drops the header."""
    WRONG_ARGUMENT = "wrong-argument"
    """The headers are given to the library under a name that it does not read."""
    OTHER_HEADER = "other-header"
    """The key is in a header with another name."""
    IN_ADDRESS = "in-address"
    LINE_BREAK = "line-break"
    """The key ends with a newline or a carriage return, which most libraries refuse to send."""
    WHITE_SPACE = "white-space"
    QUOTED = "quoted"
    NOT_ASCII = "not-ascii"
    """Letters that no header may have: curly quotes, a byte order mark, an ellipsis."""
    NO_BEARER = "no-bearer"
    BEARER_TWICE = "bearer-twice"
    BEARER_WITHOUT_SPACE = "bearer-without-space"
    BEARER_IN_X_API_KEY = "bearer-in-x-api-key"
    OTHER_SCHEME = "other-scheme"
    VARIABLE_NOT_REPLACED = "variable-not-replaced"
    CUT_SHORT = "cut-short"
    HINT_OR_ID = "hint-or-id"
    """The hint, the id or the name was sent instead of the key."""
    MASKED = "masked"
    BASE64 = "base64"
    FORM = "form"
    """The message says that the form is wrong, but not how."""
    UNKNOWN_HERE = "unknown-here"
    OTHER_VENDOR = "other-vendor"
    OTHER_INSTALLATION = "other-installation"
    SAID_DELETED = "said-deleted"
    OLD_SECRET = "old-secret"  # noqa: S105 - no password
    OTHER_AGENT = "other-agent"
    TOO_FAST = "too-fast"
    USED_UP = "used-up"
    NAME_NOT_FOUND = "name-not-found"
    """The host's name was not found."""
    NOT_CONNECTED = "not-connected"
    """The connection was refused, closed, or not possible."""
    TIMED_OUT = "timed-out"
    TLS = "tls"
    PROXY = "proxy"
    """A proxy, a firewall or a VPN stands between the program and us."""
    BROWSER = "browser"
    """The browser stopped the call, or tells nothing more than that it failed."""
    ANOTHER_ANSWERED = "another-answered"
    """An answer that is not ours: of another vendor, of a proxy, or a web page."""
    OTHER_HOST = "other-host"
    DOWN = "down"
    """An answer 5xx, or the writer's word for an outage."""


OF_SIGN: Mapping[Sign, Cause] = {
    **dict.fromkeys(
        (
            *(Sign.EMPTY_VARIABLE, Sign.NOT_SENT, Sign.DROPPED_ON_THE_WAY, Sign.WRONG_ARGUMENT, Sign.OTHER_HEADER),
            Sign.IN_ADDRESS,
        ),
        Cause.MISSING,
    ),
    **dict.fromkeys(
        (
            *(Sign.LINE_BREAK, Sign.WHITE_SPACE, Sign.QUOTED, Sign.NOT_ASCII, Sign.NO_BEARER, Sign.BEARER_TWICE),
            *(Sign.BEARER_WITHOUT_SPACE, Sign.BEARER_IN_X_API_KEY, Sign.OTHER_SCHEME, Sign.VARIABLE_NOT_REPLACED),
            *(Sign.CUT_SHORT, Sign.HINT_OR_ID, Sign.MASKED, Sign.BASE64, Sign.FORM),
        ),
        Cause.MALFORMED,
    ),
    Sign.UNKNOWN_HERE: Cause.UNKNOWN,
    Sign.OTHER_VENDOR: Cause.OTHER_ISSUER,
    Sign.OTHER_INSTALLATION: Cause.OTHER_ISSUER,
    Sign.SAID_DELETED: Cause.DELETED,
    Sign.OLD_SECRET: Cause.REPLACED,
    Sign.OTHER_AGENT: Cause.WRONG_AGENT,
    Sign.TOO_FAST: Cause.RATE,
    Sign.USED_UP: Cause.QUOTA,
    **dict.fromkeys(
        (
            *(Sign.NAME_NOT_FOUND, Sign.NOT_CONNECTED, Sign.TIMED_OUT, Sign.TLS, Sign.PROXY, Sign.BROWSER),
            *(Sign.ANOTHER_ANSWERED, Sign.OTHER_HOST),
        ),
        Cause.NETWORK,
    ),
    Sign.DOWN: Cause.UNAVAILABLE,
}
"""The cause that each sign shows, except `CODE`, whose cause depends on the code."""

FORM_OF_SIGN: Mapping[Sign, FormatError] = {
    Sign.LINE_BREAK: FormatError.WHITE_SPACE,
    Sign.WHITE_SPACE: FormatError.WHITE_SPACE,
    Sign.QUOTED: FormatError.QUOTED,
    Sign.NOT_ASCII: FormatError.CHARACTERS,
    Sign.BEARER_TWICE: FormatError.BEARER,
    Sign.BEARER_WITHOUT_SPACE: FormatError.SURROUNDED,
    Sign.BEARER_IN_X_API_KEY: FormatError.BEARER,
    Sign.OTHER_SCHEME: FormatError.SURROUNDED,
    Sign.VARIABLE_NOT_REPLACED: FormatError.VARIABLE,
    Sign.CUT_SHORT: FormatError.TOO_SHORT,
    Sign.HINT_OR_ID: FormatError.HINT,
    Sign.MASKED: FormatError.MASKED,
    Sign.BASE64: FormatError.BASE64,
}
"""What verification would say of the form, for signs of a malformed key."""

OF_CODE: Mapping[str, Cause] = {
    "missing_key": Cause.MISSING,
    "malformed_key": Cause.MALFORMED,
    "invalid_key": Cause.UNKNOWN,
    "deleted_key": Cause.DELETED,
    "replaced_secret": Cause.REPLACED,
    "agent_not_in_scope": Cause.WRONG_AGENT,
    "rate_limited": Cause.RATE,
    "quota_exceeded": Cause.QUOTA,
    "unavailable": Cause.UNAVAILABLE,
}
"""The cause that each code of a refusal tells. `gateway_not_allowed` tells none of a key or a caller."""

BY_RULE, BY_SENTENCE = 1.0, 0.9
"""How likely a cause is that a pasted block shows, and one that a plain sentence tells."""


class ToldCause(NamedTuple):
    """A cause that a message tells: how likely it does, what shows it, and what is wrong with the key's form."""

    cause: Cause
    probability: float
    sign: Sign | None = None
    """None if only the classifier reads the cause."""
    form: FormatError | None = None


def told_by(sign: Sign, probability: float, form: FormatError | None = None) -> ToldCause:
    """The cause that this sign shows."""
    return ToldCause(OF_SIGN[sign], probability, sign, form or FORM_OF_SIGN.get(sign))


_STATUS_ALONE = re.compile(
    r"(?:\b(?:https?(?:/[\d.]+)?|status|code|error|errors|response|an?|i|we|it|get|got|getting|gets|returns?|says?|always"
    r"|only|just|still|now|[45]\d\d|too many requests|unauthorized|unauthorised|forbidden|payment required"
    r"|service unavailable|bad gateway|gateway time-?out|internal server error)\b|\W)*+",
    re.IGNORECASE,
)


def tells_a_status_alone(text: str) -> bool:
    """Whether a message has nothing but a status and its name, such as *429 Too Many Requests*: that tells no cause."""
    return _STATUS_ALONE.fullmatch(text) is not None


def combined(by_rules: Iterable[ToldCause], likely: Mapping[Cause, float]) -> tuple[ToldCause, ...]:
    """
    The causes that rules read, in their order, and then the classifier's, the likeliest first.

    `likely` are the classifier's probabilities; those of causes that a rule read count no more.
    """
    read = tuple(by_rules)
    others = [
        ToldCause(cause, probability)
        for cause, probability in likely.items()
        if all(each.cause is not cause for each in read)
    ]
    return (*read, *sorted(others, key=lambda each: (-each.probability, each.cause)))


def main_cause(causes: Iterable[ToldCause]) -> ToldCause | None:
    """The cause that counts if a message tells several: the first that says how it is, or else the first."""
    told = list(causes)
    if told and told[0].cause is Cause.UNKNOWN:
        # Who says where the key is from says more than the code invalid_key.
        told.sort(key=lambda each: each.cause is not Cause.OTHER_ISSUER)
    # A code such as malformed_key says less than the line that shows what is malformed.
    return next(
        (each for each in told if each.sign not in {None, Sign.CODE} and each.cause is told[0].cause),
        told[0] if told else None,
    )
