"""
Owns what is wrong with the form of a text that is not a key, and the sentences that say so.

A text is looked at in rounds. A round asks what the text is instead of a key (INSTEAD); if nothing fits, it takes one
disguise off (DISGUISES) and begins again. What is left at the end is compared with a key (DEVIATIONS). Rules find, and
WORDS and DISGUISE_WORDS say; neither repeats anything of the text, which may be a secret, ours or another's.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from keys.token import HINT_BEGINNING, PATTERN, PUBLIC_ID_LENGTH, TAIL_LENGTH, parse

LOOKED_AT = 512
"""Characters that are looked at: a longer text is judged by how it begins, and by its length."""
ROUNDS_AT_MOST = 8


class Fault(StrEnum):
    """What is wrong. The values are kept with refused requests, so they stay."""

    # Something else was sent.
    EMPTY = "empty"
    NO_VALUE = "no_value"
    VARIABLE = "variable"
    PLACEHOLDER = "placeholder"
    ID = "id"
    UUID = "uuid"
    ADDRESS = "address"
    VENDOR = "vendor"
    BASIC_CREDENTIALS = "basic_credentials"
    HINT = "hint"
    MASKED = "masked"
    DOUBLED = "doubled"
    SEVERAL = "several"
    # The key is there, and something with it.
    STRUCTURED = "structured"
    INVISIBLE = "invisible"
    WHITE_SPACE = "white_space"
    QUOTED = "quoted"
    BEARER = "bearer"
    PUNCTUATION = "punctuation"
    ASSIGNMENT = "assignment"
    PERCENT_ENCODED = "percent_encoded"
    SURROUNDED = "surrounded"
    BASE64 = "base64"
    # Nearly a key.
    CAPITALS = "capitals"
    BEGINNING_MISSING = "beginning_missing"
    OTHER_PREFIX = "other_prefix"
    PUBLIC_ID_ONLY = "public_id_only"
    UNDERSCORES = "underscores"
    CHARACTERS = "characters"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Malformed:
    """What is wrong with a text's form, and one or two sentences for the caller with nothing of the text in them."""

    fault: Fault
    detail: str


@dataclass(frozen=True, slots=True)
class Finding:
    """
    What the rules found: where the fault is one of DISGUISE_WORDS, a well-formed key remains without it.

    `fact` is a number or comes from a table of ours. `disguises` are what was taken off, outermost first.
    """

    fault: Fault
    fact: str = ""
    disguises: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """A text as a rule sees it. `head` is where rules with patterns look."""

    text: str
    prefixes: Collection[str]

    @property
    def head(self) -> str:
        """The beginning of the text, mostly all of it."""
        return self.text[:LOOKED_AT]

    @property
    def own_prefix(self) -> str | None:
        """The prefix of ours that the text begins with, underscore included."""
        prefix, underscore, _ = self.head.partition("_")
        return prefix + underscore if underscore and prefix in self.prefixes else None

    def keys(self) -> list[str]:
        """The well-formed keys that stand in the text."""
        return [found for found in _KEY.findall(self.head) if parse(found, self.prefixes) is not None]


Rule = Callable[[Look], str | bool | None]
"""Whether the fault is there; where its sentence needs a fact, that fact."""


def examine(text: str, prefixes: Collection[str]) -> Malformed:
    """What is wrong with a text in which `parse` found no key. The prefixes are those that are accepted, as there."""
    finding = recognise(text, prefixes)
    return Malformed(finding.fault, describe(finding, next(iter(prefixes))))


def recognise(text: str, prefixes: Collection[str]) -> Finding:
    """The fault, without words. Linear in the length of the text, and quick for a long one."""
    look = Look(_as_typed(text), prefixes)
    disguises: tuple[Fault, ...] = ()
    for _ in range(ROUNDS_AT_MOST):
        if disguises and parse(look.text, prefixes) is not None:
            return Finding(disguises[0], disguises=disguises)
        if (instead := _first(INSTEAD, look)) is not None:
            return Finding(*instead, disguises)
        if (uncovered := _uncover(look)) is None:
            break
        disguise, look = uncovered
        disguises = tuple(dict.fromkeys((*disguises, disguise)))
    return Finding(*(_first(DEVIATIONS, look) or (Fault.OTHER, "")), disguises)


def describe(finding: Finding, prefix: str) -> str:
    """One or two sentences: what is wrong, and how to send it right. The prefix is the one to show."""
    without = " and ".join(DISGUISE_WORDS[disguise][1] for disguise in finding.disguises)
    if finding.fault in DISGUISE_WORDS:
        return f"{DISGUISE_WORDS[finding.fault][0]} Send the key without {without}."
    found, remedy = WORDS[finding.fault]
    return f"{found} {remedy}".format(
        fact=finding.fact,
        prefix=prefix,
        without=f", without {without}" if without else "",
        public_id_length=PUBLIC_ID_LENGTH,
        tail_length=TAIL_LENGTH,
        length=_length(f"{prefix}_"),
    )


def _first(rules: tuple[tuple[Fault, Rule], ...], look: Look) -> tuple[Fault, str] | None:
    for fault, rule in rules:
        if found := rule(look):
            return fault, found if isinstance(found, str) else ""
    return None


def _uncover(look: Look) -> tuple[Fault, Look] | None:
    """The text without the first disguise that it wears. A long text is no key in disguise: it is trimmed at most."""
    for disguise, taken_off in DISGUISES if len(look.text) <= LOOKED_AT else TRIMMING:
        if (rest := taken_off(look)) != look.text:
            return disguise, Look(rest, look.prefixes)
    return None


def _as_typed(text: str) -> str:
    """Headers are read as Latin-1; where the bytes were UTF-8, what somebody typed."""
    if text.isascii() or len(text) > LOOKED_AT:
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def _length(own_prefix: str) -> int:
    return len(own_prefix) + PUBLIC_ID_LENGTH + 1 + TAIL_LENGTH


# ------------------------------------------------------------------------------------------ what it is instead of a key

_KEY = re.compile(PATTERN)
_LETTERS = "[0-9A-Za-z]"
_VARIABLE = re.compile(r"\$[A-Za-z_{(]|\A%[A-Za-z_]\w*%\Z|\bprocess\.env\b|\bos\.environ\b|\bgetenv\b")
_BASIC = re.compile(r"(?:(?i:basic)\s+)?([0-9A-Za-z+/_-]{4,}={0,2})")
_HINT = re.compile(rf"{_LETTERS}{{{HINT_BEGINNING}}}(?:…|\.{{2,3}}){_LETTERS}{{4}}")
_MASK = re.compile(r"[*•●∙·○◦█▪…]|\.{3}|(?i:redacted|masked|hidden)")

IDS = {
    "The id of an API key": r"key_[0-9a-fA-F]{32}\Z",
    "The id of an organization": r"org_[0-9a-fA-F]{32}\Z",
    "The id of an agent": r"agt_[0-9a-fA-F]{32}\Z",
    "The id of a person": r"usr_[0-9a-fA-F]{32}\Z",
    "The id of a request": r"req_[0-9a-fA-F]{32}\Z",
    "The id of an event": r"evt_[0-9a-fA-F]{32}\Z",
}
VENDORS = {
    "An AWS access key": r"(?:AKIA|ASIA)[0-9A-Z]{8}",
    "A GitHub token": r"gh[opusr]_[0-9A-Za-z]{8}|github_pat_",
    "An Anthropic key": r"sk-ant-",
    "An OpenAI key": r"sk-",
    "A Slack token": r"xox[a-z]-|xapp-",
    "A Stripe key": r"(?:sk|rk|pk)_(?:live|test)_",
    "A Google API key": r"AIza",
    "A GitLab token": r"glpat-",
    "A JSON Web Token (JWT)": r"eyJ[0-9A-Za-z_-]{8}",
    "A key or certificate in PEM form": r"-----BEGIN",
}


def _begins(pattern: str) -> Rule:
    compiled = re.compile(pattern)
    return lambda look: compiled.match(look.head) is not None


def _named(table: dict[str, str]) -> Rule:
    compiled = [(name, re.compile(pattern)) for name, pattern in table.items()]
    return lambda look: next((name for name, pattern in compiled if pattern.match(look.head)), None)


_of_a_vendor = _named(VENDORS)


def _vendor(look: Look) -> str | bool | None:
    return look.own_prefix is None and _of_a_vendor(look)


def _variable(look: Look) -> bool:
    return _VARIABLE.search(look.head) is not None and not look.keys()


def _decoded(text: str) -> str:
    """What the text is in base64, where it is printable; else nothing."""
    try:
        decoded = base64.b64decode(
            text + "=" * (-len(text) % 4), altchars=b"-_" if set("-_") & set(text) else None, validate=True
        )
        found = decoded.decode()
    except (binascii.Error, ValueError):
        return ""
    return found if found.strip().isprintable() else ""


def _basic(look: Look) -> bool:
    credentials = _BASIC.fullmatch(look.head)
    return look.own_prefix is None and credentials is not None and ":" in _decoded(credentials[1])


def _hint(look: Look) -> bool:
    return _HINT.fullmatch(look.head.removeprefix(look.own_prefix or "")) is not None


def _masked(look: Look) -> bool:
    return _MASK.search(look.head) is not None and not look.keys()


def _doubled(look: Look) -> bool:
    keys = look.keys()
    return len(keys) > 1 and len(set(keys)) == 1


def _several(look: Look) -> bool:
    return len(look.keys()) > 1


INSTEAD: tuple[tuple[Fault, Rule], ...] = (
    (Fault.EMPTY, _begins(r"\Z")),
    (Fault.NO_VALUE, _begins(r"(?i)[\[(<]?(?:undefined|null|none|nil|nan|object object)[\])>]?\Z")),
    (Fault.VARIABLE, _variable),
    (
        Fault.PLACEHOLDER,
        _begins(
            r"(?i)\{\{|<[a-z][a-z _.-]{0,40}>\Z|(?:change[ _-]?me|placeholder|example|todo)\Z"
            r"|(?:[a-z]+[ _.-])*(?:(?:api)?key|token|secret)(?:[ _.-](?:here|value|goes))*\Z"
        ),
    ),
    (Fault.ID, _named(IDS)),
    (Fault.UUID, _begins(r"(?i)[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\Z")),
    (Fault.ADDRESS, _begins(r"(?i)[a-z][a-z0-9+.-]*://|www\.")),
    (Fault.VENDOR, _vendor),
    (Fault.HINT, _hint),
    (Fault.MASKED, _masked),
    (Fault.DOUBLED, _doubled),
    (Fault.SEVERAL, _several),
    (Fault.BASIC_CREDENTIALS, _basic),
)


# ------------------------------------------------------------------------------------------- what stands in a key's way

DISGUISE_WORDS: dict[Fault, tuple[str, str]] = {
    Fault.STRUCTURED: ("The key was sent inside JSON or a list.", "what is around it"),
    Fault.INVISIBLE: ("There are invisible or control characters in or around the key.", "invisible characters"),
    Fault.WHITE_SPACE: ("There is white space or a line break in or around the key.", "white space"),
    Fault.QUOTED: ("There are quotes or brackets around the key.", "quotes or brackets"),
    Fault.BEARER: (
        "The word Bearer is there twice, or in X-API-Key, which takes the key alone.",
        "the extra Bearer",
    ),
    Fault.PUNCTUATION: ("There is punctuation, or a backslash sequence, before or after the key.", "punctuation"),
    Fault.ASSIGNMENT: ("There is a name with = or : before the key.", "the name before it"),
    Fault.PERCENT_ENCODED: ("The key is percent-encoded, as if for an address.", "percent-encoding"),
    Fault.SURROUNDED: ("There is other text before or after the key.", "other text"),
    Fault.BASE64: ("The key is encoded in base64.", "that encoding"),
}
"""What is there, and what to send the key without."""

_QUOTES = r"""(?:\\?["'`´“”„‟‘’‚‛«»‹›<>()\[\]{}])"""
_AROUND = re.compile(rf"\A{_QUOTES}+|{_QUOTES}+\Z")
_BEARER = re.compile(r"\A(?:bearer[\s:=,]*)+", re.IGNORECASE)
_PUNCTUATION = re.compile(r"\A[,;:.=|]+|(?:\\[nrt0]?|[,;:.=|!?&/])+\Z")
_ASSIGNMENT = re.compile(
    r"\A(?:(?:export|set|env)\s+|(?:-H|--header)\s+[\"']?)*[A-Za-z_][\w.-]{0,63}[\"']?\s*[=:]\s*(?=\S)"
)
_BLANKS = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def _visible(look: Look) -> str:
    return "".join(character for character in look.text if not _is_invisible(character))


def _is_invisible(character: str) -> bool:
    if character.isascii():
        return not character.isprintable() and not character.isspace()
    return (
        unicodedata.category(character) in _INVISIBLE_CATEGORIES
        or character in _BLANKS
        or "\ufe00" <= character <= "\ufe0f"
    ) and not character.isspace()


def _structured(look: Look) -> str:
    keys = look.keys() if re.match(r"[\[{]\s*[\"'{\[]", look.text) else []
    return keys[0] if keys else look.text


def _unassigned(look: Look) -> str:
    return look.text if look.own_prefix else _ASSIGNMENT.sub("", look.text)


def _surrounded(look: Look) -> str:
    found = re.search(rf"(?<!{_LETTERS})(?:{PATTERN})(?!{_LETTERS})", look.text)
    return found[0] if found and parse(found[0], look.prefixes) is not None else look.text


def _joined(look: Look) -> str:
    return re.sub(r"\\?\s+", "", look.text) if look.own_prefix else look.text


def _from_base64(look: Look) -> str:
    decoded = "" if look.own_prefix or not look.text.isascii() else _decoded(look.text).strip()
    return decoded if Look(decoded, look.prefixes).own_prefix else look.text


TRIMMING: tuple[tuple[Fault, Callable[[Look], str]], ...] = ((Fault.WHITE_SPACE, lambda look: look.text.strip()),)
DISGUISES: tuple[tuple[Fault, Callable[[Look], str]], ...] = (
    (Fault.INVISIBLE, _visible),
    *TRIMMING,
    (Fault.STRUCTURED, _structured),
    (Fault.BEARER, lambda look: _BEARER.sub("", look.text)),
    (Fault.ASSIGNMENT, _unassigned),
    (Fault.QUOTED, lambda look: _AROUND.sub("", look.text)),
    (Fault.BASE64, _from_base64),
    (Fault.PUNCTUATION, lambda look: _PUNCTUATION.sub("", look.text)),
    (Fault.PERCENT_ENCODED, lambda look: unquote(look.text)),
    (Fault.SURROUNDED, _surrounded),
    (Fault.WHITE_SPACE, _joined),
)
"""What may be around or over a key, and what is left without it: the text as it was where that is not there."""


# --------------------------------------------------------------------------------------------- how far it is from a key

_UNDERSCORE_LIKE = re.compile(r"[_\-\u2010-\u2015\u2212\u02cd\uff3f\ufe4d-\ufe4f\u2017 \\.]+")
_BARE = re.compile(rf"(?:(?:([0-9A-Za-z]*)_)?({_LETTERS}{{0,{PUBLIC_ID_LENGTH}}})_)?{_LETTERS}{{{TAIL_LENGTH}}}")


def _run_of_x(look: Look) -> bool:
    return re.search(r"x{4}|X{4}", look.head) is not None


def _capitals(look: Look) -> bool:
    prefix = look.head.partition("_")[0]
    return prefix not in look.prefixes and prefix.lower() in look.prefixes


def _beginning_missing(look: Look) -> bool:
    """The end of a key, with no prefix or with the end of one."""
    bare = _BARE.fullmatch(look.head)
    if bare is None or look.own_prefix:
        return False
    return bare[1] is None or any(prefix.endswith(bare[1]) for prefix in look.prefixes)


def _other_prefix(look: Look) -> bool:
    bare = _BARE.fullmatch(look.head)
    return bool(bare and bare[1] and bare[2] and len(bare[2]) == PUBLIC_ID_LENGTH and not look.own_prefix)


def _public_id_only(look: Look) -> bool:
    rest = look.head.removeprefix(look.own_prefix or "").removesuffix("_")
    return len(rest) == PUBLIC_ID_LENGTH and rest.isascii() and rest.isalnum()


def _underscores(look: Look) -> bool:
    """Every letter and digit of a key, or the right number of characters, with something else between the parts."""
    letters = _UNDERSCORE_LIKE.sub("", look.head)
    if not (letters.isascii() and letters.isalnum()):
        return False
    if look.own_prefix and len(look.text) == _length(look.own_prefix):
        return True
    return any(
        letters.startswith(prefix) and len(letters) == len(prefix) + PUBLIC_ID_LENGTH + TAIL_LENGTH
        for prefix in look.prefixes
    )


def _characters(look: Look) -> bool:
    return not look.head.isascii() or (look.own_prefix is not None and re.search(r"\W", look.head) is not None)


def _by(count: int) -> str | None:
    if count <= 0:
        return None
    return "1 character" if count == 1 else f"{count} characters"


DEVIATIONS: tuple[tuple[Fault, Rule], ...] = (
    (Fault.MASKED, _run_of_x),
    (Fault.CAPITALS, _capitals),
    (Fault.BEGINNING_MISSING, _beginning_missing),
    (Fault.OTHER_PREFIX, _other_prefix),
    (Fault.PUBLIC_ID_ONLY, _public_id_only),
    (Fault.UNDERSCORES, _underscores),
    (Fault.CHARACTERS, _characters),
    (Fault.TOO_SHORT, lambda look: _by(_length(look.own_prefix) - len(look.text)) if look.own_prefix else None),
    (Fault.TOO_LONG, lambda look: _by(len(look.text) - _length(look.own_prefix)) if look.own_prefix else None),
)

_FORM = (
    "A key is {prefix}_, {public_id_length} letters and digits, an underscore, and {tail_length} more: "
    "{length} characters in all"
)
_AGAIN = "Copy the whole key from where it was stored when it was created{without}."
_SHOWN_ONCE = "The whole key was shown once, when it was created: if nobody stored it, rotate the key."
_HEADER = "Send the key alone, as Authorization: Bearer KEY or as X-API-Key: KEY."

WORDS: dict[Fault, tuple[str, str]] = {
    Fault.EMPTY: ("There is nothing where the key should be.", _HEADER),
    Fault.NO_VALUE: (
        "A program's word for no value was sent instead of the key.",
        "Check that what the key is read from is set where the program runs.",
    ),
    Fault.VARIABLE: (
        "The name of a variable was sent instead of the key that it stands for.",
        "Check that it is set and gets replaced: a shell does not do so in single quotes, nor most files.",
    ),
    Fault.PLACEHOLDER: ("A placeholder was sent instead of the key.", "Put your key in its place."),
    Fault.ID: ("{fact} was sent instead of a key.", _SHOWN_ONCE),
    Fault.UUID: ("A UUID was sent instead of a key.", _FORM + "."),
    Fault.ADDRESS: ("An address was sent instead of a key.", _HEADER),
    Fault.VENDOR: (
        "{fact} was sent, which is no key of this service.",
        "Send a key that begins with {prefix}_, and check which of your variables goes where.",
    ),
    Fault.BASIC_CREDENTIALS: ("A user name and password (Basic) were sent instead of a key.", _HEADER),
    Fault.HINT: ("The hint was sent, which only shows how a key begins and ends.", _SHOWN_ONCE),
    Fault.MASKED: ("The key is masked: a part of it was replaced before it was copied or sent.", _SHOWN_ONCE),
    Fault.DOUBLED: ("The key is there more than once.", "Send it once, in one header."),
    Fault.SEVERAL: ("There is more than one key.", "Send one of them."),
    Fault.CAPITALS: ("The key's capital and small letters were changed.", _AGAIN),
    Fault.BEGINNING_MISSING: ("The beginning of the key is missing.", _AGAIN),
    Fault.OTHER_PREFIX: ("What was sent begins with another prefix than {prefix}_.", _AGAIN),
    Fault.PUBLIC_ID_ONLY: ("Only the public id was sent, which is the first part of a key.", _SHOWN_ONCE),
    Fault.UNDERSCORES: ("The key's two underscores are missing, doubled or replaced.", _AGAIN),
    Fault.CHARACTERS: (
        "There are characters that no key has, such as punctuation or letters that only look alike.",
        _AGAIN,
    ),
    Fault.TOO_SHORT: ("The key is too short by {fact}.", _AGAIN),
    Fault.TOO_LONG: ("The key is too long by {fact}.", _AGAIN),
    Fault.OTHER: ("What was sent does not have the form of a key.", _FORM + "{without}."),
}
"""What is wrong, and what to do."""
