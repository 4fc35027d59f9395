"""The GraphQL mutations of an organization's people and invitations."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

import strawberry

from keys.refusals import NotFound
from models.engine.ids import NO_SUCH_ID, Prefix, parse_external_id
from resolvers import invitations, members
from resolvers.provisioning.own_ids import named_id
from schema.api_key import to_api_key
from schema.context import Info
from schema.members import (
    ChangeMemberResult,
    InvitationRevoked,
    InviteMemberResult,
    MemberRemoved,
    RemoveMemberResult,
    ResendInvitationResult,
    RevokeInvitationResult,
    to_invitation,
    to_issued,
    to_member,
)
from schema.organization import Role, to_role, to_user
from schema.permissions import MayManagePeople, MayRemovePeople, SignedIn
from schema.refusals import InvalidInput, LinkNotValid, SignInRefused
from schema.tokens.types import to_service_token
from schema.viewer import Viewer, to_viewer

_OR_OWN_ID = "For operator tokens that may provision also ext: and the host product's own id."


@strawberry.input
class InviteMemberInput:
    organization_id: strawberry.ID
    email: str
    role: Role
    agent_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="At least one for AGENT_ADMIN, none for the other roles."
    )


@strawberry.input
class InvitationIdInput:
    id: strawberry.ID


@strawberry.input
class ChangeMemberInput:
    organization_id: strawberry.ID
    user_id: strawberry.ID
    role: Role
    agent_ids: list[strawberry.ID] = strawberry.field(default_factory=list)


@strawberry.input
class RemoveMemberInput:
    organization_id: strawberry.ID = strawberry.field(description=_OR_OWN_ID)
    user_id: strawberry.ID = strawberry.field(description=_OR_OWN_ID)


@strawberry.input
class AcceptInvitationInput:
    token: str = strawberry.field(description="What follows # in the link.")
    name: str | None = strawberry.field(default=None, description="Required for a new account; 1 to 64 characters.")
    password: str | None = strawberry.field(
        default=None,
        description=(
            "For a new account, its password. For an account that exists, the one it has; not needed when signed in "
            "to it."
        ),
    )


AcceptInvitationResult = Annotated[
    Viewer | LinkNotValid | SignInRefused | InvalidInput, strawberry.union("AcceptInvitationResult")
]


@strawberry.type
class PeopleMutations:
    @strawberry.mutation(description="Joins the organization and signs in. Available without signing in.")
    async def accept_invitation(self, info: Info, input: AcceptInvitationInput) -> AcceptInvitationResult | None:
        return to_viewer(await info.context.visit.accept_invitation(input.token, input.name, input.password))

    @strawberry.mutation(
        permission_classes=[MayManagePeople],
        description=(
            "Invites an address, by mail if a mail server is set up. Inviting an address again replaces its "
            "invitation. For organization admins."
        ),
    )
    async def invite_member(self, info: Info, input: InviteMemberInput) -> InviteMemberResult | None:
        return to_issued(
            await invitations.invite(
                info.context.people,
                info.context.actor,
                organization_id=_organization_id(input.organization_id),
                email=input.email,
                role=to_role(input.role),
                agent_ids=_agent_ids(input.agent_ids),
            )
        )

    @strawberry.mutation(
        permission_classes=[SignedIn],
        description=(
            "Sends the mail again with a new link, and extends the invitation; the link before stops working. For "
            "organization admins."
        ),
    )
    async def resend_invitation(self, info: Info, input: InvitationIdInput) -> ResendInvitationResult | None:
        context = info.context
        return to_issued(
            await invitations.resend_invitation(
                context.people, context.actor, invitation_id=_id(Prefix.INVITATION, input.id)
            )
        )

    @strawberry.mutation(permission_classes=[SignedIn], description="The link stops working. For organization admins.")
    async def revoke_invitation(self, info: Info, input: InvitationIdInput) -> RevokeInvitationResult | None:
        context = info.context
        revoked = await invitations.revoke_invitation(
            context.people, context.actor, invitation_id=_id(Prefix.INVITATION, input.id)
        )
        return InvitationRevoked(invitation=to_invitation(revoked))

    @strawberry.mutation(
        permission_classes=[MayManagePeople],
        description=(
            "Sets the person's role and the agents that they administer, from their next request on. For organization "
            "admins."
        ),
    )
    async def change_member(self, info: Info, input: ChangeMemberInput) -> ChangeMemberResult | None:
        context = info.context
        changed = await members.change_member(
            context.services,
            context.actor,
            organization_id=_organization_id(input.organization_id),
            person_id=_id(Prefix.PERSON, input.user_id),
            role=to_role(input.role),
            agent_ids=_agent_ids(input.agent_ids),
        )
        context.visit.standing_changed(changed.person.id)
        return to_member(changed, context.actor)

    @strawberry.mutation(
        permission_classes=[MayRemovePeople],
        description=(
            "The person's next request sees the organization no more, open streams end, and if it was their only one, "
            "they are signed out. The keys that they created live on. For organization admins, and for operator "
            "tokens that may provision."
        ),
    )
    async def remove_member(self, info: Info, input: RemoveMemberInput) -> RemoveMemberResult | None:
        context = info.context
        database, actor = context.services.database, context.actor
        removed = await members.remove_member(
            context.services,
            actor,
            organization_id=await named_id(database, actor, Prefix.ORGANIZATION, input.organization_id),
            person_id=await named_id(database, actor, Prefix.PERSON, input.user_id),
        )
        context.visit.standing_changed(removed.person.id)
        now = context.services.clock()
        return MemberRemoved(
            user=to_user(removed.person),
            keys_seen=[to_api_key(each, context.actor, now) for each in removed.keys_seen],
            service_tokens=[to_service_token(each) for each in removed.tokens_made],
        )


def _organization_id(text: strawberry.ID) -> UUID:
    organization_id = parse_external_id(Prefix.ORGANIZATION, text)
    if organization_id is None:
        raise NotFound
    return organization_id


def _id(prefix: Prefix, text: strawberry.ID) -> UUID:
    return parse_external_id(prefix, text) or NO_SUCH_ID


def _agent_ids(texts: Iterable[strawberry.ID]) -> set[UUID]:
    return {_id(Prefix.AGENT, text) for text in texts}
