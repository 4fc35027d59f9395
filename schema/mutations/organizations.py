"""The GraphQL mutation of an organization's settings."""

import strawberry

from models.engine.ids import NO_SUCH_ID, Prefix, parse_external_id
from resolvers import organizations
from schema.context import Info
from schema.permissions import MayChangeOrganization, SignedIn
from schema.viewer import Organization, to_organization


@strawberry.input
class ChangeOrganizationInput:
    organization_id: strawberry.ID
    allows_assistant_model: bool | None = strawberry.field(
        default=None, description="Without a value, this setting stays as it is."
    )


@strawberry.type
class OrganizationMutations:
    @strawberry.mutation(
        permission_classes=[SignedIn, MayChangeOrganization],
        description="Changes the organization's settings. For organization admins.",
    )
    async def change_organization(self, info: Info, input: ChangeOrganizationInput) -> Organization | None:
        context = info.context
        return to_organization(
            await organizations.change_organization(
                context.services,
                context.actor,
                organization_id=parse_external_id(Prefix.ORGANIZATION, input.organization_id) or NO_SUCH_ID,
                allows_assistant_model=input.allows_assistant_model,
            )
        )
