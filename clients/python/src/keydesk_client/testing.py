"""
A Keydesk for the tests of your application, in its process: no server, no network.

    fake = FakeKeydesk()
    key = fake.issue_key()
    keydesk = AsyncKeydesk("https://keys.example", transport=fake.transport)

Its answers are the real ones' in status, header fields and members. Limits are only what a test sets.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import anyio
import httpx2

from keydesk_client.headers import EXTERNAL

DOCUMENTATION = "https://keys.example/docs/errors"
POLICY = '"key";q=600;w=60, "quota";q=100000;w=2592000'
_DETAILS = {
    "missing_key": "The request contains no key. Send it as: Authorization: Bearer KEY, or as X-API-Key: KEY.",
    "malformed_key": "The header fields do not carry one key.",
    "invalid_key": "This key was not issued here in this form: it may be mistyped, altered or made up.",
    "deleted_key": "This key was deleted.",
    "replaced_secret": "This key has a new secret, and the secret that was sent no longer works.",
    "agent_not_in_scope": "This key is valid, but not for the agent that the request is for.",
    "gateway_not_allowed": "This request did not come through the gateway.",
    "rate_limited": "This key can make 600 requests a minute. Try again in 7 seconds.",
    "quota_exceeded": "This key has used its quota of 100000 requests for this month. Try again in 3 days.",
    "unavailable": "The key could not be checked just now. The key is not the cause; try again in a few seconds.",
}
_STATUS = {
    "agent_not_in_scope": 403,
    "gateway_not_allowed": 403,
    "rate_limited": 429,
    "quota_exceeded": 429,
    "unavailable": 503,
}
_TITLES = {
    "rate_limited": "rate limit exceeded",
    "quota_exceeded": "quota exceeded",
    "unavailable": "verification unavailable",
}
_RETRY_AFTER = {"rate_limited": 7, "quota_exceeded": 259_200, "unavailable": 5}


def _new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(16)}"


@dataclass(slots=True, eq=False)
class FakeKey:
    """A key of a FakeKeydesk. Set `refused_as` to a code, and the next verification refuses it with that code."""

    id: str
    secret: str = field(repr=False)
    agent_id: str | None
    refused_as: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that a FakeKeydesk got; the key is left out."""

    agent: str | None
    gateway_token: str | None = field(repr=False)
    client_address: str | None
    user_agent: str | None


class FakeKeydesk:
    """Answers verifications for one organization."""

    def __init__(self, *, external_id: str | None = None, gateway_token: str | None = None) -> None:
        """
        `external_id` is your own id of the organization. With a gateway token, requests without it are refused, as by
        the setting KEYDESK_GATEWAY_TOKEN.
        """
        self.organization_id = _new_id("org")
        self.external_id = external_id
        self.seen: list[Seen] = []
        """All requests, oldest first."""
        self.transport = httpx2.MockTransport(self._answer)
        """For the argument `transport` of AsyncKeydesk and Keydesk."""
        self._gateway_token = gateway_token
        self._keys: dict[str, FakeKey] = {}
        self._agents: dict[str, str | None] = {}
        self._is_down = self._is_frozen = False

    def add_agent(self, external_id: str | None = None) -> str:
        """A new agent's id. Requests can also name the agent by its external id."""
        agent_id = _new_id("agt")
        self._agents[agent_id] = external_id
        return agent_id

    def issue_key(self, agent_id: str | None = None) -> FakeKey:
        """A key that is good: for the agent, or for every agent of the organization."""
        key = FakeKey(_new_id("key"), f"kd_{secrets.token_hex(8)}_{secrets.token_hex(20)}", agent_id)
        self._keys[key.secret] = key
        return key

    def go_down(self) -> None:
        """From now on, every answer is 503."""
        self._is_down = True

    def freeze(self) -> None:
        """From now on, there is no answer at all: give the client a small `patience_seconds`."""
        self._is_frozen = True

    def recover(self) -> None:
        """Ends `go_down` and `freeze`."""
        self._is_down = self._is_frozen = False

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        value = request.headers.get
        agent = value("x-agent-id") or None
        self.seen.append(Seen(agent, value("x-gateway-token"), value("x-forwarded-for"), value("user-agent") or None))
        if self._is_frozen:
            await anyio.sleep_forever()
        if self._is_down:
            return _refusal("unavailable")
        if self._gateway_token is not None and value("x-gateway-token") != self._gateway_token:
            return _refusal("gateway_not_allowed")
        presented = _presented(request.headers)
        if len(presented) != 1:
            return _refusal("malformed_key" if presented else "missing_key")
        key = self._keys.get(next(iter(presented)))
        if key is None:
            return _refusal("invalid_key")
        return self._verdict(key, agent)

    def _verdict(self, key: FakeKey, agent: str | None) -> httpx2.Response:
        agent_id = key.agent_id if agent is None else self._found(agent)
        if (agent is not None and agent_id is None) or (key.agent_id is not None and key.agent_id != agent_id):
            return _refusal("agent_not_in_scope")
        if key.refused_as is not None:
            return _refusal(key.refused_as)
        body: dict[str, Any] = {
            "keyId": key.id,
            "organizationId": self.organization_id,
            "scope": "organization" if key.agent_id is None else "agent",
            "agentId": key.agent_id,
            "organizationExternalId": self.external_id,
            "agentExternalId": self._agents.get(agent_id or ""),
            "requestId": _new_id("req"),
        }
        headers = {
            "X-Keydesk-Key": key.id,
            "X-Keydesk-Organization": self.organization_id,
            "X-Keydesk-Agent": agent_id or "none",
            "RateLimit-Policy": POLICY,
            "RateLimit": '"key";r=599;t=60, "quota";r=99999;t=604800',
            "X-Request-Id": body["requestId"],
        }
        return httpx2.Response(200, headers=headers, json=body)

    def _found(self, agent: str) -> str | None:
        if agent.startswith(EXTERNAL):
            wanted = unquote(agent.removeprefix(EXTERNAL))
            return next((each for each, external in self._agents.items() if external == wanted), None)
        return agent if agent in self._agents else None


def _presented(headers: httpx2.Headers) -> set[str]:
    """The keys of a request. Two stand for everything that Keydesk refuses as malformed."""
    authorizations, keys = headers.get_list("authorization"), headers.get_list("x-api-key")
    parts = [value.partition(" ") for value in authorizations]
    bearers = [rest.strip() for scheme, _, rest in parts if scheme.lower() == "bearer"]
    if len(keys) > 1 or (not keys and len(bearers) < len(authorizations)) or (bearers and len(authorizations) > 1):
        return {"too", "many"}
    found = {each for each in (*keys, *bearers) if each}
    return {"too", "many"} if any("," in each for each in found) else found


def _refusal(code: str) -> httpx2.Response:
    status = _STATUS.get(code, 401)
    title = _TITLES.get(code, "access not permitted")
    request_id = _new_id("req")
    problem = {
        "type": f"{DOCUMENTATION}#{code}",
        "title": title,
        "status": status,
        "detail": _DETAILS[code],
        "statusCode": status,
        "message": title,
        "code": code,
        "requestId": request_id,
    }
    headers = [("Content-Type", "application/problem+json"), ("X-Request-Id", request_id), *_more(status, code)]
    return httpx2.Response(status, headers=headers, content=json.dumps(problem).encode())


def _more(status: int, code: str) -> Sequence[tuple[str, str]]:
    if status == 401:
        error = "" if code == "missing_key" else ', error="invalid_token"'
        return [("WWW-Authenticate", f'Bearer realm="keydesk"{error}')]
    lines = [("Retry-After", str(_RETRY_AFTER[code]))] if code in _RETRY_AFTER else []
    if status == 429:
        lines += [("RateLimit-Policy", POLICY), ("RateLimit", '"key";r=0;t=7, "quota";r=99999;t=604800')]
    return lines
