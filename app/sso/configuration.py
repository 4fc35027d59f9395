"""The settings of the identity provider: parses their values, and says what is missing."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.client_address import is_loopback
from app.setting_values import UnusableValue
from keys.sign_in.passwords import PasswordUse
from keys.text import is_unprintable
from keys.token import Secret
from models.engine.url_text import is_host
from models.sso.identity import ISSUER_LENGTH_AT_MOST

DEFAULT_SCOPES = ("openid", "email", "profile")
DEFAULT_GROUPS_CLAIM = "groups"
NAME_LENGTH_AT_MOST = 40
CLAIM_LENGTH_AT_MOST = 200
CLIENT_ID_LENGTH_AT_MOST = 500
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")
"""The characters that a scope may have (RFC 6749, 3.3)."""


@dataclass(frozen=True, slots=True)
class OpenIdConnect:
    """The identity provider, and how Keydesk is registered there."""

    issuer: str
    client_id: str
    client_secret: Secret | None = field(default=None, repr=False)
    name: str = ""
    """What the button says, and sentences about the provider."""
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    groups_claim: str = DEFAULT_GROUPS_CLAIM


def issuer(text: str) -> str:
    """Parses the provider's issuer. It is returned as it is written, because it is compared character by character."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise UnusableValue(f"its host or port can't be read. {_EXAMPLE}") from None
    if parts.scheme not in {"https", "http"} or not is_host(parts.hostname or ""):
        raise UnusableValue(f"it must begin with https:// and a host. {_EXAMPLE}")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise UnusableValue("http is only for a provider on this machine; use https.")
    if "@" in parts.netloc or parts.query or parts.fragment or not text.isascii() or " " in text:
        raise UnusableValue(f"remove users, spaces, and everything after ? or #. {_EXAMPLE}")
    if len(text) > ISSUER_LENGTH_AT_MOST:
        raise UnusableValue(f"it is too long; use at most {ISSUER_LENGTH_AT_MOST} characters.")
    if text.endswith("/.well-known/openid-configuration"):
        raise UnusableValue("remove /.well-known/openid-configuration from the end. Keydesk adds it.")
    return text


_EXAMPLE = "Use the issuer that the provider names, such as https://id.example.com."


def client_id(text: str) -> str:
    """Parses the client id: printable ASCII."""
    if not text.isascii() or not text.isprintable() or len(text) > CLIENT_ID_LENGTH_AT_MOST:
        raise UnusableValue("use the client id that the provider shows, in ASCII.")
    return text


def client_secret(text: str) -> Secret:
    """Parses the client secret: printable ASCII."""
    if not text.isascii() or not text.isprintable():
        raise UnusableValue("use the client secret that the provider shows, in ASCII.")
    return Secret(text)


def provider_name(text: str) -> str:
    """Parses the provider's name, which people see."""
    if len(text) > NAME_LENGTH_AT_MOST or any(map(is_unprintable, text)) or not text.strip():
        raise UnusableValue(f"use a name of at most {NAME_LENGTH_AT_MOST} visible characters.")
    return text.strip()


def scopes(text: str) -> tuple[str, ...]:
    """Parses the scopes, separated by spaces or commas. `openid` is always among them."""
    found = tuple(dict.fromkeys(text.replace(",", " ").split()))
    if not all(map(_SCOPE.fullmatch, found)):
        raise UnusableValue("use scopes separated by spaces, such as: openid email profile groups.")
    return found if "openid" in found else ("openid", *found)


def claim_path(text: str) -> str:
    """Parses the path of a claim: names separated by dots."""
    if len(text) > CLAIM_LENGTH_AT_MOST or not all(text.split(".")):
        raise UnusableValue("use the name of a claim, or names separated by dots, such as realm_access.roles.")
    return text


def provider_of(
    *,
    issuer: str | None,
    client_id: str | None,
    client_secret: Secret | None,
    name: str | None,
    scopes: tuple[str, ...],
    groups_claim: str,
) -> OpenIdConnect | None:
    """The provider that the settings describe; None if there is none, or if its client id is missing."""
    if issuer is None or client_id is None:
        return None
    shown = name or (urlsplit(issuer).hostname or issuer)
    return OpenIdConnect(issuer, client_id, client_secret, shown, scopes, groups_claim)


def faults(*, issuer: str | None, client_id: str | None, others: bool, passwords: PasswordUse) -> list[str]:
    """
    What prevents the start although each value can be read. `others` says whether another setting of the provider is
    set.
    """
    found = []
    if issuer is None and (client_id is not None or others):
        found.append("KEYDESK_OIDC_ISSUER is not set, but other settings of the identity provider are. Set it.")
    if issuer is not None and client_id is None:
        found.append("KEYDESK_OIDC_CLIENT_ID is not set. Register Keydesk at the identity provider, which shows it.")
    if passwords is not PasswordUse.EVERYBODY and issuer is None:
        found.append(
            f"KEYDESK_PASSWORDS={passwords} leaves people no way to sign in without an identity provider. Set "
            "KEYDESK_OIDC_ISSUER and KEYDESK_OIDC_CLIENT_ID, or use everybody."
        )
    return found
