"""Connects an account with a host product, which then finds the person by its own id, or ends the connection."""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from keys.host_ids import valid_host_id
from keys.policy import OPERATOR
from keys.sign_in.email_address import valid_email
from models.person import Person, memberships_of, person_by_external_id, person_for_update
from resolvers.members import record_change
from resolvers.operator.lookup import Declined, named_person
from resolvers.operator.people import named
from resolvers.provisioning.hold import end_hold

TAKEN = (
    "The external id {external_id} belongs to {email}. If it is no longer theirs, take it off first: keydesk user "
    "update {email} --no-external-id"
)
UNPROVED = (
    "{email} has a password, and nobody has shown whose address it is: a link made this account that was passed on. "
    "Set another password first: keydesk user password {email}"
)


async def set_external_id(session: AsyncSession, *, email: str, external_id: str | None, now: datetime) -> Person:
    """
    Gives the account this id of the host product, or takes its id off it. Links and their sessions end.

    The operator answers for the id and the address belonging to the same person. Raises InvalidInput, Declined.
    """
    known = await named_person(session, valid_email(email))
    if external_id is not None:
        external_id = valid_host_id(external_id)
        other = await person_by_external_id(session, external_id)
        if other is not None and other.id != known.id:
            raise Declined(TAKEN.format(external_id=external_id, email=other.email))
    person = await person_for_update(session, known.id)
    if person is None:
        raise Declined(f"{email} has been removed.")
    before = person.external_id
    if before == external_id:
        return person
    if external_id is not None and person.is_address_unproved and person.password_hash is not None:
        raise Declined(UNPROVED.format(email=person.email))
    try:
        await end_hold(session, person, external_id=external_id)
    except IntegrityError:
        raise Declined(f"The external id {external_id} was given at this moment. Run the command again.") from None
    what = f"is no longer known by the host product's id “{before}”"
    if external_id is not None:
        what = f"is now known by the host product's id “{external_id}”"
    for each in await memberships_of(session, person.id):
        await record_change(session, OPERATOR, each.organization.id, named(person), what, now=now)
    return person
