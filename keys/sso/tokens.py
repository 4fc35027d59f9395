"""
Checks the claims of the provider's tokens: ID tokens (OpenID Connect Core 1.0, 3.1.3.7) and logout tokens (OpenID
Connect Back-Channel Logout 1.0, 2.6).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any

from keys.sso.signatures import SignedToken, UnusableToken

LEEWAY = timedelta(minutes=1)
"""How far the provider's clock may be away from ours."""
ID_TOKEN_AGE = timedelta(minutes=10)
LOGOUT_TOKEN_AGE = timedelta(minutes=10)
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_TYPES = (None, "jwt", "logout+jwt", "application/logout+jwt")
SUBJECT_LENGTH_AT_MOST = 255


@dataclass(frozen=True, slots=True)
class Expected:
    """What both kinds of tokens must say: who made them, for whom, and when."""

    issuer: str
    client_id: str
    now: datetime


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """Which sessions end: those of a session at the provider, or all of a person. `id` is good for one use."""

    id: str
    subject: str | None
    session: str | None


def id_token_claims(token: SignedToken, expected: Expected, *, nonce: str) -> Mapping[str, Any]:
    """The claims of an ID token that answers the request with this nonce. Raises UnusableToken."""
    claims = token.claims
    if token.type not in (None, "jwt"):
        raise UnusableToken("the token is of another type than an ID token")
    _require_common(claims, expected)
    if not is_usable_subject(claims.get("sub")):
        raise UnusableToken("the ID token has no subject that can be used")
    if expected.now >= _instant(claims, "exp") + LEEWAY:
        raise UnusableToken("the ID token has expired")
    if not _is_recent(claims, expected.now, ID_TOKEN_AGE):
        raise UnusableToken("the ID token was issued too long ago, or in the future")
    presented = claims.get("nonce")
    if not isinstance(presented, str) or not compare_digest(presented.encode(), nonce.encode()):
        raise UnusableToken("the ID token answers another request: its nonce is wrong")
    return claims


def logout_token(token: SignedToken, expected: Expected) -> LogoutToken:
    """What a logout token says. Raises UnusableToken. The caller must see to it that its `id` is used once."""
    claims = token.claims
    if token.type not in LOGOUT_TYPES:
        raise UnusableToken("the token is of another type than a logout_token")
    _require_common(claims, expected)
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise UnusableToken("the logout_token has no event of this kind")
    if "nonce" in claims:
        raise UnusableToken("the logout_token has a nonce, so it may be an ID token")
    if "exp" in claims and expected.now >= _instant(claims, "exp") + LEEWAY:
        raise UnusableToken("the logout_token has expired")
    if not _is_recent(claims, expected.now, LOGOUT_TOKEN_AGE):
        raise UnusableToken("the logout_token was issued too long ago, or in the future")
    token_id, subject, session = claims.get("jti"), claims.get("sub"), claims.get("sid")
    if not isinstance(token_id, str) or not token_id:
        raise UnusableToken("the logout_token has no id (jti)")
    if not all(each is None or isinstance(each, str) for each in (subject, session)) or not (subject or session):
        raise UnusableToken("the logout_token names neither a person (sub) nor a session (sid)")
    return LogoutToken(token_id, subject, session)


def is_usable_subject(subject: object) -> bool:
    """Whether it can identify a person: 1 to 255 characters, none of them NUL or half a surrogate pair."""
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_LENGTH_AT_MOST or "\0" in subject:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in subject)


def _require_common(claims: Mapping[str, Any], expected: Expected) -> None:
    if claims.get("iss") != expected.issuer:
        raise UnusableToken("the token is of another issuer")
    audience, authorized = claims.get("aud"), claims.get("azp")
    audiences = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in audiences:
        raise UnusableToken("the token is for another client: check KEYDESK_OIDC_CLIENT_ID")
    if (len(audiences) > 1 or authorized is not None) and authorized != expected.client_id:
        raise UnusableToken("the token was issued to another client (azp)")
    if "nbf" in claims and expected.now + LEEWAY < _instant(claims, "nbf"):
        raise UnusableToken("the token is not valid yet")


def _is_recent(claims: Mapping[str, Any], now: datetime, age: timedelta) -> bool:
    issued = _instant(claims, "iat")
    return now - age - LEEWAY <= issued <= now + LEEWAY


def _instant(claims: Mapping[str, Any], name: str) -> datetime:
    """An instant in seconds since 1970. Raises UnusableToken if the claim is missing or is not one."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnusableToken(f"the token's {name} is missing, or is not a number")
    try:
        return _EPOCH + timedelta(seconds=value)
    except (OverflowError, ValueError):
        raise UnusableToken(f"the token's {name} is out of range") from None


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
