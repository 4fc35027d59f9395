"""Owns failed sign-ins, which throttle the next ones."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, delete, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.engine.columns import IP_ADDRESS_LENGTH_AT_MOST, instant
from models.engine.ids import new_id

IDS_AT_ONCE = 500
_LOCK = 7065172
"""The advisory lock of sign-ins on PostgreSQL: a number that no other lock of ours has."""


class SignInFailure(SQLModel, table=True):
    """
    An attempt that did not succeed, or has not yet: it is written before the password is looked at and taken back on
    success, so that attempts made at the same time count. The account is a keyed digest of the address, known or not;
    the device is the id in the signed cookie of a browser that this account was signed in on before, else null.
    """

    __tablename__ = "sign_in_failures"
    __table_args__ = (
        Index("ix_sign_in_failures_account_at", "account", "at"),
        Index("ix_sign_in_failures_ip_address_at", "ip_address", "at"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    account: str = Field(max_length=64)
    ip_address: str = Field(max_length=IP_ADDRESS_LENGTH_AT_MOST)
    device: str | None = Field(default=None, max_length=64)
    at: datetime = instant(index=True)


async def lock_sign_ins(session: AsyncSession) -> None:
    """Makes counting failures and adding one a single step, until the transaction ends. SQLite has one writer."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def failures_of_device(
    session: AsyncSession, account: str, device: str, *, since: datetime
) -> list[SignInFailure]:
    """The account's failures on this device."""
    statement = select(SignInFailure).where(
        SignInFailure.account == account, SignInFailure.device == device, col(SignInFailure.at) > since
    )
    return list((await session.execute(statement)).scalars())


async def failures_of_strangers(
    session: AsyncSession, account: str, ip_address: str, *, since: datetime
) -> list[SignInFailure]:
    """The failures on devices not seen before: of the account from anywhere, and from the address for any account."""
    statement = select(SignInFailure).where(
        (col(SignInFailure.account) == account) | (col(SignInFailure.ip_address) == ip_address),
        col(SignInFailure.device).is_(None),
        col(SignInFailure.at) > since,
    )
    return list((await session.execute(statement)).scalars())


async def drop_failure(session: AsyncSession, failure_id: UUID) -> None:
    """Takes back what turned out to be no failure."""
    await session.execute(delete(SignInFailure).where(col(SignInFailure.id) == failure_id))


async def drop_failures_before(session: AsyncSession, instant_: datetime) -> int:
    """Drops what is older; returns how many."""
    result = await session.execute(delete(SignInFailure).where(col(SignInFailure.at) < instant_))
    return int(result.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it


async def recent_failures(session: AsyncSession, *, since: datetime) -> list[SignInFailure]:
    """All that count, oldest first."""
    statement = select(SignInFailure).where(col(SignInFailure.at) > since).order_by(col(SignInFailure.at))
    return list((await session.execute(statement)).scalars())


async def drop_failures(session: AsyncSession, ids: Collection[UUID]) -> int:
    """Drops these; returns how many."""
    dropped = 0
    remaining = list(ids)
    while remaining:
        some, remaining = remaining[:IDS_AT_ONCE], remaining[IDS_AT_ONCE:]
        result = await session.execute(delete(SignInFailure).where(col(SignInFailure.id).in_(some)))
        dropped += int(result.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it
    return dropped
