"""
The GraphQL mutations. Each field checks permissions, calls a resolver, and converts the result.

Results are nullable, so that an error in one field of a document does not remove the secret that another field has just
issued.
"""

from typing import Annotated
from uuid import UUID

import strawberry

from keys.refusals import ApiKeyNotFound as NoSuchKey
from keys.refusals import NotFound, Unauthenticated
from models.engine.ids import Prefix, parse_external_id
from resolvers import api_keys, conversations
from resolvers.create_api_key import create_api_key
from resolvers.services import Issued
from resolvers.tickets import contact_support
from schema.api_key import ApiKey, ApiKeyDeleted, ApiKeyIssued, ApiKeyScope, to_api_key, to_scope
from schema.ask import (
    AskAssistantInput,
    AskAssistantResult,
    ContactSupportResult,
    asker,
    whole_answer,
)
from schema.context import Info
from schema.organization import to_allowance
from schema.permissions import MayCreateKeys, MayDeleteKeys, MayRenameKeys, MayRotateKeys, SignedIn
from schema.refusals import ApiKeyNotFound, InvalidInput, KeyLimitReached, SignInRefused
from schema.support import Message, to_message, to_ticket
from schema.viewer import Viewer, to_viewer

NO_SUCH_ID = UUID(int=0)
"""Replaces an id that can't be parsed, so that it gets the same refusal as an id that does not exist."""


@strawberry.input
class SignInInput:
    email: str
    password: str


@strawberry.input
class ChangePasswordInput:
    current_password: str
    new_password: str = strawberry.field(description="At least 12 characters.")


@strawberry.input
class CreateApiKeyInput:
    organization_id: strawberry.ID
    name: str = strawberry.field(
        description=(
            "1 to 64 characters after trimming and NFC, none of them control, format, surrogate, private, unassigned "
            "or line-separating, at least one of them visible, and not an API key. Need not be unique."
        )
    )
    scope: ApiKeyScope
    agent_id: strawberry.ID | None = strawberry.field(
        default=None, description="Required for AGENT, refused for ORGANIZATION."
    )


@strawberry.input
class RenameApiKeyInput:
    id: strawberry.ID
    name: str


@strawberry.input
class RotateApiKeyInput:
    id: strawberry.ID
    overlap_seconds: int = strawberry.field(
        default=0, description="How long the previous secret continues to work; at most 86400."
    )


@strawberry.input
class DeleteApiKeyInput:
    id: strawberry.ID


SignInResult = Annotated[Viewer | SignInRefused, strawberry.union("SignInResult")]
ChangePasswordResult = Annotated[Viewer | InvalidInput, strawberry.union("ChangePasswordResult")]
CreateApiKeyResult = Annotated[ApiKeyIssued | KeyLimitReached | InvalidInput, strawberry.union("CreateApiKeyResult")]
RenameApiKeyResult = Annotated[ApiKey | InvalidInput | ApiKeyNotFound, strawberry.union("RenameApiKeyResult")]
RotateApiKeyResult = Annotated[ApiKeyIssued | InvalidInput | ApiKeyNotFound, strawberry.union("RotateApiKeyResult")]
DeleteApiKeyResult = Annotated[ApiKeyDeleted | ApiKeyNotFound, strawberry.union("DeleteApiKeyResult")]


@strawberry.type
class Mutation:
    @strawberry.mutation(description="Starts a new session and sets its cookie.")
    async def sign_in(self, info: Info, input: SignInInput) -> SignInResult | None:
        return to_viewer(await info.context.visit.sign_in(input.email, input.password))

    @strawberry.mutation(description="Ends the session, if there is one.")
    async def sign_out(self, info: Info) -> bool | None:
        await info.context.visit.sign_out()
        return True

    @strawberry.mutation(description="Ends the person's other sessions.")
    async def change_password(self, info: Info, input: ChangePasswordInput) -> ChangePasswordResult | None:
        visit = info.context.visit
        if visit.signed_in is None:
            raise Unauthenticated
        return to_viewer(await visit.change_password(visit.signed_in, input.current_password, input.new_password))

    @strawberry.mutation(
        permission_classes=[MayCreateKeys],
        description=(
            "Takes a slot and issues a key. Organization admins can create keys of both scopes, agent admins "
            "agent-level keys of the agents they administer, members can't create keys."
        ),
    )
    async def create_api_key(self, info: Info, input: CreateApiKeyInput) -> CreateApiKeyResult | None:
        organization_id = parse_external_id(Prefix.ORGANIZATION, input.organization_id)
        if organization_id is None:
            raise NotFound
        agent_id = None if input.agent_id is None else parse_external_id(Prefix.AGENT, input.agent_id) or NO_SUCH_ID
        issued = await create_api_key(
            info.context.services,
            info.context.actor,
            organization_id=organization_id,
            name=input.name,
            scope=to_scope(input.scope),
            agent_id=agent_id,
        )
        return _to_issued(info, issued)

    @strawberry.mutation(
        permission_classes=[MayRenameKeys], description="For organization admins, and for admins of the key's agent."
    )
    async def rename_api_key(self, info: Info, input: RenameApiKeyInput) -> RenameApiKeyResult | None:
        context = info.context
        record = await api_keys.rename_api_key(
            context.services, context.actor, key_id=_key_id(input.id), name=input.name
        )
        return to_api_key(record, context.actor, context.services.clock())

    @strawberry.mutation(
        permission_classes=[MayRotateKeys],
        description=(
            "Gives the key a new secret and keeps its id, public id, name, scope and slot, so it also works when "
            "every slot is taken. The previous secret works for overlapSeconds more, at most 86400; older secrets end "
            "at once. With 0, only the new secret works: use it in an emergency. For organization admins, and for "
            "admins of the key's agent."
        ),
    )
    async def rotate_api_key(self, info: Info, input: RotateApiKeyInput) -> RotateApiKeyResult | None:
        context = info.context
        issued = await api_keys.rotate_api_key(
            context.services, context.actor, key_id=_key_id(input.id), overlap_seconds=input.overlap_seconds
        )
        return _to_issued(info, issued)

    @strawberry.mutation(
        permission_classes=[MayDeleteKeys],
        description=(
            "Takes effect at once: no verification that starts after this has answered succeeds. For organization "
            "admins, and for admins of the key's agent."
        ),
    )
    async def delete_api_key(self, info: Info, input: DeleteApiKeyInput) -> DeleteApiKeyResult | None:
        context = info.context
        deleted = await api_keys.delete_api_key(context.services, context.actor, key_id=_key_id(input.id))
        return ApiKeyDeleted(
            api_key=to_api_key(deleted.record, context.actor, context.services.clock()),
            key_allowance=to_allowance(deleted.allowance),
        )

    @strawberry.mutation(
        permission_classes=[SignedIn],
        description=(
            "Asks the assistant. It uses only data that the viewer is allowed to see, and can't change anything."
        ),
    )
    async def ask_assistant(self, info: Info, input: AskAssistantInput) -> AskAssistantResult | None:
        return await whole_answer(info.context, input)

    @strawberry.mutation(permission_classes=[SignedIn], description="Null if the viewer has no such message.")
    async def rate_message(self, info: Info, message_id: strawberry.ID, helpful: bool) -> Message | None:
        context = info.context
        record = await conversations.rate(
            context.services.database,
            context.reader,
            context.actor,
            parse_external_id(Prefix.MESSAGE, message_id),
            helpful=helpful,
            now=context.services.clock(),
        )
        return None if record is None else to_message(record)

    @strawberry.mutation(
        permission_classes=[SignedIn],
        description=(
            "Hands over to the support team, with or without a conversation. A second call for the same conversation "
            "returns its ticket. A note has at most 2000 characters."
        ),
    )
    async def contact_support(
        self,
        info: Info,
        organization_id: strawberry.ID,
        conversation_id: strawberry.ID | None = None,
        note: str | None = None,
    ) -> ContactSupportResult | None:
        context = info.context
        here = asker(context, organization_id)
        handed_over = None if conversation_id is None else parse_external_id(Prefix.CONVERSATION, conversation_id)
        ticket = await contact_support(
            context.services.database,
            here.actor,
            here.person,
            context.support_channel,
            organization_id=here.organization_id,
            conversation_id=handed_over or (None if conversation_id is None else NO_SUCH_ID),
            note=note,
            prefixes=context.assistant.possessions.prefixes,
            now=context.services.clock(),
        )
        return to_ticket(ticket)


def _key_id(text: strawberry.ID) -> UUID:
    key_id = parse_external_id(Prefix.API_KEY, text)
    if key_id is None:
        raise NoSuchKey
    return key_id


def _to_issued(info: Info, issued: Issued) -> ApiKeyIssued:
    context = info.context
    return ApiKeyIssued(
        api_key=to_api_key(issued.record, context.actor, context.services.clock()), secret=issued.secret.reveal()
    )
