"""Invites people to organizations: sends, resends and revokes invitations, and shows what a link leads to."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys import policy
from keys.policy import Action, Actor, RoleGrant
from keys.refusals import InvalidInput, InvitationNotFound, NotFound, Refusal, TooManyRequests
from keys.sign_in.email_address import is_mailable, valid_email
from keys.sign_in.links import Page, link_digest
from keys.token import Secret
from keys.windows import AN_HOUR, retry_after
from models.agent import NamedAgent
from models.audit import AuditAction, instants_in_organization
from models.engine.ids import new_id
from models.engine.reader import Source
from models.invitation import (
    Invitation,
    InvitationMail,
    InvitationRecord,
    count_open,
    delete_invitation,
    insert_invitation,
    invitation_by_digest,
    invitation_by_id,
    invitation_record,
    invitations_of,
    mailed_since,
    renew_invitation,
)
from models.members import MemberRecord, member_record
from models.organization import live_organization
from models.person import Role, membership, person_by_email
from resolvers.audit import record
from resolvers.members import agents_for, locked_for, standing_words, summary_of
from resolvers.services import PeopleServices

OPEN_AT_MOST = 50
SENT_AN_HOUR = 100
MAILED_AN_HOUR = 3
"""To one address, whichever organizations invite it."""
NOT_MAILABLE = "Mail can't be sent to this address. Use one whose part before the @ has only ASCII letters and digits."
NO_AGENT_CHOSEN = "An agent admin administers agents: choose at least one."


@dataclass(eq=False)
class AlreadyMember(Refusal):
    """The address belongs to somebody who is in the organization."""

    member: MemberRecord

    @property
    def message(self) -> str:  # type: ignore[override]
        """Says who it is and what to do."""
        name = self.member.person.name
        return f"{name} is in this organization already. To change what they may do, change their role."


@dataclass(frozen=True, slots=True)
class Issued:
    """An invitation, with its link only if no mail server is set up: then the admin passes it on."""

    invitation: InvitationRecord
    link: Secret | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What the holder of a link may know before accepting the invitation."""

    invitation: InvitationRecord
    has_account: bool


async def invitations(source: Source, actor: Actor, *, organization_id: UUID) -> list[InvitationRecord]:
    """The organization's open invitations, newest first; none if the actor may not manage people."""
    if not policy.may_everywhere(actor, Action.MANAGE_MEMBERS, organization_id):
        return []
    return await invitations_of(source, organization_id)


async def invitation(source: Source, actor: Actor, *, invitation_id: UUID) -> InvitationRecord | None:
    """The open invitation with this id; None if there is none, or if the actor may not manage people there."""
    found = await invitation_record(source, invitation_id)
    is_shown = found is not None and policy.may_everywhere(actor, Action.MANAGE_MEMBERS, found.organization_id)
    return found if is_shown else None


async def invite(
    services: PeopleServices,
    actor: Actor,
    *,
    organization_id: UUID,
    email: str,
    role: Role,
    agent_ids: Collection[UUID],
) -> Issued:
    """
    Invites an address, instead of an earlier invitation of it.

    Raises NotFound, Forbidden, AlreadyMember, InvalidInput, TooManyRequests.
    """
    policy.require_everywhere(actor, Action.MANAGE_MEMBERS, organization_id)
    address = valid_email(email)
    if services.sends_mail and not is_mailable(address):
        raise InvalidInput("email", NOT_MAILABLE)
    async with services.database.transaction() as session:
        actor = await locked_for(session, actor, Action.MANAGE_MEMBERS, organization_id, now=services.clock())
        agents = await agents_for(session, organization_id, role, agent_ids)
        if role is Role.AGENT_ADMIN and not agents:
            raise InvalidInput("agentIds", NO_AGENT_CHOSEN)
        await _require_stranger(session, organization_id, address)
        now = services.clock()
        await _require_room(session, services, actor, organization_id, address, now)
        row_id = new_id()
        link = services.links.make(Page.INVITATION, row_id)
        row = Invitation(
            id=row_id,
            organization_id=organization_id,
            email=address,
            role=role,
            invited_by_id=actor.person_id,
            created_at=now,
            expires_at=now + services.invitation_lifetime,
            link_made_at=now,
            link_nonce=link.nonce,
            link_digest=link.digest,
            next_attempt_at=now if services.sends_mail else None,
        )
        await insert_invitation(session, row, [agent.id for agent in agents])
        await _record_invited(session, actor, row, agents, "was invited", now)
        shown = await _shown(session, row.id)
    return _issued(services, shown, link.token)


async def resend_invitation(services: PeopleServices, actor: Actor, *, invitation_id: UUID) -> Issued:
    """
    Mails the invitation again with a new link, and extends it. The link before stops working.

    Raises InvitationNotFound, Forbidden, TooManyRequests.
    """
    organization_id = await _organization_of(services, actor, invitation_id)
    async with services.database.transaction() as session:
        actor = await _locked_for_invitation(session, actor, organization_id, now=services.clock())
        row = await invitation_by_id(session, invitation_id)
        if row is None:
            raise InvitationNotFound
        now = services.clock()
        await _require_room(session, services, actor, organization_id, row.email, now)
        link = services.links.make(Page.INVITATION, row.id)
        await renew_invitation(
            session,
            row.id,
            link_made_at=now,
            link_nonce=link.nonce,
            link_digest=link.digest,
            expires_at=now + services.invitation_lifetime,
            # From now on it is this person's standing that the invitation rests on.
            invited_by_id=actor.person_id,
            next_attempt_at=now if services.sends_mail else None,
        )
        shown = await _shown(session, row.id)
        await _record_invited(session, actor, row, shown.agents, "was invited again", now)
    return _issued(services, shown, link.token)


async def revoke_invitation(services: PeopleServices, actor: Actor, *, invitation_id: UUID) -> InvitationRecord:
    """Ends the invitation: its link stops working. Raises InvitationNotFound, Forbidden."""
    organization_id = await _organization_of(services, actor, invitation_id)
    async with services.database.transaction() as session:
        actor = await _locked_for_invitation(session, actor, organization_id, now=services.clock())
        shown = await invitation_record(session, invitation_id)
        if shown is None or not await delete_invitation(session, invitation_id):
            raise InvitationNotFound
        await record(
            session,
            actor,
            AuditAction.INVITATION_REVOKED,
            summary_of(f"The invitation of {shown.email} was revoked."),
            organization_id=organization_id,
            now=services.clock(),
        )
    return shown


async def preview(services: PeopleServices, token: str) -> Preview | None:
    """What the link with this token leads to; None if it is not valid."""
    async with services.database.reading() as session:
        row = await valid_invitation(session, token, services.clock())
        shown = None if row is None else await invitation_record(session, row.id)
        if shown is None:
            return None
        person = await person_by_email(session, shown.email)
        return Preview(shown, has_account=person is not None and person.password_hash is not None)


async def valid_invitation(session: AsyncSession, token: str, now: datetime) -> Invitation | None:
    """The invitation whose link has this token, if it may be accepted now; else None."""
    digest = link_digest(token)
    return None if digest is None else await invitation_of_link(session, digest, now)


async def invitation_of_link(session: AsyncSession, digest: str, now: datetime) -> Invitation | None:
    """
    The invitation whose link has this digest, if it may be accepted now; else None.

    Whoever sent it must still be an organization admin.
    """
    row = await invitation_by_digest(session, digest)
    if row is None or row.expires_at <= now or await live_organization(session, row.organization_id) is None:
        return None
    if row.invited_by_id is not None:
        held = await membership(session, row.organization_id, row.invited_by_id)
        roles = {} if held is None else {row.organization_id: RoleGrant(held.role)}
        if not policy.may_everywhere(Actor(row.invited_by_id, roles), Action.MANAGE_MEMBERS, row.organization_id):
            return None
    return row


async def _organization_of(services: PeopleServices, actor: Actor, invitation_id: UUID) -> UUID:
    """
    The invitation's organization, if the actor may manage its people.

    Another organization's invitation gets the same refusal as one that does not exist. Raises InvitationNotFound,
    Forbidden.
    """
    policy.require_somewhere(actor, Action.MANAGE_MEMBERS)
    async with services.database.reading() as session:
        row = await invitation_by_id(session, invitation_id)
    if row is None or not (actor.is_operator or row.organization_id in actor.roles):
        raise InvitationNotFound
    policy.require_everywhere(actor, Action.MANAGE_MEMBERS, row.organization_id)
    return row.organization_id


async def _locked_for_invitation(session: AsyncSession, actor: Actor, organization_id: UUID, *, now: datetime) -> Actor:
    """As `locked_for`. An organization that was deleted, or left, meanwhile has no invitations any more."""
    try:
        return await locked_for(session, actor, Action.MANAGE_MEMBERS, organization_id, now=now)
    except NotFound:
        raise InvitationNotFound from None


async def _require_stranger(session: AsyncSession, organization_id: UUID, address: str) -> None:
    """Raises AlreadyMember if somebody in the organization has this address."""
    person = await person_by_email(session, address)
    known = None if person is None else await member_record(session, organization_id, person.id)
    if known is not None:
        raise AlreadyMember(known)


async def _require_room(
    session: AsyncSession,
    services: PeopleServices,
    actor: Actor,
    organization_id: UUID,
    address: str,
    now: datetime,
) -> None:
    """
    Raises InvalidInput if too many invitations are open, and TooManyRequests if the organization has sent too many, or
    if too many were mailed to this address: mails go to people who may not want them. The operator's count, too.
    """
    if await count_open(session, organization_id, now=now, except_email=address) >= OPEN_AT_MOST:
        message = f"There are {OPEN_AT_MOST} open invitations already. Revoke those that are not needed."
        raise InvalidInput("email", message)
    sent = await instants_in_organization(session, organization_id, [AuditAction.MEMBER_INVITED], since=now - AN_HOUR)
    if not actor.is_operator and (seconds := retry_after(sent, SENT_AN_HOUR, AN_HOUR, now)) is not None:
        raise TooManyRequests(
            f"This organization has sent {len(sent)} invitations within an hour. Wait a little, then continue.",
            retry_after_seconds=seconds,
        )
    if not services.sends_mail:
        return
    digest = hashlib.sha256(address.encode()).hexdigest()
    mailed = await mailed_since(session, digest, now - AN_HOUR)
    if (seconds := retry_after(mailed, MAILED_AN_HOUR, AN_HOUR, now)) is not None:
        raise TooManyRequests(
            f"This address was mailed {len(mailed)} invitations within an hour. Wait a little, then continue.",
            retry_after_seconds=seconds,
        )
    session.add(InvitationMail(email_digest=digest, at=now))


async def _record_invited(
    session: AsyncSession, actor: Actor, row: Invitation, agents: Collection[NamedAgent], what: str, now: datetime
) -> None:
    await record(
        session,
        actor,
        AuditAction.MEMBER_INVITED,
        summary_of(f"{row.email} {what} as {standing_words(row.role, list(agents))}."),
        organization_id=row.organization_id,
        now=now,
    )


async def _shown(session: AsyncSession, invitation_id: UUID) -> InvitationRecord:
    found = await invitation_record(session, invitation_id)
    if found is None:
        raise LookupError("an invitation that was written a moment ago can't be read")
    return found


def _issued(services: PeopleServices, shown: InvitationRecord, token: Secret) -> Issued:
    if services.sends_mail:
        services.wake_outbox()
        return Issued(shown, None)
    return Issued(shown, services.links.address(Page.INVITATION, token))
