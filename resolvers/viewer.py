"""Signs people in and out, changes their passwords, and finds the person behind a session."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.hashing import HashingQueueFull
from keys.policy import Actor, RoleGrant
from keys.refusals import Forbidden, InvalidInput, SignInRefused, TooManyRequests, Unauthenticated
from keys.sign_in import sessions
from keys.sign_in.passwords import measured_password, password_is_over, presented_password, valid_password
from keys.sign_in.throttle import WINDOW, Attempt, counted_address
from keys.sign_in.weak_passwords import personal
from keys.token import Secret
from models.engine.database import Database
from models.engine.reader import Reader
from models.engine.statements import drop_before
from models.person import (
    MembershipRecord,
    NamedPerson,
    Person,
    canonical_email,
    person_by_email,
    person_by_id,
    person_for_update,
)
from models.session import (
    SessionRecord,
    SignInSession,
    drop_sessions,
    end_session,
    mark_seen,
    renew_token,
    session_record,
    session_record_by_id,
)
from models.sign_in import SignInFailure, drop_failure
from models.sign_in_link import SignInLink
from resolvers.passwords import set_password
from resolvers.sign_in_attempts import (
    PasswordChecker,
    PasswordTry,
    Throttled,
    Tried,
    hash_password,
    reserve_attempt,
    verify_password,
)

ROUNDS = 2
"""How often a password is checked if its hash changes meanwhile."""
WRONG_CURRENT_PASSWORD = "This is not your current password."  # noqa: S105 - a sentence
VISITOR = "You were signed in by another product, so a password can't be changed here. Sign in at Keydesk itself first."
SAME_PASSWORD = "Choose a password that is different from your current one."  # noqa: S105 - a sentence


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The signed-in person, with the roles at the time of this request. Roles are read again for each request."""

    session_id: UUID
    last_seen_at: datetime
    person: NamedPerson
    actor: Actor
    memberships: Sequence[MembershipRecord]
    password_change_required: bool
    host_visit: "HostVisit | None" = None
    """Set for a session that a host product's link began."""


@dataclass(frozen=True, slots=True)
class HostVisit:
    """What a host product's link made of a session: the only organization that it sees, and the way back."""

    organization_id: UUID
    return_url: str | None
    token_id: UUID | None = None
    """The operator token that made the link, when the session is stored."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A new session, with the values of the session cookie and the device cookie."""

    signed_in: SignedIn
    token: Secret
    device_cookie: Secret


@dataclass(frozen=True, slots=True)
class ChangedPassword:
    """A session after a change of the password, with its new token."""

    signed_in: SignedIn
    token: Secret


async def signed_in(reader: Reader, token: str, *, now: datetime, address: str | None) -> SignedIn | None:
    """The person whose session has this token, from one query; None if it has expired or does not exist."""
    digest = sessions.token_digest(token)
    return None if digest is None else _signed_in(await session_record(reader, digest), now, address)


async def still_signed_in(reader: Reader, session_id: UUID, *, now: datetime, address: str | None) -> SignedIn | None:
    """The person of this session with their current roles, whatever its token is now; None if it has ended."""
    return _signed_in(await session_record_by_id(reader, session_id), now, address)


def _signed_in(record: SessionRecord | None, now: datetime, address: str | None) -> SignedIn | None:
    if record is None or sessions.is_over(record.created_at, record.last_seen_at, now):
        return None
    roles = {each.organization.id: RoleGrant(each.role, each.agent_ids) for each in record.memberships}
    only_id = record.only_organization_id
    host_visit = None if only_id is None else HostVisit(only_id, record.return_url)
    return SignedIn(
        session_id=record.id,
        last_seen_at=record.last_seen_at,
        person=record.person,
        actor=Actor(record.person.id, roles, address, only_organization_id=record.only_organization_id),
        memberships=record.memberships,
        # A visitor has shown no password, and so has none to change.
        password_change_required=record.must_change_password and host_visit is None,
        host_visit=host_visit,
    )


async def sign_in(
    checker: PasswordChecker,
    *,
    email: str,
    password: str,
    address: str | None,
    device_cookie: str | None,
    presented_token: str | None,
    now: datetime,
) -> SignIn:
    """
    Signs a person in and begins a session. The session that the browser had before, if any, ends.

    Raises SignInRefused, with the same message for an unknown address, a wrong password and an expired one-time
    password.
    """
    email, presented = canonical_email(email), presented_password(password)
    attempt = Attempt(checker.account(email), counted_address(address), checker.devices.device_of(device_cookie, email))
    tried = PasswordTry(Tried.WRONG, attempt.account, None, address)
    try:
        failure_id = await reserve_attempt(checker, attempt, now)
        for _ in range(ROUNDS):
            person, matched = await _known_person(checker, failure_id, email, presented, now)
            tried = tried._replace(person_id=None if person is None else person.id)
            if person is None or not matched:
                break
            rehashed = await _rehashed(checker, person, presented)
            token, digest = sessions.new_token()
            if await _store(checker, person, failure_id, digest, presented_token, rehashed=rehashed, now=now):
                begun = await begun_sign_in(
                    checker, email, token, address=address, device_cookie=device_cookie, now=now
                )
                if begun is not None:
                    checker.watch(tried._replace(outcome=Tried.GOOD))
                    return begun
    except TooManyRequests as refusal:
        checker.watch(held_back(tried, refusal))
        raise SignInRefused(refusal.message, refusal.retry_after_seconds) from None
    checker.watch(tried)
    raise SignInRefused


def held_back(tried: PasswordTry, refusal: TooManyRequests) -> PasswordTry:
    """The attempt as one whose password was not checked, because of this refusal."""
    if isinstance(refusal, Throttled):
        return tried._replace(outcome=Tried.THROTTLED, limit=refusal.limit)
    return tried._replace(outcome=Tried.BUSY)


async def _known_person(
    checker: PasswordChecker, failure_id: UUID, email: str, password: str | None, now: datetime
) -> tuple[Person | None, bool]:
    """The person with this address, and whether the password is right. Takes the same steps whatever is wrong."""
    async with checker.database.reading() as session:
        person = await person_by_email(session, email)
    is_over = person is None or password_is_over(person.password_expires_at, now)
    matched = await verify_password(checker, failure_id, None if is_over else checker.usable_hash(person), password)
    return person, matched


async def _rehashed(checker: PasswordChecker, person: Person, password: str | None) -> str | None:
    """A new hash of the password if its hash has outdated parameters, else None. Skipped while the pool is full."""
    if person.password_hash is None or password is None or not checker.pool.needs_rehash(person.password_hash):
        return None
    try:
        return await checker.pool.hash(password)
    except HashingQueueFull:
        return None


async def _store(
    checker: PasswordChecker,
    person: Person,
    failure_id: UUID,
    digest: str,
    presented_token: str | None,
    *,
    rehashed: str | None,
    now: datetime,
) -> bool:
    """
    Stores the session of a person whose password was right. False if the person's hash has changed meanwhile.

    Then the password was changed, or another sign-in at the same time has stored a new hash of it.
    """
    async with checker.database.transaction() as session:
        row = await person_for_update(session, person.id)
        if row is None or row.password_hash != person.password_hash or checker.usable_hash(row) is None:
            return False
        row.password_hash = rehashed or row.password_hash
        await drop_failure(session, failure_id)
        await store_session(session, row, digest, presented_token, now=now)
    return True


async def begun_sign_in(
    checker: PasswordChecker,
    email: str,
    token: Secret,
    *,
    address: str | None,
    device_cookie: str | None,
    now: datetime,
) -> SignIn | None:
    """The sign-in whose session was stored under this token, with its cookies; None if the session is gone already."""
    begun = await signed_in(checker.reader, token.reveal(), now=now, address=address)
    return None if begun is None else SignIn(begun, token, Secret(checker.devices.remember(device_cookie, email)))


@dataclass(frozen=True, slots=True)
class ProviderSession:
    """What is stored of a session that the identity provider began, so that the provider can end it."""

    identity_id: UUID
    digest: str | None
    """SHA-256 of the provider's name for its own session, if it has one."""


async def store_session(
    session: AsyncSession,
    person: Person,
    digest: str,
    presented_token: str | None,
    *,
    provider: ProviderSession | None = None,
    host_visit: HostVisit | None = None,
    now: datetime,
) -> None:
    """
    Stores a new session of the person, whose row is locked, for all their organizations or for a visit to one.

    The session that the browser had before ends.
    """
    presented_digest = sessions.token_digest(presented_token or "")
    if presented_digest is not None:
        await end_session(session, presented_digest)
    person.last_signed_in_at = now
    session.add(
        SignInSession(
            token_digest=digest,
            person_id=person.id,
            created_at=now,
            last_seen_at=now,
            identity_id=None if provider is None else provider.identity_id,
            provider_session_digest=None if provider is None else provider.digest,
            organization_id=None if host_visit is None else host_visit.organization_id,
            return_url=None if host_visit is None else host_visit.return_url,
            token_id=None if host_visit is None else host_visit.token_id,
        )
    )
    await session.flush()


async def sign_out(database: Database, token: str) -> None:
    """Ends the session with this token, if there is one."""
    digest = sessions.token_digest(token)
    if digest is not None:
        async with database.transaction() as session:
            await end_session(session, digest)


async def change_password(
    checker: PasswordChecker, signed_in: SignedIn, *, current_password: str, new_password: str, now: datetime
) -> ChangedPassword:
    """
    Changes the person's password and ends their other sessions. This session goes on with a new token, so that a copy
    of the old cookie no longer works. A one-time password counts as changed.

    Raises Forbidden for a session that a host product's link began, InvalidInput for currentPassword or newPassword,
    Unauthenticated if the session has ended meanwhile, and TooManyRequests: attempts are throttled here too, in case a
    stranger finds the browser signed in.
    """
    if signed_in.host_visit is not None:
        raise Forbidden(VISITOR)
    presented, chosen = presented_password(current_password), measured_password(new_password)
    if presented == chosen:
        raise InvalidInput("newPassword", SAME_PASSWORD)
    attempt = Attempt(
        checker.account(signed_in.person.email),
        counted_address(signed_in.actor.address),
        device=f"session {signed_in.session_id.hex}",
    )
    tried = PasswordTry(Tried.WRONG, attempt.account, signed_in.person.id, signed_in.actor.address, is_change=True)
    try:
        failure_id = await reserve_attempt(checker, attempt, now)
        before = await _right_password(checker, signed_in.person.id, failure_id, presented)
        if before is None:
            checker.watch(tried)
            raise InvalidInput("currentPassword", WRONG_CURRENT_PASSWORD)
        await _require_good_password(checker, signed_in, failure_id, chosen)
        hashed = await hash_password(checker, failure_id, chosen)
    except TooManyRequests as refusal:
        checker.watch(held_back(tried, refusal))
        raise
    token, digest = sessions.new_token()
    async with checker.database.transaction() as session:
        row = await person_for_update(session, signed_in.person.id)
        if checker.usable_hash(row) != before or row is None:
            raise InvalidInput("currentPassword", WRONG_CURRENT_PASSWORD)
        if not await renew_token(session, signed_in.session_id, digest):
            raise Unauthenticated
        await set_password(session, row, hashed, at=now, keep_session=signed_in.session_id)
        await drop_failure(session, failure_id)
    checker.watch(tried._replace(outcome=Tried.GOOD))
    return ChangedPassword(replace(signed_in, password_change_required=False), token)


async def _right_password(
    checker: PasswordChecker, person_id: UUID, failure_id: UUID, password: str | None
) -> str | None:
    """The person's hash if the password is right, else None."""
    async with checker.database.reading() as session:
        person = await person_by_id(session, person_id)
    hashed = checker.usable_hash(person)
    return hashed if await verify_password(checker, failure_id, hashed, password) else None


async def _require_good_password(
    checker: PasswordChecker, signed_in: SignedIn, failure_id: UUID, password: str
) -> None:
    """Raises InvalidInput if the new password is easy to guess. That does not count as a failed attempt."""
    names = [each.organization.name for each in signed_in.memberships]
    try:
        valid_password(password, words=personal(signed_in.person.email, signed_in.person.name, *names))
    except InvalidInput:
        async with checker.database.transaction() as session:
            await drop_failure(session, failure_id)
        raise


async def note_seen(database: Database, session_id: UUID, *, now: datetime) -> None:
    """Stores that the session is in use. Don't await it in a request, because it waits for the database's writers."""
    async with database.transaction() as session:
        await mark_seen(session, session_id, at=now, unless_since=now - sessions.SEEN_EVERY)


async def drop_expired(database: Database, *, now: datetime) -> int:
    """Deletes expired sessions and links, and failures that no longer count. Returns how many. Called by retention."""
    async with database.transaction() as session:
        dropped = await drop_sessions(
            session, created_before=now - sessions.LIFETIME, seen_before=now - sessions.IDLE_AT_MOST
        )
        dropped += await drop_before(session, SignInLink.expires_at, now)
        return dropped + await drop_before(session, SignInFailure.at, now - WINDOW)
