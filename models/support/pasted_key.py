"""Records which pasted keys a person had looked up in the last hour, so that nobody can try out many keys."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from models.engine.columns import instant
from models.engine.statements import dialect_of, upsert
from models.person import Person

LOOKED_UP_AT_MOST = 10
WINDOW = timedelta(hours=1)


class PastedKey(SQLModel, table=True):
    """A public id that a person pasted, whether it was issued or not, and when it was last looked up for them."""

    __tablename__ = "pasted_keys"

    person_id: UUID = Field(primary_key=True)
    public_id: str = Field(max_length=64, primary_key=True)
    at: datetime = instant()


async def look_up_allowed(
    session: AsyncSession,
    person_id: UUID,
    public_ids: Iterable[str],
    *,
    now: datetime,
    at_most: int = LOOKED_UP_AT_MOST,
) -> set[str]:
    """
    Returns which of these public ids may be looked up for the person, and records that they are.

    Ids that were looked up in the last hour may be again. New ones may, in this order, until the person has had
    `at_most` different ones looked up in an hour.
    """
    wanted = list(dict.fromkeys(public_ids))
    if not wanted:
        return set()
    # Locks the person's row, so that concurrent requests count each other's. SQLite has only one writer at a time. Rows
    # that refer to the person can still be inserted.
    await session.execute(select(col(Person.id)).where(col(Person.id) == person_id).with_for_update(key_share=True))
    of_person = col(PastedKey.person_id) == person_id
    await session.execute(delete(PastedKey).where(of_person, col(PastedKey.at) <= now - WINDOW))
    known = set((await session.execute(select(col(PastedKey.public_id)).where(of_person))).scalars())
    new = [public_id for public_id in wanted if public_id not in known]
    allowed = known.intersection(wanted).union(new[: max(0, at_most - len(known))])
    if allowed:
        statement = upsert(PastedKey, dialect_of(session)).values(
            [{"person_id": person_id, "public_id": public_id, "at": now} for public_id in sorted(allowed)]
        )
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=["person_id", "public_id"], set_={"at": statement.excluded.at}
            )
        )
    return allowed
