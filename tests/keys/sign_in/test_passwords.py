"""Which texts can be a password."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from keys.refusals import InvalidInput
from keys.sign_in.passwords import (
    measured_password,
    new_one_time_password,
    one_time_expires_at,
    password_is_over,
    presented_password,
    valid_password,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["a" * 12, "é" * 12, "a" * 1024, "é" * 512, "with spaces in it", "🔑" * 256])
def test_twelve_characters_to_1024_bytes_are_a_password(text: str) -> None:
    """Characters at the lower end, bytes at the upper."""
    assert measured_password(text) == text
    assert presented_password(text) == text


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "longer"),
        ("a" * 11, "longer"),
        ("e\u0301" * 11, "longer"),
        ("a" * 1025, "shorter"),
        ("é" * 513, "shorter"),
        ("a" * 300_000, "shorter"),
        ("abcdefghijk\ud800", "shorter"),
    ],
)
def test_another_length_is_refused_with_advice(text: str, advice: str) -> None:
    """The refusal names the field and says what to do; half a surrogate pair is not a text."""
    with pytest.raises(InvalidInput, match=advice) as refused:
        valid_password(text, field="newPassword")

    assert refused.value.field == "newPassword"


@pytest.mark.parametrize("text", ["a" * 1025, "é" * 513, "abcdefghijk\ud800"])
def test_what_can_not_be_a_password_is_not_compared(text: str) -> None:
    """A password over 1,024 bytes, or one that is not a text, is not hashed."""
    assert presented_password(text) is None


def test_the_same_password_typed_on_two_systems_is_one() -> None:
    """A composed letter and a decomposed one are the same text."""
    assert presented_password("cafe\u0301 au lait s'il vous plaît") == presented_password(
        "café au lait s'il vous plai\u0302t"
    )


def test_a_one_time_password_can_be_read_aloud_and_is_hidden_in_print() -> None:
    """Four groups of five unmistakable characters, each generated anew; it would be accepted as a password."""
    first, second = new_one_time_password(), new_one_time_password()

    assert re.fullmatch(r"[a-hjkmnp-z2-9]{5}(-[a-hjkmnp-z2-9]{5}){3}", first.reveal())
    assert valid_password(first.reveal()) == first.reveal()
    assert first != second
    assert first.reveal() not in f"{first}{first!r}"


def test_a_one_time_password_is_good_for_seven_days() -> None:
    """It expires to the moment; a password that a person chose does not expire."""
    expires_at = one_time_expires_at(NOW)

    assert expires_at - NOW == timedelta(days=7)
    assert not password_is_over(expires_at, expires_at - timedelta(microseconds=1))
    assert password_is_over(expires_at, expires_at)
    assert not password_is_over(None, expires_at)
