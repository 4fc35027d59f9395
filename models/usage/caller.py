"""Callers: the pairs of address and user agent whose requests with a key passed. Each key's newest 20 are kept."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, exists, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from models.engine.columns import IP_ADDRESS_LENGTH_AT_MOST, instant, outside_text
from models.engine.skip_scan import Walk, walk_keys
from models.engine.statements import delete_rows

KEPT_OF_A_KEY = 20
USER_AGENT_LENGTH_AT_MOST = 256


class Caller(SQLModel, table=True):
    """
    A pair of address and user agent that used a key.

    An unknown address or user agent is an empty text, not null, so that each pair has only one row.
    """

    __tablename__ = "callers"

    key_id: UUID = Field(primary_key=True)
    ip_address: str = outside_text(IP_ADDRESS_LENGTH_AT_MOST, primary_key=True)
    user_agent: str = outside_text(USER_AGENT_LENGTH_AT_MOST, primary_key=True)
    first_seen_at: datetime = instant()
    last_seen_at: datetime = instant()
    requests: int = Field(sa_type=BigInteger)


async def lone_address(session: AsyncSession) -> str | None:
    """The address of all callers of all keys, if they have the same one; otherwise None."""
    found = (await session.execute(select(col(Caller.ip_address)).distinct().limit(2))).scalars().all()
    return (found[0] or None) if len(found) == 1 else None


async def keys_with_too_many_callers(session: AsyncSession, *, after: UUID | None) -> Walk:
    """The next keys after `after`, and which of them have more callers than are kept."""
    return await walk_keys(
        session,
        col(Caller.key_id),
        lambda key_id: exists(
            select(col(Caller.key_id)).where(col(Caller.key_id) == key_id).limit(1).offset(KEPT_OF_A_KEY)
        ),
        after=after,
    )


async def drop_oldest_callers(session: AsyncSession, key_id: UUID, *, at_most: int) -> int:
    """Deletes the key's callers beyond the newest that are kept. Returns how many."""
    pair = (col(Caller.ip_address), col(Caller.user_agent))
    newest = (
        select(*pair)
        .where(col(Caller.key_id) == key_id)
        .order_by(col(Caller.last_seen_at).desc(), *pair)
        .limit(KEPT_OF_A_KEY)
    )
    of_key, is_surplus = col(Caller.key_id) == key_id, tuple_(*pair).not_in(newest)
    return len(await delete_rows(session, Caller, of_key, is_surplus, at_most=at_most))
