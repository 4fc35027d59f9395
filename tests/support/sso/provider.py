"""An identity provider on loopback, which behaves well until a test makes it behave badly."""

import asyncio
import base64
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from tests.support.http.small_server import small_server

CLIENT_ID = "keydesk"
CLIENT_SECRET = "a secret: of the client"
SUBJECT = "248289761001"
Key = RSAKey | ECKey | OKPKey | OctKey


@cache
def rsa_key(kid: str = "rsa") -> RSAKey:
    """An RSA key, made once in a run."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


@cache
def ec_key(kid: str = "ec") -> ECKey:
    """An elliptic key, made once in a run."""
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})


@dataclass
class Asked:
    """A request for a code: what Keydesk sent with the browser."""

    parameters: dict[str, str]
    claims: dict[str, Any]
    is_used: bool = False


Answer = tuple[int, Mapping[str, str], bytes]


@dataclass
class Provider:
    """The provider. A test changes its attributes to make it lie."""

    clock: Callable[[], datetime]
    issuer: str = ""
    keys: list[Key] = field(default_factory=lambda: [ec_key()])
    signing: Key = field(default_factory=ec_key)
    algorithm: str = "ES256"
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    """Over those of every ID token; a claim that is None is left out."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Over the discovery document."""
    answers: dict[str, Callable[[], Any]] = field(default_factory=dict)
    """By path, in place of the usual answer: a function or coroutine function that returns an Answer."""
    asked: dict[str, Asked] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    token_requests: list[tuple[Mapping[str, str], dict[str, str]]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Keydesk's settings for this provider."""
        return {
            "KEYDESK_OIDC_ISSUER": self.issuer,
            "KEYDESK_OIDC_CLIENT_ID": CLIENT_ID,
            "KEYDESK_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "KEYDESK_OIDC_NAME": "Example Login",
        }

    def sign_in(self, address: str, **claims: Any) -> dict[str, str]:
        """What a person's sign-in sends back with the browser, which was sent to this address."""
        parameters = dict(parse_qsl(urlsplit(address).query))
        code = f"code-{len(self.asked)}"
        self.asked[code] = Asked(parameters, claims)
        return {"code": code, "state": parameters["state"], "iss": self.issuer}

    def id_token(self, nonce: str, **claims: Any) -> str:
        """An ID token for the client."""
        now = int(self.clock().timestamp())
        usual = {"iss": self.issuer, "aud": CLIENT_ID, "sub": SUBJECT, "iat": now, "exp": now + 300, "nonce": nonce}
        return self.signed({**usual, **claims, **self.claims})

    def logout_token(self, **claims: Any) -> str:
        """A logout token."""
        now = int(self.clock().timestamp())
        events: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}
        usual = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 120, "jti": f"j{now}", "events": events}
        return self.signed({**usual, **claims}, typ="logout+jwt")

    def signed(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Any token."""
        said = {name: value for name, value in claims.items() if value is not None}
        top = {"alg": self.algorithm, "kid": self.signing.kid, **header, **self.header}
        top = {name: value for name, value in top.items() if value is not None}
        return jwt.encode(top, said, self.signing, [self.algorithm], default_type=None)

    async def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answers a request."""
        self.requests[path] += 1
        if path in self.answers:
            made = self.answers[path]()
            answer: Answer = await made if asyncio.iscoroutine(made) else made
            return answer
        if path == "/.well-known/openid-configuration":
            return as_json(self._discovery())
        if path == "/jwks":
            return as_json({"keys": [key.as_dict(private=False) for key in self.keys]})
        if path == "/token":
            return self._token(headers, {name: value[0] for name, value in parse_qs(body.decode()).items()})
        return 404, {}, b""

    def _discovery(self) -> dict[str, Any]:
        usual = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "authorization_response_iss_parameter_supported": True,
            "backchannel_logout_supported": True,
            "code_challenge_methods_supported": ["S256"],
        }
        return {name: value for name, value in {**usual, **self.metadata}.items() if value is not None}

    def _token(self, headers: Mapping[str, str], form: dict[str, str]) -> Answer:
        self.token_requests.append((headers, form))
        scheme, _, pair = headers.get("authorization", "").partition(" ")
        client = [unquote_plus(part) for part in base64.b64decode(pair).decode().split(":")] if scheme else None
        if (client or [form.get("client_id", ""), form.get("client_secret", "")]) != [CLIENT_ID, CLIENT_SECRET]:
            return as_json({"error": "invalid_client"}, 401)
        asked = self.asked.get(form["code"])
        if asked is None or asked.is_used or form["redirect_uri"] != asked.parameters["redirect_uri"]:
            return as_json({"error": "invalid_grant"}, 400)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if challenge.decode() != asked.parameters["code_challenge"]:
            return as_json({"error": "invalid_grant"}, 400)
        asked.is_used = True
        token = self.id_token(asked.parameters["nonce"], **asked.claims)
        return as_json({"access_token": "unused", "token_type": "Bearer", "id_token": token})


def as_json(content: object, status: int = 200) -> Answer:
    """An answer in JSON."""
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()


@asynccontextmanager
async def running_provider(clock: Callable[[], datetime]) -> AsyncIterator[Provider]:
    """A provider that listens on a free port while the block runs."""
    provider = Provider(clock)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        status, more, content = await provider.answer(head[0].split(" ")[1], headers, body)
        lines = [f"HTTP/1.1 {status} OK", *(f"{name}: {value}" for name, value in more.items())]
        if "Content-Length" not in more:
            lines.append(f"Content-Length: {len(content)}")
        writer.write("\r\n".join([*lines, "", ""]).encode() + content)

    async with small_server(serve) as port:
        provider.issuer = f"http://127.0.0.1:{port}"
        yield provider
