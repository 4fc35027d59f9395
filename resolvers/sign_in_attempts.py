"""
Throttled password checks. Each attempt is stored as a failure before the hash is verified, and deleted on success.

So parallel attempts can't exceed the limits. No transaction is open while argon2 runs. An e-mail address that nobody
has takes the same steps, with a hash of the same cost.
"""

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import ceil
from typing import NamedTuple, Self, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.hashing import HashingPool, HashingQueueFull
from keys.refusals import TooManyRequests
from keys.sign_in.device_cookie import DeviceCookies
from keys.sign_in.passwords import PasswordUse
from keys.sign_in.throttle import WINDOW, Attempt, Limit, limit_reached
from keys.token import ServerKeys
from models.engine.database import Database
from models.engine.reader import Reader
from models.person import Person
from models.sign_in import SignInFailure, drop_failure, failures_of_device, failures_of_strangers, lock_sign_ins

BUSY = "Too many passwords are being checked right now. Try again in a few seconds."
BUSY_SECONDS = 5
Outcome = TypeVar("Outcome")


class Tried(StrEnum):
    """The outcome of an attempt."""

    GOOD = "good"
    WRONG = "wrong"
    THROTTLED = "throttled"
    BUSY = "busy"


class PasswordTry(NamedTuple):
    """
    An attempt to sign in, for observers. It does not contain what was typed.

    `account` is the keyed digest under which failures are counted. `person_id` is None if nobody has the address, or if
    the password was not checked. `limit` is the limit that a throttled attempt exceeded.
    """

    outcome: Tried
    account: str
    person_id: UUID | None
    address: str | None
    is_change: bool = False
    limit: Limit | None = None


class Throttled(TooManyRequests):
    """Too many wrong passwords were tried before this attempt."""

    def __init__(self, message: str, retry_after_seconds: int, limit: Limit) -> None:
        super().__init__(message, retry_after_seconds)
        self.limit = limit


def unwatched(_tried: PasswordTry) -> None:
    """The default for `watch`: does nothing."""


@dataclass(frozen=True, slots=True)
class PasswordChecker:
    """What password checks need. Each process makes one with `open`."""

    database: Database
    reader: Reader
    pool: HashingPool
    devices: DeviceCookies
    account_key: bytes = field(repr=False)
    nobodys_hash: str = field(repr=False)
    """The hash of an unknown text. It is verified if there is no other hash, so that the check takes as long."""
    watch: Callable[[PasswordTry], None] = unwatched
    """Called once for each attempt, when its outcome is known."""
    passwords: PasswordUse = PasswordUse.EVERYBODY
    """Who may use a password. For everybody else, each attempt takes as long and ends like a wrong password."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    """Held while an attempt is counted, so that a flood of attempts does not occupy the database's connections."""

    @classmethod
    async def open(
        cls,
        database: Database,
        reader: Reader,
        pool: HashingPool,
        server_keys: ServerKeys,
        *,
        watch: Callable[[PasswordTry], None] = unwatched,
        passwords: PasswordUse = PasswordUse.EVERYBODY,
    ) -> Self:
        """Makes a checker, which takes one hash. `pool` must be used only for passwords."""
        return cls(
            database=database,
            reader=reader,
            pool=pool,
            devices=DeviceCookies(server_keys.derive("device cookie")),
            account_key=account_keys(server_keys)[0],
            nobodys_hash=await pool.hash(secrets.token_urlsafe(32)),
            watch=watch,
            passwords=passwords,
        )

    def usable_hash(self, person: Person | None) -> str | None:
        """The hash of the person's password; None if they have none, or may not use it."""
        if person is None or not self.passwords.allows(is_break_glass=person.is_break_glass):
            return None
        return person.password_hash

    def account(self, email: str) -> str:
        """The digest under which failures of an e-mail address are counted, whether anybody has it or not."""
        return account_digest(self.account_key, email)


def account_keys(server_keys: ServerKeys) -> tuple[bytes, ...]:
    """The keys for accounts' digests. The first is used now; the others were used before the server keys changed."""
    return server_keys.derive("sign-in account")


def account_digest(key: bytes, email: str) -> str:
    """The keyed digest of an e-mail address in its canonical form."""
    return hmac.digest(key, email.encode(), "sha256").hex()


async def reserve_attempt(checker: PasswordChecker, attempt: Attempt, now: datetime) -> UUID:
    """
    Stores the attempt as a failure. Returns the id of its row, to delete it on success.

    Raises Throttled, without storing it, if a limit is reached. That is checked without the lock first, so that
    attempts that are refused anyway don't delay others.
    """
    async with checker.database.reading() as session:
        await _require_room(session, attempt, now)
    failure = SignInFailure(account=attempt.account, ip_address=attempt.ip_address, device=attempt.device, at=now)
    async with checker.turn, checker.database.transaction() as session:
        await lock_sign_ins(session)
        await _require_room(session, attempt, now)
        session.add(failure)
    return failure.id


async def verify_password(checker: PasswordChecker, failure_id: UUID, hashed: str | None, password: str | None) -> bool:
    """
    Whether the password matches the hash. Takes as long if there is no hash or no possible password.

    Raises TooManyRequests if too many passwords wait to be hashed; the attempt is then not counted.
    """
    if hashed is None or password is None:
        await _looked_at(checker, failure_id, checker.pool.verify(checker.nobodys_hash, ""))
        return False
    return await _looked_at(checker, failure_id, checker.pool.verify(hashed, password))


async def hash_password(checker: PasswordChecker, failure_id: UUID, password: str) -> str:
    """Hashes a new password. Raises TooManyRequests as `verify_password` does."""
    return await _looked_at(checker, failure_id, checker.pool.hash(password))


async def _looked_at(checker: PasswordChecker, failure_id: UUID, outcome: Awaitable[Outcome]) -> Outcome:
    try:
        return await outcome
    except HashingQueueFull:
        async with checker.database.transaction() as session:
            await drop_failure(session, failure_id)
        raise TooManyRequests(BUSY, BUSY_SECONDS) from None


async def _require_room(session: AsyncSession, attempt: Attempt, now: datetime) -> None:
    since = now - WINDOW
    if attempt.device is not None:
        failures = await failures_of_device(session, attempt.account, attempt.device, since=since)
    else:
        failures = await failures_of_strangers(session, attempt.account, attempt.ip_address, since=since)
    if (found := limit_reached(failures, attempt, now)) is not None:
        minutes = ceil(found.seconds_to_wait / 60)
        wait = "a minute" if minutes == 1 else f"{minutes} minutes"
        said = f"There were too many attempts with wrong passwords. Try again in {wait}."
        raise Throttled(said, found.seconds_to_wait, found.limit)
