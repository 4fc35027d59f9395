"""Resets forgotten passwords, by a link in a mail that works once and for an hour."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from keys.policy import Actor
from keys.refusals import LinkNotValid, TooManyRequests
from keys.sign_in import sessions
from keys.sign_in.links import Page, link_digest
from keys.sign_in.passwords import valid_password
from keys.sign_in.throttle import Attempt, counted_address
from keys.sign_in.weak_passwords import personal
from keys.windows import AN_HOUR, retry_after
from models.engine.ids import new_id
from models.password_reset import PasswordReset, asked_since, lock_account, reset_by_digest
from models.person import Person, canonical_email, memberships_of, person_by_email, person_by_id, person_for_update
from models.sign_in import drop_failure
from resolvers.accept_invitation import Browser
from resolvers.passwords import set_password
from resolvers.provisioning.hold import prove_address
from resolvers.services import PeopleServices
from resolvers.sign_in_attempts import PasswordChecker, hash_password, reserve_attempt
from resolvers.viewer import SignIn, begun_sign_in, store_session

LIFETIME = timedelta(hours=1)
MAILS_AN_HOUR = 3
REQUESTS_AN_HOUR = 60
"""From one caller's address, whatever e-mail addresses they name. A whole office may share one."""
TOO_MANY = "There were too many requests for new passwords from your network. Wait a little, then try again."


@dataclass(frozen=True, slots=True)
class _Good:
    """A reset whose link may be used now, with its person and the names of their organizations."""

    reset: PasswordReset
    person: Person
    organizations: tuple[str, ...]


async def request_password_reset(
    services: PeopleServices, checker: PasswordChecker, email: str, *, address: str | None
) -> None:
    """
    Mails a link to this e-mail address if it has an account, at most MAILS_AN_HOUR times an hour.

    `address` is the caller's. An e-mail address that nobody has takes the same steps: a row is stored for it, too, and
    the outbox is not woken, so that no mail is being sent while the next request is answered. Raises TooManyRequests
    after REQUESTS_AN_HOUR of one caller, whatever they asked for.
    """
    wanted, caller, now = canonical_email(email), counted_address(address), services.clock()
    account = checker.account(wanted)
    async with services.database.reading() as session:
        of_account, of_caller = await asked_since(session, account, caller, since=now - AN_HOUR)
    if (seconds := retry_after(of_caller, REQUESTS_AN_HOUR, AN_HOUR, now)) is not None:
        raise TooManyRequests(TOO_MANY, retry_after_seconds=seconds)
    if len(of_account) >= MAILS_AN_HOUR:
        return
    async with services.database.transaction() as session:
        # Of requests at the same time, each counts.
        await lock_account(session, account)
        of_account, _ = await asked_since(session, account, caller, since=now - AN_HOUR)
        person = await person_by_email(session, wanted)
        if person is not None and not checker.passwords.allows(is_break_glass=person.is_break_glass):
            person = None
        if len(of_account) >= MAILS_AN_HOUR:
            return
        row_id = new_id()
        link = services.links.make(Page.RESET_PASSWORD, row_id)
        session.add(
            PasswordReset(
                id=row_id,
                account=account,
                ip_address=caller,
                person_id=None if person is None else person.id,
                created_at=now,
                link_nonce=link.nonce,
                link_digest=link.digest,
                next_attempt_at=now if person is not None and services.sends_mail else None,
            )
        )


async def reset_password(
    checker: PasswordChecker, browser: Browser, *, token: str, new_password: str, now: datetime
) -> SignIn:
    """
    Sets the password, ends all sessions of the person, and begins a new one. A one-time password counts as changed.

    Raises LinkNotValid, and InvalidInput for newPassword, after which the link can be used again.
    """
    async with checker.database.reading() as session:
        good = await _good(checker, session, token, now)
    if good is None:
        raise LinkNotValid
    person = good.person
    chosen = valid_password(new_password, words=personal(person.email, person.name, *good.organizations))
    attempt = Attempt(checker.account(person.email), counted_address(browser.address), f"reset {good.reset.id.hex}")
    failure_id = await reserve_attempt(checker, attempt, now)
    hashed = await hash_password(checker, failure_id, chosen)
    secret, digest = sessions.new_token()
    async with checker.database.transaction() as session:
        row = await person_for_update(session, person.id)
        await drop_failure(session, failure_id)
        if row is None or await _good(checker, session, token, now) is None:
            raise LinkNotValid
        # The mail has reached them.
        await prove_address(session, Actor(row.id, address=browser.address), row, now=now)
        await set_password(session, row, hashed, at=now)
        await store_session(session, row, digest, browser.token, now=now)
    begun = await begun_sign_in(
        checker, person.email, secret, address=browser.address, device_cookie=browser.device_cookie, now=now
    )
    if begun is None:
        raise LinkNotValid
    return begun


async def _good(checker: PasswordChecker, session: AsyncSession, token: str, now: datetime) -> _Good | None:
    """The reset whose link has this token, if it may be used now."""
    digest = link_digest(token)
    reset = None if digest is None else await reset_by_digest(session, digest)
    if reset is None or reset.person_id is None or reset.used_at is not None or reset.created_at + LIFETIME <= now:
        return None
    person = await person_by_id(session, reset.person_id)
    if person is None or not checker.passwords.allows(is_break_glass=person.is_break_glass):
        return None
    names = tuple(each.organization.name for each in await memberships_of(session, person.id))
    return _Good(reset, person, names)
