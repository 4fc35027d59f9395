"""
Decides when too many wrong passwords were tried. The limits are for any 15 minutes:

    from a device that the account   5 for an account from one address
    has not signed in from           20 from one address, for any accounts
                                     50 for an account, from any addresses
    from a device that the account   5 from this device, and none of the limits above, so that strangers, even behind
    has signed in from before        the same address, can't lock the person out

The device cookie (`keys.sign_in.device_cookie`) says whether the account has signed in from a device.
"""

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from keys.windows import free_at, seconds_until

WINDOW = timedelta(minutes=15)
PER_ACCOUNT_AND_ADDRESS = 5
PER_ADDRESS = 20
PER_ACCOUNT = 50
PER_DEVICE = 5
IPV6_NETWORK_BITS = 64
NOWHERE = "unknown"
"""The address that a request without one counts under, such as a request over a Unix socket."""


class Attempt(NamedTuple):
    """
    An attempt to sign in. `account` is a keyed digest of the e-mail address, `ip_address` from `counted_address`.

    `device` is the id in the device cookie, or None if the account has not signed in from this browser.
    """

    account: str
    ip_address: str
    device: str | None


class Failure(Protocol):
    """An attempt that failed or is still being checked."""

    account: str
    ip_address: str
    device: str | None
    at: datetime


class Limit(StrEnum):
    """The groups of attempts that each have a limit."""

    ACCOUNT_AND_ADDRESS = "account from this address"
    ADDRESS = "address"
    ACCOUNT = "account"
    DEVICE = "device"


class Reached(NamedTuple):
    """The limit that was reached, and the number of seconds until another attempt is allowed."""

    limit: Limit
    seconds_to_wait: int


def counted_address(address: str | None) -> str:
    """
    The form in which an address is counted: an IPv6 address as its /64 network, an invalid or missing one as NOWHERE.

    A /64 usually belongs to one customer, who could use any address in it.
    """
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return NOWHERE
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed.packed, IPV6_NETWORK_BITS), strict=False))
    return str(parsed)


def limit_reached(failures: Iterable[Failure], attempt: Attempt, now: datetime) -> Reached | None:
    """
    Returns the limit that forbids the attempt, or None if it is allowed. Of several limits, the one that lasts longest.

    `failures` may include ones that are too old or that belong to other accounts, addresses or devices.
    """
    failures = list(failures)
    counted: dict[Limit, tuple[int, list[Failure]]]
    if attempt.device is not None:
        own = [each for each in failures if (each.account, each.device) == (attempt.account, attempt.device)]
        counted = {Limit.DEVICE: (PER_DEVICE, own)}
    else:
        strangers = [each for each in failures if each.device is None]
        of_account = [each for each in strangers if each.account == attempt.account]
        counted = {
            Limit.ADDRESS: (PER_ADDRESS, [each for each in strangers if each.ip_address == attempt.ip_address]),
            Limit.ACCOUNT: (PER_ACCOUNT, of_account),
            Limit.ACCOUNT_AND_ADDRESS: (
                PER_ACCOUNT_AND_ADDRESS,
                [each for each in of_account if each.ip_address == attempt.ip_address],
            ),
        }
    reached = [
        (moment, limit)
        for limit, (at_most, those) in counted.items()
        if (moment := free_at([each.at for each in those], at_most, WINDOW, now)) is not None
    ]
    if not reached:
        return None
    latest, limit = max(reached, key=lambda each: each[0])
    return Reached(limit, seconds_until(latest, now))
