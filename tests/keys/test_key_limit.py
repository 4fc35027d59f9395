"""Slots and names."""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.key_limit import KEY_AS_NAME, Allowance, candidates_to_free, valid_name
from keys.refusals import InvalidInput, KeyLimitReached
from keys.token import mint
from tests.conftest import SERVER_KEYS

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("used", "limit", "remaining"), [(0, 10, 10), (9, 10, 1), (10, 10, 0), (7, 3, 0)])
def test_remaining_slots_are_never_negative(used: int, limit: int, remaining: int) -> None:
    """A limit below the usage leaves zero slots, not a negative number."""
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
    """Surrounding white space is removed, and characters are in NFC."""
    assert valid_name(text) == kept


@pytest.mark.parametrize(
    "text", ["", "   ", "x" * 65, "a\x00b", "a\u200bb", "a\u2028b", "a\ue000b", "a\ud800b", "a\u0378b", "a\nb"]
)
def test_a_name_that_cannot_be_shown_is_refused(text: str) -> None:
    """Empty, too long, or with an invisible character: the error names the field."""
    with pytest.raises(InvalidInput) as refused:
        valid_name(text)

    assert refused.value.field == "name"


@pytest.mark.parametrize(
    "text",
    ["\u3164", "\u115f\u1160", "\u2800 \u2800", "\u034f", "\ufe0f", "\uffa0", "\u17b4", "\U000e0100", "\u3164 \u3164"],
)
def test_a_name_that_nobody_sees_is_refused(text: str) -> None:
    """Letters, marks and symbols that draw nothing are not a name by themselves."""
    with pytest.raises(InvalidInput, match="invisible characters") as refused:
        valid_name(text)

    assert refused.value.field == "name"


@pytest.mark.parametrize(
    "text", ["\u2764\ufe0f", "\u1112\u1161\u11ab", "a\u034fb", "\u115f\u1161", "\u2801", "-", "🔑"]
)
def test_what_can_be_seen_beside_them_is_a_name(text: str) -> None:
    """Scripts and emoji need such characters."""
    assert valid_name(text) == unicodedata.normalize("NFC", text)


def pasted(token: str) -> dict[str, str]:
    """What people paste instead of a name, from a key of 62 characters."""
    prefix, public_id, tail = token.split("_")
    return {
        "whole": token,
        "with spaces around it": f"  {token}\n",
        "with spaces inside": f"{token[:20]} {token[20:40]} {token[40:]}",
        "after Bearer": f"Bearer {token}",
        "after a header's name": f"X-API-Key: {token}",
        "in quotes": f'"{token}"',
        "with invisible characters inside": f"{token[:9]}\u200b{token[9:30]}\u2060{token[30:]}",
        "cut off": token[:50],
        "cut off early": token[:33],
        "in capitals": token.upper(),
        "in small letters": token.lower(),
        "with another prefix": f"acme_{public_id}_{tail}"[:64],
        "without its prefix": f"{public_id}_{tail}",
        "only what is secret": tail,
        "with other signs": f"{prefix}-{public_id}-{tail}",
        "in wide letters": "".join(chr(ord(each) + 0xFEE0) for each in token),
        "percent-encoded": token.replace("_", "%5F"),
    }


@pytest.mark.parametrize("form", pasted("kd_a_b"))
def test_a_key_is_not_a_name(form: str) -> None:
    """Whole or nearly whole, in any disguise; the message repeats nothing of it."""
    choose = Random(62).choice
    for _ in range(50):
        token = mint(SERVER_KEYS, "kd", choose=choose).token.reveal()
        text = pasted(token)[form]

        with pytest.raises(InvalidInput) as refused:
            valid_name(text)

        assert refused.value.field == "name"
        assert refused.value.message == KEY_AS_NAME
        assert not [start for start in range(0, 60, 5) if token[start : start + 5] in refused.value.message]


@pytest.mark.parametrize(
    "text",
    [
        "Production EU West 1 deployment key for the billing service (2)",
        "ProductionEUWest1DeploymentKeyForTheBillingServiceTeamInBerlin2",
        "app_internationalize_productioneu",
        "team_infrastructure16_eu_west_1_blue_green_canary_v2",
        "deploy-2026-11-24T12:00:00Z-a1b2c3d4e5f6a7b8-main-build-1234",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301 (staging)",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "arn:aws:iam::123456789012:role/KeydeskGatewayProductionRole",
        "kd_S1vv2I…pT61 (the old one)",
        "v1.2.3-rc4 b5 c6 d7 e8 f9",
        "請求書の自動処理システム用のキー（本番環境・東京リージョン）",
    ],
)
def test_what_people_call_things_is_a_name(text: str) -> None:
    """Long names, ids, digests and hints are not keys."""
    assert valid_name(text) == text


def test_a_very_long_text_is_refused_by_its_length_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Composing is quadratic in runs of marks: a text of a quarter of a megabyte is refused before."""
    composed: list[str] = []
    counting = SimpleNamespace(normalize=lambda _form, text: composed.append(text), category=unicodedata.category)
    monkeypatch.setattr("keys.key_limit.unicodedata", counting)

    with pytest.raises(InvalidInput, match="200001 characters"):
        valid_name("e" + "\u0301\u0327" * 100_000)

    assert composed == []


@given(st.text(max_size=80))
def test_a_name_once_kept_is_kept_as_it_is(text: str) -> None:
    """Normalizing a stored name changes nothing."""
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
    """Keys to delete: never used first, then the longest unused, and of equals the oldest."""
    ages: list[tuple[int, int | None]] = [(3, None), (90, 1), (1, 30), (400, None), (2, 1), (80, 30)]
    keys = [
        Key(UUID(int=number), NOON - timedelta(days=age), None if unused is None else NOON - timedelta(days=unused))
        for number, (age, unused) in enumerate(ages)
    ]

    assert [key.id.int for key in candidates_to_free(keys)] == [3, 0, 5, 2, 1, 4]


def test_the_limits_sentence_says_what_to_do() -> None:
    """The message says how many keys there are, and to delete one."""
    assert str(KeyLimitReached(10, 10)) == (
        "All 10 API keys of this organization are in use. Delete one that is no longer needed, then create the new one."
    )
    assert "has 7 API keys, and its limit is 3" in str(KeyLimitReached(7, 3))
