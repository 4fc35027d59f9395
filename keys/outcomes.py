"""
The outcomes of a request that presents a key: a row for each outcome, with its name in every layer.

Only this table maps names: for example, the caller gets `invalid_key` for what is stored, and shown in GraphQL, as
`UNKNOWN_KEY`.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from models.usage.counts import OUTCOMES
from models.usage.refused_request import RefusedReason as Kept


class Outcome(Enum):
    """The outcome of a request. Its value is its code."""

    code: str
    """The code in the answer, in metrics and in the log. The answer for a good key has no code."""
    status: int
    """The HTTP status of the answer."""
    column: str | None
    """The column of `UsageHour` that counts it; None if the request has no known key."""
    reason: Kept | None
    """The reason that is stored with a refused request and shown by GraphQL; None for a request that passed."""
    phrase: str
    """What happened, in words that complete *refused:* or *the request:*."""

    def __new__(cls, code: str, status: int, column: str | None, reason: Kept | None, phrase: str) -> "Outcome":
        row = object.__new__(cls)
        row._value_ = row.code = code
        row.status, row.column, row.reason, row.phrase = status, column, reason, phrase
        return row

    # fmt: off
    GOOD = "good", 200, "allowed", None, "it passed"
    MISSING_KEY = "missing_key", 401, None, Kept.MISSING_KEY, "it contained no key"
    MALFORMED_KEY = "malformed_key", 401, None, Kept.MALFORMED_KEY, "its key does not have the form of a key"
    INVALID_KEY = "invalid_key", 401, None, Kept.UNKNOWN_KEY, "the key was not issued here in this form"
    DELETED_KEY = "deleted_key", 401, "deleted_key", Kept.DELETED_KEY, "the key was deleted"
    REPLACED_SECRET = "replaced_secret", 401, "replaced_secret", Kept.REPLACED_SECRET, "the secret was replaced"
    AGENT_NOT_IN_SCOPE = (
        "agent_not_in_scope", 403, "agent_not_in_scope", Kept.AGENT_NOT_IN_SCOPE, "it was for another agent"
    )
    RATE_LIMITED = "rate_limited", 429, "rate_limited", Kept.RATE_LIMITED, "over the rate limit"
    QUOTA_EXCEEDED = "quota_exceeded", 429, "quota_exceeded", Kept.QUOTA_EXCEEDED, "over the quota"
    GATEWAY_NOT_ALLOWED = (
        "gateway_not_allowed", 403, None, Kept.GATEWAY_NOT_ALLOWED, "it did not come through the gateway"
    )
    UNAVAILABLE = "unavailable", 503, None, Kept.UNAVAILABLE, "verification was not available"
    # fmt: on


OF_CODE: Mapping[str, Outcome] = MappingProxyType(
    {outcome.code: outcome for outcome in Outcome if outcome is not Outcome.GOOD}
)
"""The refusals, by the code in the answer."""
OF_REASON: Mapping[Kept, Outcome] = MappingProxyType(
    {outcome.reason: outcome for outcome in Outcome if outcome.reason is not None}
)
"""The outcome for each stored reason."""
COUNTED: Mapping[Outcome, int] = MappingProxyType(
    {outcome: OUTCOMES.index(outcome.column) for outcome in Outcome if outcome.column is not None}
)
"""For each counted outcome, the position of its column among the counting columns."""
