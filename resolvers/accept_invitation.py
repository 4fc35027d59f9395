"""Accepts an invitation: adds the person to the organization, makes their account if they have none, signs them in."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from keys.key_limit import valid_name
from keys.policy import Actor
from keys.refusals import InvalidInput, LinkNotValid, SignInRefused, TooManyRequests
from keys.sign_in import sessions
from keys.sign_in.links import link_digest
from keys.sign_in.passwords import password_is_over, presented_password, valid_password
from keys.sign_in.throttle import Attempt, counted_address
from keys.sign_in.weak_passwords import personal
from keys.token import Secret
from models.agent import living_agents
from models.audit import AuditAction
from models.invitation import Invitation, InvitationRecord, delete_invitation, invitation_record
from models.organization import lock_organization
from models.person import (
    Membership,
    Person,
    membership,
    person_by_email,
    person_for_update,
    set_administered,
)
from models.sign_in import drop_failure
from resolvers.audit import record
from resolvers.invitations import invitation_of_link, valid_invitation
from resolvers.members import standing_words, summary_of
from resolvers.passwords import set_password
from resolvers.provisioning.hold import prove_address
from resolvers.sign_in_attempts import (
    PasswordChecker,
    PasswordTry,
    Tried,
    hash_password,
    reserve_attempt,
    verify_password,
)
from resolvers.viewer import SignedIn, SignIn, begun_sign_in, held_back, store_session

PASSWORD_NEEDED = "Enter the password of your account with this address."  # noqa: S105 - a sentence
NOT_MAILED = (
    "There is an account with this address, and it has no password. This link was passed on, not mailed, so it can't "
    "give it one. Ask the operator."
)
NO_PASSWORDS = (
    "People don't choose a password here. Open the invitation's link again, and use the button of the sign-in service."
)
NEW_PASSWORD_NEEDED = "Choose a password of at least 12 characters."  # noqa: S105 - a sentence


@dataclass(frozen=True, slots=True)
class Accepted:
    """The person, in the organization from now on. `new` is their new session; None if they were signed in already."""

    signed_in: SignedIn
    new: SignIn | None


@dataclass(frozen=True, slots=True)
class Browser:
    """What the request says of the browser."""

    address: str | None
    device_cookie: str | None
    token: str | None
    signed_in: SignedIn | None


async def accept_invitation(
    checker: PasswordChecker, browser: Browser, *, token: str, name: str | None, password: str | None, now: datetime
) -> Accepted:
    """
    Uses up the link. Somebody who is signed in as the invited address needs nothing else; an account that exists needs
    its password, a new one a name and a password.

    Raises LinkNotValid, InvalidInput, SignInRefused and TooManyRequests; the link can then be used again.
    """
    async with checker.database.reading() as session:
        row = await valid_invitation(session, token, now)
        shown = None if row is None else await invitation_record(session, row.id)
        person = None if shown is None else await person_by_email(session, shown.email)
    if shown is None:
        raise LinkNotValid
    viewer = browser.signed_in
    # A session that sees one organization does not join another: then the account's password is needed.
    if viewer is not None and not viewer.password_change_required and viewer.host_visit is None:
        return await _by_click(checker, browser, viewer, shown, token, now)
    if person is not None and person.password_hash is not None:
        return await _by_password(checker, browser, person, shown, token, password, now)
    return await _as_new(checker, browser, person, shown, token, name, password, now)


async def _by_click(
    checker: PasswordChecker, browser: Browser, viewer: SignedIn, shown: InvitationRecord, token: str, now: datetime
) -> Accepted:
    if viewer.person.email != shown.email:
        raise InvalidInput(
            "token",
            f"This invitation is for {shown.email}, and you are signed in as {viewer.person.email}. Sign out, then "
            "open the link again.",
        )
    async with checker.database.transaction() as session:
        row = await _locked(session, token, now)
        person = await person_for_update(session, viewer.person.id)
        if person is None:
            raise LinkNotValid
        await join(session, row, person, browser.address, now)
    return Accepted(viewer, None)


async def _by_password(
    checker: PasswordChecker,
    browser: Browser,
    person: Person,
    shown: InvitationRecord,
    token: str,
    password: str | None,
    now: datetime,
) -> Accepted:
    """Throttled as a sign-in is: the link alone must not be a way to guess a password."""
    if not password:
        raise InvalidInput("password", PASSWORD_NEEDED)
    device = checker.devices.device_of(browser.device_cookie, person.email)
    attempt = Attempt(checker.account(person.email), counted_address(browser.address), device)
    tried = PasswordTry(Tried.WRONG, attempt.account, person.id, browser.address)
    try:
        failure_id = await reserve_attempt(checker, attempt, now)
        hashed = None if password_is_over(person.password_expires_at, now) else checker.usable_hash(person)
        matched = await verify_password(checker, failure_id, hashed, presented_password(password))
    except TooManyRequests as refusal:
        checker.watch(held_back(tried, refusal))
        raise SignInRefused(refusal.message, refusal.retry_after_seconds) from None
    if not matched:
        checker.watch(tried)
        raise SignInRefused("The password is wrong.")
    secret, digest = sessions.new_token()
    async with checker.database.transaction() as session:
        row = await _locked(session, token, now)
        current = await person_for_update(session, person.id)
        if current is None or checker.usable_hash(current) != person.password_hash:
            raise SignInRefused("The password is wrong.")
        await drop_failure(session, failure_id)
        await join(session, row, current, browser.address, now)
        await store_session(session, current, digest, browser.token, now=now)
    checker.watch(tried._replace(outcome=Tried.GOOD))
    return await _begun(checker, browser, shown.email, secret, now)


async def _as_new(
    checker: PasswordChecker,
    browser: Browser,
    person: Person | None,
    shown: InvitationRecord,
    token: str,
    name: str | None,
    password: str | None,
    now: datetime,
) -> Accepted:
    """Makes the account, or gives a password to one that has none: only by a link that was mailed to its address."""
    if not checker.passwords.allows(is_break_glass=person is not None and person.is_break_glass):
        raise InvalidInput("password", NO_PASSWORDS)
    if person is not None and shown.sent_at is None:
        raise InvalidInput("token", NOT_MAILED)
    chosen_name = valid_name(name or "") if person is None else person.name
    if not password:
        raise InvalidInput("password", NEW_PASSWORD_NEEDED)
    chosen = valid_password(
        password, words=personal(shown.email, chosen_name, shown.organization_name), field="password"
    )
    # Hashing takes time: without this, somebody with a link could keep the pool busy. Strangers' attempts don't count.
    device = f"invitation {shown.id.hex}"
    attempt = Attempt(checker.account(shown.email), counted_address(browser.address), device)
    failure_id = await reserve_attempt(checker, attempt, now)
    hashed = await hash_password(checker, failure_id, chosen)
    secret, digest = sessions.new_token()
    async with checker.database.transaction() as session:
        row = await _locked(session, token, now)
        await drop_failure(session, failure_id)
        known = await person_by_email(session, shown.email)
        current = (
            await _new_person(session, shown, chosen_name, now)
            if known is None
            else await _locked_person(session, known)
        )
        if current.password_hash is not None:
            raise InvalidInput("password", PASSWORD_NEEDED)
        await set_password(session, current, hashed, at=now)
        await join(session, row, current, browser.address, now)
        await store_session(session, current, digest, browser.token, now=now)
    return await _begun(checker, browser, shown.email, secret, now)


async def _new_person(session: AsyncSession, shown: InvitationRecord, name: str, now: datetime) -> Person:
    """The new account. A link that was passed on, instead of mailed, does not show whose the address is."""
    person = Person(email=shown.email, name=name, created_at=now, is_address_unproved=shown.sent_at is None)
    session.add(person)
    try:
        await session.flush()
    except IntegrityError:
        # Another organization's invitation of the same address was accepted at this moment.
        raise InvalidInput("password", PASSWORD_NEEDED) from None
    return person


async def _locked_person(session: AsyncSession, person: Person) -> Person:
    email = person.email
    current = await person_for_update(session, person.id)
    # A host product may have given the account another address since it was found by this one.
    if current is None or current.email != email:
        raise LinkNotValid
    return current


async def _locked(session: AsyncSession, token: str, now: datetime) -> Invitation:
    """The invitation, under its organization's lock. Raises LinkNotValid."""
    digest = link_digest(token)
    if digest is None:
        raise LinkNotValid
    return await locked_invitation(session, digest, now)


async def locked_invitation(session: AsyncSession, digest: str, now: datetime) -> Invitation:
    """The invitation whose link has this digest, under its organization's lock. Raises LinkNotValid."""
    found = await invitation_of_link(session, digest, now)
    if found is None or await lock_organization(session, found.organization_id) is None:
        raise LinkNotValid
    row = await invitation_of_link(session, digest, now)
    if row is None:
        raise LinkNotValid
    return row


async def join(session: AsyncSession, row: Invitation, person: Person, address: str | None, now: datetime) -> None:
    """Adds the person, and deletes the invitation. Somebody who is in the organization already keeps their role."""
    shown = await invitation_record(session, row.id)
    if shown is None or not await delete_invitation(session, row.id):
        raise LinkNotValid
    if shown.sent_at is not None:
        await prove_address(session, Actor(person.id, address=address), person, now=now)
    if await membership(session, shown.organization_id, person.id) is not None:
        return
    session.add(Membership(organization_id=shown.organization_id, person_id=person.id, role=shown.role, created_at=now))
    await session.flush()
    agents = await living_agents(session, shown.organization_id, only={agent.id for agent in shown.agents})
    await set_administered(session, shown.organization_id, person.id, [agent.id for agent in agents])
    await record(
        session,
        Actor(person.id, address=address),
        AuditAction.MEMBER_JOINED,
        summary_of(f"{person.name} ({person.email}) joined as {standing_words(shown.role, agents)}."),
        organization_id=shown.organization_id,
        subject_id=person.id,
        details={"role": shown.role.value},
        now=now,
    )


async def _begun(checker: PasswordChecker, browser: Browser, email: str, token: Secret, now: datetime) -> Accepted:
    begun = await begun_sign_in(
        checker, email, token, address=browser.address, device_cookie=browser.device_cookie, now=now
    )
    if begun is None:
        raise LinkNotValid
    return Accepted(begun.signed_in, begun)
