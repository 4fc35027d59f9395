"""Promises for any pasted text: no secret remains, redacting again changes nothing, and redaction terminates."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.redaction.redact import LENGTH_AT_MOST, redact
from tests.support.keys.disguises import NOT_WHOLE, PREFIXES, SENTENCES, WHOLE, made_key, survivors

SEEDS = st.integers(0, 2**32)
WRAPPERS = st.sampled_from(sorted((WHOLE | NOT_WHOLE).items()))
PARTS = [
    *SENTENCES,
    *(disguise(made_key(1), Random(1)) for disguise in (WHOLE | NOT_WHOLE).values()),
    *("kd_", "_", "%", "%25", "\\", "\\u00", "&#", '"', "'", " + ", "\n> ", "=", ":", "://", "@", "-u ", "Basic ", "…"),
    *(
        "[key ",
        "[key kd_ab12…]",
        "]",
        "[password]",
        "****",
        "\u200b",
        "\x1b[3",
        "\ud800",
        "{",
        "password",
        "token=",
        "a",
    ),
    *("-----BEGIN PRIVATE KEY-----", "eyJ", "AKIA", "sk-", "cookie: a=", "0x", "é", "漢"),
]
CONFETTI = st.lists(st.sampled_from(PARTS), max_size=8).map("".join) | st.text(max_size=200)
"""Texts of all kinds of parts in any order, and of any characters."""


@settings(deadline=None)  # no time is asserted
@given(SEEDS, WRAPPERS, st.text(max_size=40), st.sampled_from(SENTENCES), st.text(max_size=40))
def test_no_secret_is_left_of_any_key_in_any_disguise_in_any_text(
    seed: int, disguise: tuple[str, object], before: str, between: str, after: str
) -> None:
    """However the text is decoded: plain, without spaces, from any encoding."""
    key = made_key(seed)
    pasted = (WHOLE | NOT_WHOLE)[disguise[0]](key, Random(seed))

    left = redact(f"{before} {between}{pasted} {after}", PREFIXES).text

    assert survivors(key, left) == []
    assert redact(left, PREFIXES).text == left


@settings(deadline=None)  # no time is asserted
@given(
    SEEDS,
    st.sampled_from(["", "a", "Z9", "x_", "key", "ab-", "é", "0", "_", "%", "\\", "/"]),
    st.sampled_from("a9-_é/%\\'"),
)
def test_no_secret_is_left_where_other_characters_touch_the_key(seed: int, before: str, after: str) -> None:
    """A letter in front makes another prefix, a letter behind makes it too long: it is redacted all the same."""
    key = made_key(seed)

    left = redact(f"x {before}{key}{after} y", PREFIXES).text

    assert survivors(key, left) == []


@settings(deadline=None)  # no time is asserted
@given(CONFETTI)
def test_redacting_again_changes_nothing(text: str) -> None:
    """A placeholder is not redacted again."""
    once = redact(text, PREFIXES)

    again = redact(once.text, PREFIXES)

    assert again.text == once.text
    assert [piece.marker for piece in again.pieces if piece.marker not in once.text] == []
    assert not any(piece.key for piece in again.pieces)


@settings(deadline=None)  # no time is asserted
@given(st.lists(st.sampled_from(SENTENCES), max_size=8).map("".join), st.sampled_from(["", " 401", " thanks!", "\n\n"]))
def test_prose_stays_as_it_is(text: str, end: str) -> None:
    """With ids and names with underscores, in several languages."""
    assert redact(text + end, PREFIXES).text == text + end


@pytest.mark.parametrize(
    "part",
    [
        *("a", "A1", "Ab1", "_", "a_", " ", "\n", "\n> ", "'", '"', "\\", "%41", "%", "%25", "&#65;", "=", "-", "--"),
        *("kd_", "kd_a", "kd_0123456789abcdef_", "kd_0123456789abcdef_a ", "k d _ ", "ab12cd34ef56gh78 ", "a b "),
        *("-----BEGIN PRIVATE KEY-----", "-----BEGIN CERTIFICATE-----", "eyJaaaaaa.", "sk-", "AKIA", "SG.", "1//0"),
        *("://", "://a:", "a:", "cookie: a=", "password", "password=", "password ", "Basic ", "token: ", "-u a:b "),
        *("\u200b", "ａ", "а", "\x00", "\x1b[", "\ud800", "é", "{", "[key ", "…", "*", "xxxx", "<b>", "<a ", "0x6b,"),
        *("\\u0061", "6b", "a2RfMDEyMzQ1Njc4OWFiY2RlZl8w", '"name": "cookie", "value": "', "req_"),
        made_key(1),
    ],
)
def test_a_megabyte_of_anything_comes_to_an_end(part: str) -> None:
    """Only its beginning is read, once for each of a few views."""
    text = part * (1_000_000 // len(part))

    redacted = redact(text, PREFIXES)

    assert len(redacted.text) <= LENGTH_AT_MOST
    assert redact(redacted.text, PREFIXES).text == redacted.text
