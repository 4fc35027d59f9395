"""The interface of limiters: a limiter decides whether one more request of a key passes, and counts it if so."""

from typing import Literal, NamedTuple, Protocol

from keys.limits.sliding_window import Limits, LimitStatus
from keys.outcomes import Outcome

Exceeded = Literal[Outcome.RATE_LIMITED, Outcome.QUOTA_EXCEEDED]
"""The limit that a request exceeded."""


class Decision(NamedTuple):
    """
    A limiter's decision about one request. `exceeded` is None if the request passes and was counted.

    Otherwise it is the limit that the request exceeded, and nothing was counted. `retry_in` is in milliseconds; it is 0
    for a request that passes.
    """

    exceeded: Exceeded | None
    status: LimitStatus
    retry_in: int = 0


class LimiterUnavailable(Exception):
    """The limits can't be checked, and the operator set that no key passes then (KEYDESK_LIMITER_FAILURE=closed)."""


class Consumer(Protocol):
    """What verification needs of a limiter. A key's id is 32 hexadecimal digits."""

    async def consume(self, key_id: str, limits: Limits) -> Decision:
        """Counts one more request if both limits allow it. Raises LimiterUnavailable and DatabaseUnavailable."""


class Limiter(Consumer, Protocol):
    """Counts the requests of keys and reports its own state."""

    @property
    def is_degraded(self) -> bool:
        """Whether it counts only this process's requests at the moment, although it should count all processes'."""

    @property
    def lets_pass(self) -> bool:
        """Whether keys can pass at all at the moment."""

    @property
    def waiting(self) -> int:
        """Requests that wait to be counted."""

    async def start(self) -> None:
        """Connects. Does not raise if Redis can't be reached; the limiter then tries again by itself."""

    async def close(self) -> None:
        """Closes the connections."""

    async def peek(self, key_id: str, limits: Limits) -> LimitStatus:
        """
        Returns what the key has used and has left, without counting a request.

        Raises LimiterUnavailable and DatabaseUnavailable.
        """


class DryRunLimiter:
    """Decides as the given limiter would, but counts nothing."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    async def consume(self, key_id: str, limits: Limits) -> Decision:
        """Returns the decision that one more request would get. Raises LimiterUnavailable and DatabaseUnavailable."""
        status = await self._limiter.peek(key_id, limits)
        if status.rate_remaining == 0:
            return Decision(Outcome.RATE_LIMITED, status, status.rate_resets_in)
        if status.quota_used >= limits.monthly_quota:
            return Decision(Outcome.QUOTA_EXCEEDED, status, status.month.end * 1000 - status.at)
        return Decision(None, status)
