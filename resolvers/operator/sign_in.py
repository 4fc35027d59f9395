"""Lists and unlocks accounts and addresses that are locked after wrong passwords, for the operator."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from keys.sign_in.throttle import (
    PER_ACCOUNT,
    PER_ACCOUNT_AND_ADDRESS,
    PER_ADDRESS,
    PER_DEVICE,
    WINDOW,
    Limit,
    counted_address,
)
from keys.token import ServerKeys
from models.person import canonical_email, every_email
from models.sign_in import SignInFailure, drop_failures, lock_sign_ins, recent_failures
from resolvers.sign_in_attempts import account_digest, account_keys


@dataclass(frozen=True, slots=True)
class Lock:
    """A limit that was reached: the account (a digest) and address that are locked, and until when."""

    limit: Limit
    account: str | None
    address: str | None
    failures: int
    until: datetime
    email: str | None = None
    """The account's e-mail address, if a person has it."""


@dataclass(frozen=True, slots=True)
class Unlocked:
    """The deleted failures, the locks that they caused and their addresses, and what is still locked."""

    failures: int
    locks: Sequence[Lock]
    addresses: Sequence[str]
    still_locked: Sequence[Lock]


async def locks(session: AsyncSession, server_keys: ServerKeys, *, now: datetime) -> list[Lock]:
    """All current locks, the one that lasts longest first."""
    found = _locks(await recent_failures(session, since=now - WINDOW))
    emails = {
        account_digest(key, email): email for email in await every_email(session) for key in account_keys(server_keys)
    }
    named = [
        Lock(each.limit, each.account, each.address, each.failures, each.until, emails.get(each.account or ""))
        for each in found
    ]
    return sorted(named, key=lambda each: each.until, reverse=True)


async def locked_addresses(session: AsyncSession, *, now: datetime) -> list[str]:
    """The addresses that are locked for all accounts now, in the form of `keys.sign_in.throttle.counted_address`."""
    found = _locks(await recent_failures(session, since=now - WINDOW))
    return [each.address for each in found if each.limit is Limit.ADDRESS and each.address is not None]


async def unlock_account(session: AsyncSession, server_keys: ServerKeys, *, email: str, now: datetime) -> Unlocked:
    """
    Deletes the failures of this account from all addresses.

    An address that has too many failures for other accounts stays locked; `still_locked` contains it.
    """
    accounts = {account_digest(key, canonical_email(email)) for key in account_keys(server_keys)}
    return await _unlock(session, lambda failure: failure.account in accounts, now)


async def unlock_address(session: AsyncSession, *, address: str, now: datetime) -> Unlocked:
    """Deletes the failures from this address for all accounts. An IPv6 address counts as its /64 network."""
    counted = counted_address(address)
    return await _unlock(session, lambda failure: failure.ip_address == counted, now)


async def unlock_all(session: AsyncSession, *, now: datetime) -> Unlocked:
    """Deletes all failures."""
    return await _unlock(session, lambda _failure: True, now)


async def _unlock(session: AsyncSession, is_meant: Callable[[SignInFailure], bool], now: datetime) -> Unlocked:
    await lock_sign_ins(session)
    before = await recent_failures(session, since=now - WINDOW)
    meant = [failure for failure in before if is_meant(failure)]
    addresses = list(dict.fromkeys(failure.ip_address for failure in meant))
    after = _locks([failure for failure in before if not is_meant(failure)])
    stays = {_place(lock) for lock in after}
    await drop_failures(session, [failure.id for failure in meant])
    return Unlocked(
        failures=len(meant),
        locks=[lock for lock in _locks(before) if _place(lock) not in stays],
        addresses=addresses,
        still_locked=[lock for lock in after if lock.limit is Limit.ADDRESS and lock.address in addresses],
    )


def _place(lock: Lock) -> tuple[Hashable, ...]:
    return lock.limit, lock.account, lock.address


def _locks(failures: Sequence[SignInFailure]) -> list[Lock]:
    """The limits that these failures reach. The failures must be sorted by time."""
    counted: dict[tuple[Limit, str | None, str | None, str | None], list[datetime]] = defaultdict(list)
    for each in failures:
        if each.device is not None:
            counted[Limit.DEVICE, each.account, None, each.device].append(each.at)
        else:
            counted[Limit.ACCOUNT_AND_ADDRESS, each.account, each.ip_address, None].append(each.at)
            counted[Limit.ADDRESS, None, each.ip_address, None].append(each.at)
            counted[Limit.ACCOUNT, each.account, None, None].append(each.at)
    return [
        Lock(limit, account, address, len(instants), instants[-_AT_MOST[limit]] + WINDOW)
        for (limit, account, address, _), instants in counted.items()
        if len(instants) >= _AT_MOST[limit]
    ]


_AT_MOST = {
    Limit.ACCOUNT_AND_ADDRESS: PER_ACCOUNT_AND_ADDRESS,
    Limit.ADDRESS: PER_ADDRESS,
    Limit.ACCOUNT: PER_ACCOUNT,
    Limit.DEVICE: PER_DEVICE,
}
