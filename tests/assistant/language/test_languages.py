"""The languages of answers and their tags."""

import pytest

from assistant.language.languages import LANGUAGES, language_of_tag


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        *((each.tag, name) for name, each in LANGUAGES.items()),
        *(("de-AT", "de"), ("DE", "de"), ("pt-PT", "pt"), ("fr-CA", "fr"), ("es-419", "es"), ("en-US", "en")),
        *(("zh", "zh"), ("zh-CN", "zh"), ("zh-Hans-TW", "zh"), ("zh-TW", "en"), ("zh-Hant", "en")),
        *(("pl", "en"), ("ko-KR", "en"), ("nds", "en")),
    ],
)
def test_a_tag_names_a_language(tag: str, language: str) -> None:
    """Whatever its region is; English stands for languages without a catalogue."""
    assert language_of_tag(tag) == language


@pytest.mark.parametrize("tag", ["", "d", "de_AT", "german language", "de-", "-de", "de\n", "x" * 9, "de" + "-at" * 20])
def test_anything_else_is_no_tag(tag: str) -> None:
    """It is refused, and not taken for English."""
    with pytest.raises(ValueError, match="not a tag"):
        language_of_tag(tag)
