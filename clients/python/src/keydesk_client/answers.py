"""The answers to a verification: Verified, Refused, Unavailable; and how Keydesk's HTTP answer becomes one of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias
from urllib.parse import unquote

from keydesk_client.headers import EXTERNAL
from keydesk_client.http import HttpAnswer

RETRY_AFTER_SECONDS = 5
"""How long callers are asked to wait if Keydesk did not say it."""
PROBLEM = "application/problem+json"
REFUSED = frozenset({401, 403, 429, 431})
"""431: the headers that the caller sent are too large (RFC 6585)."""
LIMITS = ("ratelimit-policy", "ratelimit")
PASSED_ON = ("www-authenticate", *LIMITS, "retry-after", "x-request-id")
"""The header fields of a refusal that callers get. Their order is the order in which they are passed on."""
NOT_BY_GATEWAY = "gateway_not_allowed"
HeaderLines = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """The key is good."""

    key_id: str
    """Such as key_01936f7ab2c07d3e9a41c5d2e8f60b17."""
    organization_id: str
    scope: Literal["organization", "agent"]
    agent_id: str | None
    """The agent of an agent-level key; None for an organization-level key."""
    request_id: str
    """What Keydesk's support and its log know this request by."""
    requested_agent_id: str | None = None
    """
    The agent that the request is for: the requested agent, else the key's. None if there is neither, or if a proxy
    dropped Keydesk's header fields.
    """
    organization_external_id: str | None = None
    """Your own id of the organization, if you gave it one."""
    agent_external_id: str | None = None
    """Your own id of the agent that the request is for, if you gave it one."""
    headers: HeaderLines = ()
    """The fields `RateLimit-Policy` and `RateLimit`, which tell the caller what is left of the key's limits."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The key is missing, not good, not good for this agent, or over its limits. The caller can be told so."""

    status: int
    """401, 403 or 429; 431 if the caller's headers are too large."""
    code: str
    """Such as missing_key, deleted_key, agent_not_in_scope, rate_limited. Keydesk's page *Errors* has all of them."""
    detail: str
    """A sentence for the caller."""
    request_id: str
    headers: HeaderLines = ()
    """To pass on: the content's type, `WWW-Authenticate`, `RateLimit`, `Retry-After`, `X-Request-Id`."""
    body: bytes = field(default=b"", repr=False)
    """To pass on: the problem details (RFC 9457) as Keydesk wrote them."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The key could not be checked. It may be good: answer 503, never 401."""

    reason: str
    """For your log, not for callers: such as *no answer within 2 seconds*. Never contains a key."""
    retry_after_seconds: int = RETRY_AFTER_SECONDS
    headers: HeaderLines = ()
    """To pass on: the content's type, `Retry-After`, and `X-Request-Id` if Keydesk answered."""
    body: bytes = field(default=b"", repr=False)
    """To pass on: problem details (RFC 9457), Keydesk's own if it sent any."""
    status: ClassVar[Literal[503]] = 503


Answer: TypeAlias = Verified | Refused | Unavailable

FOR_ONE_AGENT = "This key is valid for one agent only, and this request is for no agent."
NO_ANSWER = "The key could not be checked just now. The key is not the cause; try again in a few seconds."


def unavailable(reason: str, retry_after_seconds: int = RETRY_AFTER_SECONDS) -> Unavailable:
    """An answer of our own, with the members that Keydesk's has, except for the request id, which Keydesk makes."""
    title = "verification unavailable"
    problem = {
        "type": "about:blank",
        "title": title,
        "status": 503,
        "detail": NO_ANSWER,
        "statusCode": 503,
        "message": title,
        "code": "unavailable",
    }
    headers = (("content-type", PROBLEM), ("retry-after", str(retry_after_seconds)))
    return Unavailable(reason, retry_after_seconds, headers, json.dumps(problem).encode())


def for_no_agent(answer: Answer) -> Answer:
    """
    The answer to a request that is for no agent: an agent-level key is refused, as for another agent.

    Without this, the keys of all agents would be good where nobody compares `agent_id`.
    """
    if not isinstance(answer, Verified) or answer.scope == "organization":
        return answer
    title, code = "access not permitted", "agent_not_in_scope"
    problem = {
        "type": "about:blank",
        "title": title,
        "status": 403,
        "detail": FOR_ONE_AGENT,
        "statusCode": 403,
        "message": title,
        "code": code,
        "requestId": answer.request_id,
    }
    headers = (("content-type", PROBLEM), ("x-request-id", answer.request_id))
    return Refused(403, code, FOR_ONE_AGENT, answer.request_id, headers, json.dumps(problem).encode())


def read_answer(answer: HttpAnswer, agent: str | None) -> Answer:
    """
    What an HTTP answer to a verification says.

    `agent` is the requested agent as it was sent. Whatever Keydesk does not send is Unavailable: another server may
    have answered, such as a proxy that asks for a password of its own.
    """
    content = _json_object(answer.body)
    if answer.status == 200:
        return _verified(answer, content, agent)
    is_problem = answer.media_type == PROBLEM and content.get("status") == answer.status
    code, detail, request_id = (content.get(name) for name in ("code", "detail", "requestId"))
    if not (is_problem and isinstance(code, str) and isinstance(detail, str) and isinstance(request_id, str)):
        return unavailable(f"an answer with status {answer.status} that is not Keydesk's")
    headers = (("content-type", PROBLEM), *_lines(answer, PASSED_ON))
    if answer.status == 503:
        return Unavailable(f"Keydesk says: {detail}", _retry_after(answer), _with_retry_after(headers), answer.body)
    if code == NOT_BY_GATEWAY:
        return unavailable("Keydesk does not accept this gateway_token: compare it with KEYDESK_GATEWAY_TOKEN")
    if answer.status not in REFUSED:
        return unavailable(f"status {answer.status}, code {code}")
    return Refused(answer.status, code, detail, request_id, headers, answer.body)


def _verified(answer: HttpAnswer, content: Mapping[str, Any], agent: str | None) -> Verified | Unavailable:
    key_id, organization_id, request_id = (content.get(name) for name in ("keyId", "organizationId", "requestId"))
    scope, agent_id = content.get("scope"), content.get("agentId")
    requested = answer.value("x-keydesk-agent")
    if not (isinstance(key_id, str) and isinstance(organization_id, str) and isinstance(request_id, str)):
        return unavailable("an answer with status 200 that is not Keydesk's")
    if scope == "organization":
        agent_id = None
    elif scope != "agent" or not isinstance(agent_id, str):
        return unavailable("an answer with status 200 that is not Keydesk's")
    if agent is not None and not _is_for(agent, requested, content.get("agentExternalId")):
        return unavailable(
            "Keydesk did not check the agent: a proxy in front of it must pass on X-Agent-Id and X-Keydesk-Agent"
        )
    return Verified(
        key_id,
        organization_id,
        scope,
        agent_id,
        request_id,
        None if requested == "none" else requested,
        _text(content.get("organizationExternalId")),
        _text(content.get("agentExternalId")),
        _lines(answer, LIMITS),
    )


def _is_for(agent: str, answered: str | None, answered_external: object) -> bool:
    """
    Whether Keydesk checked the key for the agent that was sent.

    A proxy between here and Keydesk that drops X-Agent-Id would make keys good for agents of other organizations.
    """
    if answered is None or not answered.startswith("agt_"):
        return False
    if agent.startswith(EXTERNAL):
        return answered_external == unquote(agent.removeprefix(EXTERNAL))
    return answered == agent


def _json_object(body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _lines(answer: HttpAnswer, names: tuple[str, ...]) -> HeaderLines:
    return tuple((name, value) for name in names for value in answer.values(name))


def _retry_after(answer: HttpAnswer) -> int:
    value = answer.value("retry-after") or ""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 7 else RETRY_AFTER_SECONDS


def _with_retry_after(headers: HeaderLines) -> HeaderLines:
    if any(name == "retry-after" for name, _ in headers):
        return headers
    return (*headers, ("retry-after", str(RETRY_AFTER_SECONDS)))
