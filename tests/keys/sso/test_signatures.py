"""Signatures of the provider's tokens: which are accepted, and that a token's header decides nothing."""

import base64
import hmac
import json
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from keys.sso.signatures import ALGORITHMS, SigningKeys, UnknownKey, UnusableToken, verified
from tests.support.sso.provider import Key, ec_key, rsa_key

CLAIMS = {"sub": "ada"}
OKP = OKPKey.generate_key("Ed25519", {"kid": "okp"})
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


def key_for(algorithm: str) -> Key:
    if algorithm in CURVES:
        return ECKey.generate_key(CURVES[algorithm], {"kid": algorithm})
    return OKP if algorithm.startswith("Ed") else rsa_key()


def token(key: Key, algorithm: str, header: dict[str, Any] | None = None, claims: object = CLAIMS) -> str:
    top = {"alg": algorithm, "kid": key.kid, **(header or {})}
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    return jws.serialize_compact({k: v for k, v in top.items() if v is not None}, payload, key, registry=registry)


def published(*keys: Key, **more: Any) -> SigningKeys:
    return SigningKeys.read({"keys": [{**key.as_dict(private=False), **more} for key in keys]})


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_asymmetric_signature_is_accepted(algorithm: str) -> None:
    """With each allowed algorithm."""
    key = key_for(algorithm)

    assert verified(token(key, algorithm), published(ec_key("other"), key)).claims == CLAIMS


def part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
def test_no_signature_is_no_signature(name: str) -> None:
    """Whether the last part is empty or not."""
    for signature in ("", "AAAA"):
        with pytest.raises(UnusableToken):
            verified(f"{part({'alg': name, 'kid': 'ec'})}.{part(CLAIMS)}.{signature}", published(ec_key()))


def test_the_public_key_is_no_shared_secret() -> None:
    """HS256, with the published key as the secret, in each form that a library might take it in."""
    key = rsa_key()
    signed = f"{part({'alg': 'HS256', 'kid': 'rsa'})}.{part(CLAIMS)}"
    for secret in (
        key.as_pem(private=False),
        key.as_der(private=False),
        json.dumps(key.as_dict(private=False)).encode(),
    ):
        mac = hmac.digest(secret, signed.encode(), "sha256")
        forged = f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
        with pytest.raises(UnusableToken, match="not signed with an allowed algorithm"):
            verified(forged, published(key))


def test_a_published_secret_is_not_used() -> None:
    """Neither a symmetric key, nor one that is for encryption, nor a short one."""
    shared = OctKey.generate_key(256, {"kid": "shared"})
    assert SigningKeys.read({"keys": [shared.as_dict(private=True)]}).keys == ()
    assert published(ec_key(), use="enc").keys == ()
    with pytest.warns(match="2048"):
        short = RSAKey.generate_key(1024, {"kid": "short"})
    assert published(short).keys == ()


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": ec_key("attacker").as_dict(private=False)},
        {"jku": "https://attacker.example/jwks"},
        {"x5u": "https://attacker.example/x5u"},
        {"kid": "ec"},
    ],
)
def test_a_key_in_the_tokens_header_is_not_used(header: dict[str, Any]) -> None:
    """An attacker signs with a key of their own, and sends it along, or names ours."""
    forged = token(ec_key("attacker"), "ES256", {"kid": "ec", **header})

    with pytest.raises(UnusableToken, match="signature is wrong"):
        verified(forged, published(ec_key()))


def test_an_extension_that_must_be_understood_is_refused() -> None:
    """`crit` (RFC 7515, 4.1.11)."""
    key = ec_key()
    header = part({"alg": "ES256", "kid": "ec", "crit": ["exp"], "exp": 1})
    signed = token(key, "ES256").split(".")

    with pytest.raises(UnusableToken):
        verified(".".join([header, *signed[1:]]), published(key))


def test_an_unknown_key_id_is_told_apart() -> None:
    """The provider may have new keys. A key of the same id and another type is unknown, too."""
    for keys, signed in (
        (published(ec_key("old")), token(ec_key("new"), "ES256")),
        (published(rsa_key("same")), token(ec_key("same"), "ES256")),
        (published(ec_key("same"), alg="ES384"), token(ec_key("same"), "ES256")),
        (published(), token(ec_key(), "ES256")),
    ):
        with pytest.raises(UnknownKey):
            verified(signed, keys)


def test_a_token_without_a_key_id_may_be_of_any_key() -> None:
    """A provider with one key need not name it."""
    signed = token(ec_key("b"), "ES256", {"kid": None})

    assert verified(signed, published(ec_key("a"), ec_key("b"), rsa_key())).claims == CLAIMS
    with pytest.raises(UnusableToken, match="signature is wrong"):
        verified(signed, published(ec_key("a")))


def test_any_change_makes_the_signature_wrong() -> None:
    """Of the header, of the claims, of the signature."""
    head, body, signature = token(ec_key(), "ES256").split(".")
    changed = [
        f"{part({'alg': 'ES256', 'kid': 'ec', 'typ': 'JWT'})}.{body}.{signature}",
        f"{head}.{part({'sub': 'eve'})}.{signature}",
        f"{head}.{body}.{signature[:-2]}AA",
        f"{head}.{body}.",
    ]
    for each in changed:
        with pytest.raises(UnusableToken):
            verified(each, published(ec_key()))


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "...", "a.b.c", "a.b.c.d.e", "é.é.é", "\ud800", "x" * 300_000, part("text") + ".e30.AAAA"],
)
def test_what_is_no_token_is_refused(text: str) -> None:
    """With the one exception that callers expect."""
    with pytest.raises(UnusableToken):
        verified(text, published(ec_key()))


@pytest.mark.parametrize("content", [b"[]", b'"text"', b"not json", b"", b'{"exp": NaN}', b"[" * 100_000])
def test_signed_content_that_is_no_object_is_refused(content: bytes) -> None:
    """The provider may have a bug, too."""
    with pytest.raises(UnusableToken, match="content"):
        verified(token(ec_key(), "ES256", claims=content), published(ec_key()))


@pytest.mark.parametrize("document", [None, [], "x", {}, {"keys": {}}, {"keys": "x"}])
def test_what_is_no_key_set_is_refused(document: object) -> None:
    """A list of unusable keys is a set without keys."""
    with pytest.raises(ValueError, match="not a set of keys"):
        SigningKeys.read(document)


def test_unusable_keys_hide_no_usable_one() -> None:
    """Whatever stands beside it."""
    broken: list[Any] = [None, 1, {}, {"kty": 1}, {"kty": "EC"}, {"kty": "EC", "crv": "P-256", "x": "A", "y": "A"}]
    broken += [{"kty": "RSA", "n": 1, "e": []}, {"kty": "AKP", "pub": "x"}, {"kty": "RSA", "n": "AQAB", "e": "é"}]

    read = SigningKeys.read({"keys": [*broken, ec_key().as_dict(private=False)]})

    assert [key.kid for key in read.keys] == ["ec"]
