"""
What the ledger writes, by the driver itself: a batch of counts, callers and refused requests in one transaction.

A batch is written once, whatever happens to the connection: its number is stored with it, and a batch whose number is
there already is not written again.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from models.engine.columns import IP_ADDRESS_LENGTH_AT_MOST, storable
from models.usage.caller import USER_AGENT_LENGTH_AT_MOST
from models.usage.refused_request import DETAIL_LENGTH_AT_MOST


class ContentRefused(Exception):
    """The database refuses something in a batch for what it is. Nothing of that batch was or will be written."""


class KeyCounts(NamedTuple):
    """
    What was counted of a key within one hour. `hour` and `month` are their beginnings in seconds since 1970, the
    instants of the last uses in milliseconds, or None.
    """

    key_id: str
    hour: int
    month: int
    allowed: int
    rate_limited: int
    quota_exceeded: int
    agent_not_in_scope: int
    deleted_key: int
    replaced_secret: int
    last_used: int | None
    previous_secret_last_used: int | None


class SeenCaller(NamedTuple):
    """A pair of address and user agent, empty texts for what is not known; instants in milliseconds since 1970."""

    key_id: str
    ip_address: str
    user_agent: str
    first_seen: int
    last_seen: int
    requests: int


class Refused(NamedTuple):
    """A refused request; ids are 32 hexadecimal digits, the instant is in milliseconds since 1970."""

    request_id: str
    key_id: str | None
    reason: str
    at: int
    ip_address: str | None
    user_agent: str | None
    agent_id: str | None
    detail: str | None


def noted_refusal(
    request_id: str,
    key_id: str | None,
    reason: str,
    at: int,
    *,
    ip_address: str | None,
    user_agent: str | None,
    agent_id: str | None,
    detail: str | None,
) -> Refused:
    """A refused request whose texts fit their columns, whatever they are."""
    return Refused(
        request_id,
        key_id,
        reason,
        at,
        _fitting(ip_address, IP_ADDRESS_LENGTH_AT_MOST),
        _fitting(user_agent, USER_AGENT_LENGTH_AT_MOST),
        agent_id,
        _fitting(detail, DETAIL_LENGTH_AT_MOST),
    )


def noted_caller(
    key_id: str, ip_address: str | None, user_agent: str, first_seen: int, last_seen: int, requests: int
) -> SeenCaller:
    """A caller whose texts fit their columns, whatever they are."""
    return SeenCaller(
        key_id,
        storable(ip_address or "", IP_ADDRESS_LENGTH_AT_MOST),
        storable(user_agent, USER_AGENT_LENGTH_AT_MOST),
        first_seen,
        last_seen,
        requests,
    )


def _fitting(text: str | None, at_most: int) -> str | None:
    return None if text is None else storable(text, at_most)


class Batch(NamedTuple):
    """
    What is written at once. No key has more than one entry in `counts`, and no pair more than one in `callers`.

    A process numbers its batches upwards from 1 as it tries to write them; 0 is one that was not tried yet.

    `keys_with_new_callers` and `crowded_keys` are those of which there may be more callers and refused requests than
    are kept; `is_crowded` says the same of refused requests without a key.
    """

    number: int = 0
    counts: Sequence[KeyCounts] = ()
    callers: Sequence[SeenCaller] = ()
    refused: Sequence[Refused] = ()
    keys_with_new_callers: Sequence[str] = ()
    crowded_keys: Sequence[str] = ()
    is_crowded: bool = False
    wants_totals: bool = True


class MonthUsed(NamedTuple):
    """
    Each key's requests of a month, by this and all other processes; a key without any is left out. `batch` is the
    number of this process's newest batch that is among them, 0 where there is none.
    """

    allowed: Mapping[str, int]
    batch: int


class UsageStore(Protocol):
    """Writes batches, one after the other. Reading never waits for a batch that is being written."""

    async def write(self, batch: Batch) -> dict[str, int]:
        """
        Writes the batch unless it was written before; returns what each counted key's month comes to, all processes'
        requests together, where the batch wants to know.

        Raises DatabaseUnavailable: then it may have been written or not; and ContentRefused: then it was not.
        """

    async def month_used(self, key_ids: Sequence[str], month: int) -> MonthUsed:
        """What is written of these keys' month, which begins then. Raises DatabaseUnavailable."""

    async def has_company(self) -> bool:
        """Whether another process has written within the last seconds. Raises DatabaseUnavailable."""

    async def close(self) -> None:
        """Closes the connection; a write after it opens a new one."""
