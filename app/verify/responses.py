"""
Turns a verdict into the HTTP answer to a verification: status, headers and body.

The headers are made as text, in the form in which they are sent, which takes a third of the time of a list of pairs.
"""

import json
from functools import lru_cache
from typing import assert_never

from app.problems import MEDIA_TYPE, Problems
from keys.host_ids import NO_ID, encoded_host_id
from keys.limits.limiter import Decision
from keys.limits.sliding_window import WINDOW_SECONDS, Month, whole_seconds
from keys.outcomes import Outcome
from keys.verification.verdict import RequestedAgent, Verdict
from models.key_lookup import KeyState

RETRY_AFTER_SECONDS = 5
NOT_PERMITTED = "access not permitted"
Answer = tuple[int, bytes, bytes]
"""The status, the header lines, each with its line end, and the body."""
_DETAILS = {
    Outcome.INVALID_KEY: "This key was not issued here in this form: it may be mistyped, altered or made up.",
    Outcome.DELETED_KEY: "This key was deleted.",
    Outcome.REPLACED_SECRET: "This key has a new secret, and the secret that was sent no longer works.",
    Outcome.UNAVAILABLE: "The key could not be checked just now. The key is not the cause; try again in a few seconds.",
}
"""What is said of an outcome whatever the request was. The codes and statuses are in `keys/outcomes.py`."""
TITLES = {
    Outcome.RATE_LIMITED: "rate limit exceeded",
    Outcome.QUOTA_EXCEEDED: "quota exceeded",
    Outcome.UNAVAILABLE: "verification unavailable",
}
"""Of refusals that don't say NOT_PERMITTED."""


class Answers:
    """Answers that link to the documentation of this server, at its public address."""

    def __init__(self, public_url: str) -> None:
        self._problems = Problems(public_url)

    def of(self, verdict: Verdict, request_id: str, wanted: RequestedAgent | None = None) -> Answer:
        """The status, the headers and the body for a verdict; `wanted` is the agent that the key was presented for."""
        match verdict.outcome:
            case Outcome.GOOD:
                return _good(verdict, request_id)
            case Outcome.MALFORMED_KEY:
                detail = "" if verdict.malformed is None else verdict.malformed.detail
                return self.refused(verdict.outcome, detail, request_id)
            case Outcome.AGENT_NOT_IN_SCOPE:
                return self.refused(verdict.outcome, _of_agent(wanted), request_id)
            case Outcome.RATE_LIMITED | Outcome.QUOTA_EXCEEDED:
                return self._limited(verdict, request_id)
            case Outcome.INVALID_KEY | Outcome.DELETED_KEY | Outcome.REPLACED_SECRET | Outcome.UNAVAILABLE:
                return self.refused(verdict.outcome, _DETAILS[verdict.outcome], request_id)
            case Outcome.MISSING_KEY | Outcome.GATEWAY_NOT_ALLOWED:
                raise ValueError("such a request is refused without a verdict")
            case _:
                assert_never(verdict.outcome)

    def unavailable(self, request_id: str) -> Answer:
        """A 503, which says nothing about the key."""
        return self.refused(Outcome.UNAVAILABLE, _DETAILS[Outcome.UNAVAILABLE], request_id)

    def refused(self, outcome: Outcome, detail: str, request_id: str) -> Answer:
        """A refusal as problem details (RFC 9457); a 401 with its challenge (RFC 6750), a 503 with Retry-After."""
        title = TITLES.get(outcome, NOT_PERMITTED)
        body = self._problems.body(outcome.status, outcome.code, title, detail, request_id)
        # In a header too, because nginx can pass a header on to callers, but not the body.
        lines = b"content-type: %b\r\nx-problem-details: %b\r\n" % (MEDIA_TYPE.encode(), body)
        if outcome.status == 401:
            error = b"" if outcome is Outcome.MISSING_KEY else b', error="invalid_token"'
            lines += b'www-authenticate: Bearer realm="keydesk"%b\r\n' % error
        elif outcome is Outcome.UNAVAILABLE:
            lines += b"retry-after: %d\r\n" % RETRY_AFTER_SECONDS
        return outcome.status, lines, body

    def _limited(self, verdict: Verdict, request_id: str) -> Answer:
        key, decision = verdict.key, verdict.decision
        if key is None or decision is None:
            raise ValueError("what is over a limit has its key and the decision")
        wait = max(1, whole_seconds(decision.retry_in))
        if verdict.outcome is Outcome.RATE_LIMITED:
            detail = f"This key can make {key.rate_limit} requests a minute. Try again in {_duration(wait)}."
        else:
            detail = (
                f"This key has used its quota of {key.monthly_quota} requests for this month. Try again in "
                f"{_duration(wait)}."
            )
        status, lines, body = self.refused(verdict.outcome, detail, request_id)
        return status, lines + f"retry-after: {wait}\r\n{_rate_limit_lines(key, decision)}".encode(), body


def _of_agent(wanted: RequestedAgent | None) -> str:
    """
    Why a good key may not be used for this agent.

    It depends only on the form of what the caller sent, and does not reveal which agents exist.
    """
    if wanted is None or wanted.agent_id is not None or wanted.external_id is not None:
        return "This key is valid, but not for the agent that the request is for."
    if wanted.is_repeated:
        return "This key is valid, but X-Agent-Id is there more than once. Send it once."
    if wanted.is_badly_encoded:
        return (
            "This key is valid, but X-Agent-Id is not an agent's id. After ext:, send the agent's external id, "
            "percent-encoded."
        )
    if wanted.is_invalid:
        return (
            "This key is valid, but X-Agent-Id is not an agent's id. Send the id, which begins with agt_, not a name."
        )
    return "This key is valid for one agent only, and the request does not name an agent. Send X-Agent-Id."


def _duration(seconds: int) -> str:
    """A wait in words, rounded up."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{-(-seconds // size)} {unit}s"
    return f"{seconds} second{'s' if seconds > 1 else ''}"


@lru_cache(maxsize=1024)
def _policy_line(rate_limit: int, monthly_quota: int, month: Month) -> str:
    quota = f'"quota";q={monthly_quota};w={month.end - month.start}'
    return f'ratelimit-policy: "key";q={rate_limit};w={WINDOW_SECONDS}, {quota}\r\n'


def _rate_limit_lines(key: KeyState, decision: Decision) -> str:
    """
    The fields of draft-ietf-httpapi-ratelimit-headers-11. `t` of the rate limit is when the oldest requests that are
    counted leave the window or, where it was exceeded, when one more has room; `t` of the quota is the month's end.
    """
    rate_remaining, rate_resets_in, quota_used, month, at = decision.status
    resets_in = decision.retry_in if decision.exceeded is Outcome.RATE_LIMITED else rate_resets_in
    quota_remaining = max(0, key.monthly_quota - quota_used)
    month_ends_in = max(0, whole_seconds(month.end * 1000 - at))
    return (
        f'{_policy_line(key.rate_limit, key.monthly_quota, month)}ratelimit: "key";r={rate_remaining};'
        f't={whole_seconds(resets_in)}, "quota";r={quota_remaining};t={month_ends_in}\r\n'
    )


def _good(verdict: Verdict, request_id: str) -> Answer:
    key, decision = verdict.key, verdict.decision
    if key is None:
        raise ValueError("a good verdict has its key")
    external_id_lines, external_id_members = _external_ids(key.organization_external_id, key.agent_external_id)
    agent = "none" if verdict.agent_id is None else f"agt_{verdict.agent_id}"
    limits = "" if decision is None else _rate_limit_lines(key, decision)
    lines = (
        f"content-type: application/json\r\nx-keydesk-key: key_{key.key_id}\r\n"
        f"x-keydesk-organization: org_{key.organization_id}\r\nx-keydesk-agent: {agent}\r\n"
        f"{external_id_lines}{limits}"
    )
    return 200, lines.encode(), _good_body(key, external_id_members, request_id)


@lru_cache(maxsize=1024)
def _external_ids(organization: str | None, agent: str | None) -> tuple[str, str]:
    """
    The host product's ids as header lines, percent-encoded, and as members of the body.

    The headers are always there, so that a gateway that copies them replaces what its caller sent.
    """
    encoded = [NO_ID if host_id is None else encoded_host_id(host_id) for host_id in (organization, agent)]
    return (
        f"x-keydesk-organization-external-id: {encoded[0]}\r\nx-keydesk-agent-external-id: {encoded[1]}\r\n",
        f'"organizationExternalId":{json.dumps(organization)},"agentExternalId":{json.dumps(agent)}',
    )


def _good_body(key: KeyState, external_ids: str, request_id: str) -> bytes:
    # Built by hand, which takes a third of an encoder's time. Its other parts are only hexadecimal digits and words.
    scope, agent = ("organization", "null") if key.agent_id is None else ("agent", f'"agt_{key.agent_id}"')
    return (
        f'{{"keyId":"key_{key.key_id}","organizationId":"org_{key.organization_id}","scope":"{scope}",'
        f'"agentId":{agent},{external_ids},"requestId":"{request_id}"}}'
    ).encode()
