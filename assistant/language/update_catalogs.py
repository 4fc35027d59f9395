"""
Writes the sentences of the code into the catalogues: `make messages`. Translations are kept.

A sentence that was changed is new, and its translation is gone; one that is not used any more is removed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from assistant.intents.language import ENGLISH
from assistant.language.catalog import FOLDER, read_catalog
from assistant.language.languages import LANGUAGES

ROOT = Path(__file__).parent.parent.parent
TEMPLATE = FOLDER / "messages.pot"
KEYWORDS = {"say": None, "template": None, "counted": (1, 2), "say_in": ((1, "c"), 2)}
"""The functions of `assistant.language.text`, and which of their arguments are translated."""
_BEGUN = datetime(2026, 12, 1, tzinfo=UTC)
"""Stands for every date in the headers, so that a file changes only if a sentence does."""
_WIDTH = 120


def extracted() -> Catalog:
    """The sentences in the code, in English, each with the files that it is in."""
    catalog = Catalog(project="Keydesk", creation_date=_BEGUN, revision_date=_BEGUN, charset="utf-8")
    catalog.header_comment = "# The sentences of the assistant. `make messages` writes this file."
    for path, _line, message, comments, context in _found():
        catalog.add(message, locations=[(path, 0)], auto_comments=comments, context=context)
    return catalog


def updated(language: str) -> Catalog:
    """The catalogue of a language with the sentences of the code, and the translations that it has already."""
    if (FOLDER / f"{language}.po").exists():
        catalog = read_catalog(language)
    else:
        locale = LANGUAGES[language].locale
        catalog = Catalog(locale=locale, project="Keydesk", creation_date=_BEGUN, revision_date=_BEGUN, fuzzy=False)
        catalog.header_comment = f"# The sentences of the assistant in {Locale.parse(locale).english_name}."
    catalog.update(extracted(), no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    return catalog


def written(catalog: Catalog, *, is_template: bool = False) -> bytes:
    """The form of a catalogue in its file."""
    file = BytesIO()
    write_po(file, catalog, width=_WIDTH, include_lineno=False, sort_by_file=True, omit_header=is_template)
    return file.getvalue()


def main() -> None:
    """Writes every file."""
    TEMPLATE.write_bytes(written(extracted(), is_template=True))
    for language in LANGUAGES:
        if language != ENGLISH:
            (FOLDER / f"{language}.po").write_bytes(written(updated(language)))


def _found() -> Iterator[tuple[str, int, str | tuple[str, ...], list[str], str | None]]:
    methods = [("**.py", "python")]
    for name, line, message, comments, context in extract_from_dir(
        ROOT / "assistant", methods, keywords=KEYWORDS, comment_tags=("Translators:",), strip_comment_tags=True
    ):
        yield f"assistant/{name}", line, message, comments, context


if __name__ == "__main__":
    main()
