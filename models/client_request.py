"""The ids that clients gave to their creations of keys: one that is sent again creates no second key."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.engine.columns import instant, reference
from models.engine.statements import dialect_of, upsert

REQUEST_ID_LENGTH_AT_MOST = 64
KEPT = timedelta(hours=24)


class ClientRequest(SQLModel, table=True):
    """
    A creation that succeeded. `actor_id` is the person's or the token's id: each has ids of their own.

    `input_digest` tells whether the same id is sent again with another input.
    """

    __tablename__ = "client_requests"

    actor_id: UUID = Field(primary_key=True)
    request_id: str = Field(max_length=REQUEST_ID_LENGTH_AT_MOST, primary_key=True)
    input_digest: str = Field(max_length=64)
    api_key_id: UUID = reference("api_keys.id")
    created_at: datetime = instant(index=True)


class Created(NamedTuple):
    """What the request with an id created, and the digest of its input."""

    api_key_id: UUID
    input_digest: str


async def created_by_request(
    session: AsyncSession, *, actor_id: UUID, request_id: str, now: datetime
) -> Created | None:
    """What the actor's request with this id created within the last 24 hours, or None."""
    statement = select(ClientRequest.api_key_id, ClientRequest.input_digest).where(
        ClientRequest.actor_id == actor_id,
        ClientRequest.request_id == request_id,
        col(ClientRequest.created_at) > now - KEPT,
    )
    found = (await session.execute(statement)).first()
    return None if found is None else Created(*found)


async def insert_client_request(session: AsyncSession, row: ClientRequest) -> bool:
    """
    Stores the request. Returns False, and stores nothing, if the actor's id was used within the last 24 hours.

    If another transaction is storing the same id, this one waits for it.
    """
    values = row.model_dump()
    statement = upsert(ClientRequest, dialect_of(session)).values(values)
    statement = statement.on_conflict_do_update(
        index_elements=[col(ClientRequest.actor_id), col(ClientRequest.request_id)],
        set_={name: values[name] for name in ("input_digest", "api_key_id", "created_at")},
        where=col(ClientRequest.created_at) <= row.created_at - KEPT,
    )
    return (await session.execute(statement.returning(col(ClientRequest.api_key_id)))).first() is not None
