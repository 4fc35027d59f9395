"""One definition of invisible characters, for every place that looks for them."""

import sys
import unicodedata

import pytest

from assistant.explain.formatting import sanitize
from assistant.reply.plain_text import plain
from keys.key_limit import valid_name
from keys.refusals import InvalidInput
from keys.sign_in.email_address import valid_email
from keys.text import is_invisible, is_unprintable, printable, visible
from keys.usage.user_agent import cleaned

UNPRINTABLE = ("\x00", "\x1b", "\x7f", "\u00ad", "\u200b", "\u202e", "\u2028", "\u2029", "\ufeff", "\ue000", "\ufdd0")


def test_unprintable_is_what_python_can_t_print_spaces_aside() -> None:
    """Checked for every character."""
    characters = [chr(code) for code in range(sys.maxunicode + 1)]

    assert [each for each in characters if is_unprintable(each)] == [
        each for each in characters if not each.isprintable() and unicodedata.category(each) != "Zs"
    ]


def test_invisible_is_more_than_that_and_no_white_space() -> None:
    """Fillers and variation selectors count, too; line separators are white space and stay."""
    characters = [chr(code) for code in range(sys.maxunicode + 1)]
    more = {each for each in characters if is_invisible(each) and not is_unprintable(each)}

    assert {each for each in characters if is_unprintable(each) and not is_invisible(each)} == {
        each for each in characters if is_unprintable(each) and each.isspace()
    }
    assert {"\u3164", "\u2800", "\u115f", "\ufe0f", "\U000e0100"} <= more
    assert not [each for each in more if each.isspace() or each.isascii()]


@pytest.mark.parametrize("character", UNPRINTABLE, ids=ascii)
def test_what_is_unprintable_is_shown_and_kept_nowhere(character: str) -> None:
    """Names and addresses with such characters are refused; other texts of people and programs lose them."""
    text = f"a{character}b"

    for check in (valid_name, lambda given: valid_email(f"{given}@acme.example")):
        with pytest.raises(InvalidInput):
            check(text)
    assert printable(text) == cleaned(text.encode()) == "ab"
    assert sanitize(text) == "a b"
    assert plain(text) in {"ab", "a\nb"}


@pytest.mark.parametrize("text", ["", "two words", "naïve", "日本語", "👩‍💻 emoji"])
def test_what_can_be_seen_stays(text: str) -> None:
    """Also where characters are joined to one: only the joiners are removed."""
    assert printable(text) == visible(text) == text.replace("\u200d", "")
