"""
Links that reset a password.

Each request has a row, whether or not anybody has the address, so that requests for every address take the same steps.
A row is deleted a day after the request.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Index, Integer, Select, Uuid, bindparam, text, update
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col, select

from models.engine.columns import (
    IP_ADDRESS_LENGTH_AT_MOST,
    UtcDateTime,
    instant,
    optional_instant,
    optional_reference,
)
from models.engine.database_address import POSTGRESQL
from models.engine.reader import Source, fetch
from models.engine.statements import dialect_of
from models.invitation import LINK_DIGEST_LENGTH, NONCE_LENGTH
from models.mailed import Mailed

KEPT_DAYS = 1
_LOCK = 706517
"""The first number of the advisory lock of an account on PostgreSQL. No other lock of Keydesk has it."""


class PasswordReset(Mailed, table=True):
    """
    A request to reset a password. `account` is a keyed digest of the address; `person_id` is null if nobody has it.

    `link_digest` is of the token in the link, which is made of the row and a server key.
    """

    __tablename__ = "password_resets"
    __table_args__ = (
        Index("ix_password_resets_account_created_at", "account", "created_at"),
        Index("ix_password_resets_created_at", "created_at"),
        Index("ix_password_resets_ip_address_created_at", "ip_address", "created_at"),
        Index("ix_password_resets_next_attempt_at", "next_attempt_at"),
        Index("ix_password_resets_person_id", "person_id"),
    )

    account: str = Field(max_length=64)
    ip_address: str = Field(max_length=IP_ADDRESS_LENGTH_AT_MOST)
    person_id: UUID | None = optional_reference("people.id")
    created_at: datetime = instant()
    used_at: datetime | None = optional_instant()
    link_nonce: str = Field(max_length=NONCE_LENGTH)
    link_digest: str = Field(max_length=LINK_DIGEST_LENGTH, unique=True)


class ResetRecord(NamedTuple):
    """What became of the mail of a request."""

    created_at: datetime
    sent_at: datetime | None
    next_attempt_at: datetime | None
    used_at: datetime | None


_SHOWN: list[Any] = [
    PasswordReset.created_at,
    PasswordReset.sent_at,
    PasswordReset.next_attempt_at,
    PasswordReset.used_at,
]
_OF_PERSON: Select[Any] = (
    columns(*_SHOWN)
    .where(
        col(PasswordReset.person_id) == bindparam("person_id", type_=Uuid()),
        col(PasswordReset.created_at) > bindparam("since", type_=UtcDateTime()),
    )
    .order_by(col(PasswordReset.created_at).desc(), col(PasswordReset.id).desc())
    .limit(bindparam("limit", type_=Integer()))
)


async def newest_resets(source: Source, person_id: UUID, *, since: datetime, limit: int) -> list[ResetRecord]:
    """The person's newest requests since then, the newest first."""
    parameters = {"person_id": person_id, "since": since, "limit": limit}
    return [ResetRecord._make(row) for row in await fetch(source, _OF_PERSON, parameters)]


async def lock_account(session: AsyncSession, account: str) -> None:
    """Makes counting an account's requests and adding one a single step. SQLite has only one writer."""
    if dialect_of(session) == POSTGRESQL:
        statement = text("SELECT pg_advisory_xact_lock(:lock, hashtext(:account))")
        await session.execute(statement, {"lock": _LOCK, "account": account})


async def asked_since(
    session: AsyncSession, account: str, ip_address: str, *, since: datetime
) -> tuple[list[datetime], list[datetime]]:
    """The instants of the requests since then, oldest first: for this account, and from this address."""
    statement = (
        columns(PasswordReset.account, PasswordReset.ip_address, PasswordReset.created_at)  # type: ignore[call-overload]
        .where(
            (col(PasswordReset.account) == account) | (col(PasswordReset.ip_address) == ip_address),
            col(PasswordReset.created_at) > since,
        )
        .order_by(col(PasswordReset.created_at))
    )
    rows = (await session.execute(statement)).all()
    return [row[2] for row in rows if row[0] == account], [row[2] for row in rows if row[1] == ip_address]


async def reset_by_digest(session: AsyncSession, link_digest: str) -> PasswordReset | None:
    """The request whose link has this digest, used or not."""
    statement = select(PasswordReset).where(PasswordReset.link_digest == link_digest)
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def use_up_resets(session: AsyncSession, person_id: UUID, *, at: datetime) -> None:
    """Ends all links of the person, those that were not mailed yet too."""
    await session.execute(
        update(PasswordReset)
        .where(col(PasswordReset.person_id) == person_id, col(PasswordReset.used_at).is_(None))
        .values(used_at=at, next_attempt_at=None)
        .execution_options(synchronize_session=False)
    )
