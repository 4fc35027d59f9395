"""The API keys table, with tombstones of deleted keys, and every query that changes it."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, func, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.engine.columns import instant, optional_instant, optional_reference, reference
from models.engine.ids import new_id


class ApiKey(SQLModel, table=True):
    """
    An API key. Without an agent, it is organization-level.

    An active key has one secret, or two after a rotation with overlap. Deleting a key removes the hashes and frees its
    slot; the rest of the row stays as a tombstone.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        ForeignKeyConstraint(
            ["agent_id", "organization_id"],
            ["agents.id", "agents.organization_id"],
            name="fk_api_keys_agent",
        ),
        CheckConstraint("(deleted_at IS NULL) = (secret_hash IS NOT NULL)", name="living_has_secret"),
        CheckConstraint("(secret_hash IS NULL) = (server_key_id IS NULL)", name="secret_has_server_key"),
        CheckConstraint("rate_limit >= 1", name="rate_limit"),
        CheckConstraint("monthly_quota >= 1", name="monthly_quota"),
        CheckConstraint(
            "(previous_secret_hash IS NULL) = (previous_server_key_id IS NULL)"
            " AND (previous_secret_hash IS NULL) = (previous_works_until IS NULL)"
            " AND (deleted_at IS NULL OR previous_secret_hash IS NULL)",
            name="previous_secret_whole",
        ),
        Index("ix_api_keys_organization_id_deleted_at", "organization_id", "deleted_at"),
        Index("ix_api_keys_agent_id", "agent_id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organization_id: UUID = reference("organizations.id")
    agent_id: UUID | None = None
    name: str = Field(max_length=64)
    prefix: str = Field(max_length=12)
    public_id: str = Field(max_length=16, unique=True)
    last_four: str = Field(max_length=4)
    secret_hash: str | None = Field(default=None, max_length=255)
    server_key_id: str | None = Field(default=None, max_length=16)
    previous_secret_hash: str | None = Field(default=None, max_length=255)
    previous_server_key_id: str | None = Field(default=None, max_length=16)
    previous_works_until: datetime | None = optional_instant()
    rotated_at: datetime | None = optional_instant()
    created_at: datetime = instant()
    created_by_id: UUID | None = optional_reference("people.id")
    deleted_at: datetime | None = optional_instant()
    deleted_by_id: UUID | None = optional_reference("people.id")
    rate_limit: int | None = None
    """The limit that the operator set for this key. If it is None, the organization's applies."""
    monthly_quota: int | None = None


class SlotUnavailable(Exception):
    """The database refused a new key, because every slot is taken or the organization was deleted."""


async def living_key_for_update(session: AsyncSession, key_id: UUID) -> ApiKey | None:
    """
    The current row of a key; None if it does not exist or was deleted.

    The caller must hold the organization's lock.
    """
    statement = (
        select(ApiKey)
        .where(ApiKey.id == key_id, col(ApiKey.deleted_at).is_(None))
        .execution_options(populate_existing=True)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def insert_key(session: AsyncSession, key: ApiKey) -> None:
    """
    Takes a slot and stores the key.

    Raises SlotUnavailable if the database's trigger finds no free slot. The transaction can't be used afterwards.
    """
    session.add(key)
    try:
        await session.flush()
    except IntegrityError as error:
        if "key_limit_reached" in str(error.orig):
            raise SlotUnavailable from None
        raise


async def delete_living_keys(
    session: AsyncSession,
    *,
    at: datetime,
    by: UUID | None,
    key_id: UUID | None = None,
    agent_id: UUID | None = None,
    organization_id: UUID | None = None,
) -> list[UUID]:
    """Deletes one key, an agent's keys or an organization's keys. Returns the ids of those that were active."""
    statement = update(ApiKey).where(col(ApiKey.deleted_at).is_(None))
    if key_id is not None:
        statement = statement.where(col(ApiKey.id) == key_id)
    elif agent_id is not None:
        statement = statement.where(col(ApiKey.agent_id) == agent_id)
    elif organization_id is not None:
        statement = statement.where(col(ApiKey.organization_id) == organization_id)
    else:
        raise ValueError("name a key, an agent or an organization")
    statement = statement.values(
        deleted_at=at,
        deleted_by_id=by,
        secret_hash=None,
        server_key_id=None,
        previous_secret_hash=None,
        previous_server_key_id=None,
        previous_works_until=None,
    )
    returned = await session.execute(statement.returning(col(ApiKey.id)).execution_options(synchronize_session=False))
    return list(returned.scalars())


async def server_keys_in_use(session: AsyncSession, *, now: datetime) -> dict[str, int]:
    """
    For each server key's id, the number of active keys with a secret that it tagged.

    Previous secrets count until their overlap ends.
    """
    current = select(ApiKey.id, ApiKey.server_key_id).where(col(ApiKey.secret_hash).is_not(None))
    previous = select(ApiKey.id, ApiKey.previous_server_key_id).where(col(ApiKey.previous_works_until) > now)
    secrets = current.union(previous).subquery()
    statement = select(secrets.c.server_key_id, func.count()).group_by(secrets.c.server_key_id)
    return {row[0]: row[1] for row in await session.execute(statement)}


async def newest_server_key(session: AsyncSession) -> str | None:
    """The id of the server key that tagged the newest secret of all active keys; None if there is no active key."""
    statement = (
        select(col(ApiKey.server_key_id))
        .where(col(ApiKey.deleted_at).is_(None))
        .order_by(func.coalesce(col(ApiKey.rotated_at), col(ApiKey.created_at)).desc())
        .limit(1)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def organizations_tagged_otherwise(session: AsyncSession, server_key_ids: Collection[str]) -> list[UUID]:
    """The ids of organizations with an active key that has a secret tagged by none of these server keys, in order."""
    statement = (
        select(ApiKey.organization_id)
        .where(
            col(ApiKey.server_key_id).not_in(server_key_ids) | col(ApiKey.previous_server_key_id).not_in(server_key_ids)
        )
        .distinct()
        .order_by(col(ApiKey.organization_id))
    )
    return list((await session.execute(statement)).scalars())


async def drop_secrets_tagged_otherwise(
    session: AsyncSession, server_key_ids: Collection[str], *, organization_id: UUID, at: datetime
) -> list[UUID]:
    """
    Deletes the organization's active keys whose current secret was tagged by none of these server keys.

    Previous secrets that none of them tagged end at once. Returns the ids of the deleted keys. The deletions are the
    operator's. The caller must hold the organization's lock.
    """
    await session.execute(
        update(ApiKey)
        .where(
            col(ApiKey.organization_id) == organization_id, col(ApiKey.previous_server_key_id).not_in(server_key_ids)
        )
        .values(previous_secret_hash=None, previous_server_key_id=None, previous_works_until=None)
        .execution_options(synchronize_session=False)
    )
    statement = select(ApiKey.id).where(
        ApiKey.organization_id == organization_id,
        col(ApiKey.deleted_at).is_(None),
        col(ApiKey.server_key_id).not_in(server_key_ids),
    )
    key_ids = list((await session.execute(statement)).scalars())
    for key_id in key_ids:
        await delete_living_keys(session, at=at, by=None, key_id=key_id)
    return key_ids
