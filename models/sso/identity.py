"""Who people are at the identity provider: issuer and subject, which never change, unlike an e-mail address."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import UniqueConstraint, delete
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.engine.columns import instant, reference
from models.engine.ids import new_id
from models.person import Person

ISSUER_LENGTH_AT_MOST = 500
SUBJECT_LENGTH_AT_MOST = 255


class Identity(SQLModel, table=True):
    """A person at an identity provider. A person has at most one, and it is never replaced by another."""

    __tablename__ = "identities"
    __table_args__ = (
        UniqueConstraint("issuer", "subject", name="uq_identities_issuer_subject"),
        UniqueConstraint("person_id", name="uq_identities_person_id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    person_id: UUID = reference("people.id")
    issuer: str = Field(max_length=ISSUER_LENGTH_AT_MOST)
    subject: str = Field(max_length=SUBJECT_LENGTH_AT_MOST)
    created_at: datetime = instant()


class LinkedPerson(NamedTuple):
    """An identity with its person."""

    identity: Identity
    person: Person


async def identity_of(session: AsyncSession, issuer: str, subject: str) -> LinkedPerson | None:
    """The identity with this issuer and subject, or None."""
    statement = (
        select(Identity, Person)
        .join(Person, col(Person.id) == col(Identity.person_id))
        .where(Identity.issuer == issuer, Identity.subject == subject)
        .execution_options(populate_existing=True)
    )
    row = (await session.execute(statement)).one_or_none()
    return None if row is None else LinkedPerson(*row)


async def identity_of_person(session: AsyncSession, person_id: UUID) -> Identity | None:
    """The person's identity, whichever provider it is of."""
    return (await session.execute(select(Identity).where(Identity.person_id == person_id))).scalar_one_or_none()


async def remove_identity(session: AsyncSession, person_id: UUID) -> bool:
    """Deletes the person's identity, so that they can get another. False if they had none."""
    result: Any = await session.execute(delete(Identity).where(col(Identity.person_id) == person_id))
    return bool(result.rowcount)


async def count_identities(session: AsyncSession, *, except_issuer: str) -> int:
    """How many identities are of other issuers than this one."""
    statement = columns(Identity.id).where(col(Identity.issuer) != except_issuer)  # type: ignore[call-overload]
    return len((await session.execute(statement.limit(1_000))).all())
