"""Adds people to organizations and changes them for a host product, which names them by its own ids."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from keys import policy
from keys.host_ids import valid_host_id
from keys.key_limit import valid_name
from keys.policy import Action, Actor
from keys.refusals import InvalidInput, LastOrganizationAdmin, MemberNotFound, NotFound
from keys.sign_in.email_address import valid_email
from models.invitation import delete_invitations_of
from models.members import MemberRecord, member_record
from models.organization import lock_organization
from models.password_reset import use_up_resets
from models.person import (
    Membership,
    NamedPerson,
    Person,
    Role,
    membership,
    memberships_of,
    person_by_email,
    person_by_external_id,
    person_for_update,
    set_administered,
)
from models.sso.identity import identity_of_person
from resolvers.members import agents_for, record_change, require_other_admin, set_standing, standing_words
from resolvers.provisioning.rights import require_current_right
from resolvers.services import ChangeServices

ROUNDS = 5
"""How often a person is looked for again, after another request has inserted them at the same moment."""
ADDRESS_TAKEN = (
    "This address belongs to an account that does not have this external id. Accounts are not joined by their address. "
    "If it is the same person, ask the operator of Keydesk to connect the account: keydesk user update EMAIL "
    "--external-id ID. If not, send another address."
)
ADDRESS_STAYS = (
    "The person signs in at Keydesk itself with the address that this account has, so it can't get another one. Send "
    "that address, or ask the operator of Keydesk to end the connection: keydesk user update EMAIL --no-external-id. "
    "After that, a new account is made for this external id."
)


class _Changed(Exception):
    """The account has another external id or address than a moment ago."""


@dataclass(frozen=True, slots=True)
class MemberWish:
    """What a host product wants a person to be in an organization."""

    organization_id: UUID
    external_id: str
    email: str
    name: str
    role: Role
    agent_ids: Collection[UUID] = ()


@dataclass(frozen=True, slots=True)
class EnsuredMember:
    """A person in the organization, and whether they were added to it just now."""

    member: MemberRecord
    created: bool


async def ensure_member(services: ChangeServices, actor: Actor, wish: MemberWish) -> EnsuredMember:
    """
    The person with this id of the host product as a member of the organization, with this address, name, role and
    agents. Their account and their membership are created if there is none.

    Raises Forbidden, NotFound, InvalidInput: also for an address that belongs to another account, and for another role
    of the only organization admin.
    """
    policy.require_right(actor, Action.PROVISION)
    wish = MemberWish(
        wish.organization_id,
        valid_host_id(wish.external_id),
        valid_email(wish.email),
        valid_name(wish.name),
        wish.role,
        wish.agent_ids,
    )
    for _ in range(ROUNDS):
        try:
            async with services.database.transaction() as session:
                return await _ensured(services, session, actor, wish)
        except (IntegrityError, _Changed):
            continue  # another request has inserted or changed the account since this one looked
    raise RuntimeError("an account is inserted again and again, and never found")


async def _ensured(services: ChangeServices, session: AsyncSession, actor: Actor, wish: MemberWish) -> EnsuredMember:
    if await lock_organization(session, wish.organization_id) is None:
        raise NotFound
    now = services.clock()
    await require_current_right(session, actor, Action.PROVISION, now=now)
    agents = await agents_for(session, wish.organization_id, wish.role, wish.agent_ids)
    person = await _account(services, session, wish)
    held = await membership(session, wish.organization_id, person.id)
    if held is None:
        # A waiting invitation would let the person in again, once they have left.
        await delete_invitations_of(session, wish.organization_id, person.email)
        session.add(
            Membership(organization_id=wish.organization_id, person_id=person.id, role=wish.role, created_at=now)
        )
        await session.flush()
        await set_administered(session, wish.organization_id, person.id, [agent.id for agent in agents])
        await _update_account(services, session, actor, person, wish, is_member=False)
        what = f"was added as {standing_words(wish.role, agents)}"
        await record_change(session, actor, wish.organization_id, _named(person), what, now=now)
    else:
        await _update_account(services, session, actor, person, wish, is_member=True)
        before = await _record(session, wish.organization_id, person.id)
        if wish.role is not Role.ORGANIZATION_ADMIN:
            await _require_other_admin(session, held)
        await set_standing(session, actor, held, before, wish.role, agents, now=now)
    await session.flush()
    return EnsuredMember(await _record(session, wish.organization_id, person.id), created=held is None)


async def _account(services: ChangeServices, session: AsyncSession, wish: MemberWish) -> Person:
    """The locked row of the person with this id, or a new one. Raises InvalidInput, IntegrityError, _Changed."""
    known = await person_by_external_id(session, wish.external_id)
    if known is None or known.email != wish.email:
        owner = await person_by_email(session, wish.email)
        if owner is not None and owner.external_id != wish.external_id:
            raise InvalidInput("email", ADDRESS_TAKEN)
    if known is not None:
        locked = await person_for_update(session, known.id)
        if locked is None or locked.external_id != wish.external_id:
            raise _Changed
        return locked
    person = Person(
        email=wish.email,
        name=wish.name,
        external_id=wish.external_id,
        created_at=services.clock(),
        is_address_unproved=True,
    )
    session.add(person)
    await session.flush()
    return person


async def _update_account(
    services: ChangeServices, session: AsyncSession, actor: Actor, person: Person, wish: MemberWish, *, is_member: bool
) -> None:
    """
    Stores name and address. If they are others than before, each organization that the person was in gets an event.

    Raises InvalidInput.
    """
    before = _named(person)
    if (before.name, before.email) == (wish.name, wish.email):
        return
    if before.email != wish.email and not await _is_only_the_hosts(session, person):
        raise InvalidInput("email", ADDRESS_STAYS)
    now = services.clock()
    person.name, person.email = wish.name, wish.email
    if before.email != wish.email:
        # A link that was mailed to the address before must not give it the account.
        await use_up_resets(session, person.id, at=now)
        await delete_invitations_of(session, wish.organization_id, wish.email)
    await session.flush()
    what = f"is now called {wish.name} ({wish.email})"
    for each in await memberships_of(session, person.id):
        # An organization that they have just come to has them in its log by the new name.
        if is_member or each.organization.id != wish.organization_id:
            await record_change(session, actor, each.organization.id, before, what, now=now)


async def _is_only_the_hosts(session: AsyncSession, person: Person) -> bool:
    """
    Whether nobody has this account but by the host product: nobody has shown that the address is theirs, nor can sign
    in to it. Whoever joins an organization in another way has shown it, so a program made all the memberships.
    """
    if not person.is_address_unproved or person.password_hash is not None or person.is_linkable:
        return False
    return await identity_of_person(session, person.id) is None


async def _require_other_admin(session: AsyncSession, held: Membership) -> None:
    try:
        await require_other_admin(session, held)
    except LastOrganizationAdmin as refusal:
        raise InvalidInput("role", refusal.message) from None


async def _record(session: AsyncSession, organization_id: UUID, person_id: UUID) -> MemberRecord:
    found = await member_record(session, organization_id, person_id)
    if found is None:
        raise MemberNotFound
    return found


def _named(person: Person) -> NamedPerson:
    return NamedPerson(person.id, person.email, person.name)
