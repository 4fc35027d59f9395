"""Owns what a verification is answered: a Verdict as 200, 401, 403, 429 or 503, with its headers."""

from functools import lru_cache
from typing import assert_never

from app.problems import MEDIA_TYPE, Problems
from keys.limits.limiter import Decision, Exceeded
from keys.limits.sliding_window import WINDOW_SECONDS, Limits, Month, whole_seconds
from keys.verification.verdict import Outcome, Verdict, Wanted
from models.key_lookup import KeyState

RETRY_AFTER_SECONDS = 5
NOT_PERMITTED = "access not permitted"
Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]


class Answers:
    """Knows where the codes are explained."""

    def __init__(self, public_url: str) -> None:
        self._problems = Problems(public_url)

    def of(self, verdict: Verdict, request_id: str, wanted: Wanted | None = None) -> Answer:
        """The status, the headers and the body for what became of a key; `wanted` is the agent it was presented for."""
        match verdict.outcome:
            case Outcome.GOOD:
                return _good(verdict, request_id)
            case Outcome.MISSING_KEY | Outcome.INVALID_KEY:
                detail = "This key was not issued here as it stands: it may be mistyped, altered or invented."
                return self.unauthorized("invalid_key", detail, request_id)
            case Outcome.MALFORMED_KEY:
                detail = "" if verdict.malformed is None else verdict.malformed.detail
                return self.unauthorized("malformed_key", detail, request_id)
            case Outcome.DELETED_KEY:
                return self.unauthorized("deleted_key", "This key was deleted.", request_id)
            case Outcome.REPLACED_SECRET:
                detail = "This key was given a new secret, and the one that was sent no longer works."
                return self.unauthorized("replaced_secret", detail, request_id)
            case Outcome.AGENT_NOT_IN_SCOPE:
                return self.problem(403, "agent_not_in_scope", _of_agent(wanted), request_id)
            case Outcome.RATE_LIMITED | Outcome.QUOTA_EXCEEDED:
                return self._limited(verdict, request_id)
            case Outcome.UNAVAILABLE:
                return self.unavailable(request_id)
            case _:
                assert_never(verdict.outcome)

    def unauthorized(self, code: str, detail: str, request_id: str, *, was_sent: bool = True) -> Answer:
        """A 401 with its challenge (RFC 6750)."""
        status, headers, body = self.problem(401, code, detail, request_id)
        challenge = b'Bearer realm="keydesk"' + (b', error="invalid_token"' if was_sent else b"")
        headers.append((b"www-authenticate", challenge))
        return status, headers, body

    def unavailable(self, request_id: str) -> Answer:
        """A 503: nothing is said about the key."""
        detail = "The key could not be checked just now. It is not the cause; try again in a few seconds."
        status, headers, body = self.problem(503, "unavailable", detail, request_id, title="verification unavailable")
        headers.append((b"retry-after", b"%d" % RETRY_AFTER_SECONDS))
        return status, headers, body

    def problem(self, status: int, code: str, detail: str, request_id: str, *, title: str = NOT_PERMITTED) -> Answer:
        """A refusal as problem details (RFC 9457)."""
        body = self._problems.body(status, code, title, detail, request_id)
        # In a header, too: nginx passes on to callers what it has of our headers, and can't read our body.
        return status, [(b"content-type", MEDIA_TYPE.encode()), (b"x-problem-details", body)], body

    def _limited(self, verdict: Verdict, request_id: str) -> Answer:
        key, decision = verdict.key, verdict.decision
        if key is None or decision is None:
            raise ValueError("what is over a limit has its key and the decision")
        limits = Limits(key.rate_limit, key.monthly_quota)
        wait = max(1, whole_seconds(decision.retry_in))
        if verdict.outcome is Outcome.RATE_LIMITED:
            title = "rate limit exceeded"
            detail = f"This key may make {limits.rate_limit} requests a minute. Try again in {_told(wait)}."
        else:
            title = "quota exceeded"
            detail = f"This key has made its {limits.monthly_quota} requests of this month. Try again in {_told(wait)}."
        status, headers, body = self.problem(429, verdict.outcome.value, detail, request_id, title=title)
        headers += [(b"retry-after", b"%d" % wait), *rate_limit_fields(limits, decision)]
        return status, headers, body


def _of_agent(wanted: Wanted | None) -> str:
    """Why a good key is not good here, by the form of what the caller sent: which agents there are is not said."""
    if wanted is None or wanted.agent_id is not None:
        return "This key is good, but not for the agent that the request is for."
    if wanted.is_repeated:
        return "This key is good, but X-Agent-Id is there more than once. Send it once."
    if wanted.is_unreadable:
        return "This key is good, but X-Agent-Id is not an agent's id. Send the id, which begins with agt_, not a name."
    return "This key is good for one agent, but the request does not say which it is for. Send X-Agent-Id."


def _told(seconds: int) -> str:
    """A wait in words, rounded up."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{-(-seconds // size)} {unit}s"
    return f"{seconds} second{'s' if seconds > 1 else ''}"


@lru_cache(maxsize=1024)
def _policy(limits: Limits, month: Month) -> bytes:
    quota = f'"quota";q={limits.monthly_quota};w={month.end - month.start}'
    return f'"key";q={limits.rate_limit};w={WINDOW_SECONDS}, {quota}'.encode()


def rate_limit_fields(limits: Limits, decision: Decision) -> Headers:
    """
    The fields of draft-ietf-httpapi-ratelimit-headers-11. `t` of the rate limit is when the oldest requests that are
    counted leave the window or, where it was exceeded, when one more has room; `t` of the quota is the month's end.
    """
    balance = decision.balance
    resets_in = decision.retry_in if decision.exceeded is Exceeded.RATE_LIMIT else balance.rate_resets_in
    quota_remaining = max(0, limits.monthly_quota - balance.quota_used)
    month_ends_in = max(0, whole_seconds(balance.month.end * 1000 - balance.at))
    left = (
        f'"key";r={balance.rate_remaining};t={whole_seconds(resets_in)}, "quota";r={quota_remaining};t={month_ends_in}'
    )
    return [(b"ratelimit-policy", _policy(limits, balance.month)), (b"ratelimit", left.encode())]


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
    if verdict.decision is not None:
        headers += rate_limit_fields(Limits(key.rate_limit, key.monthly_quota), verdict.decision)
    return 200, headers, _good_body(key, request_id)


def _good_body(key: KeyState, request_id: str) -> bytes:
    # Put together by hand, a third of what an encoder takes: its parts are hexadecimal digits and fixed words.
    scope, agent = ("organization", "null") if key.agent_id is None else ("agent", f'"agt_{key.agent_id}"')
    return (
        f'{{"keyId":"key_{key.key_id}","organizationId":"org_{key.organization_id}","scope":"{scope}",'
        f'"agentId":{agent},"requestId":"{request_id}"}}'
    ).encode()
