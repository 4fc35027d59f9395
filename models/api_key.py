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
from models.revocations.line import Kind, Revocation, fingerprint
from models.revocations.recorder import note_revoked

DIGEST_LENGTH_AT_MOST = 128


class ApiKey(SQLModel, table=True):
    """
    An API key. Without an agent, it is organization-level.

    An active key has one secret, or two after a rotation with overlap. Deleting a key removes the hashes and digests
    and frees its slot; the rest of the row stays as a tombstone.
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
    secret_digest: str | None = Field(default=None, max_length=DIGEST_LENGTH_AT_MOST)
    """The keyed digest of the secret (`keys/secret_digest.py`). None where a key is older than digests."""
    previous_secret_hash: str | None = Field(default=None, max_length=255)
    previous_secret_digest: str | None = Field(default=None, max_length=DIGEST_LENGTH_AT_MOST)
    previous_server_key_id: str | None = Field(default=None, max_length=16)
    previous_works_until: datetime | None = optional_instant()
    rotated_at: datetime | None = optional_instant()
    created_at: datetime = instant()
    created_by_id: UUID | None = optional_reference("people.id")
    deleted_at: datetime | None = optional_instant()
    deleted_by_id: UUID | None = optional_reference("people.id")
    secret_shown_to_id: UUID | None = None
    """The person who was shown the secret that was issued at `secret_shown_at`. None for the operator."""
    secret_shown_at: datetime | None = optional_instant()
    previous_secret_shown_to_id: UUID | None = None
    created_by_token_id: UUID | None = None
    """The token of the program that created the key. None for a person and for the operator."""
    deleted_by_token_id: UUID | None = None
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
    by_token: UUID | None = None,
    key_id: UUID | None = None,
    agent_id: UUID | None = None,
    organization_id: UUID | None = None,
) -> list[UUID]:
    """
    Deletes one key, an agent's keys or an organization's keys. Returns the ids of those that were active.

    `by` is the person and `by_token` the token that did it; both are None for the operator.
    """
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
        deleted_by_token_id=by_token,
        secret_hash=None,
        secret_digest=None,
        server_key_id=None,
        previous_secret_hash=None,
        previous_secret_digest=None,
        previous_server_key_id=None,
        previous_works_until=None,
    )
    statement = statement.returning(col(ApiKey.id), col(ApiKey.public_id))
    deleted = (await session.execute(statement.execution_options(synchronize_session=False))).all()
    note_revoked(session, *(Revocation(Kind.DELETED, public_id, at, at) for _, public_id in deleted))
    return [key_id for key_id, _ in deleted]


def note_replaced(session: AsyncSession, key: ApiKey, *, at: datetime, works_until: datetime | None) -> None:
    """
    Notes for the revocation journal that a rotation replaces the key's secrets. Call it before the row is changed.

    The current secret works until `works_until`, or no longer if that is None. A previous secret ends now.
    """
    if key.secret_hash is not None:
        dead_from = works_until or at
        note_revoked(session, Revocation(Kind.REPLACED, key.public_id, at, dead_from, fingerprint(key.secret_hash)))
    if key.previous_secret_hash is not None and key.previous_works_until is not None:
        _note_ended(session, key.public_id, key.previous_secret_hash, key.previous_works_until, at)


def end_previous_secret(session: AsyncSession, key: ApiKey, *, at: datetime) -> None:
    """Ends the overlap of the key's last rotation now. Without an overlap, it changes nothing that is used."""
    if key.previous_secret_hash is not None and key.previous_works_until is not None:
        _note_ended(session, key.public_id, key.previous_secret_hash, key.previous_works_until, at)
    key.previous_secret_hash = None
    key.previous_secret_digest = None
    key.previous_server_key_id = None
    key.previous_works_until = None
    key.previous_secret_shown_to_id = None


def _note_ended(session: AsyncSession, public_id: str, secret_hash: str, works_until: datetime, at: datetime) -> None:
    """Notes that an overlap ends at this instant. One that is over needs no second line."""
    if works_until > at:
        note_revoked(session, Revocation(Kind.REPLACED, public_id, at, at, fingerprint(secret_hash)))


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
    of_gone_keys = (
        col(ApiKey.organization_id) == organization_id,
        col(ApiKey.previous_server_key_id).not_in(server_key_ids),
    )
    overlaps = select(ApiKey.public_id, ApiKey.previous_secret_hash, ApiKey.previous_works_until).where(*of_gone_keys)
    for public_id, secret_hash, works_until in await session.execute(overlaps):
        if secret_hash is not None and works_until is not None:
            _note_ended(session, public_id, secret_hash, works_until, at)
    await session.execute(
        update(ApiKey)
        .where(*of_gone_keys)
        .values(
            previous_secret_hash=None,
            previous_secret_digest=None,
            previous_server_key_id=None,
            previous_works_until=None,
        )
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
