"""
The rules that find what is wrong with a text that is not a key, in tables by the fault that each rule finds.

The order matters: the first rule that applies decides. The rules only find faults; `keys.verification.malformed` has
the sentences for the caller.
"""

import base64
import binascii
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from keys.text import visible
from keys.token import HINT_BEGINNING, PATTERN, PUBLIC_ID_LENGTH, TAIL_LENGTH, parse

LOOKED_AT = 512
"""Characters that are examined: a longer text is judged by its first LOOKED_AT characters and its length."""


class FormatError(StrEnum):
    """What is wrong with a text. The values are stored with refused requests, so they must never change."""

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
    # The key was sent, but wrapped in something or with something beside it.
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
    # What was sent is nearly a key.
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
class Candidate:
    """A text that rules examine, with the accepted prefixes. Rules with patterns search only its `head`."""

    text: str
    prefixes: Collection[str]

    @property
    def head(self) -> str:
        """The first LOOKED_AT characters of the text, which is usually all of it."""
        return self.text[:LOOKED_AT]

    @property
    def own_prefix(self) -> str | None:
        """The accepted prefix that the text begins with, including its underscore, or None."""
        prefix, underscore, _ = self.head.partition("_")
        return prefix + underscore if underscore and prefix in self.prefixes else None

    def keys(self) -> list[str]:
        """The well-formed keys in the text's head. They need not have been issued here."""
        return [found for found in _KEY.findall(self.head) if parse(found, self.prefixes) is not None]


Rule = Callable[[Candidate], str | bool | None]
"""Returns something true if the fault is there: the fact that its sentence needs, or True if it needs none."""


def key_length(own_prefix: str) -> int:
    """The number of characters in a key with this prefix. The prefix includes its underscore."""
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


def _vendor(look: Candidate) -> str | bool | None:
    return look.own_prefix is None and _of_a_vendor(look)


def _variable(look: Candidate) -> bool:
    return _VARIABLE.search(look.head) is not None and not look.keys()


def _decoded(text: str) -> str:
    """Decodes base64, standard or URL-safe, with or without padding. Empty if the result is not printable UTF-8."""
    try:
        decoded = base64.b64decode(
            text + "=" * (-len(text) % 4), altchars=b"-_" if set("-_") & set(text) else None, validate=True
        )
        found = decoded.decode()
    except (binascii.Error, ValueError):
        return ""
    return found if found.strip().isprintable() else ""


def _basic(look: Candidate) -> bool:
    credentials = _BASIC.fullmatch(look.head)
    return look.own_prefix is None and credentials is not None and ":" in _decoded(credentials[1])


def _hint(look: Candidate) -> bool:
    return _HINT.fullmatch(look.head.removeprefix(look.own_prefix or "")) is not None


def _masked(look: Candidate) -> bool:
    return _MASK.search(look.head) is not None and not look.keys()


def _doubled(look: Candidate) -> bool:
    keys = look.keys()
    return len(keys) > 1 and len(set(keys)) == 1


def _several(look: Candidate) -> bool:
    return len(look.keys()) > 1


NOT_A_KEY: tuple[tuple[FormatError, Rule], ...] = (
    (FormatError.EMPTY, _begins(r"\Z")),
    (FormatError.NO_VALUE, _begins(r"(?i)[\[(<]?(?:undefined|null|none|nil|nan|object object)[\])>]?\Z")),
    (FormatError.VARIABLE, _variable),
    (
        FormatError.PLACEHOLDER,
        _begins(
            r"(?i)\{\{|<[a-z][a-z _.-]{0,40}>\Z|(?:change[ _-]?me|placeholder|example|todo)\Z"
            r"|(?:[a-z]+[ _.-])*(?:(?:api)?key|token|secret)(?:[ _.-](?:here|value|goes))*\Z"
        ),
    ),
    (FormatError.ID, _named(IDS)),
    (FormatError.UUID, _begins(r"(?i)[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\Z")),
    (FormatError.ADDRESS, _begins(r"(?i)[a-z][a-z0-9+.-]*://|www\.")),
    (FormatError.VENDOR, _vendor),
    (FormatError.HINT, _hint),
    (FormatError.MASKED, _masked),
    (FormatError.DOUBLED, _doubled),
    (FormatError.SEVERAL, _several),
    (FormatError.BASIC_CREDENTIALS, _basic),
)


# ------------------------------------------------------------------------------------------- what stands in a key's way

_QUOTES = r"""(?:\\?["'`´“”„‟‘’‚‛«»‹›<>()\[\]{}])"""
_AROUND = re.compile(rf"\A{_QUOTES}+|{_QUOTES}+\Z")
_BEARER = re.compile(r"\A(?:bearer[\s:=,]*)+", re.IGNORECASE)
_PUNCTUATION = re.compile(r"\A[,;:.=|]+|(?:\\[nrt0]?|[,;:.=|!?&/])+\Z")
_ASSIGNMENT = re.compile(
    r"\A(?:(?:export|set|env)\s+|(?:-H|--header)\s+[\"']?)*[A-Za-z_][\w.-]{0,63}[\"']?\s*[=:]\s*(?=\S)"
)


def _structured(look: Candidate) -> str:
    keys = look.keys() if re.match(r"[\[{]\s*[\"'{\[]", look.text) else []
    return keys[0] if keys else look.text


def _unassigned(look: Candidate) -> str:
    return look.text if look.own_prefix else _ASSIGNMENT.sub("", look.text)


def _surrounded(look: Candidate) -> str:
    found = re.search(rf"(?<!{_LETTERS})(?:{PATTERN})(?!{_LETTERS})", look.text)
    return found[0] if found and parse(found[0], look.prefixes) is not None else look.text


def _joined(look: Candidate) -> str:
    return re.sub(r"\\?\s+", "", look.text) if look.own_prefix else look.text


def _from_base64(look: Candidate) -> str:
    decoded = "" if look.own_prefix or not look.text.isascii() else _decoded(look.text).strip()
    return decoded if Candidate(decoded, look.prefixes).own_prefix else look.text


TRIMMING: tuple[tuple[FormatError, Callable[[Candidate], str]], ...] = (
    (FormatError.WHITE_SPACE, lambda look: look.text.strip()),
)
WRAPPERS: tuple[tuple[FormatError, Callable[[Candidate], str]], ...] = (
    (FormatError.INVISIBLE, lambda look: visible(look.text)),
    *TRIMMING,
    (FormatError.STRUCTURED, _structured),
    (FormatError.BEARER, lambda look: _BEARER.sub("", look.text)),
    (FormatError.ASSIGNMENT, _unassigned),
    (FormatError.QUOTED, lambda look: _AROUND.sub("", look.text)),
    (FormatError.BASE64, _from_base64),
    (FormatError.PUNCTUATION, lambda look: _PUNCTUATION.sub("", look.text)),
    (FormatError.PERCENT_ENCODED, lambda look: unquote(look.text)),
    (FormatError.SURROUNDED, _surrounded),
    (FormatError.WHITE_SPACE, _joined),
)
"""Wrappers around or over a key. Each function returns the text without it, unchanged if it is not there."""


# --------------------------------------------------------------------------------------------- how far it is from a key

_UNDERSCORE_LIKE = re.compile(r"[_\-\u2010-\u2015\u2212\u02cd\uff3f\ufe4d-\ufe4f\u2017 \\.]+")
_BARE = re.compile(rf"(?:(?:([0-9A-Za-z]*)_)?({_LETTERS}{{0,{PUBLIC_ID_LENGTH}}})_)?{_LETTERS}{{{TAIL_LENGTH}}}")


def _run_of_x(look: Candidate) -> bool:
    return re.search(r"x{4}|X{4}", look.head) is not None


def _capitals(look: Candidate) -> bool:
    prefix = look.head.partition("_")[0]
    return prefix not in look.prefixes and prefix.lower() in look.prefixes


def _beginning_missing(look: Candidate) -> bool:
    """Whether the text is the end of a key, without its prefix or with only the end of the prefix."""
    bare = _BARE.fullmatch(look.head)
    if bare is None or look.own_prefix:
        return False
    return bare[1] is None or any(prefix.endswith(bare[1]) for prefix in look.prefixes)


def _other_prefix(look: Candidate) -> bool:
    bare = _BARE.fullmatch(look.head)
    return bool(bare and bare[1] and bare[2] and len(bare[2]) == PUBLIC_ID_LENGTH and not look.own_prefix)


def _public_id_only(look: Candidate) -> bool:
    rest = look.head.removeprefix(look.own_prefix or "").removesuffix("_")
    return len(rest) == PUBLIC_ID_LENGTH and rest.isascii() and rest.isalnum()


def _underscores(look: Candidate) -> bool:
    """
    Whether only the underscores of a key are wrong: something else, or nothing, stands between its parts.

    All letters and digits of the key are there, or the text has the prefix and the right length.
    """
    letters = _UNDERSCORE_LIKE.sub("", look.head)
    if not (letters.isascii() and letters.isalnum()):
        return False
    if look.own_prefix and len(look.text) == key_length(look.own_prefix):
        return True
    return any(
        letters.startswith(prefix) and len(letters) == len(prefix) + PUBLIC_ID_LENGTH + TAIL_LENGTH
        for prefix in look.prefixes
    )


def _characters(look: Candidate) -> bool:
    return not look.head.isascii() or (look.own_prefix is not None and re.search(r"\W", look.head) is not None)


def _by(count: int) -> str | None:
    if count <= 0:
        return None
    return "1 character" if count == 1 else f"{count} characters"


NEAR_MISSES: tuple[tuple[FormatError, Rule], ...] = (
    (FormatError.MASKED, _run_of_x),
    (FormatError.CAPITALS, _capitals),
    (FormatError.BEGINNING_MISSING, _beginning_missing),
    (FormatError.OTHER_PREFIX, _other_prefix),
    (FormatError.PUBLIC_ID_ONLY, _public_id_only),
    (FormatError.UNDERSCORES, _underscores),
    (FormatError.CHARACTERS, _characters),
    (
        FormatError.TOO_SHORT,
        lambda look: _by(key_length(look.own_prefix) - len(look.text)) if look.own_prefix else None,
    ),
    (FormatError.TOO_LONG, lambda look: _by(len(look.text) - key_length(look.own_prefix)) if look.own_prefix else None),
)
