"""Owns /v1/verify: headers in, Verdict out as 200, 401, 403 or 503. Rate limit and quota will be 429."""

import hmac
import logging
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, assert_never

import msgspec
from litestar.types import Receive, Scope, Send

from app.logs import failure_story
from app.requests import HSTS, new_request_id
from keys.gate import Gate
from keys.token import Secret
from keys.verdict import Outcome, Verdict, Wanted
from models.ids import Prefix, parse_external_id
from models.verification import KeyState

logger = logging.getLogger("keydesk.verification")

PATH = "/v1/verify"
RETRY_AFTER_SECONDS = 5
NOT_PERMITTED = "access not permitted"
BEARER = b"bearer"
AUTHORIZATION, API_KEY, AGENT, GATEWAY_TOKEN = b"authorization", b"x-api-key", b"x-agent-id", b"x-gateway-token"
READ = frozenset({AUTHORIZATION, API_KEY, AGENT, GATEWAY_TOKEN})
Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]
NO_AGENT = Wanted()


class Presented(NamedTuple):
    """What a request's headers carry: a key, or what speaks against there being one; and the agent it is for."""

    key: str | None
    refused: Outcome | None
    detail: str
    was_sent: bool
    wanted: Wanted


class VerifyDoor:
    """
    An ASGI application for /v1/verify and every path below it, any method, the body unread.

    It stands in front of the web framework, whose routing would cost as much as half of a verification.
    """

    def __init__(self, gate: Gate, *, public_url: str, gateway_token: Secret | None = None) -> None:
        self._gate = gate
        self._always = (HSTS,) if public_url.startswith("https://") else ()
        self._errors_url = f"{public_url}/docs/errors"
        self._gateway_token = None if gateway_token is None else gateway_token.reveal().encode()

    @staticmethod
    def answers(path: str) -> bool:
        """Whether the path is this door's: /v1/verifyx is not."""
        return path.startswith(PATH) and (len(path) == len(PATH) or path[len(PATH)] == "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_request_id()
        try:
            status, answer_headers, body = await self._answer(scope["headers"], request_id)
        except Exception as error:
            # Not with the exception itself, whose words may hold what was sent.
            facts = {"requestId": request_id}
            logger.error("A verification failed\n%s", failure_story(error), extra={"facts": facts})  # noqa: TRY400
            status, answer_headers, body = self._unavailable(request_id)
        answer_headers += [
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"x-request-id", request_id.encode()),
            *self._always,
        ]
        await send({"type": "http.response.start", "status": status, "headers": answer_headers})
        shown = b"" if scope.get("method") == "HEAD" else body
        await send({"type": "http.response.body", "body": shown, "more_body": False})

    async def _answer(self, headers: Iterable[tuple[bytes, bytes]], request_id: str) -> Answer:
        values: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            # An empty header counts as absent.
            if name in READ and (text := value.strip()):
                values.setdefault(name, []).append(text)
        if self._gateway_token is not None and not self._came_by_gateway(values.get(GATEWAY_TOKEN, [])):
            return self._problem(
                403, "gateway_not_allowed", "This request did not come by way of the gateway.", request_id
            )
        presented = read_presented(values)
        if presented.key is None:
            code = Outcome.MISSING_KEY if presented.refused is None else presented.refused
            return self._unauthorized(code.value, presented.detail, request_id, was_sent=presented.was_sent)
        verdict = await self._gate.check(presented.key, presented.wanted)
        return self._of_verdict(verdict, request_id)

    def _came_by_gateway(self, tokens: list[bytes]) -> bool:
        expected = self._gateway_token
        return expected is not None and len(tokens) == 1 and hmac.compare_digest(tokens[0], expected)

    def _of_verdict(self, verdict: Verdict, request_id: str) -> Answer:
        match verdict.outcome:
            case Outcome.GOOD:
                return _good(verdict, request_id)
            case Outcome.MISSING_KEY | Outcome.INVALID_KEY:
                detail = "This key was not issued here as it stands: it may be mistyped, altered or invented."
                return self._unauthorized("invalid_key", detail, request_id)
            case Outcome.MALFORMED_KEY:
                detail = "" if verdict.malformed is None else verdict.malformed.detail
                return self._unauthorized("malformed_key", detail, request_id)
            case Outcome.DELETED_KEY:
                return self._unauthorized("deleted_key", "This key was deleted.", request_id)
            case Outcome.REPLACED_SECRET:
                detail = "This key was given a new secret, and the one that was sent no longer works."
                return self._unauthorized("replaced_secret", detail, request_id)
            case Outcome.AGENT_NOT_IN_SCOPE:
                detail = "This key is good, but not for the agent that the request is for."
                return self._problem(403, "agent_not_in_scope", detail, request_id)
            case Outcome.UNAVAILABLE:
                return self._unavailable(request_id)
            case _:
                assert_never(verdict.outcome)

    def _unauthorized(self, code: str, detail: str, request_id: str, *, was_sent: bool = True) -> Answer:
        """A 401 with its challenge (RFC 6750)."""
        status, headers, body = self._problem(401, code, detail, request_id)
        challenge = b'Bearer realm="keydesk"' + (b', error="invalid_token"' if was_sent else b"")
        headers.append((b"www-authenticate", challenge))
        return status, headers, body

    def _unavailable(self, request_id: str) -> Answer:
        detail = "The key could not be checked just now. It is not the cause; try again in a few seconds."
        status, headers, body = self._problem(503, "unavailable", detail, request_id, title="verification unavailable")
        headers.append((b"retry-after", b"%d" % RETRY_AFTER_SECONDS))
        return status, headers, body

    def _problem(self, status: int, code: str, detail: str, request_id: str, *, title: str = NOT_PERMITTED) -> Answer:
        """A refusal as problem details (RFC 9457)."""
        problem: dict[str, Any] = {
            "type": f"{self._errors_url}#{code}",
            "title": title,
            "status": status,
            "detail": detail,
            "statusCode": status,
            "message": title,
            "code": code,
            "requestId": request_id,
        }
        return status, [(b"content-type", b"application/problem+json")], msgspec.json.encode(problem)


def _good(verdict: Verdict, request_id: str) -> Answer:
    key = verdict.key
    if key is None:
        raise ValueError("a good verdict has its key")
    agent = "none" if verdict.agent_id is None else f"agt_{verdict.agent_id}"
    headers = [
        (b"content-type", b"application/json"),
        (b"x-keydesk-key", f"key_{key.key_id}".encode()),
        (b"x-keydesk-organization", f"org_{key.organization_id}".encode()),
        (b"x-keydesk-agent", agent.encode()),
    ]
    return 200, headers, _good_body(key, request_id)


def _good_body(key: KeyState, request_id: str) -> bytes:
    # Put together by hand, a third of what an encoder takes: its parts are hexadecimal digits and fixed words.
    scope, agent = ("organization", "null") if key.agent_id is None else ("agent", f'"agt_{key.agent_id}"')
    return (
        f'{{"keyId":"key_{key.key_id}","organizationId":"org_{key.organization_id}","scope":"{scope}",'
        f'"agentId":{agent},"requestId":"{request_id}"}}'
    ).encode()


def read_presented(values: Mapping[bytes, list[bytes]]) -> Presented:
    """Reads the values of the headers that are not empty, by their names. A key in the URL is never read."""
    authorizations, api_keys = values.get(AUTHORIZATION, []), values.get(API_KEY, [])
    wanted = _wanted(values[AGENT]) if AGENT in values else NO_AGENT
    bearers = [bearer for value in authorizations if (bearer := _bearer(value)) is not None]
    if len(api_keys) > 1:
        return _malformed("X-API-Key is there more than once. Send it once.", wanted)
    if not api_keys and len(bearers) < len(authorizations):
        return _malformed(
            "Authorization has another scheme than Bearer. Send the key as: Authorization: Bearer KEY.", wanted
        )
    if bearers and len(authorizations) > 1:
        return _malformed("Authorization is there more than once. Send it once.", wanted)
    keys = {key for key in (*api_keys, *bearers) if key}
    if len(keys) > 1:
        return _malformed("Authorization and X-API-Key carry different keys. Send one of them.", wanted)
    if keys:
        return Presented(keys.pop().decode("latin-1"), None, "", True, wanted)
    if bearers:
        detail = "Authorization says Bearer, but no key comes after it. Is the variable that should hold it empty?"
    else:
        detail = "The request carries no key. Send it as: Authorization: Bearer KEY, or as X-API-Key: KEY."
    return Presented(None, None, detail, False, wanted)


def _malformed(detail: str, wanted: Wanted) -> Presented:
    return Presented(None, Outcome.MALFORMED_KEY, detail, True, wanted)


def _bearer(value: bytes) -> bytes | None:
    """What comes after the scheme, which may be in any case; None for another scheme."""
    scheme, _, rest = value.partition(b" ")
    return rest.strip() if scheme.lower() == BEARER else None


def _wanted(agents: list[bytes]) -> Wanted:
    agent_id = parse_external_id(Prefix.AGENT, agents[0].decode("latin-1")) if len(agents) == 1 else None
    return Wanted(is_unreadable=True) if agent_id is None else Wanted(agent_id.hex)
