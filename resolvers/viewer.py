"""Does what concerns the person who asks: signing in and out, choosing a password, and telling who is signed in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from keys.hashing import HashingQueueFull
from keys.policy import Actor, RoleGrant
from keys.refusals import InvalidInput, SignInRefused, TooManyRequests, Unauthenticated
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
    end_sessions,
    mark_seen,
    renew_token,
    session_record,
    session_record_by_id,
)
from models.sign_in import SignInFailure, drop_failure
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
"""How often a password is looked at when its hash is another one afterwards."""
WRONG_CURRENT_PASSWORD = "This is not your current password."  # noqa: S105 - a sentence
SAME_PASSWORD = "Choose another password than the one that you have."  # noqa: S105 - a sentence


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is signed in, as of this request: roles are read anew each time."""

    session_id: UUID
    last_seen_at: datetime
    person: NamedPerson
    actor: Actor
    memberships: Sequence[MembershipRecord]
    password_change_required: bool


@dataclass(frozen=True, slots=True)
class SignIn:
    """A session that has just begun, with what the browser is to keep: the values of its two cookies."""

    signed_in: SignedIn
    token: Secret
    device_cookie: Secret


@dataclass(frozen=True, slots=True)
class ChangedPassword:
    """A session that goes on after a change of the password, under another value of its cookie."""

    signed_in: SignedIn
    token: Secret


async def signed_in(reader: Reader, token: str, *, now: datetime, address: str | None) -> SignedIn | None:
    """Whose session the cookie's value names, in one query; None where it is over or was not issued here."""
    digest = sessions.token_digest(token)
    return None if digest is None else _signed_in(await session_record(reader, digest), now, address)


async def still_signed_in(reader: Reader, session_id: UUID, *, now: datetime, address: str | None) -> SignedIn | None:
    """Who is in this session now, whatever value its cookie has by now; None where the session is over."""
    return _signed_in(await session_record_by_id(reader, session_id), now, address)


def _signed_in(record: SessionRecord | None, now: datetime, address: str | None) -> SignedIn | None:
    if record is None or sessions.is_over(record.created_at, record.last_seen_at, now):
        return None
    roles = {each.organization.id: RoleGrant(each.role, each.agent_ids) for each in record.memberships}
    return SignedIn(
        session_id=record.id,
        last_seen_at=record.last_seen_at,
        person=record.person,
        actor=Actor(record.person.id, roles, address),
        memberships=record.memberships,
        password_change_required=record.password_is_one_time,
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
    Begins a session; the one that the browser presented, if any, ends.

    Raises SignInRefused, the same for an unknown address, a wrong password and a one-time password that is over.
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
                begun = await signed_in(checker.reader, token.reveal(), now=now, address=address)
                if begun is not None:
                    checker.watch(tried._replace(outcome=Tried.GOOD))
                    return SignIn(begun, token, Secret(checker.devices.remember(device_cookie, email)))
    except TooManyRequests as refusal:
        checker.watch(_held_back(tried, refusal))
        raise SignInRefused(refusal.message, refusal.retry_after_seconds) from None
    checker.watch(tried)
    raise SignInRefused


def _held_back(tried: PasswordTry, refusal: TooManyRequests) -> PasswordTry:
    """The attempt, whose password was not looked at."""
    if isinstance(refusal, Throttled):
        return tried._replace(outcome=Tried.THROTTLED, limit=refusal.limit)
    return tried._replace(outcome=Tried.BUSY)


async def _known_person(
    checker: PasswordChecker, failure_id: UUID, email: str, password: str | None, now: datetime
) -> tuple[Person | None, bool]:
    """Whose address it is, and whether it is their password; after the same steps whatever is not right."""
    async with checker.database.reading() as session:
        person = await person_by_email(session, email)
    is_over = person is None or password_is_over(person.password_expires_at, now)
    matched = await verify_password(
        checker, failure_id, None if person is None or is_over else person.password_hash, password
    )
    return person, matched


async def _rehashed(checker: PasswordChecker, person: Person, password: str | None) -> str | None:
    """The password's hash with today's parameters where it has others; while the pool is full that can wait."""
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
    Stores the session of a person whose password was right a moment ago; False where there is another hash by now.

    The password was changed, or a sign-in at the same time has hashed it anew.
    """
    presented_digest = sessions.token_digest(presented_token or "")
    async with checker.database.transaction() as session:
        row = await person_for_update(session, person.id)
        if row is None or row.password_hash != person.password_hash:
            return False
        row.password_hash = rehashed or row.password_hash
        await drop_failure(session, failure_id)
        if presented_digest is not None:
            await end_session(session, presented_digest)
        session.add(SignInSession(token_digest=digest, person_id=row.id, created_at=now, last_seen_at=now))
    return True


async def sign_out(database: Database, token: str) -> None:
    """Ends the session that the cookie's value names, if there is one."""
    digest = sessions.token_digest(token)
    if digest is not None:
        async with database.transaction() as session:
            await end_session(session, digest)


async def change_password(
    checker: PasswordChecker, signed_in: SignedIn, *, current_password: str, new_password: str, now: datetime
) -> ChangedPassword:
    """
    Gives the person the new password and ends their other sessions. This one goes on, no longer bound to change it,
    under a new token: whoever copied the cookie before is signed out.

    Raises InvalidInput of currentPassword or newPassword, Unauthenticated where the session has ended meanwhile, and
    TooManyRequests: whoever finds a browser signed in has five attempts at the password, too.
    """
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
        checker.watch(_held_back(tried, refusal))
        raise
    token, digest = sessions.new_token()
    async with checker.database.transaction() as session:
        row = await person_for_update(session, signed_in.person.id)
        if row is None or row.password_hash != before:
            raise InvalidInput("currentPassword", WRONG_CURRENT_PASSWORD)
        if not await renew_token(session, signed_in.session_id, digest):
            raise Unauthenticated
        row.password_hash, row.password_is_one_time, row.password_expires_at = hashed, False, None
        await end_sessions(session, row.id, except_id=signed_in.session_id)
        await drop_failure(session, failure_id)
    checker.watch(tried._replace(outcome=Tried.GOOD))
    return ChangedPassword(replace(signed_in, password_change_required=False), token)


async def _right_password(
    checker: PasswordChecker, person_id: UUID, failure_id: UUID, password: str | None
) -> str | None:
    """The hash that the person has, where the password is theirs."""
    async with checker.database.reading() as session:
        person = await person_by_id(session, person_id)
    hashed = None if person is None else person.password_hash
    return hashed if await verify_password(checker, failure_id, hashed, password) else None


async def _require_good_password(
    checker: PasswordChecker, signed_in: SignedIn, failure_id: UUID, password: str
) -> None:
    """Raises InvalidInput where the new password is easy to guess, which is no failed attempt at the current one."""
    names = [each.organization.name for each in signed_in.memberships]
    try:
        valid_password(password, words=personal(signed_in.person.email, signed_in.person.name, *names))
    except InvalidInput:
        async with checker.database.transaction() as session:
            await drop_failure(session, failure_id)
        raise


async def note_seen(database: Database, session_id: UUID, *, now: datetime) -> None:
    """Writes down that the session is in use. Not for the way of a request: it waits for the database's writers."""
    async with database.transaction() as session:
        await mark_seen(session, session_id, at=now, unless_since=now - sessions.SEEN_EVERY)


async def drop_expired(database: Database, *, now: datetime) -> int:
    """Drops sessions that are over and failures that no longer count; returns how many. For a task to call at times."""
    async with database.transaction() as session:
        dropped = await drop_sessions(
            session, created_before=now - sessions.LIFETIME, seen_before=now - sessions.IDLE_AT_MOST
        )
        return dropped + await drop_before(session, SignInFailure.at, now - WINDOW)
