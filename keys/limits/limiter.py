"""Owns what a limiter is: it says whether one more request of a key passes, and counts it if so."""

from enum import Enum
from typing import NamedTuple, Protocol

from keys.limits.sliding_window import Balance, Limits


class Exceeded(Enum):
    """Which limit a request was over."""

    RATE_LIMIT = "rate limit"
    QUOTA = "quota"


class Decision(NamedTuple):
    """
    None for a request that passes and was counted; else the limit that it was over, and nothing was counted.

    `retry_in` is in milliseconds, 0 for a request that passes.
    """

    exceeded: Exceeded | None
    balance: Balance
    retry_in: int = 0


class LimiterUnavailable(Exception):
    """Neither limit can be told, and the operator wants no verification without."""


class Taking(Protocol):
    """What a verification asks. A key's id is 32 hexadecimal digits."""

    async def take(self, key_id: str, limits: Limits) -> Decision:
        """Counts one more where both limits allow it. Raises LimiterUnavailable."""


class Limiter(Taking, Protocol):
    """Counts the requests of keys."""

    @property
    def is_degraded(self) -> bool:
        """Whether it counts for this process alone at the moment, where it should count for all."""

    @property
    def lets_pass(self) -> bool:
        """Whether any key passes at this moment."""

    @property
    def waiting(self) -> int:
        """Requests that wait to be counted."""

    async def start(self) -> None:
        """Opens what it needs; what is not there yet is no error."""

    async def close(self) -> None:
        """Closes it."""

    async def look(self, key_id: str, limits: Limits) -> Balance:
        """Where the key stands, nothing counted. Raises LimiterUnavailable."""


class OnlyLooking:
    """Decides as a limiter would, and counts nothing."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    async def take(self, key_id: str, limits: Limits) -> Decision:
        """What would come of one more. Raises LimiterUnavailable."""
        balance = await self._limiter.look(key_id, limits)
        if balance.rate_remaining == 0:
            return Decision(Exceeded.RATE_LIMIT, balance, balance.rate_resets_in)
        if balance.quota_used >= limits.monthly_quota:
            return Decision(Exceeded.QUOTA, balance, balance.month.end * 1000 - balance.at)
        return Decision(None, balance)
