"""
The interface of usage stores, which write a batch of counts, callers and refused requests in one transaction.

A batch is written exactly once, even if the connection is lost: its number is stored with it, and a batch whose number
is stored already is not written again. Stores use the database driver directly.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from models.engine.columns import IP_ADDRESS_LENGTH_AT_MOST, storable
from models.usage.caller import USER_AGENT_LENGTH_AT_MOST
from models.usage.refused_request import DETAIL_LENGTH_AT_MOST


class ContentRefused(Exception):
    """The database refused a batch because of its content. Nothing of that batch was written."""


class RowsLocked(Exception):
    """Another transaction has locked rows of a batch. Nothing of that batch was written."""


class KeyCounts(NamedTuple):
    """
    The counts of a key in one hour.

    `hour` and `month` are their starts in seconds since 1970. The times of the last uses are in milliseconds since
    1970, or None.
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
    """A pair of address and user agent; unknown ones are empty texts. Times are in milliseconds since 1970."""

    key_id: str
    ip_address: str
    user_agent: str
    first_seen: int
    last_seen: int
    requests: int


class Refused(NamedTuple):
    """A refused request. Ids are 32 hexadecimal digits, the time is in milliseconds since 1970."""

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
    """Makes a refused request. Its texts are cut so that they fit their columns."""
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
    """Makes a caller. Its texts are cut so that they fit their columns."""
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
    What is written in one transaction. A key has at most one entry in `counts`, a pair at most one in `callers`.

    A process numbers its batches from 1 upwards when it first tries to write them; 0 is a batch that was not tried yet.

    `keys_with_new_callers` are the keys that may now have more callers than are kept, `crowded_keys` those that may
    have more refused requests; `is_crowded` is set if there may be too many refused requests without a key.
    """

    number: int = 0
    counts: Sequence[KeyCounts] = ()
    callers: Sequence[SeenCaller] = ()
    refused: Sequence[Refused] = ()
    keys_with_new_callers: Sequence[str] = ()
    crowded_keys: Sequence[str] = ()
    is_crowded: bool = False
    wants_totals: bool = True
    is_hasty: bool = False
    """Whether it is known that rows are locked, so that the batch should hardly wait for them."""


class MonthUsed(NamedTuple):
    """
    Each key's allowed requests in a month, of all processes. Keys without any are left out.

    `batch` is the number of this process's newest batch that is included, or 0.
    """

    allowed: Mapping[str, int]
    batch: int


class UsageStore(Protocol):
    """Writes batches, one after the other. Reading never waits for a batch that is being written."""

    async def write(self, batch: Batch) -> dict[str, int]:
        """
        Writes the batch, unless it was written before.

        If the batch wants totals, returns each counted key's allowed requests in the month, of all processes. Raises
        DatabaseUnavailable if it is unknown whether the batch was written, and ContentRefused or RowsLocked if it was
        not.
        """

    async def month_used(self, key_ids: Sequence[str], month: int) -> MonthUsed:
        """
        Reads these keys' allowed requests in the month that starts then, in seconds since 1970.

        Raises DatabaseUnavailable.
        """

    async def has_company(self) -> bool:
        """Whether another process has written usage in the last seconds. Raises DatabaseUnavailable."""

    async def close(self) -> None:
        """Closes the connections. A write after that opens new ones."""
