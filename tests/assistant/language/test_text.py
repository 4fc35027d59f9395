"""Sentences with slots: what they look like in each language, and which mistakes in code are found at once."""

from datetime import UTC, datetime

import pytest

from assistant.language.render import render
from assistant.language.text import Day, Moment, Slot, counted, listed, say, template

AFTERNOON = datetime(2026, 11, 4, 14, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("slot", "shown"),
    [
        ("a {name} of braces", "a {name} of braces"),
        (1234567, "1,234,567"),
        (Day(AFTERNOON), "4 November 2026"),
        (Moment(AFTERNOON), "4 November 2026 at 14:03 UTC"),
        (listed(["a", "b", "c"]), "a, b and c"),
        (listed(["a", "b"], "or"), "a or b"),
        (listed([]), ""),
        (counted("{count} request", "{count} requests", 1), "1 request"),
        (counted("{count} request", "{count} requests", 1000), "1,000 requests"),
        (template("the key {key}").fill(key="“{key}”"), "the key “{key}”"),
    ],
)
def test_a_slot_is_shown_as_what_it_is(slot: Slot, shown: str) -> None:
    """A string as it is, and only once: a brace in a name is no slot."""
    assert render(slot) == shown
    assert render(say("It is {it}.", it=slot)) == f"It is {shown}."


@pytest.mark.parametrize(
    ("language", "day", "number", "list_"),
    [
        ("de", "4. November 2026", "1.234.567", "a, b und c"),
        ("fr", "4 novembre 2026", "1\u202f234\u202f567", "a, b et c"),
        ("es", "4 de noviembre de 2026", "1.234.567", "a, b y c"),
        ("pt", "4 de novembro de 2026", "1.234.567", "a, b e c"),
        ("ja", "2026年11月4日", "1,234,567", "a、b、c"),
        ("zh", "2026年11月4日", "1,234,567", "a、b和c"),
    ],
)
def test_dates_numbers_and_lists_are_those_of_the_language(language: str, day: str, number: str, list_: str) -> None:
    """Also where a sentence has no translation yet."""
    assert render(Day(AFTERNOON), language) == day
    assert render(1234567, language) == number
    assert render(listed(["a", "b", "c"]), language) == list_


def test_a_missing_slot_and_one_too_many_are_found_where_they_are_written() -> None:
    """And not when the answer is shown to somebody."""
    with pytest.raises(ValueError, match="slots"):
        say("The key {key} works.")
    with pytest.raises(ValueError, match="slots"):
        say("The key works.", key="deploy")
    with pytest.raises(ValueError, match="slots"):
        template("The key {key} works.").fill(name="deploy")
    with pytest.raises(ValueError, match="slots"):
        counted("{count} of {limit}", "{count} of {limit}", 2)
