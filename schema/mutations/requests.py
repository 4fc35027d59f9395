"""The GraphQL mutations of requests for API keys."""

import strawberry

from keys.refusals import NotFound
from models.engine.ids import NO_SUCH_ID, Prefix, parse_external_id
from resolvers.key_requests import close_key_request, request_api_key
from schema.context import Info
from schema.key_request import ApiKeyRequested, RequestApiKeyResult, to_key_request
from schema.permissions import SignedIn


@strawberry.input
class RequestApiKeyInput:
    organization_id: strawberry.ID
    name: str = strawberry.field(description="As for an API key.")
    agent_id: strawberry.ID | None = strawberry.field(
        default=None, description="The agent of the key. Without it, an organization-level key is asked for."
    )
    reason: str = strawberry.field(description="What the key is for; 1 to 1000 characters.")


@strawberry.type
class KeyRequestMutations:
    @strawberry.mutation(
        permission_classes=[SignedIn],
        description=(
            "Asks the organization's admins for a key, for somebody who can't create it; at most 5 times a day. "
            "RATE_LIMITED after that, FORBIDDEN for somebody who can create it."
        ),
    )
    async def request_api_key(self, info: Info, input: RequestApiKeyInput) -> RequestApiKeyResult | None:
        context = info.context
        organization_id = parse_external_id(Prefix.ORGANIZATION, input.organization_id)
        if organization_id is None:
            raise NotFound
        asked = await request_api_key(
            context.people,
            context.actor,
            organization_id=organization_id,
            name=input.name,
            agent_id=None if input.agent_id is None else parse_external_id(Prefix.AGENT, input.agent_id) or NO_SUCH_ID,
            reason=input.reason,
        )
        return ApiKeyRequested(key_request=to_key_request(asked.request), is_mailed=asked.is_mailed)

    @strawberry.mutation(
        permission_classes=[SignedIn],
        description=(
            "Marks the request as dealt with: it is no longer listed. False if it is not there any more. For "
            "organization admins."
        ),
    )
    async def close_key_request(self, info: Info, id: strawberry.ID) -> bool | None:
        context = info.context
        request_id = parse_external_id(Prefix.KEY_REQUEST, id) or NO_SUCH_ID
        return await close_key_request(context.people, context.actor, request_id=request_id)
