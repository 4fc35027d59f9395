"""The GraphQL mutations of service tokens."""

import strawberry

from keys.refusals import NotFound
from models.engine.ids import NO_SUCH_ID, Prefix, parse_external_id
from resolvers.tokens import service_tokens
from schema.context import Info
from schema.organization import Role, to_role
from schema.permissions import MayManageTokens, SignedIn
from schema.tokens.types import (
    CreateServiceTokenResult,
    RevokeServiceTokenResult,
    ServiceTokenRevoked,
    to_issued,
    to_service_token,
)


@strawberry.input
class CreateServiceTokenInput:
    organization_id: strawberry.ID
    name: str = strawberry.field(description="As for an API key.")
    role: Role = strawberry.field(description="ORGANIZATION_ADMIN or AGENT_ADMIN.")
    agent_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="At least one for AGENT_ADMIN, none for the other role."
    )
    expires_in_days: int = strawberry.field(description="1 to 366.")


@strawberry.input
class RevokeServiceTokenInput:
    id: strawberry.ID


@strawberry.type
class TokenMutations:
    @strawberry.mutation(
        permission_classes=[MayManageTokens],
        description=(
            "Issues a token with which a program manages the organization's keys. At most 20 tokens that work: beyond "
            "that, InvalidInput. For organization admins, never for programs."
        ),
    )
    async def create_service_token(self, info: Info, input: CreateServiceTokenInput) -> CreateServiceTokenResult | None:
        context = info.context
        organization_id = parse_external_id(Prefix.ORGANIZATION, input.organization_id)
        if organization_id is None:
            raise NotFound
        issued = await service_tokens.create_service_token(
            context.services,
            context.program_tokens,
            context.actor,
            organization_id=organization_id,
            name=input.name,
            role=to_role(input.role),
            agent_ids={parse_external_id(Prefix.AGENT, each) or NO_SUCH_ID for each in input.agent_ids},
            expires_in_days=input.expires_in_days,
        )
        return to_issued(issued)

    @strawberry.mutation(
        permission_classes=[SignedIn],
        description=(
            "Takes effect at once: requests with the token that start after this has answered are refused. Revoking it "
            "again changes nothing. For organization admins, never for programs."
        ),
    )
    async def revoke_service_token(self, info: Info, input: RevokeServiceTokenInput) -> RevokeServiceTokenResult | None:
        context = info.context
        token_id = parse_external_id(Prefix.TOKEN, input.id) or NO_SUCH_ID
        revoked = await service_tokens.revoke_service_token(context.services, context.actor, token_id=token_id)
        return ServiceTokenRevoked(service_token=to_service_token(revoked))
