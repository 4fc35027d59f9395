"""Failed sign-ins. They throttle the next attempts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, delete, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.engine.columns import IP_ADDRESS_LENGTH_AT_MOST, instant
from models.engine.database_address import POSTGRESQL
from models.engine.ids import new_id
from models.engine.statements import delete_rows, dialect_of

IDS_AT_ONCE = 500
_LOCK = 7065172
"""The advisory lock of sign-ins on PostgreSQL. No other lock of Keydesk has this number."""


class SignInFailure(SQLModel, table=True):
    """
    An attempt that failed, or is still under way: the row is written before the password is checked and deleted on
    success, so that attempts at the same time count. `account` is a keyed digest of the email address, whether or not
    anybody has that address. `device` is the id in the signed cookie of a browser that this account was signed in on
    before, otherwise null.
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
    """Makes counting failures and adding one a single step, until the transaction ends. SQLite has only one writer."""
    if dialect_of(session) == POSTGRESQL:
        await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def failures_of_device(
    session: AsyncSession, account: str, device: str, *, since: datetime
) -> list[SignInFailure]:
    """The account's failures on this device since then."""
    statement = select(SignInFailure).where(
        SignInFailure.account == account, SignInFailure.device == device, col(SignInFailure.at) > since
    )
    return list((await session.execute(statement)).scalars())


async def failures_of_strangers(
    session: AsyncSession, account: str, ip_address: str, *, since: datetime
) -> list[SignInFailure]:
    """Failures on unknown devices: those of the account from any address, and those of the address for any account."""
    statement = select(SignInFailure).where(
        (col(SignInFailure.account) == account) | (col(SignInFailure.ip_address) == ip_address),
        col(SignInFailure.device).is_(None),
        col(SignInFailure.at) > since,
    )
    return list((await session.execute(statement)).scalars())


async def drop_failure(session: AsyncSession, failure_id: UUID) -> None:
    """Deletes the row of an attempt that succeeded."""
    await session.execute(delete(SignInFailure).where(col(SignInFailure.id) == failure_id))


async def recent_failures(session: AsyncSession, *, since: datetime) -> list[SignInFailure]:
    """All failures since then, oldest first."""
    statement = select(SignInFailure).where(col(SignInFailure.at) > since).order_by(col(SignInFailure.at))
    return list((await session.execute(statement)).scalars())


async def drop_failures(session: AsyncSession, ids: Sequence[UUID]) -> int:
    """Deletes these failures; returns their number."""
    slices = [ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE)]
    deleted = [await delete_rows(session, SignInFailure, col(SignInFailure.id).in_(some)) for some in slices]
    return sum(map(len, deleted))
