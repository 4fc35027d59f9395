"""Redaction of a key in several hundred forms in which people print keys."""

from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from assistant.redaction.redact import redact
from tests.support.keys.disguises import PREFIXES, SECRET_IN_A_ROW, made_key, survivors
from tests.support.keys.pasted_forms import BYTE_LISTS, DUMPS, ENCODED, FORMS, readings

AROUND = (
    ("", ""),
    ("my key stopped working yesterday:\n", "\nwhat is wrong with it?"),
    ("$ echo $KEY | show\n", "\n$ curl -i https://api.example.com\nHTTP/1.1 401 Unauthorized"),
    ("```\n", "\n```\n"),
    ("Ich bekomme 401, warum?\n\n", "\n\nDanke!"),
)
SEEDS = 3


def left_of(key: str, text: str) -> list[str]:
    """The substrings of this length of the key's secret that the redacted text has, backwards too."""
    secret = key[20:]
    parts = {secret[at : at + SECRET_IN_A_ROW] for at in range(len(secret) - SECRET_IN_A_ROW + 1)}
    read = [*readings(text), *(each[::-1] for each in readings(text))]
    found = {part for each in read for part in parts if part in each}
    return sorted({*found, *survivors(key, text)})


@pytest.mark.parametrize("name", FORMS)
def test_nothing_is_left_of_a_key_in_any_form(name: str) -> None:
    """With text around it and without; redacting the result again changes nothing."""
    for seed in range(SEEDS):
        key = made_key(seed)
        before, after = AROUND[(seed + len(name)) % len(AROUND)]

        redacted = redact(f"{before}{FORMS[name](key)}{after}", PREFIXES)

        assert left_of(key, redacted.text) == []
        assert redact(redacted.text, PREFIXES).text == redacted.text


@pytest.mark.parametrize("name", [name for name in FORMS if "wrapped" not in name and "separated" not in name])
def test_the_key_in_a_dump_or_an_encoding_is_known(name: str) -> None:
    """So the assistant can say which key it is."""
    for seed in range(SEEDS):
        key = made_key(seed)

        redacted = redact(f"Why do I get a 401?\n{FORMS[name](key)}\nThanks!", PREFIXES)

        assert key in [piece.key.reveal() for piece in redacted.pieces if piece.key]


@pytest.mark.parametrize("name", [*DUMPS, *BYTE_LISTS])
def test_a_dump_goes_with_all_its_columns(name: str) -> None:
    """A finding in a dump covers all of its lines; the words around it stay."""
    form = (DUMPS | BYTE_LISTS)[name]
    key = made_key(1)

    redacted = redact(f"this is what I send:\n{form(key)}\nis there a line feed in it?", PREFIXES)

    assert redacted.text.startswith("this is what I send:\n")
    assert redacted.text.endswith("\nis there a line feed in it?")
    assert len(redacted.text) < 130
    assert "[key kd_8asp…]" in redacted.text


def test_how_a_key_is_shown_is_not_its_fault() -> None:
    """A whole key in a dump is well-formed; a shortened one is too short, and has no other error."""
    key = made_key(1)
    whole = redact(DUMPS["xxd"](key), PREFIXES).pieces
    short = redact(DUMPS["hexdump -C"](key[:-3]), PREFIXES).pieces

    assert [piece.malformed for piece in whole] == [None]
    assert [piece.malformed and piece.malformed.detail for piece in short] == [
        "The key is too short by 3 characters. Copy the whole key from where it was stored when it was created."
    ]


@settings(deadline=None, max_examples=200, derandomize=True)  # no time is asserted
@given(st.integers(0, 2**32), st.sampled_from(sorted(FORMS)), st.sampled_from(AROUND), st.integers(0, 30))
def test_nothing_is_left_of_any_key_in_any_form(seed: int, name: str, around: tuple[str, str], cut: int) -> None:
    """Of any key, whole or without its end."""
    key = made_key(seed)

    # Known limit: a key that was cut is not looked for backwards.
    length = len(key) - (0 if "backwards" in name else max(0, cut - 20))

    redacted = redact(f"{around[0]}{FORMS[name](key[:length])}{around[1]}", PREFIXES)

    assert left_of(key, redacted.text) == []


@settings(deadline=None, max_examples=100, derandomize=True)  # no time is asserted
@given(st.integers(0, 2**32), st.sampled_from(sorted(ENCODED)), st.sampled_from(sorted(DUMPS | BYTE_LISTS)))
def test_nothing_is_left_of_a_key_in_two_forms_at_once(seed: int, encoding: str, form: str) -> None:
    """For example, a dump of an encoded key."""
    key = made_key(seed)

    text = (DUMPS | BYTE_LISTS)[form](ENCODED[encoding](key))
    # Known limit: the work on one message is bounded.
    assume(len(text) < 1000)

    redacted = redact(text, PREFIXES)

    assert left_of(key, redacted.text) == []


def test_the_forms_differ_from_the_key() -> None:
    """Each form changes the key, so that the tests cover what they claim."""
    key = made_key(Random(5).randint(0, 9))

    assert [name for name, form in FORMS.items() if form(key) == key] == []
    assert len(FORMS) > 350
