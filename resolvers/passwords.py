"""Sets a person's password, in the only way: with it, links that reset the password end, and the person's sessions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from models.password_reset import use_up_resets
from models.person import Person
from models.session import end_sessions


async def set_password(
    session: AsyncSession,
    person: Person,
    hashed: str,
    *,
    at: datetime,
    expires_at: datetime | None = None,
    keep_session: UUID | None = None,
) -> None:
    """
    Stores the hash for a person whose row is locked. With an expiry, the password is one-time.

    All sessions end but the one to keep, and so do links that somebody who read the person's mail may have.
    """
    person.password_hash = hashed
    person.password_is_one_time, person.password_expires_at = expires_at is not None, expires_at
    await use_up_resets(session, person.id, at=at)
    await end_sessions(session, person.id, except_id=keep_session)
