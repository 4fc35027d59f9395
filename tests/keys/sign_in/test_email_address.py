"""Validation and normalization of e-mail addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.refusals import InvalidInput
from keys.sign_in.email_address import valid_email
from models.person import EMAIL_LENGTH_AT_MOST, canonical_email


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (" Ada@Example.COM\n", "ada@example.com"),
        ("ada+keys@mail.example.com", "ada+keys@mail.example.com"),
        ("root@localhost", "root@localhost"),
        ("ａｄａ@example.com", "ada@example.com"),
    ],
)
def test_an_address_is_kept_in_one_form(text: str, kept: str) -> None:
    """Case, surrounding white space and compatibility characters make no second person."""
    assert valid_email(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        *("", "ada", "@example.com", "ada@", "ada@@example.com", "a@b@example.com", "ada@example..com", "ada@.com"),
        *(
            "ada lovelace@example.com",
            "Ada <ada@example.com>",
            "ada@example.com,eve@example.com",
            "ada@exa\x00mple.com",
        ),
        *("ada\u202e@example.com", "ada@example\udcff.com", f"{'a' * 250}@example.com"),
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """The error names the field and says what to enter instead."""
    with pytest.raises(InvalidInput) as refused:
        valid_email(text)

    assert refused.value.field == "email"


@given(st.text(st.characters(), max_size=300))
def test_whatever_is_accepted_is_what_people_are_looked_up_by(text: str) -> None:
    """An accepted address is canonical, fits its column, and can be stored."""
    try:
        email = valid_email(f"{text}@example.com")
    except InvalidInput:
        return

    assert canonical_email(email) == email
    assert len(email) <= EMAIL_LENGTH_AT_MOST
    assert email.encode()
