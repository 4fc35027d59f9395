"""The GraphQL mutations of API keys."""

from typing import Annotated
from uuid import UUID

import strawberry

from keys.refusals import ApiKeyNotFound as NoSuchKey
from keys.refusals import NotFound
from models.engine.ids import NO_SUCH_ID, Prefix, parse_external_id
from resolvers import api_keys
from resolvers.creation.create_api_key import create_api_key
from resolvers.services import Issued
from schema.api_key import ApiKey, ApiKeyDeleted, ApiKeyIssued, ApiKeyScope, to_api_key, to_scope
from schema.context import Info
from schema.organization import to_allowance
from schema.permissions import MayCreateKeys, MayDeleteKeys, MayRenameKeys, MayRotateKeys
from schema.refusals import ApiKeyAlreadyIssued, ApiKeyNotFound, InvalidInput, KeyLimitReached


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
    client_request_id: str | None = strawberry.field(
        default=None,
        description=(
            "An id that the client chooses for this key, 1 to 64 characters, such as a random UUID; good for 24 "
            "hours. If the answer is lost and the same request is sent again, it takes no second slot: the answer is "
            "ApiKeyAlreadyIssued. With another input it is InvalidInput."
        ),
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
class EndOverlapInput:
    id: strawberry.ID


@strawberry.input
class DeleteApiKeyInput:
    id: strawberry.ID


CreateApiKeyResult = Annotated[
    ApiKeyIssued | KeyLimitReached | InvalidInput | ApiKeyAlreadyIssued, strawberry.union("CreateApiKeyResult")
]
RenameApiKeyResult = Annotated[ApiKey | InvalidInput | ApiKeyNotFound, strawberry.union("RenameApiKeyResult")]
RotateApiKeyResult = Annotated[ApiKeyIssued | InvalidInput | ApiKeyNotFound, strawberry.union("RotateApiKeyResult")]
EndOverlapResult = Annotated[ApiKey | ApiKeyNotFound, strawberry.union("EndOverlapResult")]
DeleteApiKeyResult = Annotated[ApiKeyDeleted | ApiKeyNotFound, strawberry.union("DeleteApiKeyResult")]


@strawberry.type
class KeyMutations:
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
            client_request_id=input.client_request_id,
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
        permission_classes=[MayRotateKeys],
        description=(
            "Ends the overlap of the last rotation now: the previous secret works for no verification that starts "
            "after this has answered. Without an overlap, it changes nothing. For organization admins, and for admins "
            "of the key's agent."
        ),
    )
    async def end_overlap(self, info: Info, input: EndOverlapInput) -> EndOverlapResult | None:
        context = info.context
        record = await api_keys.end_overlap(context.services, context.actor, key_id=_key_id(input.id))
        return to_api_key(record, context.actor, context.services.clock())

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
