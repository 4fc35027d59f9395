"""The languages of answers, their names for clients (BCP 47), and their locales."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from assistant.intents.language import ENGLISH


class Language(NamedTuple):
    """A language: its tag as clients get it, and the locale that its numbers and dates are written in."""

    tag: str
    locale: str


LANGUAGES: Mapping[str, Language] = {
    ENGLISH: Language("en", "en_GB"),
    "de": Language("de", "de_DE"),
    "fr": Language("fr", "fr_FR"),
    "es": Language("es", "es_ES"),
    "pt": Language("pt-BR", "pt_BR"),
    "ja": Language("ja", "ja_JP"),
    "zh": Language("zh-Hans", "zh_Hans_CN"),
}
"""The languages by their short names, which `assistant.intents.language` uses."""
TAG_LENGTH_AT_MOST = 35
_TAG = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})
COMPLETE: frozenset[str] = frozenset(LANGUAGES)
"""
The languages whose catalogues have every sentence; a test checks them. Answers are given only in these.

A language that is being translated is added here when it is done.
"""


def language_of_tag(tag: str) -> str:
    """
    The language for a tag of BCP 47, such as `de-AT`, `pt-BR` or `zh-Hans`, by its short name.

    It is English for a language that there is no catalogue of, and for Chinese in traditional characters. Raises
    ValueError if this is no such tag.
    """
    if len(tag) > TAG_LENGTH_AT_MOST or not _TAG.fullmatch(tag):
        raise ValueError("not a tag of a language")
    primary, *others = tag.casefold().split("-")
    is_traditional = primary == "zh" and "hans" not in others and bool(_TRADITIONAL & {*others})
    return primary if primary in LANGUAGES and not is_traditional else ENGLISH


def language_of_answer(language: str) -> str:
    """The language in which a question in `language` is answered: the same if it is complete, otherwise English."""
    return language if language in COMPLETE else ENGLISH
