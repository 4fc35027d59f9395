"""The languages of answers, their names for clients (BCP 47), and their locales."""

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
COMPLETE: frozenset[str] = frozenset({ENGLISH})
"""
The languages whose catalogues have every sentence; a test checks them. Answers are given only in these.

A language that is being translated is added here when it is done.
"""


def language_of_answer(language: str) -> str:
    """The language in which a question in `language` is answered: the same if it is complete, otherwise English."""
    return language if language in COMPLETE else ENGLISH
