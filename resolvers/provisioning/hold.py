"""
A host product's hold on an account: its id of the person, the links that it makes for them, and the sessions of these.

A host product may send an address that it has not verified. So an account that it made is its own user's until somebody
shows that the address is theirs, by a mail or at the identity provider: then the account is theirs, and the hold ends.
Only the operator connects an account with a host product after that.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from keys.policy import Actor
from models.person import NamedPerson, Person, memberships_of
from models.session import end_visits
from models.sign_in_link import delete_every_link_of
from resolvers.members import record_change

PROVED = "is no longer known by the host product's id “{external_id}”: it was shown whose the address is"


async def prove_address(session: AsyncSession, actor: Actor, person: Person, *, now: datetime) -> str | None:
    """
    Stores that the address is shown to be of whom this account is for, whose row is locked.

    Returns the host product's id that no longer leads to the account, if there was one.
    """
    was_unproved, person.is_address_unproved = person.is_address_unproved, False
    before = person.external_id
    if not was_unproved or before is None:
        return None
    await end_hold(session, person)
    named = NamedPerson(person.id, person.email, person.name)
    for each in await memberships_of(session, person.id):
        await record_change(session, actor, each.organization.id, named, PROVED.format(external_id=before), now=now)
    return before


async def end_hold(session: AsyncSession, person: Person, *, external_id: str | None = None) -> None:
    """Takes the id off the account, whose row is locked, or gives it another; ends links and their sessions."""
    person.external_id = external_id
    await session.flush()
    await delete_every_link_of(session, person.id)
    await end_visits(session, person.id)
