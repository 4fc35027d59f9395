"""Turns sentences into strings, in one of the languages."""

from collections.abc import Mapping
from datetime import datetime

from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_decimal

from assistant.intents.language import ENGLISH
from assistant.language.catalog import translations
from assistant.language.languages import LANGUAGES
from assistant.language.text import SLOT, Day, Listed, Moment, Slot, Text, say


def render(words: Slot, language: str = ENGLISH) -> str:
    """The words in this language. A string is returned as it is: it is a name, an address or an id."""
    match words:
        case str():
            return words
        case int():
            return format_decimal(words, locale=LANGUAGES[language].locale)
        case Day():
            return _day(words.at, language)
        case Moment():
            time = f"{words.at:%H:%M}"
            return render(say("{day} at {time} UTC", day=Day(words.at), time=time), language)
        case Listed():
            parts = [render(each, language) for each in words.parts]
            return format_list(parts, "standard" if words.last == "and" else "or", LANGUAGES[language].locale)
        case Text():
            values = {name: render(value, language) for name, value in words.slots}
            return _fill(_translated(words, language), values)


def _translated(text: Text, language: str) -> str:
    found = translations(language)
    if text.plural is not None:
        return found.ngettext(text.message, text.plural, text.number)
    if text.context is not None:
        return found.pgettext(text.context, text.message)
    return found.gettext(text.message)


def _fill(message: str, values: Mapping[str, str]) -> str:
    """Fills the slots in one pass, so that a brace in a value is never taken for a slot."""
    return SLOT.sub(lambda slot: values[slot[1]], message)


def _day(at: datetime, language: str) -> str:
    return format_date(at.date(), "long", LANGUAGES[language].locale)
