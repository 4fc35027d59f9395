"""Sign-in sessions, stored under a digest of the session cookie's value."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, Uuid, bindparam, delete, update
from sqlalchemy import select as columns
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from models.engine.columns import instant, reference
from models.engine.ids import new_id
from models.engine.reader import Reader
from models.engine.statements import delete_rows
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
from models.sign_in_link import RETURN_URL_LENGTH_AT_MOST


class SignInSession(SQLModel, table=True):
    """
    A signed-in browser. `token_digest` is SHA-256 of the cookie's value; the value itself is not stored.

    A session that a host product's link began sees only `organization_id`, and has the address to go back to.
    A session that the identity provider began has the person's `identity_id` and, if the provider named its own
    session, that name's digest, so that the provider can end it.
    """

    __tablename__ = "sign_in_sessions"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    token_digest: str = Field(max_length=64, unique=True)
    person_id: UUID = reference("people.id", index=True)
    created_at: datetime = instant()
    last_seen_at: datetime = instant()
    organization_id: UUID | None = Field(default=None)
    return_url: str | None = Field(default=None, max_length=RETURN_URL_LENGTH_AT_MOST)
    identity_id: UUID | None = Field(default=None, index=True)
    provider_session_digest: str | None = Field(default=None, max_length=64, index=True)
    token_id: UUID | None = None
    """The operator token that made the link by which the session began."""


class SessionRecord(NamedTuple):
    """
    A session, expired or not, with its person and their membership in each organization that is not deleted, or in the
    only one that the session sees.
    """

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    person: NamedPerson
    must_change_password: bool
    """True if the person signed in with a one-time password. A sign-in by the identity provider used none."""
    only_organization_id: UUID | None
    return_url: str | None
    memberships: list[MembershipRecord]


_COLUMNS: list[Any] = [
    SignInSession.id,
    SignInSession.created_at,
    SignInSession.last_seen_at,
    Person.id,
    Person.email,
    Person.name,
    Person.password_is_one_time,
    SignInSession.organization_id,
    SignInSession.return_url,
    SignInSession.identity_id,
    *MEMBERSHIP_COLUMNS,
]
# Built once: every GraphQL request reads this. The columns of a deleted organization are null, and its membership is
# left out.
_ANY: Select[*tuple[Any, ...]] = (
    columns(*_COLUMNS)
    .select_from(SignInSession)
    .join(Person, col(Person.id) == col(SignInSession.person_id))
    .outerjoin(
        Membership,
        (col(Membership.person_id) == col(Person.id))
        & (
            col(SignInSession.organization_id).is_(None)
            | (col(Membership.organization_id) == col(SignInSession.organization_id))
        ),
    )
    .outerjoin(
        Organization, (col(Organization.id) == col(Membership.organization_id)) & col(Organization.deleted_at).is_(None)
    )
    .outerjoin(AdministeredAgent, ADMINISTERED_THERE)
    .order_by(col(Organization.name), col(Organization.id))
)
_RECORD = _ANY.where(col(SignInSession.token_digest) == bindparam("token_digest"))
_RECORD_BY_ID = _ANY.where(col(SignInSession.id) == bindparam("id", type_=Uuid()))


async def session_record(reader: Reader, token_digest: str) -> SessionRecord | None:
    """Reads the session with this digest, its person and their memberships, in one query."""
    return _record(await reader.rows(_RECORD, {"token_digest": token_digest}))


async def session_record_by_id(reader: Reader, session_id: UUID) -> SessionRecord | None:
    """Reads the same for the session with this id, whatever its digest is by now."""
    return _record(await reader.rows(_RECORD_BY_ID, {"id": session_id}))


def _record(rows: Sequence[Sequence[Any]]) -> SessionRecord | None:
    if not rows:
        return None
    session_id, created_at, last_seen_at, *person, is_one_time, only_id, return_url, identity_id = rows[0][:10]
    memberships = fold_memberships(row[10:] for row in rows)
    must_change = is_one_time and identity_id is None
    return SessionRecord(
        session_id, created_at, last_seen_at, NamedPerson._make(person), must_change, only_id, return_url, memberships
    )


async def renew_token(session: AsyncSession, session_id: UUID, token_digest: str) -> bool:
    """Stores the session under a new digest, so that the old cookie no longer works. Returns False if it has ended."""
    result = await session.execute(
        update(SignInSession)
        .where(col(SignInSession.id) == session_id)
        .values(token_digest=token_digest)
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it


async def end_session(session: AsyncSession, token_digest: str) -> None:
    """Deletes the session with this digest, if there is one."""
    await session.execute(delete(SignInSession).where(col(SignInSession.token_digest) == token_digest))


async def end_sessions(session: AsyncSession, person_id: UUID, except_id: UUID | None = None) -> None:
    """
    Deletes the person's sessions, all or all but one.

    After a password change, write or lock the person's row first, in the same transaction: a sign-in with the old
    password holds that row while it adds its session, and that session would otherwise be missed.
    """
    statement = delete(SignInSession).where(col(SignInSession.person_id) == person_id)
    if except_id is not None:
        statement = statement.where(col(SignInSession.id) != except_id)
    await session.execute(statement)


async def end_provider_sessions(
    session: AsyncSession, identity_id: UUID, *, provider_session_digest: str | None = None
) -> None:
    """
    Deletes the sessions that the provider began for this identity: all, or those of one of its own sessions and those
    of which it did not say to which of its sessions they belong.

    Lock the person's row first, as for `end_sessions`.
    """
    those = col(SignInSession.identity_id) == identity_id
    if provider_session_digest is not None:
        digest = col(SignInSession.provider_session_digest)
        those &= (digest == provider_session_digest) | digest.is_(None)
    await session.execute(delete(SignInSession).where(those))


async def people_with_provider_session(session: AsyncSession, digest: str) -> list[tuple[UUID, UUID]]:
    """The person and the identity of each session that belongs to this session at the provider."""
    statement = (
        columns(col(SignInSession.person_id), col(SignInSession.identity_id))
        .where(col(SignInSession.provider_session_digest) == digest, col(SignInSession.identity_id).is_not(None))
        .distinct()
    )
    rows: list[Any] = list((await session.execute(statement)).all())
    return [(person_id, identity_id) for person_id, identity_id in rows]


async def end_sessions_in(session: AsyncSession, organization_id: UUID, person_id: UUID) -> None:
    """Deletes the person's sessions that see only this organization. The caller must lock the person's row before."""
    await session.execute(
        delete(SignInSession).where(
            col(SignInSession.person_id) == person_id, col(SignInSession.organization_id) == organization_id
        )
    )


async def end_visits(session: AsyncSession, person_id: UUID) -> None:
    """Deletes the sessions that a host product's links began. The caller must lock the person's row before."""
    await session.execute(
        delete(SignInSession).where(
            col(SignInSession.person_id) == person_id, col(SignInSession.organization_id).is_not(None)
        )
    )


async def end_sessions_of_token(session: AsyncSession, token_id: UUID) -> None:
    """Deletes the sessions that began by links of this token, whose row must be locked."""
    await session.execute(delete(SignInSession).where(col(SignInSession.token_id) == token_id))


async def mark_seen(session: AsyncSession, session_id: UUID, *, at: datetime, unless_since: datetime) -> None:
    """Stores when the session was used, unless this or another process stored a use after `unless_since`."""
    await session.execute(
        update(SignInSession)
        .where(col(SignInSession.id) == session_id, col(SignInSession.last_seen_at) <= unless_since)
        .values(last_seen_at=at)
        .execution_options(synchronize_session=False)
    )


async def drop_sessions(session: AsyncSession, *, created_before: datetime, seen_before: datetime) -> int:
    """Deletes the sessions that are too old or unused for too long; returns their number."""
    is_over = (col(SignInSession.created_at) <= created_before) | (col(SignInSession.last_seen_at) <= seen_before)
    return len(await delete_rows(session, SignInSession, is_over))


async def end_every_session(session: AsyncSession) -> None:
    """Deletes all sessions, of everybody."""
    await session.execute(delete(SignInSession))
