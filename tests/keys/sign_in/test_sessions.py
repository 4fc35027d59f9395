"""How long a session lasts, and the value of its cookie."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from keys.sign_in.sessions import is_over, is_to_be_noted, new_token, token_digest

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
A_MOMENT = timedelta(microseconds=1)


def test_a_value_has_256_random_bits_and_is_kept_as_its_digest() -> None:
    """Values differ, nothing prints them, and the stored digest can be computed from the value."""
    (first, digest), (second, _) = new_token(), new_token()

    assert re.fullmatch(r"[0-9a-f]{64}", first.reveal())
    assert first != second
    assert token_digest(first.reveal()) == digest
    assert first.reveal() not in f"{first!r}{first}{digest}"


def test_a_visit_s_value_has_another_length() -> None:
    """Servers of the version before take only values of 64 digits for their own."""
    value, digest = new_token(is_visit=True)

    assert re.fullmatch(r"[0-9a-f]{66}", value.reveal())
    assert token_digest(value.reveal()) == digest


@pytest.mark.parametrize("text", ["", "a" * 63, "a" * 65, "g" * 64, "A" * 64, "é" * 64, "a" * 63 + "\n"])
def test_what_has_another_form_was_not_issued_here(text: str) -> None:
    """The database is not asked."""
    assert token_digest(text) is None


@pytest.mark.parametrize(
    ("age", "idle", "over"),
    [
        (timedelta(0), timedelta(0), False),
        (timedelta(hours=12), timedelta(hours=12) - A_MOMENT, False),
        (timedelta(hours=12), timedelta(hours=12), True),
        (timedelta(days=7) - A_MOMENT, timedelta(0), False),
        (timedelta(days=7), timedelta(0), True),
    ],
)
def test_a_session_ends_twelve_hours_after_its_use_and_seven_days_after_it_began(
    age: timedelta, idle: timedelta, over: bool
) -> None:
    """Whichever comes first, to the moment."""
    assert is_over(NOW - age, NOW - idle, NOW) is over


def test_a_sessions_use_is_noted_once_a_minute() -> None:
    """Not sooner after the last update."""
    assert not is_to_be_noted(NOW - timedelta(minutes=1) + A_MOMENT, NOW)
    assert is_to_be_noted(NOW - timedelta(minutes=1), NOW)
