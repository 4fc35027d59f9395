"""The verdict on a presented key, and how the requested agent and the limiter's decision determine it."""

from typing import NamedTuple

from keys.limits.limiter import Decision
from keys.outcomes import Outcome
from keys.verification.malformed import Malformed
from models.key_lookup import KeyState


class Verdict(NamedTuple):
    """
    An outcome with its facts. Verification returns one even in an outage, instead of raising an error.

    `key` is the stored key: set when the caller sent a valid or replaced secret of it, and also when the key is
    deleted. `agent_id` (32 hexadecimal digits) is the agent that the request is for. `decision` is the limiter's.
    `reason` is shown only to the operator.
    """

    outcome: Outcome
    reason: str
    key: KeyState | None = None
    agent_id: str | None = None
    malformed: Malformed | None = None
    decision: Decision | None = None
    by_previous_secret: bool = False


class RequestedAgent(NamedTuple):
    """
    The agent that a request is for, by its id (32 hexadecimal digits) or by the host product's id. Both are None if the
    request names no agent.
    """

    agent_id: str | None = None
    is_invalid: bool = False
    """The request's X-Agent-Id is not a valid agent id, or was sent more than once."""
    is_repeated: bool = False
    """It is unreadable because the header was sent more than once."""
    external_id: str | None = None
    is_badly_encoded: bool = False
    """It is invalid because what follows `ext:` is not a percent-encoded id."""


def judge_agent(key: KeyState, wanted: RequestedAgent, *, require_agent: bool) -> Verdict:
    """Decides whether a key with a valid secret may be used for the requested agent. Limits are checked after this."""
    if wanted.is_invalid:
        return Verdict(Outcome.AGENT_NOT_IN_SCOPE, "X-Agent-Id is not an agent's id, or is there twice", key)
    if wanted.agent_id is None and wanted.external_id is None:
        if require_agent and key.agent_id is not None:
            return Verdict(Outcome.AGENT_NOT_IN_SCOPE, "an agent-level key requires X-Agent-Id here", key)
        return Verdict(Outcome.GOOD, "good", key, key.agent_id)
    agent_id = key.request_agent_id if wanted.agent_id is None else wanted.agent_id
    if key.agent_id is not None and key.agent_id != agent_id:
        return Verdict(Outcome.AGENT_NOT_IN_SCOPE, "the key is for another agent", key)
    if not key.wanted_agent_lives:
        return Verdict(Outcome.AGENT_NOT_IN_SCOPE, "no such agent in the key's organization", key)
    return Verdict(Outcome.GOOD, "good", key, agent_id)


_OVER_A_LIMIT = {
    Outcome.RATE_LIMITED: "the key is over its rate limit",
    Outcome.QUOTA_EXCEEDED: "the key has used its monthly quota",
}


def judge_limits(verdict: Verdict, decision: Decision, *, by_previous_secret: bool) -> Verdict:
    """Turns a good verdict and the limiter's decision into the final verdict."""
    if decision.exceeded is None:
        return Verdict(Outcome.GOOD, "good", verdict.key, verdict.agent_id, None, decision, by_previous_secret)
    reason = _OVER_A_LIMIT[decision.exceeded]
    return Verdict(decision.exceeded, reason, verdict.key, verdict.agent_id, None, decision, by_previous_secret)
