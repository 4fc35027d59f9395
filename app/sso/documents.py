"""Reads the provider's discovery document (OpenID Connect Discovery 1.0) and its keys."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from app.client_address import is_loopback
from app.outbound.client import Outbound, OutboundFailure, Reply
from keys.sso.signatures import SigningKeys

WELL_KNOWN = "/.well-known/openid-configuration"
ADDRESS_LENGTH_AT_MOST = 2_000


@dataclass(frozen=True, slots=True)
class Metadata:
    """What Keydesk needs of the discovery document. The addresses are https, or http on this machine."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    """Where a provider that puts little into its ID tokens says more of a person."""
    authenticates_by_basic: bool
    """Whether the client secret is sent in a header, instead of in the body (client_secret_post)."""
    names_issuer: bool
    """Whether answers to the browser name the issuer (RFC 9207)."""
    supports_pkce: bool | None
    """Whether S256 is among the methods that it names; None if it names none."""
    logs_out: bool
    """Whether it supports back-channel logout."""


async def fetch_metadata(outbound: Outbound, issuer: str) -> Metadata:
    """Fetches the discovery document. Raises OutboundFailure."""
    document = object_in(await outbound.get(issuer.rstrip("/") + WELL_KNOWN))
    named = document.get("issuer")
    if named != issuer:
        raise OutboundFailure(
            f"the discovery document names another issuer ({_shown(named)}); KEYDESK_OIDC_ISSUER must be the same, "
            "character by character"
        )
    methods = document.get("token_endpoint_auth_methods_supported")
    challenges = document.get("code_challenge_methods_supported")
    return Metadata(
        authorization_endpoint=_address(document, "authorization_endpoint", issuer),
        token_endpoint=_address(document, "token_endpoint", issuer),
        jwks_uri=_address(document, "jwks_uri", issuer),
        userinfo_endpoint=(
            None if document.get("userinfo_endpoint") is None else _address(document, "userinfo_endpoint", issuer)
        ),
        # Without a list, it is basic (OpenID Connect Discovery 1.0, 3).
        authenticates_by_basic=not isinstance(methods, list) or "client_secret_basic" in methods,
        names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        supports_pkce="S256" in challenges if isinstance(challenges, list) else None,
        logs_out=document.get("backchannel_logout_supported") is True,
    )


async def fetch_keys(outbound: Outbound, jwks_uri: str) -> SigningKeys:
    """Fetches the keys. Raises OutboundFailure."""
    try:
        keys = SigningKeys.read(object_in(await outbound.get(jwks_uri)))
    except ValueError as error:
        raise OutboundFailure(f"the provider's keys can't be read: {error}") from None
    if not keys.keys:
        raise OutboundFailure("the provider publishes no key that can verify a signature")
    return keys


def object_in(reply: Reply) -> dict[str, Any]:
    """The JSON object in an answer with status 200. Raises OutboundFailure."""
    if reply.status != 200:
        raise OutboundFailure(f"the answer has status {reply.status}")
    return parsed(reply)


def parsed(reply: Reply) -> dict[str, Any]:
    """The JSON object in an answer of any status. Raises OutboundFailure."""
    try:
        document = json.loads(reply.body)
    except (ValueError, RecursionError):
        raise OutboundFailure("the answer is not JSON") from None
    if not isinstance(document, dict):
        raise OutboundFailure("the answer is not a JSON object")
    return document


def _address(document: dict[str, Any], name: str, issuer: str) -> str:
    """An address of the document. http is allowed only on this machine, and only for an issuer that is there, too."""
    text = document.get(name)
    if not isinstance(text, str) or len(text) > ADDRESS_LENGTH_AT_MOST or not text.isascii() or not text.isprintable():
        raise OutboundFailure(f"the discovery document has no usable {name}")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise OutboundFailure(f"the discovery document has no usable {name}") from None
    is_local = parts.scheme == "http" and is_loopback(host) and issuer.startswith("http://")
    if not host or "@" in parts.netloc or parts.fragment or not (parts.scheme == "https" or is_local):
        raise OutboundFailure(f"the discovery document's {name} is not an https address")
    return text


def _shown(named: object) -> str:
    return named[:200] if isinstance(named, str) and named.isprintable() else "none"
