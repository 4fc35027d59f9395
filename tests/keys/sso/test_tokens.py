"""The claims of ID tokens and logout tokens: what each must say."""

from datetime import UTC, datetime
from typing import Any

import pytest

from keys.sso.signatures import SignedToken, UnusableToken
from keys.sso.tokens import LOGOUT_EVENT, Expected, LogoutToken, id_token_claims, logout_token

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECOND = int(NOW.timestamp())
EXPECTED = Expected("https://id.example", "keydesk", NOW)
ID: dict[str, Any] = {
    "iss": "https://id.example",
    "aud": "keydesk",
    "sub": "ada",
    "iat": SECOND,
    "exp": SECOND + 300,
    "nonce": "n",
}
LOGOUT: dict[str, Any] = {
    "iss": "https://id.example",
    "aud": "keydesk",
    "sub": "ada",
    "sid": "s1",
    "iat": SECOND,
    "exp": SECOND + 120,
    "jti": "j",
    "events": {LOGOUT_EVENT: {}},
}
COMMON_LIES: list[tuple[dict[str, Any], str]] = [
    ({"iss": "https://id.example/"}, "issuer"),
    ({"iss": "https://ID.example"}, "issuer"),
    ({"iss": ["https://id.example"]}, "issuer"),
    ({"iss": None}, "issuer"),
    ({"aud": "other"}, "another client"),
    ({"aud": []}, "another client"),
    ({"aud": None}, "another client"),
    ({"aud": ["keydesk", "other"]}, "azp"),
    ({"aud": ["keydesk", "other"], "azp": "other"}, "azp"),
    ({"azp": "other"}, "azp"),
    ({"exp": SECOND - 60}, "expired"),
    ({"exp": "tomorrow"}, "exp"),
    ({"exp": True}, "exp"),
    ({"exp": 1e300}, "exp is out of range"),
    ({"iat": SECOND - 661}, "too long ago"),
    ({"iat": SECOND + 61}, "future"),
    ({"iat": None}, "iat"),
    ({"nbf": SECOND + 61}, "not valid yet"),
    ({"nbf": "x"}, "nbf"),
]


def without_none(claims: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in claims.items() if value is not None}


def checked(kind: str | None = None, **claims: Any) -> Any:
    return id_token_claims(SignedToken(kind, without_none({**ID, **claims})), EXPECTED, nonce="n")


def told(kind: str | None = "logout+jwt", **claims: Any) -> LogoutToken:
    return logout_token(SignedToken(kind, without_none({**LOGOUT, **claims})), EXPECTED)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": ["keydesk"]},
        {"azp": "keydesk"},
        {"aud": ["other", "keydesk"], "azp": "keydesk"},
        {"exp": SECOND - 59},
        {"iat": SECOND - 660},
        {"iat": SECOND + 60, "nbf": SECOND + 60},
        {"exp": SECOND + 0.5},
        {"sub": "é" * 255},
    ],
)
def test_a_good_id_token_is_accepted(claims: dict[str, Any]) -> None:
    """The clocks may be a minute apart."""
    assert checked(**claims)["sub"] == claims.get("sub", "ada")
    assert checked("jwt", **claims)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        *COMMON_LIES,
        ({"exp": None}, "exp"),
        ({"nonce": "other"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": ["n"]}, "nonce"),
        ({"sub": None}, "subject"),
        ({"sub": ""}, "subject"),
        ({"sub": 5}, "subject"),
        ({"sub": "x" * 256}, "subject"),
        ({"sub": "a\0"}, "subject"),
        ({"sub": "\ud800"}, "subject"),
    ],
)
def test_an_id_token_that_lies_is_refused(claims: dict[str, Any], said: str) -> None:
    """The message says which claim is wrong."""
    with pytest.raises(UnusableToken, match=said):
        checked(**claims)


@pytest.mark.parametrize("kind", ["logout+jwt", "at+jwt", "application/logout+jwt"])
def test_a_token_of_another_type_is_no_id_token(kind: str) -> None:
    """Such as an access token (RFC 9068)."""
    with pytest.raises(UnusableToken, match="another type"):
        checked(kind)


def test_a_logout_token_names_a_person_or_a_session() -> None:
    """Or both. Older providers send no type and no expiry."""
    assert told() == LogoutToken("j", "ada", "s1")
    assert told(sub=None) == LogoutToken("j", None, "s1")
    assert told("jwt", sid=None, exp=None) == LogoutToken("j", "ada", None)
    assert told(None) == LogoutToken("j", "ada", "s1")


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        *COMMON_LIES,
        ({"nonce": "n"}, "nonce"),
        ({"events": None}, "event"),
        ({"events": {}}, "event"),
        ({"events": [LOGOUT_EVENT]}, "event"),
        ({"events": {LOGOUT_EVENT: True}}, "event"),
        ({"jti": None}, "jti"),
        ({"jti": 7}, "jti"),
        ({"jti": ""}, "jti"),
        ({"sub": None, "sid": None}, "neither"),
        ({"sub": "", "sid": ""}, "neither"),
        ({"sub": 5}, "neither"),
        ({"sid": ["s"]}, "neither"),
    ],
)
def test_a_logout_token_that_lies_is_refused(claims: dict[str, Any], said: str) -> None:
    """An ID token among them: it has a nonce and no event."""
    with pytest.raises(UnusableToken, match=said):
        told(**claims)


def test_an_access_token_is_no_logout_token() -> None:
    """Whatever it says."""
    with pytest.raises(UnusableToken, match="another type"):
        told("at+jwt")
