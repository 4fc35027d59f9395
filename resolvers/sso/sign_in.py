"""
Signs a person in whom the identity provider has identified, by issuer and subject and never by e-mail address.

An address only counts when somebody comes for the first time, and only if the provider says that it is verified. Then
it finds the account that the operator made for this address, or the invitation on whose page the sign-in began.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from keys.policy import Actor
from keys.refusals import LinkNotValid, Refusal
from keys.sign_in import sessions
from keys.sso.claims import Profile
from models.engine.database import Database
from models.person import NamedPerson, Person, memberships_of, person_by_email, person_for_update
from models.session import end_sessions
from models.sso.identity import Identity, LinkedPerson, identity_of, identity_of_person
from models.sso.used_once import use_once
from resolvers.accept_invitation import Browser, join, locked_invitation
from resolvers.audit import record_sign_in
from resolvers.provisioning.hold import prove_address
from resolvers.sign_in_attempts import PasswordChecker
from resolvers.sso.membership import Follower, follow_groups, has_standing
from resolvers.viewer import ProviderSession, SignIn, begun_sign_in, store_session

NO_ADDRESS = "{provider} does not say what your e-mail address is. Without it, no account can be found or made for you."
NOT_VERIFIED = (
    "{provider} does not say that your e-mail address is verified. Until it does, no account can be found or made for "
    "you."
)
NOT_LINKED = (
    "There is an account with your address {email}, and it is not connected with {provider}. Sign in with its "
    "password, or ask the operator to allow the connection."
)
TAKEN = (
    "The account with your address {email} belongs to another account at {provider}. If you have a new "
    "one at {provider}, ask the operator to disconnect the old one."
)
NO_ORGANIZATION = (
    "You are signed in at {provider}, but you are in no organization here. Ask an organization admin to invite you."
)
OTHER_ADDRESS = (
    "This invitation is for {invited}, and you are signed in at {provider} as {email}. Sign in there with the invited "
    "address, or ask for an invitation of yours."
)


@dataclass(eq=False)
class NotAdmitted(Refusal):
    """The provider has identified the person, but they have no account here, or not one that they may use."""

    message: str
    is_for_operator: bool = True
    """Whether the operator, and not an organization admin, can help."""


@dataclass(eq=False)
class AlreadyCompleted(Refusal):
    """This sign-in was completed before, in this or another process."""

    message: str = "This sign-in was completed already."


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who comes from the provider: who they are, and the sign-in that they complete."""

    issuer: str
    provider: str
    """The provider's name, for sentences."""
    profile: Profile
    digest: str
    """Of the sign-in's state: it may be completed once."""
    expires_at: datetime
    invitation: str | None
    """The digest of the link of the invitation on whose page the sign-in began."""

    def says(self, sentence: str, **facts: str) -> str:
        """The sentence with the provider's name and other facts."""
        return sentence.format(provider=self.provider, **facts)


async def sign_in_from_provider(
    checker: PasswordChecker, browser: Browser, arrival: Arrival, *, now: datetime
) -> SignIn:
    """
    Signs the person in and begins a session. Their memberships follow their groups, if the provider lists them.

    Raises AlreadyCompleted, NotAdmitted and LinkNotValid.
    """
    database = checker.database
    async with database.transaction() as session:
        if not await use_once(session, arrival.digest, expires_at=arrival.expires_at):
            raise AlreadyCompleted
    linked = await _linked(database, arrival, browser.address, now)
    person = NamedPerson(linked.person.id, linked.person.email, linked.person.name)
    if arrival.profile.groups is not None:
        why = f", because of their groups at {arrival.provider}"
        await follow_groups(database, Follower(person, arrival.profile.groups, browser.address, why), now=now)
    token, digest = sessions.new_token()
    async with database.transaction() as session:
        row = await person_for_update(session, person.id)
        memberships = await memberships_of(session, person.id)
        if row is None or not memberships:
            raise NotAdmitted(arrival.says(NO_ORGANIZATION), is_for_operator=False)
        provider = ProviderSession(linked.identity.id, session_digest(arrival.profile.session))
        await store_session(session, row, digest, browser.token, provider=provider, now=now)
        await record_sign_in(
            session,
            Actor(person.id, address=browser.address),
            person,
            f"by {arrival.provider}",
            kind="provider",
            organization_ids=[each.organization.id for each in memberships],
            now=now,
        )
    begun = await begun_sign_in(
        checker, person.email, token, address=browser.address, device_cookie=browser.device_cookie, now=now
    )
    if begun is None:
        raise AlreadyCompleted
    return begun


def session_digest(provider_session: str | None) -> str | None:
    """SHA-256 of the provider's name for its session, by which the session is found when the provider ends it."""
    return None if provider_session is None else hashlib.sha256(provider_session.encode("utf-8", "replace")).hexdigest()


async def _linked(database: Database, arrival: Arrival, address: str | None, now: datetime) -> LinkedPerson:
    """The person with this identity, which is linked to an account now if it is new."""
    try:
        if arrival.invitation is not None:
            return await _by_invitation(database, arrival, arrival.invitation, address, now)
        async with database.transaction() as session:
            known = await identity_of(session, arrival.issuer, arrival.profile.subject)
            return known or await _link_account(session, arrival, address, now)
    except IntegrityError:
        # The same person came twice at the same moment.
        async with database.reading() as session:
            known = await identity_of(session, arrival.issuer, arrival.profile.subject)
        if known is None:
            raise AlreadyCompleted from None
        return known


async def _link_account(session: AsyncSession, arrival: Arrival, address: str | None, now: datetime) -> LinkedPerson:
    """For somebody who comes for the first time: the operator's account for their address, or a new one."""
    email = _verified_email(arrival)
    person = await person_by_email(session, email)
    if person is None:
        if arrival.profile.groups is None or not await has_standing(session, arrival.profile.groups):
            raise NotAdmitted(arrival.says(NO_ORGANIZATION), is_for_operator=False)
        return await _link(session, arrival, await _new_person(session, arrival, email, now), address, now)
    await _require_unlinked(session, arrival, person)
    if not person.is_linkable:
        raise NotAdmitted(arrival.says(NOT_LINKED, email=email))
    return await _link(session, arrival, person, address, now)


async def _by_invitation(
    database: Database, arrival: Arrival, invitation: str, address: str | None, now: datetime
) -> LinkedPerson:
    """Accepts the invitation, if it is for this person's address."""
    async with database.transaction() as session:
        row = await locked_invitation(session, invitation, now)
        linked = await identity_of(session, arrival.issuer, arrival.profile.subject)
        if linked is not None and linked.person.email != row.email and arrival.profile.verified_email != row.email:
            raise NotAdmitted(arrival.says(OTHER_ADDRESS, invited=row.email, email=linked.person.email), False)
        if linked is None:
            email = _verified_email(arrival)
            if email != row.email:
                raise NotAdmitted(arrival.says(OTHER_ADDRESS, invited=row.email, email=email), is_for_operator=False)
            person = await person_by_email(session, email)
            if person is not None:
                await _require_unlinked(session, arrival, person)
            person = person or await _new_person(session, arrival, email, now)
            linked = await _link(session, arrival, person, address, now)
        current = await person_for_update(session, linked.person.id)
        if current is None:
            raise LinkNotValid
        await join(session, row, current, address, now)
        return linked


def _verified_email(arrival: Arrival) -> str:
    profile = arrival.profile
    if profile.verified_email is None:
        raise NotAdmitted(arrival.says(NOT_VERIFIED if profile.has_email else NO_ADDRESS))
    return profile.verified_email


async def _require_unlinked(session: AsyncSession, arrival: Arrival, person: Person) -> None:
    """An account that has an identity never gets another."""
    if await identity_of_person(session, person.id) is not None:
        raise NotAdmitted(arrival.says(TAKEN, email=person.email))


async def _new_person(session: AsyncSession, arrival: Arrival, email: str, now: datetime) -> Person:
    name = arrival.profile.name or email.partition("@")[0][:64]
    person = Person(email=email, name=name, created_at=now)
    session.add(person)
    await session.flush()
    return person


async def _link(
    session: AsyncSession, arrival: Arrival, person: Person, address: str | None, now: datetime
) -> LinkedPerson:
    """
    Stores the identity of this account.

    Somebody else may know its password if the account was made by a link that was passed on, or if the password is
    one-time: such a password ends now, and so do the sessions that it has begun.
    """
    email = person.email
    row = await person_for_update(session, person.id)
    # A host product may have given the account another address since it was found by this one.
    if row is None or row.email != email:
        raise AlreadyCompleted
    if row.is_address_unproved or row.password_is_one_time:
        row.password_hash, row.password_is_one_time, row.password_expires_at = None, False, None
        await end_sessions(session, row.id)
    await prove_address(session, Actor(row.id, address=address), row, now=now)
    identity = Identity(person_id=row.id, issuer=arrival.issuer, subject=arrival.profile.subject, created_at=now)
    session.add(identity)
    await session.flush()
    return LinkedPerson(identity, row)
