"""The organizations table: limits, the number of active keys, and the lock that orders an organization's writes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.engine.columns import EXTERNAL_ID_LENGTH_AT_MOST, instant, optional_instant
from models.engine.ids import new_id

DEFAULT_KEY_LIMIT = 10
"""The number of keys, of both scopes together, that an organization may have at once."""
DEFAULT_RATE_LIMIT = 600
"""The number of requests that a key may make in a minute."""
DEFAULT_MONTHLY_QUOTA = 100_000
"""The number of requests that a key may make in a calendar month in UTC."""


class Organization(SQLModel, table=True):
    """A tenant. Only triggers change `live_key_count`. The row of a deleted organization stays."""

    __tablename__ = "organizations"
    __table_args__ = (
        CheckConstraint("key_limit >= 1", name="key_limit"),
        CheckConstraint("rate_limit >= 1", name="rate_limit"),
        CheckConstraint("monthly_quota >= 1", name="monthly_quota"),
        CheckConstraint("live_key_count >= 0", name="live_key_count"),
        Index(
            "uq_organizations_external_id",
            "external_id",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str = Field(max_length=64)
    key_limit: int = DEFAULT_KEY_LIMIT
    rate_limit: int = DEFAULT_RATE_LIMIT
    monthly_quota: int = DEFAULT_MONTHLY_QUOTA
    live_key_count: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    created_at: datetime = instant()
    deleted_at: datetime | None = optional_instant()
    external_id: str | None = Field(default=None, max_length=EXTERNAL_ID_LENGTH_AT_MOST)
    """The host product's id of it, unique among organizations that are not deleted; None if it was made here."""
    allows_assistant_model: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    """Whether the operator's model, if there is one, may help the assistant with unclear messages of its people."""


async def live_organization(session: AsyncSession, organization_id: UUID) -> Organization | None:
    """The organization with this id; None if it does not exist or was deleted."""
    statement = select(Organization).where(Organization.id == organization_id, col(Organization.deleted_at).is_(None))
    return (await session.execute(statement)).scalar_one_or_none()


async def organization_by_external_id(session: AsyncSession, external_id: str) -> Organization | None:
    """The organization with this id of the host product; None if there is none, or if it was deleted."""
    statement = select(Organization).where(
        Organization.external_id == external_id, col(Organization.deleted_at).is_(None)
    )
    return (await session.execute(statement.execution_options(populate_existing=True))).scalar_one_or_none()


async def lock_organization(session: AsyncSession, organization_id: UUID) -> Organization | None:
    """
    The organization with this id, whose row stays locked until the transaction ends.

    Every transaction that changes keys, agents or memberships takes this lock first. Because all use the same order,
    they can't deadlock. SQLite has only one writer at a time and needs no row lock.
    """
    statement = (
        select(Organization)
        .where(Organization.id == organization_id, col(Organization.deleted_at).is_(None))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def live_organizations(session: AsyncSession) -> list[Organization]:
    """All organizations that are not deleted, oldest first."""
    statement = select(Organization).where(col(Organization.deleted_at).is_(None)).order_by(col(Organization.id))
    return list((await session.execute(statement)).scalars())


async def organizations_after(
    session: AsyncSession, after: UUID | None, *, external_id: str | None, limit: int
) -> list[Organization]:
    """
    Organizations that are not deleted, oldest first, beginning after this id. With `external_id`, only the one with
    this id of the host product.
    """
    statement = select(Organization).where(col(Organization.deleted_at).is_(None))
    if external_id is not None:
        statement = statement.where(Organization.external_id == external_id)
    if after is not None:
        statement = statement.where(col(Organization.id) > after)
    return list((await session.execute(statement.order_by(col(Organization.id)).limit(limit))).scalars())


async def organizations_named(session: AsyncSession, name: str) -> list[Organization]:
    """The organizations with exactly this name, of which there may be several. Without deleted ones."""
    statement = select(Organization).where(Organization.name == name, col(Organization.deleted_at).is_(None))
    return list((await session.execute(statement)).scalars())


async def is_there_another_organization(session: AsyncSession, than: UUID) -> bool:
    """Whether there is an organization besides this one, even a deleted one."""
    statement = select(Organization.id).where(Organization.id != than).limit(1)
    return (await session.execute(statement)).first() is not None
