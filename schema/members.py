"""GraphQL types of an organization's people and invitations, and of the results of changing them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry.types.field import StrawberryField

from keys import policy
from keys.policy import Action, Actor
from models.engine.ids import Prefix, external_id
from models.invitation import InvitationRecord
from models.members import MemberRecord
from resolvers import invitations
from resolvers.invitations import Preview
from schema.api_key import Agent, ApiKey, to_agents, to_api_key
from schema.context import Info
from schema.interfaces import Node, Refusal
from schema.organization import Role, User, to_user
from schema.refusals import InvalidInput, InvitationNotFound, LastOrganizationAdmin, MemberNotFound
from schema.tokens.types import ServiceToken, to_service_token


@strawberry.type(description="A person in an organization.")
class Member:
    organization_id: strawberry.Private[UUID]
    person_id: strawberry.Private[UUID]
    user: User
    role: Role
    agents: list[Agent] = strawberry.field(
        description="The agents that this person administers, by name. Empty unless the role is AGENT_ADMIN."
    )
    joined_at: datetime
    last_signed_in_at: datetime | None
    external_id: str | None = strawberry.field(description="The id that a host product gave this person. Else null.")
    viewer_can_manage: bool

    @strawberry.field(
        description=(
            "Active keys whose secret this person was shown, newest first: if the person leaves, rotate those that "
            "matter. Empty unless the viewer can manage people."
        )
    )
    async def keys_seen(self, info: Info) -> list[ApiKey]:
        context, now = info.context, info.context.services.clock()
        found = await context.members.keys_seen.load(self.organization_id)
        return [to_api_key(each, context.actor, now) for each in found.get(self.person_id, [])]

    @strawberry.field(
        description=(
            "Service tokens that this person made and that work, newest first. They go on working when the person "
            "leaves. Empty unless the viewer can manage tokens."
        )
    )
    async def service_tokens(self, info: Info) -> list[ServiceToken]:
        found = await info.context.tokens.made_in.load(self.organization_id)
        return [to_service_token(each) for each in found.get(self.person_id, [])]


@strawberry.type(description="An invitation that was not accepted or revoked.")
class Invitation(Node):
    id: strawberry.ID
    email: str
    role: Role
    agents: list[Agent]
    invited_by: User | None = strawberry.field(description="Null if the operator sent it.")
    created_at: datetime
    expires_at: datetime
    sent_at: datetime | None = strawberry.field(
        description="When the mail server accepted the mail. Null while it waits, and if no mail server is set up."
    )


@strawberry.type(description="What the holder of an invitation link may know before accepting it.")
class InvitationPreview:
    organization_id: strawberry.ID = strawberry.field(description="Where to go after accepting it.")
    organization_name: str
    email: str
    role: Role
    expires_at: datetime
    has_account: bool = strawberry.field(
        description="True if the address has an account: then its password is asked for, not a new one."
    )


@strawberry.type(description="A new invitation, or one with a new link.")
class InvitationIssued:
    invitation: Invitation
    link: str | None = strawberry.field(
        description="Only if no mail server is set up: the link, shown this once, for the admin to pass on."
    )


@strawberry.type(description="The invitation's link no longer works.")
class InvitationRevoked:
    invitation: Invitation


@strawberry.type(description="Somebody with this address is in the organization.")
class AlreadyMember(Refusal):
    code: str = "ALREADY_MEMBER"
    member: Member


@strawberry.type(description="The person is no longer in the organization.")
class MemberRemoved:
    user: User
    keys_seen: list[ApiKey] = strawberry.field(
        description="Active keys whose secret this person was shown, newest first: rotate those that matter."
    )
    service_tokens: list[ServiceToken] = strawberry.field(
        description="Service tokens that this person made and that still work, newest first: revoke those not needed."
    )


class ShowAlreadyMember(strawberry.ExceptionHandler[invitations.AlreadyMember, AlreadyMember]):
    def handle(self, exception: invitations.AlreadyMember, *, field: StrawberryField, info: Info) -> AlreadyMember:
        return AlreadyMember(message=exception.message, member=to_member(exception.member, info.context.actor))


InviteMemberResult = Annotated[InvitationIssued | AlreadyMember | InvalidInput, strawberry.union("InviteMemberResult")]
ResendInvitationResult = Annotated[InvitationIssued | InvitationNotFound, strawberry.union("ResendInvitationResult")]
RevokeInvitationResult = Annotated[InvitationRevoked | InvitationNotFound, strawberry.union("RevokeInvitationResult")]
ChangeMemberResult = Annotated[
    Member | MemberNotFound | LastOrganizationAdmin | InvalidInput, strawberry.union("ChangeMemberResult")
]
RemoveMemberResult = Annotated[
    MemberRemoved | MemberNotFound | LastOrganizationAdmin, strawberry.union("RemoveMemberResult")
]


def to_member(record: MemberRecord, actor: Actor) -> Member:
    """Converts a person to the GraphQL type, as this actor sees them."""
    return Member(
        organization_id=record.organization_id,
        person_id=record.person.id,
        user=to_user(record.person),
        role=Role(record.role),
        agents=to_agents(record.agents, record.organization_id),
        joined_at=record.joined_at,
        last_signed_in_at=record.last_signed_in_at,
        external_id=record.external_id,
        viewer_can_manage=policy.may_everywhere(actor, Action.MANAGE_MEMBERS, record.organization_id),
    )


def to_invitation(record: InvitationRecord) -> Invitation:
    """Converts an invitation to the GraphQL type."""
    return Invitation(
        id=strawberry.ID(external_id(Prefix.INVITATION, record.id)),
        email=record.email,
        role=Role(record.role),
        agents=to_agents(record.agents, record.organization_id),
        invited_by=None if record.invited_by is None else to_user(record.invited_by),
        created_at=record.created_at,
        expires_at=record.expires_at,
        sent_at=record.sent_at,
    )


def to_issued(issued: invitations.Issued) -> InvitationIssued:
    """Converts an invitation with its link, if there is one to show."""
    link = None if issued.link is None else issued.link.reveal()
    return InvitationIssued(invitation=to_invitation(issued.invitation), link=link)


def to_preview(preview: Preview) -> InvitationPreview:
    """Converts what the holder of a link may know."""
    shown = preview.invitation
    return InvitationPreview(
        organization_id=strawberry.ID(external_id(Prefix.ORGANIZATION, shown.organization_id)),
        organization_name=shown.organization_name,
        email=shown.email,
        role=Role(shown.role),
        expires_at=shown.expires_at,
        has_account=preview.has_account,
    )
