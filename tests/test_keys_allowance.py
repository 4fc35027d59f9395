"""Slots and names."""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.allowance import Allowance, candidates_to_free, valid_name
from keys.refusals import InvalidInput, KeyLimitReached

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("used", "limit", "remaining"), [(0, 10, 10), (9, 10, 1), (10, 10, 0), (7, 3, 0)])
def test_remaining_slots_are_never_negative(used: int, limit: int, remaining: int) -> None:
    """A limit lowered below what is used leaves nothing, not less than nothing."""
    assert Allowance(used, limit).remaining == remaining


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  deploy  ", "deploy"),
        ("e\u0301clair", "\u00e9clair"),
        ("x" * 64, "x" * 64),
        ("請求書 🔑", "請求書 🔑"),
    ],
)
def test_a_name_is_kept_trimmed_and_composed(text: str, kept: str) -> None:
    """White space around it goes, and its characters are in NFC."""
    assert valid_name(text) == kept


@pytest.mark.parametrize(
    "text", ["", "   ", "x" * 65, "a\x00b", "a\u200bb", "a\u2028b", "a\ue000b", "a\ud800b", "a\u0378b", "a\nb"]
)
def test_a_name_that_cannot_be_shown_is_refused(text: str) -> None:
    """Empty, too long, or with a character that nobody could see: the field is named."""
    with pytest.raises(InvalidInput) as refused:
        valid_name(text)

    assert refused.value.field == "name"


def test_a_very_long_text_is_refused_by_its_length_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Composing is quadratic in runs of marks: a text of a quarter of a megabyte never gets there."""
    composed: list[str] = []
    counting = SimpleNamespace(normalize=lambda _form, text: composed.append(text), category=unicodedata.category)
    monkeypatch.setattr("keys.allowance.unicodedata", counting)

    with pytest.raises(InvalidInput, match="200001 characters"):
        valid_name("e" + "\u0301\u0327" * 100_000)

    assert composed == []


@given(st.text(max_size=80))
def test_a_name_once_kept_is_kept_as_it_is(text: str) -> None:
    """Keeping a kept name changes nothing."""
    try:
        kept = valid_name(text)
    except InvalidInput:
        return

    assert valid_name(kept) == kept
    assert 1 <= len(kept) <= 64


@dataclass
class Key:
    id: UUID
    created_at: datetime
    last_used_at: datetime | None


def test_what_nobody_uses_is_the_first_to_think_of() -> None:
    """Candidates to free a slot: never used first, then the longest unused, and of equals the oldest."""
    ages: list[tuple[int, int | None]] = [(3, None), (90, 1), (1, 30), (400, None), (2, 1), (80, 30)]
    keys = [
        Key(UUID(int=number), NOON - timedelta(days=age), None if unused is None else NOON - timedelta(days=unused))
        for number, (age, unused) in enumerate(ages)
    ]

    assert [key.id.int for key in candidates_to_free(keys)] == [3, 0, 5, 2, 1, 4]


def test_the_limits_sentence_says_what_to_do() -> None:
    """Whoever meets the limit is told how many there are and to delete one."""
    assert str(KeyLimitReached(10, 10)) == (
        "All 10 API keys of this organization are in use. Delete one that is no longer needed, then create the new one."
    )
    assert "has 7 API keys, and its limit is 3" in str(KeyLimitReached(7, 3))
