"""The GraphQL queries. Each field checks permissions, calls a resolver, and converts the result."""

from enum import Enum

import strawberry

from keys.sign_in.methods import Kind
from models.engine.ids import Prefix, parse_external_id
from resolvers import api_keys, conversations, invitations
from resolvers.assistant import diagnose_request
from resolvers.provisioning import organizations
from schema.api_key import ApiKey, to_api_key
from schema.ask import asker
from schema.context import Info
from schema.interfaces import Node
from schema.members import InvitationPreview, to_preview
from schema.node import find_node
from schema.permissions import HasRoles, MayProvision, SignedIn
from schema.provisioning import OrganizationRecordConnection, to_organization_connection
from schema.support import Conversation, Diagnosis, to_conversation, to_diagnosis
from schema.viewer import Organization, Viewer, to_organization, to_viewer


@strawberry.enum
class SignInMethodKind(Enum):
    PASSWORD = Kind.PASSWORD
    OPENID_CONNECT = Kind.OPENID_CONNECT


@strawberry.type
class SignInMethod:
    kind: SignInMethodKind
    label: str = strawberry.field(description="What the button says, such as the identity provider's name.")
    url: str | None = strawberry.field(description="Where to send the browser. Null for PASSWORD.")


@strawberry.type
class Query:
    @strawberry.field(
        description=(
            "Null when nobody is signed in, and for programs, which send a token. Without either, everything "
            "except supportEmail, signInMethods, invitation, signIn, signOut, "
            "acceptInvitation, requestPasswordReset and resetPassword answers UNAUTHENTICATED."
        )
    )
    def viewer(self, info: Info) -> Viewer | None:
        signed_in = info.context.visit.signed_in
        return None if signed_in is None else to_viewer(signed_in)

    @strawberry.field(description="The address of support, if the operator set one. Available without signing in.")
    def support_email(self, info: Info) -> str | None:
        return info.context.support_email

    @strawberry.field(
        description=(
            "How people can sign in here, in the order in which to offer it. If PASSWORD is not the first, it is only "
            "for the few people whom the operator has marked. Available without signing in."
        )
    )
    def sign_in_methods(self, info: Info) -> list[SignInMethod]:
        url = info.context.public_url
        return [
            SignInMethod(
                kind=SignInMethodKind(each.kind), label=each.label, url=None if each.path is None else url + each.path
            )
            for each in info.context.sign_in_methods
        ]

    @strawberry.field(
        permission_classes=[HasRoles],
        description="Null if the organization does not exist or the viewer is not in it; the two look the same.",
    )
    def organization(self, info: Info, id: strawberry.ID) -> Organization | None:
        organization_id = parse_external_id(Prefix.ORGANIZATION, id)
        for membership in info.context.memberships:
            if membership.organization.id == organization_id:
                return to_organization(membership)
        return None

    @strawberry.field(
        permission_classes=[HasRoles],
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
            "so everybody who has its id gets the reason. language is a BCP 47 tag, as in AskAssistantInput; English "
            "without it."
        ),
    )
    async def diagnose_request(
        self, info: Info, organization_id: strawberry.ID, request_id: strawberry.ID, language: str | None = None
    ) -> Diagnosis:
        context = info.context
        asking = asker(context, organization_id)
        return to_diagnosis(await diagnose_request(context.assistant, asking, request_id, language))

    @strawberry.field(
        permission_classes=[SignedIn],
        description="One of the viewer's own conversations, in an organization that the viewer is still in; else null.",
    )
    async def conversation(self, info: Info, id: strawberry.ID) -> Conversation | None:
        context = info.context
        conversation_id = parse_external_id(Prefix.CONVERSATION, id)
        record = await conversations.conversation(context.reader, context.actor, conversation_id)
        return None if record is None else to_conversation(record)

    @strawberry.field(
        permission_classes=[HasRoles],
        description=(
            "The object with this id, of any type that has one, for clients that read an object again. Null if it does "
            "not exist or the viewer is not allowed to see it; the two look the same."
        ),
    )
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        return await find_node(info.context, id)

    @strawberry.field(
        permission_classes=[MayProvision],
        description=(
            "All organizations, oldest first, or the one with this external id. For operator tokens that may provision."
        ),
    )
    async def organizations(
        self, info: Info, external_id: str | None = None, first: int = 50, after: str | None = None
    ) -> OrganizationRecordConnection:
        context = info.context
        async with context.services.database.reading() as session:
            page = await organizations.organizations(
                session, context.actor, external_id=external_id, first=first, after=after
            )
        return to_organization_connection(page)

    @strawberry.field(
        description=(
            "What an invitation link leads to. Null if it was used, revoked, has expired or never was. Available "
            "without signing in."
        )
    )
    async def invitation(self, info: Info, token: str) -> InvitationPreview | None:
        found = await invitations.preview(info.context.people, token)
        return None if found is None else to_preview(found)
