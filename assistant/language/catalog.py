"""Reads the catalogues of translations. Each is read once, at its first use."""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from assistant.intents.language import ENGLISH
from assistant.language.languages import LANGUAGES

FOLDER = Path(__file__).parent / "catalogs"


def read_catalog(language: str) -> Catalog:
    """The catalogue of a language other than English."""
    with (FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, locale=LANGUAGES[language].locale)


@cache
def translations(language: str) -> NullTranslations:
    """The translations into a language. A sentence without a translation stays in English."""
    if language == ENGLISH:
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, read_catalog(language))
    compiled.seek(0)
    return GNUTranslations(compiled)
