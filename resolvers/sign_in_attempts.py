"""
Owns the door: trying a password is counted before it is looked at, and taken back when it was right.

So attempts made at the same time can't be more than the throttle admits. No transaction is open while argon2 runs, and
an address that nobody has is answered in the same steps, with a hash of the same cost.
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
from keys.sign_in.throttle import WINDOW, Attempt, Limit, limit_reached
from keys.token import ServerKeys
from models.engine.database import Database
from models.engine.reader import Reader
from models.sign_in import SignInFailure, drop_failure, failures_of_device, failures_of_strangers, lock_sign_ins

BUSY = "Too many passwords are being looked at at this moment. Try again in a few seconds."
BUSY_SECONDS = 5
Outcome = TypeVar("Outcome")


class Tried(StrEnum):
    """What became of a password that somebody tried."""

    GOOD = "good"
    WRONG = "wrong"
    THROTTLED = "throttled"
    BUSY = "busy"


class PasswordTry(NamedTuple):
    """
    A password that was tried, for whoever watches. What was typed is not in it.

    `account` is the keyed digest that failures are counted under. `person_id` is None where no person has the address,
    and where the password was not looked at. `limit` says what a throttled attempt was one too many of.
    """

    outcome: Tried
    account: str
    person_id: UUID | None
    address: str | None
    is_change: bool = False
    limit: Limit | None = None


class Throttled(TooManyRequests):
    """There were too many wrong passwords before this attempt."""

    def __init__(self, message: str, retry_after_seconds: int, limit: Limit) -> None:
        super().__init__(message, retry_after_seconds)
        self.limit = limit


def unwatched(_tried: PasswordTry) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class PasswordChecker:
    """What a password is looked at with. Made with `open`, once a process."""

    database: Database
    reader: Reader
    pool: HashingPool
    devices: DeviceCookies
    account_key: bytes = field(repr=False)
    nobodys_hash: str = field(repr=False)
    """Of a text that nobody knows: what is looked at where there is no hash that could match."""
    watch: Callable[[PasswordTry], None] = unwatched
    """Called once for each password that is tried, when its outcome is known."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    """One count at a time in a process: a flood of attempts waits here and not on the database's connections."""

    @classmethod
    async def open(
        cls,
        database: Database,
        reader: Reader,
        pool: HashingPool,
        server_keys: ServerKeys,
        *,
        watch: Callable[[PasswordTry], None] = unwatched,
    ) -> Self:
        """Costs one hash. `pool` is for passwords only."""
        return cls(
            database=database,
            reader=reader,
            pool=pool,
            devices=DeviceCookies(server_keys.derive("device cookie")),
            account_key=account_keys(server_keys)[0],
            nobodys_hash=await pool.hash(secrets.token_urlsafe(32)),
            watch=watch,
        )

    def account(self, email: str) -> str:
        """What failures of an address, known or not, are counted under."""
        return account_digest(self.account_key, email)


def account_keys(server_keys: ServerKeys) -> tuple[bytes, ...]:
    """What accounts' digests are made with: the first now, the others before the server keys were changed."""
    return server_keys.derive("sign-in account")


def account_digest(key: bytes, email: str) -> str:
    """The digest of an address in its canonical form."""
    return hmac.digest(key, email.encode(), "sha256").hex()


async def reserve_attempt(checker: PasswordChecker, attempt: Attempt, now: datetime) -> UUID:
    """
    Counts the attempt as failed, until it is taken back, and returns what to take back.

    Raises Throttled where it is one too many, which is not counted. A look without the lock comes first, so that
    whoever goes on trying keeps nobody else waiting.
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
    Whether the password is the one that was hashed, at the same cost where there is no hash or no possible password.

    Raises TooManyRequests, with the attempt taken back, where too many passwords are waiting to be looked at.
    """
    if hashed is None or password is None:
        await _looked_at(checker, failure_id, checker.pool.verify(checker.nobodys_hash, ""))
        return False
    return await _looked_at(checker, failure_id, checker.pool.verify(hashed, password))


async def hash_password(checker: PasswordChecker, failure_id: UUID, password: str) -> str:
    """The new password's hash. Raises TooManyRequests as `verify_password` does."""
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
        said = f"There were too many attempts with a wrong password. Try again in {wait}."
        raise Throttled(said, found.seconds_to_wait, found.limit)
