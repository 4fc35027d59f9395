"""Answers /v1/verify: reads the headers, lets the verifier decide, and records the request."""

import asyncio
import hmac
import logging
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import NamedTuple, Protocol

from litestar.types import Receive, Scope, Send

from app.client_address import FORWARDED, X_FORWARDED_FOR, Addresses
from app.observability.logs import failure_story
from app.observability.paced_log import Paced, more_words
from app.request_id import constant_headers, new_request_id
from app.verify.responses import Answer, Answers
from app.whole_answer import send_whole
from keys.host_ids import decoded_host_id
from keys.outcomes import Outcome
from keys.token import Secret
from keys.usage.buffer import Sender
from keys.usage.recorder import UsageRecorder
from keys.verification.verdict import RequestedAgent
from keys.verification.verifier import KeyVerifier
from models.engine.ids import Prefix, parse_external_id
from models.key_lookup import KeyState

logger = logging.getLogger("keydesk.verification")

PATH = "/v1/verify"
BEARER = b"bearer"
AUTHORIZATION, API_KEY, AGENT, GATEWAY_TOKEN = b"authorization", b"x-api-key", b"x-agent-id", b"x-gateway-token"
USER_AGENT = b"user-agent"
BY_HOST_ID = b"ext:"
"""Begins a value of X-Agent-Id that is the host product's id of the agent, percent-encoded."""
READ = frozenset({AUTHORIZATION, API_KEY, AGENT, GATEWAY_TOKEN, FORWARDED, X_FORWARDED_FOR, USER_AGENT})
REQUEST_ID_PREFIX = len("req_")
USER_AGENT_BYTES_AT_MOST = 1024
FAILURES_A_MINUTE = 20
"""The most failures that are logged in a minute. The next line says how many were left out."""
Peer = tuple[str, int]
NO_AGENT = RequestedAgent()
Result = tuple[str, KeyState | None, str | None, Answer]
"""A request's result: its code, the key that the caller proved to have, the caller's address, and the answer."""


class Observer(Protocol):
    """Observes the verifications that are answered."""

    def answered(
        self, code: str, key: KeyState | None, request_id: str, address: str | None, seconds: float, /
    ) -> None:
        """
        Called for each verification. `code` is `good` or the refusal's code.

        `key` is set if the caller proved that it has the key. `seconds` is the duration.
        """


class Presented(NamedTuple):
    """What the headers of a request contain: a key, or the reason why there is none; and the requested agent."""

    key: str | None
    refused: Outcome
    """The outcome for a request without a key; GOOD if there is a key."""
    detail: str
    wanted: RequestedAgent


class VerifyEndpoint:
    """
    The ASGI application for /v1/verify and every path below it. It accepts any method and does not read the body.

    It is called before the web framework, whose routing would take half as long as a verification. Without a recorder,
    no usage is recorded.
    """

    def __init__(
        self,
        verifier: KeyVerifier,
        *,
        public_url: str,
        recorder: UsageRecorder | None = None,
        addresses: Addresses | None = None,
        gateway_token: Secret | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._verifier = verifier
        self._recorder = recorder
        self._addresses = addresses or Addresses(())
        always = ((b"cache-control", b"no-store"), *constant_headers(public_url))
        self._always = b"".join(b"%b: %b\r\n" % header for header in always)
        self._answers = Answers(public_url)
        self._gateway_token = None if gateway_token is None else gateway_token.reveal().encode()
        self._observer = observer
        self._paced = Paced(of_a_kind=FAILURES_A_MINUTE, in_all=FAILURES_A_MINUTE)

    @staticmethod
    def answers(path: str) -> bool:
        """Whether the path is /v1/verify or below it; /v1/verifyx is not."""
        return path.startswith(PATH) and (len(path) == len(PATH) or path[len(PATH)] == "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id, began = new_request_id(), perf_counter()
        try:
            code, key, address, answer = await self._answer(scope["headers"], scope.get("client"), request_id)
        except (Exception, asyncio.CancelledError) as error:
            if not isinstance(error, asyncio.CancelledError):  # the server stops, and this took too long
                self._log_failure(error, request_id)
            code, key, address, answer = Outcome.UNAVAILABLE.code, None, None, self._answers.unavailable(request_id)
        if self._observer is not None:
            self._observer.answered(code, key, request_id, address, perf_counter() - began)
        status, lines, body = answer
        lines = b"%bx-request-id: %b\r\n%b" % (lines, request_id.encode(), self._always)
        await send_whole(send, status, lines, body, is_head=scope.get("method") == "HEAD")

    def _log_failure(self, error: Exception, request_id: str) -> None:
        """Logs types and frames of an error, but not its message, which may contain what was sent."""
        left_out = self._paced.admits()
        if left_out is not None:
            facts = {"requestId": request_id}
            said = f"A verification failed{more_words(left_out)}"
            logger.error("%s\n%s", said, failure_story(error), extra={"facts": facts})

    async def _answer(self, headers: Iterable[tuple[bytes, bytes]], peer: Peer | None, request_id: str) -> Result:
        values: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            # An empty header counts as absent.
            if name in READ and (text := value.strip()):
                if name in values:
                    values[name].append(text)
                else:
                    values[name] = [text]
        by_gateway = self._gateway_token is not None and self._came_by_gateway(values.get(GATEWAY_TOKEN, []))
        if self._gateway_token is not None and not by_gateway:
            sender, outcome = self._sender(values, peer), Outcome.GATEWAY_NOT_ALLOWED
            self._refused(outcome, request_id, sender, NO_AGENT)
            detail = "This request did not come through the gateway."
            return outcome.code, None, sender.ip_address, self._answers.refused(outcome, detail, request_id)
        sender = self._sender(values, peer, by_gateway=by_gateway)
        presented = read_presented(values)
        if presented.key is None:
            outcome = presented.refused
            self._refused(outcome, request_id, sender, presented.wanted, detail=presented.detail)
            answer = self._answers.refused(outcome, presented.detail, request_id)
            return outcome.code, None, sender.ip_address, answer
        verdict = await self._verifier.verify(presented.key, presented.wanted)
        if self._recorder is not None:
            self._recorder.record(verdict, request_id[REQUEST_ID_PREFIX:], sender, presented.wanted)
        return (
            verdict.outcome.code,
            verdict.key,
            sender.ip_address,
            self._answers.of(verdict, request_id, presented.wanted),
        )

    def _came_by_gateway(self, tokens: list[bytes]) -> bool:
        expected = self._gateway_token
        return expected is not None and len(tokens) == 1 and hmac.compare_digest(tokens[0], expected)

    def _sender(self, values: Mapping[bytes, list[bytes]], peer: Peer | None, *, by_gateway: bool = False) -> Sender:
        address = self._addresses.caller_address(
            None if peer is None else peer[0],
            values.get(FORWARDED, ()),
            values.get(X_FORWARDED_FOR, ()),
            gateway=by_gateway,
        )
        return Sender(address, values[USER_AGENT][0][:USER_AGENT_BYTES_AT_MOST] if USER_AGENT in values else b"")

    def _refused(
        self, outcome: Outcome, request_id: str, sender: Sender, wanted: RequestedAgent, *, detail: str | None = None
    ) -> None:
        if self._recorder is not None and outcome.reason is not None:
            hexadecimal = request_id[REQUEST_ID_PREFIX:]
            self._recorder.add_refusal(outcome.reason, hexadecimal, sender, agent_id=wanted.agent_id, detail=detail)


def read_presented(values: Mapping[bytes, list[bytes]]) -> Presented:
    """Reads the key and the agent from the non-empty headers, given by name. A key in the URL is never read."""
    authorizations, api_keys = values.get(AUTHORIZATION, []), values.get(API_KEY, [])
    wanted = _wanted(values[AGENT]) if AGENT in values else NO_AGENT
    if len(authorizations) == 1 and not api_keys and (bearer := _bearer(authorizations[0])):
        return Presented(bearer.decode("latin-1"), Outcome.GOOD, "", wanted)  # nearly every request
    bearers = [bearer for value in authorizations if (bearer := _bearer(value)) is not None]
    if len(api_keys) > 1:
        return _malformed("X-API-Key is there more than once. Send it once.", wanted)
    if not api_keys and len(bearers) < len(authorizations):
        return _malformed(
            "The scheme of Authorization is not Bearer. Send the key as: Authorization: Bearer KEY.", wanted
        )
    if bearers and len(authorizations) > 1:
        return _malformed("Authorization is there more than once. Send it once.", wanted)
    keys = {key for key in (*api_keys, *bearers) if key}
    if len(keys) > 1:
        return _malformed("Authorization and X-API-Key carry different keys. Send one of them.", wanted)
    if keys:
        return Presented(keys.pop().decode("latin-1"), Outcome.GOOD, "", wanted)
    if bearers:
        detail = (
            "Authorization says Bearer, but no key comes after it. Check whether the variable for the key is empty."
        )
    else:
        detail = "The request contains no key. Send it as: Authorization: Bearer KEY, or as X-API-Key: KEY."
    return Presented(None, Outcome.MISSING_KEY, detail, wanted)


def _malformed(detail: str, wanted: RequestedAgent) -> Presented:
    return Presented(None, Outcome.MALFORMED_KEY, detail, wanted)


def _bearer(value: bytes) -> bytes | None:
    """The credentials after the scheme Bearer, in any case; None for another scheme."""
    if value.startswith(b"Bearer "):
        return value[len(b"Bearer ") :].strip()
    scheme, _, rest = value.partition(b" ")
    return rest.strip() if scheme.lower() == BEARER else None


def _wanted(agents: list[bytes]) -> RequestedAgent:
    if len(agents) > 1:
        return RequestedAgent(is_invalid=True, is_repeated=True)
    if agents[0].startswith(BY_HOST_ID):
        host_id = decoded_host_id(agents[0][len(BY_HOST_ID) :])
        return RequestedAgent(is_invalid=host_id is None, external_id=host_id, is_badly_encoded=host_id is None)
    agent_id = parse_external_id(Prefix.AGENT, agents[0].decode("latin-1"))
    return RequestedAgent(is_invalid=True) if agent_id is None else RequestedAgent(agent_id.hex)
