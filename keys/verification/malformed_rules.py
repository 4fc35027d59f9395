"""
The rules that find what is wrong with a text that is not a key, in tables by the error that each rule finds.

The order matters: the first rule that applies decides. The rules only find errors; `keys.verification.malformed` has
the sentences for the caller.
"""

import base64
import binascii
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from keys.program_token import LETTERS, Kind
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
    SERVICE_TOKEN = "service_token"  # noqa: S105 - a kind of error
    OPERATOR_TOKEN = "operator_token"  # noqa: S105 - a kind of error
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
"""Returns something true if the error is there: the fact that its sentence needs, or True if it needs none."""


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
    "The id of a service token": r"tok_[0-9a-fA-F]{32}\Z",
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
    return lambda candidate: compiled.match(candidate.head) is not None


def _named(table: dict[str, str]) -> Rule:
    compiled = [(name, re.compile(pattern)) for name, pattern in table.items()]
    return lambda candidate: next((name for name, pattern in compiled if pattern.match(candidate.head)), None)


_of_a_vendor = _named(VENDORS)


def _vendor(candidate: Candidate) -> str | bool | None:
    return candidate.own_prefix is None and _of_a_vendor(candidate)


def _variable(candidate: Candidate) -> bool:
    return _VARIABLE.search(candidate.head) is not None and not candidate.keys()


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


def _basic(candidate: Candidate) -> bool:
    credentials = _BASIC.fullmatch(candidate.head)
    return candidate.own_prefix is None and credentials is not None and ":" in _decoded(credentials[1])


def _hint(candidate: Candidate) -> bool:
    return _HINT.fullmatch(candidate.head.removeprefix(candidate.own_prefix or "")) is not None


def _token_of_programs(letter: str) -> Rule:
    def rule(candidate: Candidate) -> bool:
        prefix, underscore, rest = candidate.head.partition("_")
        # A prefix of API keys may end with the same letter.
        is_own = prefix in candidate.prefixes
        return bool(underscore and rest and not is_own and prefix.removesuffix(letter) in candidate.prefixes)

    return rule


def _masked(candidate: Candidate) -> bool:
    return _MASK.search(candidate.head) is not None and not candidate.keys()


def _doubled(candidate: Candidate) -> bool:
    keys = candidate.keys()
    return len(keys) > 1 and len(set(keys)) == 1


def _several(candidate: Candidate) -> bool:
    return len(candidate.keys()) > 1


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
    (FormatError.SERVICE_TOKEN, _token_of_programs(LETTERS[Kind.SERVICE])),
    (FormatError.OPERATOR_TOKEN, _token_of_programs(LETTERS[Kind.OPERATOR])),
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


def _structured(candidate: Candidate) -> str:
    keys = candidate.keys() if re.match(r"[\[{]\s*[\"'{\[]", candidate.text) else []
    return keys[0] if keys else candidate.text


def _unassigned(candidate: Candidate) -> str:
    return candidate.text if candidate.own_prefix else _ASSIGNMENT.sub("", candidate.text)


def _surrounded(candidate: Candidate) -> str:
    found = re.search(rf"(?<!{_LETTERS})(?:{PATTERN})(?!{_LETTERS})", candidate.text)
    return found[0] if found and parse(found[0], candidate.prefixes) is not None else candidate.text


def _joined(candidate: Candidate) -> str:
    return re.sub(r"\\?\s+", "", candidate.text) if candidate.own_prefix else candidate.text


def _from_base64(candidate: Candidate) -> str:
    decoded = "" if candidate.own_prefix or not candidate.text.isascii() else _decoded(candidate.text).strip()
    return decoded if Candidate(decoded, candidate.prefixes).own_prefix else candidate.text


TRIMMING: tuple[tuple[FormatError, Callable[[Candidate], str]], ...] = (
    (FormatError.WHITE_SPACE, lambda candidate: candidate.text.strip()),
)
WRAPPERS: tuple[tuple[FormatError, Callable[[Candidate], str]], ...] = (
    (FormatError.INVISIBLE, lambda candidate: visible(candidate.text)),
    *TRIMMING,
    (FormatError.STRUCTURED, _structured),
    (FormatError.BEARER, lambda candidate: _BEARER.sub("", candidate.text)),
    (FormatError.ASSIGNMENT, _unassigned),
    (FormatError.QUOTED, lambda candidate: _AROUND.sub("", candidate.text)),
    (FormatError.BASE64, _from_base64),
    (FormatError.PUNCTUATION, lambda candidate: _PUNCTUATION.sub("", candidate.text)),
    (FormatError.PERCENT_ENCODED, lambda candidate: unquote(candidate.text)),
    (FormatError.SURROUNDED, _surrounded),
    (FormatError.WHITE_SPACE, _joined),
)
"""Wrappers around or over a key. Each function returns the text without it, unchanged if it is not there."""


# --------------------------------------------------------------------------------------------- how far it is from a key

_UNDERSCORE_LIKE = re.compile(r"[_\-\u2010-\u2015\u2212\u02cd\uff3f\ufe4d-\ufe4f\u2017 \\.]+")
_BARE = re.compile(rf"(?:(?:([0-9A-Za-z]*)_)?({_LETTERS}{{0,{PUBLIC_ID_LENGTH}}})_)?{_LETTERS}{{{TAIL_LENGTH}}}")


def _run_of_x(candidate: Candidate) -> bool:
    return re.search(r"x{4}|X{4}", candidate.head) is not None


def _capitals(candidate: Candidate) -> bool:
    prefix = candidate.head.partition("_")[0]
    return prefix not in candidate.prefixes and prefix.lower() in candidate.prefixes


def _beginning_missing(candidate: Candidate) -> bool:
    """Whether the text is the end of a key, without its prefix or with only the end of the prefix."""
    bare = _BARE.fullmatch(candidate.head)
    if bare is None or candidate.own_prefix:
        return False
    return bare[1] is None or any(prefix.endswith(bare[1]) for prefix in candidate.prefixes)


def _other_prefix(candidate: Candidate) -> bool:
    bare = _BARE.fullmatch(candidate.head)
    return bool(bare and bare[1] and bare[2] and len(bare[2]) == PUBLIC_ID_LENGTH and not candidate.own_prefix)


def _public_id_only(candidate: Candidate) -> bool:
    rest = candidate.head.removeprefix(candidate.own_prefix or "").removesuffix("_")
    return len(rest) == PUBLIC_ID_LENGTH and rest.isascii() and rest.isalnum()


def _underscores(candidate: Candidate) -> bool:
    """
    Whether only the underscores of a key are wrong: something else, or nothing, stands between its parts.

    All letters and digits of the key are there, or the text has the prefix and the right length.
    """
    letters = _UNDERSCORE_LIKE.sub("", candidate.head)
    if not (letters.isascii() and letters.isalnum()):
        return False
    if candidate.own_prefix and len(candidate.text) == key_length(candidate.own_prefix):
        return True
    return any(
        letters.startswith(prefix) and len(letters) == len(prefix) + PUBLIC_ID_LENGTH + TAIL_LENGTH
        for prefix in candidate.prefixes
    )


def _characters(candidate: Candidate) -> bool:
    return not candidate.head.isascii() or (
        candidate.own_prefix is not None and re.search(r"\W", candidate.head) is not None
    )


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
        lambda candidate: _by(key_length(candidate.own_prefix) - len(candidate.text)) if candidate.own_prefix else None,
    ),
    (
        FormatError.TOO_LONG,
        lambda candidate: _by(len(candidate.text) - key_length(candidate.own_prefix)) if candidate.own_prefix else None,
    ),
)
