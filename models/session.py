"""Owns sign-in sessions: who is signed in, kept under a digest of the cookie's value."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, Uuid, bindparam, delete, update
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, select

from models.engine.columns import instant, reference
from models.engine.ids import new_id
from models.engine.reader import Reader
from models.organization import Organization
from models.person import (
    ADMINISTERED_THERE,
    MEMBERSHIP_COLUMNS,
    AdministeredAgent,
    Membership,
    MembershipRecord,
    NamedPerson,
    Person,
    fold_memberships,
)


class SignInSession(SQLModel, table=True):
    """A signed-in browser. `token_digest` is SHA-256 of the cookie's value: the value itself is nowhere."""

    __tablename__ = "sign_in_sessions"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    token_digest: str = Field(max_length=64, unique=True)
    person_id: UUID = reference("people.id", index=True)
    created_at: datetime = instant()
    last_seen_at: datetime = instant()


class SessionRecord(NamedTuple):
    """A session, whether or not it is over, with its person and what they are in each living organization."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    person: NamedPerson
    password_is_one_time: bool
    memberships: list[MembershipRecord]


_COLUMNS: list[Any] = [
    SignInSession.id,
    SignInSession.created_at,
    SignInSession.last_seen_at,
    Person.id,
    Person.email,
    Person.name,
    Person.password_is_one_time,
    *MEMBERSHIP_COLUMNS,
]
# Made once: every GraphQL request asks this. A deleted organization's columns are null, its membership is left out.
_ANY: Select[*tuple[Any, ...]] = (
    columns(*_COLUMNS)
    .select_from(SignInSession)
    .join(Person, col(Person.id) == col(SignInSession.person_id))
    .outerjoin(Membership, col(Membership.person_id) == col(Person.id))
    .outerjoin(
        Organization, (col(Organization.id) == col(Membership.organization_id)) & col(Organization.deleted_at).is_(None)
    )
    .outerjoin(AdministeredAgent, ADMINISTERED_THERE)
    .order_by(col(Organization.name), col(Organization.id))
)
_RECORD = _ANY.where(col(SignInSession.token_digest) == bindparam("token_digest"))
_RECORD_BY_ID = _ANY.where(col(SignInSession.id) == bindparam("id", type_=Uuid()))


async def session_record(reader: Reader, token_digest: str) -> SessionRecord | None:
    """The session that the cookie's digest names, with all that is known of its person, in one query."""
    return _record(await reader.rows(_RECORD, {"token_digest": token_digest}))


async def session_record_by_id(reader: Reader, session_id: UUID) -> SessionRecord | None:
    """The same of the session with this id, whatever its cookie's value is by now."""
    return _record(await reader.rows(_RECORD_BY_ID, {"id": session_id}))


def _record(rows: Sequence[Sequence[Any]]) -> SessionRecord | None:
    if not rows:
        return None
    session_id, created_at, last_seen_at, person_id, email, name, is_one_time, *_ = rows[0]
    person = NamedPerson(person_id, email, name)
    memberships = fold_memberships(row[7:] for row in rows)
    return SessionRecord(session_id, created_at, last_seen_at, person, is_one_time, memberships)


async def renew_token(session: AsyncSession, session_id: UUID, token_digest: str) -> bool:
    """Keeps the session under another digest, so that the cookie's old value names none; False where it has ended."""
    result = await session.execute(
        update(SignInSession)
        .where(col(SignInSession.id) == session_id)
        .values(token_digest=token_digest)
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it


async def end_session(session: AsyncSession, token_digest: str) -> None:
    """Ends the session that the cookie's digest names, if there is one."""
    await session.execute(delete(SignInSession).where(col(SignInSession.token_digest) == token_digest))


async def end_sessions(session: AsyncSession, person_id: UUID, except_id: UUID | None = None) -> None:
    """
    Ends the person's sessions, all or all but one.

    Whoever does so because the password changed writes or locks the person's row before, in the same transaction: a
    sign-in with the old password holds that row while it makes its session, and would otherwise be missed.
    """
    statement = delete(SignInSession).where(col(SignInSession.person_id) == person_id)
    if except_id is not None:
        statement = statement.where(col(SignInSession.id) != except_id)
    await session.execute(statement)


async def mark_seen(session: AsyncSession, session_id: UUID, *, at: datetime, unless_since: datetime) -> None:
    """Notes that the session was used, unless it was noted since then, by another process perhaps."""
    await session.execute(
        update(SignInSession)
        .where(col(SignInSession.id) == session_id, col(SignInSession.last_seen_at) <= unless_since)
        .values(last_seen_at=at)
        .execution_options(synchronize_session=False)
    )


async def drop_sessions(session: AsyncSession, *, created_before: datetime, seen_before: datetime) -> int:
    """Drops those that are over by their age or for want of use; returns how many."""
    over = select(SignInSession.id).where(
        (col(SignInSession.created_at) <= created_before) | (col(SignInSession.last_seen_at) <= seen_before)
    )
    # Rows that somebody is ending at this moment are left to them: waiting for each other could become a deadlock.
    over = over.with_for_update(skip_locked=True)
    result = await session.execute(delete(SignInSession).where(col(SignInSession.id).in_(over)))
    return int(result.rowcount)  # type: ignore[attr-defined]  # a DELETE's result has it
