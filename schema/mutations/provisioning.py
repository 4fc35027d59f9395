"""The GraphQL mutations of a host product's programs, and the one that uses up a link of theirs."""

from uuid import UUID

import strawberry

from models.engine.ids import NO_SUCH_ID, Prefix, external_id, parse_external_id
from resolvers.provisioning import agents, members, organizations, sign_in_links
from resolvers.provisioning.members import MemberWish
from resolvers.provisioning.organizations import Limits
from resolvers.provisioning.own_ids import named_id
from resolvers.provisioning.sign_in_links import DEFAULT_PATH
from schema.api_key import to_agent
from schema.context import Info
from schema.members import to_member
from schema.organization import Role, to_role
from schema.permissions import MayProvision, MaySignPeopleIn
from schema.provisioning import (
    AgentEnsured,
    CreateSignInLinkResult,
    DeleteOrganizationResult,
    EnsureAgentResult,
    EnsureMemberResult,
    EnsureOrganizationResult,
    EnterByLinkResult,
    EnteredByLink,
    MemberEnsured,
    OrganizationDeleted,
    OrganizationEnsured,
    SignInLinkCreated,
    to_organization_record,
)
from schema.viewer import to_viewer


@strawberry.input
class EnsureOrganizationInput:
    external_id: str = strawberry.field(description="The host product's own id, 1 to 255 characters, unique here.")
    name: str
    key_limit: int | None = strawberry.field(
        default=None, description="Left out: the default for a new organization, unchanged for an existing one."
    )
    rate_limit: int | None = None
    monthly_quota: int | None = None


@strawberry.input
class DeleteOrganizationInput:
    id: strawberry.ID = strawberry.field(description="Or ext: and the host product's own id.")


@strawberry.input
class EnsureAgentInput:
    organization_id: strawberry.ID
    external_id: str = strawberry.field(description="Unique in the organization.")
    name: str


@strawberry.input
class EnsureMemberInput:
    organization_id: strawberry.ID
    external_id: str = strawberry.field(
        description="The host product's own id of the person, unique here. It finds the person; the address never does."
    )
    email: str
    name: str
    role: Role
    agent_ids: list[strawberry.ID] = strawberry.field(default_factory=list)


@strawberry.input
class CreateSignInLinkInput:
    organization_id: strawberry.ID
    external_id: str = strawberry.field(description="The member, by the host product's id.")
    path: str = strawberry.field(
        default=DEFAULT_PATH,
        description="Where to arrive: a path of the console below the organization, such as api-keys.",
    )
    return_url: str | None = strawberry.field(
        default=None,
        description=(
            "An address of the host product; the console offers a way back to it. Its origin is one of "
            "KEYDESK_RETURN_ORIGINS."
        ),
    )


@strawberry.input
class EnterByLinkInput:
    token: str = strawberry.field(description="What follows # in the link.")
    replaces_session: bool = strawberry.field(
        default=False, description="Whether the session of somebody else in this browser may end: ask them first."
    )


_FOR_PROVISIONING = "For operator tokens that may provision."


@strawberry.type
class ProvisioningMutations:
    @strawberry.mutation(
        permission_classes=[MayProvision],
        description=f"Creates the organization with this external id, or changes it. {_FOR_PROVISIONING}",
    )
    async def ensure_organization(self, info: Info, input: EnsureOrganizationInput) -> EnsureOrganizationResult | None:
        context = info.context
        ensured = await organizations.ensure_organization(
            context.services,
            context.actor,
            external_id=input.external_id,
            name=input.name,
            limits=Limits(input.key_limit, input.rate_limit, input.monthly_quota),
        )
        return OrganizationEnsured(organization=to_organization_record(ensured.organization), created=ensured.created)

    @strawberry.mutation(
        permission_classes=[MayProvision],
        description=(
            "Deletes the organization, its agents and its keys. Takes effect at once: no verification with one of "
            f"these keys that starts after this has answered succeeds. {_FOR_PROVISIONING}"
        ),
    )
    async def delete_organization(self, info: Info, input: DeleteOrganizationInput) -> DeleteOrganizationResult | None:
        context = info.context
        organization_id = await named_id(context.services.database, context.actor, Prefix.ORGANIZATION, input.id)
        deleted = await organizations.delete_organization(
            context.services, context.actor, organization_id=organization_id
        )
        for person_id in deleted.person_ids:
            context.visit.standing_changed(person_id)
        return OrganizationDeleted(
            organization=to_organization_record(deleted.organization), deleted_key_count=len(deleted.key_ids)
        )

    @strawberry.mutation(
        permission_classes=[MayProvision],
        description=f"Creates the organization's agent with this external id, or renames it. {_FOR_PROVISIONING}",
    )
    async def ensure_agent(self, info: Info, input: EnsureAgentInput) -> EnsureAgentResult | None:
        context, organization_id = info.context, _id(Prefix.ORGANIZATION, input.organization_id)
        ensured = await agents.ensure_agent(
            context.services,
            context.actor,
            organization_id=organization_id,
            external_id=input.external_id,
            name=input.name,
        )
        return AgentEnsured(agent=to_agent(ensured.agent, organization_id), created=ensured.created)

    @strawberry.mutation(
        permission_classes=[MayProvision],
        description=(
            "Makes the person with this external id a member of the organization, or changes address, name, role and "
            f"agents. {_FOR_PROVISIONING}"
        ),
    )
    async def ensure_member(self, info: Info, input: EnsureMemberInput) -> EnsureMemberResult | None:
        context = info.context
        wish = MemberWish(
            organization_id=_id(Prefix.ORGANIZATION, input.organization_id),
            external_id=input.external_id,
            email=input.email,
            name=input.name,
            role=to_role(input.role),
            agent_ids={_id(Prefix.AGENT, each) for each in input.agent_ids},
        )
        ensured = await members.ensure_member(context.services, context.actor, wish)
        context.visit.standing_changed(ensured.member.person.id)
        return MemberEnsured(member=to_member(ensured.member, context.actor), created=ensured.created)

    @strawberry.mutation(
        permission_classes=[MaySignPeopleIn],
        description=(
            "A link that signs a member in: good for 60 seconds, once. Send the member's browser there at once. For "
            "operator tokens that may sign people in."
        ),
    )
    async def create_sign_in_link(self, info: Info, input: CreateSignInLinkInput) -> CreateSignInLinkResult | None:
        context = info.context
        created = await sign_in_links.create_sign_in_link(
            context.people,
            context.actor,
            organization_id=_id(Prefix.ORGANIZATION, input.organization_id),
            external_id=input.external_id,
            path=input.path,
            return_url=input.return_url,
        )
        return SignInLinkCreated(url=created.url.reveal(), expires_at=created.expires_at)

    @strawberry.mutation(
        description=(
            "Uses up a link of a host product: signs its member in, to its organization only. Available without "
            "signing in."
        )
    )
    async def enter_by_link(self, info: Info, input: EnterByLinkInput) -> EnterByLinkResult | None:
        entered = await info.context.visit.enter(input.token, replaces_session=input.replaces_session)
        return EnteredByLink(
            viewer=to_viewer(entered.sign_in.signed_in),
            organization_id=strawberry.ID(external_id(Prefix.ORGANIZATION, entered.organization_id)),
            path=entered.path,
        )


def _id(prefix: Prefix, text: strawberry.ID) -> UUID:
    return parse_external_id(prefix, text) or NO_SUCH_ID
