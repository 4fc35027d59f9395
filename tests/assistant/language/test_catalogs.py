"""The catalogues of translations: they have every sentence of the code, with its slots, in every complete language."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

import pytest
from babel.messages.catalog import Message

from assistant.explain.formatting import REASONS, ROLES
from assistant.explain.managing_keys import DENIALS
from assistant.intents.language import ENGLISH
from assistant.language import update_catalogs
from assistant.language.catalog import FOLDER, read_catalog, translations
from assistant.language.languages import COMPLETE, LANGUAGES
from assistant.language.render import render
from assistant.language.text import COUNT, SLOT, Day, Slot, Text, slots_of
from assistant.reply.render import escaped, in_one_line
from keys import policy
from keys.outcomes import OF_REASON

TRANSLATED = [each for each in LANGUAGES if each != ENGLISH]
DONE = [each for each in TRANSLATED if each in COMPLETE]
SENTENCES = [each for each in update_catalogs.extracted() if each.id]
SAME_WORDS_AT_MOST = 3
"""Longer sentences are never the same in two languages."""
NUMBERS = (0, 1, 2, 5, 11, 21, 100, 1_000_000)


def texts(message: str | Sequence[str] | None) -> tuple[str, ...]:
    """The forms of a sentence: one, or one for each plural form."""
    return () if not message else (message,) if isinstance(message, str) else tuple(message)


def wrong(language: str) -> Iterator[str]:
    """What is wrong with the translations into this language."""
    catalog = read_catalog(language)
    for sentence in SENTENCES:
        english = texts(sentence.id)
        found = catalog.get(english[0], sentence.context)
        translated = texts(found.string) if found is not None else ()
        if found is None or not translated or not all(translated):
            yield f"not translated: {english[0]}"
            continue
        if found.fuzzy:
            yield f"marked as fuzzy: {english[0]}"
        if len(translated) != (catalog.num_plurals if len(english) == 2 else 1):
            yield f"not all plural forms: {english[0]}"
        yield from wrong_forms(english, translated)


def wrong_forms(english: Sequence[str], translated: Iterable[str]) -> Iterator[str]:
    """What is wrong with the translations of one sentence."""
    wanted = set().union(*map(slots_of, english))
    for form in translated:
        # A form for one thing may say *one* instead of the number.
        if slots_of(form) | {COUNT} != wanted | {COUNT} or (COUNT in slots_of(form) and COUNT not in wanted):
            yield f"other slots: {form}"
        if form.count("{") != len(SLOT.findall(form)):
            yield f"a brace that is no slot: {form}"
        if form in english and len(form.split()) > SAME_WORDS_AT_MOST:
            yield f"still in English: {form}"
        if form != form.strip():
            yield f"a space at an end: {form!r}"


def test_the_template_has_the_sentences_of_the_code() -> None:
    """Otherwise `make messages` was forgotten."""
    assert update_catalogs.TEMPLATE.read_bytes() == update_catalogs.written(
        update_catalogs.extracted(), is_template=True
    )


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_has_the_sentences_of_the_code_and_no_others(language: str) -> None:
    """Otherwise `make messages` was forgotten. Whether they are translated is another question."""
    wanted = {(texts(each.id), each.context) for each in SENTENCES}

    assert {(texts(each.id), each.context) for each in read_catalog(language) if each.id} == wanted


@pytest.mark.parametrize("language", DONE)
def test_a_complete_language_lacks_no_sentence_and_no_slot(language: str) -> None:
    """Each sentence has a translation that was looked at, with the same slots and all plural forms."""
    assert list(wrong(language)) == []


@pytest.mark.parametrize("language", [*DONE, ENGLISH])
def test_each_sentence_is_shown_with_what_is_in_its_slots(language: str) -> None:
    """Also in a page, where nothing of a translation is markup."""
    for sentence in SENTENCES:
        for number in NUMBERS if len(texts(sentence.id)) == 2 else NUMBERS[:1]:
            text, values = filled(sentence, number)
            shown = render(text, language)

            for name, value in values.items():
                assert str(value) in shown, (name, shown)
            assert "{" not in shown
            assert escaped(shown).replace("\\", "") == in_one_line(shown).replace("\\", "")


def filled(sentence: Message, number: int) -> tuple[Text, dict[str, str]]:
    """The sentence with a value in each slot but that of the number, and the values."""
    forms = texts(sentence.id)
    names = sorted(set().union(*map(slots_of, forms)) - {COUNT})
    values = {name: f"«{name}»" for name in names}
    slots: list[tuple[str, Slot]] = [*values.items(), (COUNT, number)]
    plural = forms[1] if len(forms) == 2 else None
    return Text(forms[0], plural, number, sentence.context, tuple(slots)), values


def test_what_is_wrong_with_a_translation_is_found() -> None:
    """A missing slot, one too many, and words that were left in English."""
    english = ("{count} key of {name} was deleted on {day}", "{count} keys of {name} were deleted on {day}")

    assert list(wrong_forms(english, ["{count} Schlüssel von {name}: gelöscht am {day}"])) == []
    assert list(wrong_forms(english, ["Ein Schlüssel von {name}: gelöscht am {day}"])) == []
    assert len(list(wrong_forms(english, ["{count} Schlüssel von {name}"]))) == 1
    assert len(list(wrong_forms(english, ["{count} {key} {name} {day}"]))) == 1
    assert len(list(wrong_forms(english, [english[1]]))) == 1


def test_a_sentence_without_a_translation_is_shown_in_english() -> None:
    """With dates as that language writes them."""
    unknown = Text("No catalogue has this, on {day}.", slots=(("day", Day(datetime(2026, 11, 4, tzinfo=UTC))),))

    assert render(unknown, "de") == "No catalogue has this, on 4. November 2026."


def test_a_catalogue_is_read_once() -> None:
    """The second use finds it in memory."""
    assert translations("de") is translations("de")


def test_there_is_a_catalogue_for_each_language_and_no_other() -> None:
    """Each language of the interface that is not English."""
    assert {path.stem for path in FOLDER.glob("*.po")} == set(TRANSLATED)
    assert set(LANGUAGES) >= COMPLETE


def test_roles_reasons_and_denials_are_told_in_the_words_of_the_other_layers() -> None:
    """They are written a second time for the catalogues."""
    assert {role: render(words) for role, words in ROLES.items()} == policy.ROLE_WORDS
    assert {role: render(words) for role, words in DENIALS.items()} == policy.DENIALS
    assert {reason: render(words) for reason, words in REASONS.items()} == {
        reason: outcome.phrase for reason, outcome in OF_REASON.items()
    }
