"""
Verifies the signatures of an identity provider's tokens (JWS, RFC 7515), by an allow-list of asymmetric algorithms.

Only the keys that the provider publishes count. Whatever a token's header says of keys (`jwk`, `jku`, `x5c`, `x5u`) is
ignored, and so are symmetric keys and short RSA keys.
"""

import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""Never `none`, and never HS256 or its like: with these, whoever has the public key or the client secret could sign."""
KEYS_AT_MOST = 100
RSA_BITS_AT_LEAST = 2048
TOKEN_CHARACTERS_AT_MOST = 200_000
KEY_TYPES: Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


class UnusableToken(Exception):
    """A token of the provider must not be accepted. The message says why, for the log, and repeats nothing of it."""


class UnknownKey(UnusableToken):
    """No published key has the id in the token's header. The provider may have new keys."""


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The keys that a provider publishes, as far as they can sign."""

    keys: tuple[RSAKey | ECKey | OKPKey, ...]

    @classmethod
    def read(cls, document: object) -> "SigningKeys":
        """Reads a key set (RFC 7517) without the keys that can't be used. Raises ValueError if it is not a key set."""
        entries = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(entries, list):
            raise ValueError("it is not a set of keys")  # noqa: TRY004 - a wrong document, not a wrong call
        return cls(tuple(filter(None, map(_key, entries[:KEYS_AT_MOST]))))


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token whose signature is right: the type in its header, if any, and its claims, which are not checked yet."""

    type: str | None
    claims: Mapping[str, Any]


def verified(token: str, keys: SigningKeys) -> SignedToken:
    """Verifies the signature. Raises UnknownKey if a new look at the provider's keys may help, else UnusableToken."""
    if len(token) > TOKEN_CHARACTERS_AT_MOST:
        raise UnusableToken("the token is too long")
    try:
        header = jws.extract_compact(token.encode(), registry=_registry()).headers()
    except (JoseError, ValueError, TypeError, RecursionError):
        raise UnusableToken("the token is not a signed JWT") from None
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise UnusableToken("the token is not signed with an allowed algorithm")
    candidates = list(_candidates(keys, header.get("kid"), str(algorithm)))
    if not candidates:
        raise UnknownKey("no published key has the token's key id and algorithm")
    for key in candidates:
        payload = _payload(token, key, str(algorithm))
        if payload is not None:
            return SignedToken(_type(header.get("typ")), _claims(payload))
    raise UnusableToken("the token's signature is wrong")


def _candidates(keys: SigningKeys, key_id: object, algorithm: str) -> Iterable[RSAKey | ECKey | OKPKey]:
    """The keys that may have signed: those with the id. A token without an id may be of any key of the right type."""
    for key in keys.keys:
        if key_id is not None and key.get("kid") != key_id:
            continue
        if key.get("alg") in (None, algorithm) and key.key_type == _key_type(algorithm):
            yield key


def _key_type(algorithm: str) -> str:
    return {"RS": "RSA", "PS": "RSA", "ES": "EC"}.get(algorithm[:2], "OKP")


def _payload(token: str, key: RSAKey | ECKey | OKPKey, algorithm: str) -> bytes | None:
    """What the key has signed; None if it has not signed the token."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the name EdDSA is deprecated (RFC 9864), and still what providers write
            return jws.deserialize_compact(token.encode(), key, [algorithm], _registry([algorithm])).payload
    except (JoseError, ValueError, TypeError):
        return None


def _registry(algorithms: list[str] | None = None) -> JWSRegistry:
    """Header parameters that the library does not know are ignored, except those that must be understood (`crit`)."""
    registry = JWSRegistry(algorithms=algorithms or ALGORITHMS, strict_check_header=False)
    registry.max_header_length = TOKEN_CHARACTERS_AT_MOST
    registry.max_payload_length = TOKEN_CHARACTERS_AT_MOST
    return registry


def _claims(payload: bytes) -> Mapping[str, Any]:
    try:
        claims = json.loads(payload, parse_constant=_not_json)
    except (ValueError, RecursionError):
        raise UnusableToken("the token's content is not JSON") from None
    if not isinstance(claims, dict):
        raise UnusableToken("the token's content is not an object")
    return claims


def _not_json(_name: str) -> None:
    """NaN and Infinity are not JSON."""
    raise ValueError


def _type(text: object) -> str | None:
    return text.lower() if isinstance(text, str) else None


def _key(entry: object) -> RSAKey | ECKey | OKPKey | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    kind = KEY_TYPES.get(str(entry.get("kty")))
    if kind is None:
        return None
    # A private part, if a provider published it by mistake, is of no use here.
    public = {name: value for name, value in entry.items() if name in _PUBLIC_MEMBERS}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            key = kind.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if isinstance(key, RSAKey) and key.public_key.key_size < RSA_BITS_AT_LEAST:
        return None
    return key


_PUBLIC_MEMBERS = frozenset({"kty", "use", "alg", "kid", "n", "e", "crv", "x", "y"})
