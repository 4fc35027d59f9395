"""
Finds what is wrong with the form of a presented text that is not a key, and says it in one to three sentences.

The text is examined in rounds. Each round first checks whether something else was sent instead of a key (NOT_A_KEY). If
not, the round removes one wrapper, such as quotes (WRAPPERS), and the next round examines the rest. When nothing more
can be removed, the rest is compared with the form of a key (NEAR_MISSES). The sentences are in WORDS and
WRAPPER_WORDS. They never repeat any part of the text, because the text may be a secret, of this service or of another.
"""

from collections.abc import Collection
from dataclasses import dataclass

from keys.token import PUBLIC_ID_LENGTH, TAIL_LENGTH, parse
from keys.verification.malformed_rules import (
    LOOKED_AT,
    NEAR_MISSES,
    NOT_A_KEY,
    TRIMMING,
    WRAPPERS,
    Candidate,
    FormatError,
    Rule,
    key_length,
)
from models.usage.refused_request import DETAIL_LENGTH_AT_MOST

ROUNDS_AT_MOST = 8


@dataclass(frozen=True, slots=True)
class Malformed:
    """The error in a text's form, and one to three sentences for the caller that repeat no part of the text."""

    error: FormatError
    detail: str


@dataclass(frozen=True, slots=True)
class Finding:
    """
    What the rules found. If the error is in WRAPPER_WORDS, removing that wrapper leaves a well-formed key.

    `fact` is a number, or a name from a table in malformed_rules, never part of the text. `wrappers` are the wrappers
    that were removed, the outermost first.
    """

    error: FormatError
    fact: str = ""
    wrappers: tuple[FormatError, ...] = ()


def examine(text: str, prefixes: Collection[str]) -> Malformed:
    """
    Says what is wrong with a text in which `keys.token.parse` found no key.

    `prefixes` are the accepted key prefixes, the current one first: that one is shown in the sentences.
    """
    finding = recognize(text, prefixes)
    return Malformed(finding.error, describe(finding, next(iter(prefixes))))


def recognize(text: str, prefixes: Collection[str]) -> Finding:
    """
    Finds the error in the text, without sentences. Takes time linear in the length of the text.

    Of a text longer than LOOKED_AT, mostly only the beginning is examined, so that a long one costs little.
    """
    candidate = Candidate(_as_typed(text), prefixes)
    wrappers: tuple[FormatError, ...] = ()
    for _ in range(ROUNDS_AT_MOST):
        if wrappers and parse(candidate.text, prefixes) is not None:
            return Finding(wrappers[0], wrappers=wrappers)
        if (instead := _first(NOT_A_KEY, candidate)) is not None:
            return Finding(*instead, wrappers)
        if (unwrapped := _unwrap(candidate)) is None:
            break
        wrapper, candidate = unwrapped
        wrappers = tuple(dict.fromkeys((*wrappers, wrapper)))
    return Finding(*(_first(NEAR_MISSES, candidate) or (FormatError.OTHER, "")), wrappers)


def describe(finding: Finding, prefix: str) -> str:
    """
    Returns one to three sentences that say what is wrong and how to send the key. `prefix` is the one to show.

    The result has at most DETAIL_LENGTH_AT_MOST characters. Wrappers that would make it longer are left out, the
    innermost first.
    """
    for named in range(len(finding.wrappers), 0, -1):
        if len(sentence := _describe(finding, finding.wrappers[:named], prefix)) <= DETAIL_LENGTH_AT_MOST:
            return sentence
    return _describe(finding, (), prefix)


def _describe(finding: Finding, wrappers: tuple[FormatError, ...], prefix: str) -> str:
    without = " and ".join(WRAPPER_WORDS[wrapper][1] for wrapper in wrappers)
    if finding.error in WRAPPER_WORDS:
        return f"{WRAPPER_WORDS[finding.error][0]} Send the key without {without}."
    found, remedy = WORDS[finding.error]
    if without and remedy in (_AGAIN, _FORM):
        remedy += f" Leave out {without}."
    return f"{found} {remedy}".format(
        fact=finding.fact,
        prefix=prefix,
        public_id_length=PUBLIC_ID_LENGTH,
        tail_length=TAIL_LENGTH,
        length=key_length(f"{prefix}_"),
    )


def _first(rules: tuple[tuple[FormatError, Rule], ...], candidate: Candidate) -> tuple[FormatError, str] | None:
    for error, rule in rules:
        if found := rule(candidate):
            return error, found if isinstance(found, str) else ""
    return None


def _unwrap(candidate: Candidate) -> tuple[FormatError, Candidate] | None:
    """
    Removes the first wrapper that the text has; returns None if it has none.

    A text longer than LOOKED_AT can't be a wrapped key, so only white space around it is removed.
    """
    for wrapper, remove in WRAPPERS if len(candidate.text) <= LOOKED_AT else TRIMMING:
        if (rest := remove(candidate)) != candidate.text:
            return wrapper, Candidate(rest, candidate.prefixes)
    return None


def _as_typed(text: str) -> str:
    """Restores what a person typed: headers are decoded as Latin-1, but their bytes may be UTF-8."""
    if text.isascii() or len(text) > LOOKED_AT:
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


WRAPPER_WORDS: dict[FormatError, tuple[str, str]] = {
    FormatError.STRUCTURED: ("The key was sent inside JSON or a list.", "what is around it"),
    FormatError.INVISIBLE: ("There are invisible or control characters in or around the key.", "invisible characters"),
    FormatError.WHITE_SPACE: ("There is white space or a line break in or around the key.", "white space"),
    FormatError.QUOTED: ("There are quotes or brackets around the key.", "quotes or brackets"),
    FormatError.BEARER: (
        "The word Bearer is there twice, or in X-API-Key, which takes only the key.",
        "the extra Bearer",
    ),
    FormatError.PUNCTUATION: ("There is punctuation, or a backslash sequence, before or after the key.", "punctuation"),
    FormatError.ASSIGNMENT: ("There is a name with = or : before the key.", "the name before it"),
    FormatError.PERCENT_ENCODED: ("The key is percent-encoded, as in a URL.", "percent-encoding"),
    FormatError.SURROUNDED: ("There is other text before or after the key.", "other text"),
    FormatError.BASE64: ("The key is encoded in base64.", "that encoding"),
}
"""For each wrapper: the sentence that says it is there, and the phrase for what to leave out."""

_FORM = (
    "A key is {prefix}_, {public_id_length} letters and digits, an underscore, and {tail_length} more: "
    "{length} characters in all."
)
_AGAIN = "Copy the whole key from where it was stored when it was created."
_SHOWN_ONCE = "The whole key was shown once, when it was created: if nobody stored it, rotate the key."
_HEADER = "Send only the key, as Authorization: Bearer KEY or as X-API-Key: KEY."

WORDS: dict[FormatError, tuple[str, str]] = {
    FormatError.EMPTY: ("There is nothing where the key should be.", _HEADER),
    FormatError.NO_VALUE: (
        "A word such as null or undefined was sent instead of the key.",
        "Check that the variable or setting for the key has a value where the program runs.",
    ),
    FormatError.VARIABLE: (
        "The name of a variable was sent instead of its value.",
        "Check that the variable is set and is replaced: shells don't replace variables in single quotes, and most "
        "files never do.",
    ),
    FormatError.PLACEHOLDER: ("A placeholder was sent instead of the key.", "Put your key in its place."),
    FormatError.ID: ("{fact} was sent instead of a key.", _SHOWN_ONCE),
    FormatError.UUID: ("A UUID was sent instead of a key.", _FORM),
    FormatError.ADDRESS: ("A URL was sent instead of a key.", _HEADER),
    FormatError.VENDOR: (
        "{fact} was sent, which is not a key of this service.",
        "Send a key that begins with {prefix}_, and check that each of your variables is in the right place.",
    ),
    FormatError.BASIC_CREDENTIALS: ("A user name and password (Basic) were sent instead of a key.", _HEADER),
    FormatError.SERVICE_TOKEN: (
        "A service token was sent, with which programs manage API keys at /graphql.",
        "Send an API key, which begins with {prefix}_.",
    ),
    FormatError.OPERATOR_TOKEN: (
        "An operator token was sent, with which the operator's programs use /graphql.",
        "Send an API key, which begins with {prefix}_.",
    ),
    FormatError.HINT: ("The hint was sent, which only shows how a key begins and ends.", _SHOWN_ONCE),
    FormatError.MASKED: ("The key is masked: a part of it was replaced before it was copied or sent.", _SHOWN_ONCE),
    FormatError.DOUBLED: ("The key is there more than once.", "Send it once, in one header."),
    FormatError.SEVERAL: ("There is more than one key.", "Send one of them."),
    FormatError.CAPITALS: ("The key's uppercase and lowercase letters were changed.", _AGAIN),
    FormatError.BEGINNING_MISSING: ("The beginning of the key is missing.", _AGAIN),
    FormatError.OTHER_PREFIX: ("The key does not begin with {prefix}_.", _AGAIN),
    FormatError.PUBLIC_ID_ONLY: ("Only the public id was sent, which is the first part of a key.", _SHOWN_ONCE),
    FormatError.UNDERSCORES: ("The key's two underscores are missing, doubled or replaced.", _AGAIN),
    FormatError.CHARACTERS: (
        "There are characters that a key never contains, such as punctuation or look-alike letters.",
        _AGAIN,
    ),
    FormatError.TOO_SHORT: ("The key is too short by {fact}.", _AGAIN),
    FormatError.TOO_LONG: ("The key is too long by {fact}.", _AGAIN),
    FormatError.OTHER: ("The text that was sent does not have the form of a key.", _FORM),
}
"""For each other error: the sentence that says what is wrong, and the one that says what to do."""
