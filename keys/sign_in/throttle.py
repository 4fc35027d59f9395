"""
Owns how many wrong passwords are too many.

    on a device not seen before     5 in 15 minutes for an account from one address
                                    20 from one address, whatever the account
                                    50 for an account, from wherever
    on a device that this account   5 of its own, and none of the above: a stranger, be it behind the same address,
    was signed in on before         can't lock it out
"""

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import NamedTuple, Protocol

WINDOW = timedelta(minutes=15)
PER_ACCOUNT_AND_ADDRESS = 5
PER_ADDRESS = 20
PER_ACCOUNT = 50
PER_DEVICE = 5
IPV6_NETWORK_BITS = 64
NOWHERE = "unknown"
"""The address of a request that came from none, such as by a Unix socket."""


class Attempt(NamedTuple):
    """Somebody trying a password. The account is a keyed digest; `device` is null where it was not seen before."""

    account: str
    ip_address: str
    device: str | None


class Failure(Protocol):
    """An attempt that failed, or is under way."""

    account: str
    ip_address: str
    device: str | None
    at: datetime


class Limit(StrEnum):
    """What there can be too many wrong passwords of."""

    ACCOUNT_AND_ADDRESS = "account from this address"
    ADDRESS = "address"
    ACCOUNT = "account"
    DEVICE = "device"


class Reached(NamedTuple):
    """A limit, and in how many seconds the oldest failure that counts for it is too old to count."""

    limit: Limit
    seconds_to_wait: int


def counted_address(address: str | None) -> str:
    """What an address counts as: an IPv6 one as its network of 64 bits, since whoever has one has them all."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return NOWHERE
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed.packed, IPV6_NETWORK_BITS), strict=False))
    return str(parsed)


def limit_reached(failures: Iterable[Failure], attempt: Attempt, now: datetime) -> Reached | None:
    """
    None where the attempt may be made, else the limit that is reached for longest.

    The failures may be more than matter.
    """
    recent = [failure for failure in failures if failure.at > now - WINDOW]
    if attempt.device is not None:
        own = [each.at for each in recent if (each.account, each.device) == (attempt.account, attempt.device)]
        free_at = {Limit.DEVICE: _free_at(own, PER_DEVICE)}
    else:
        strangers = [each for each in recent if each.device is None]
        of_account = [each for each in strangers if each.account == attempt.account]
        free_at = {
            Limit.ADDRESS: _free_at(
                [each.at for each in strangers if each.ip_address == attempt.ip_address], PER_ADDRESS
            ),
            Limit.ACCOUNT: _free_at([each.at for each in of_account], PER_ACCOUNT),
            Limit.ACCOUNT_AND_ADDRESS: _free_at(
                [each.at for each in of_account if each.ip_address == attempt.ip_address], PER_ACCOUNT_AND_ADDRESS
            ),
        }
    reached = [(instant, limit) for limit, instant in free_at.items() if instant is not None]
    if not reached:
        return None
    latest, limit = max(reached, key=lambda each: each[0])
    return Reached(limit, max(1, ceil((latest - now).total_seconds())))


def _free_at(instants: list[datetime], limit: int) -> datetime | None:
    """When fewer than the limit count again, or None where they do already."""
    return None if len(instants) < limit else sorted(instants)[-limit] + WINDOW
