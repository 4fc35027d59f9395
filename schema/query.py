"""The GraphQL queries. Each field checks permissions, calls a resolver, and converts the result."""

import strawberry

from models.engine.ids import Prefix, parse_external_id
from resolvers import api_keys, conversations
from resolvers.assistant import diagnose_request
from schema.api_key import ApiKey, to_api_key
from schema.ask import asker
from schema.context import Info
from schema.permissions import SignedIn
from schema.support import Conversation, Diagnosis, to_conversation, to_diagnosis
from schema.viewer import Organization, Viewer, to_organization, to_viewer


@strawberry.type
class Query:
    @strawberry.field(
        description=(
            "Null when nobody is signed in. Everything except supportEmail, signIn and signOut then answers "
            "UNAUTHENTICATED."
        )
    )
    def viewer(self, info: Info) -> Viewer | None:
        signed_in = info.context.visit.signed_in
        return None if signed_in is None else to_viewer(signed_in)

    @strawberry.field(description="The address of support, if the operator set one. Available without signing in.")
    def support_email(self, info: Info) -> str | None:
        if info.context.visit.signed_in is not None:
            info.context.require_signed_in()
        return info.context.support_email

    @strawberry.field(
        permission_classes=[SignedIn],
        description="Null if the organization does not exist or the viewer is not in it; the two look the same.",
    )
    def organization(self, info: Info, id: strawberry.ID) -> Organization | None:
        organization_id = parse_external_id(Prefix.ORGANIZATION, id)
        for membership in info.context.require_signed_in().memberships:
            if membership.organization.id == organization_id:
                return to_organization(membership)
        return None

    @strawberry.field(
        permission_classes=[SignedIn],
        description="Null if the key does not exist or the viewer is not allowed to see it; the two look the same.",
    )
    async def api_key(self, info: Info, id: strawberry.ID) -> ApiKey | None:
        context = info.context
        key_id = parse_external_id(Prefix.API_KEY, id)
        if key_id is None:
            return None
        record = await api_keys.api_key(context.reader, context.actor, key_id=key_id)
        return None if record is None else to_api_key(record, context.actor, context.services.clock())

    @strawberry.field(
        permission_classes=[SignedIn],
        description=(
            "Explains why a request was refused. The id is the requestId of the 401, 403 or 429 answer. A request that "
            "does not exist and a request whose key the viewer is not allowed to see give the same answer: "
            "NEEDS_DETAILS. A request without a key, or with a malformed or unknown key, belongs to no organization, "
            "so everybody who has its id gets the reason."
        ),
    )
    async def diagnose_request(
        self, info: Info, organization_id: strawberry.ID, request_id: strawberry.ID
    ) -> Diagnosis:
        context = info.context
        return to_diagnosis(await diagnose_request(context.assistant, asker(context, organization_id), request_id))

    @strawberry.field(
        permission_classes=[SignedIn],
        description="One of the viewer's own conversations, in an organization that the viewer is still in; else null.",
    )
    async def conversation(self, info: Info, id: strawberry.ID) -> Conversation | None:
        context = info.context
        conversation_id = parse_external_id(Prefix.CONVERSATION, id)
        record = await conversations.conversation(context.reader, context.actor, conversation_id)
        return None if record is None else to_conversation(record)
