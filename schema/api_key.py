"""GraphQL types of API keys, and of the results of creating, rotating and deleting one."""

from datetime import datetime
from enum import Enum

import strawberry

from keys.policy import Action, Actor, Scope, may_on
from keys.token import hint_of
from models.engine.ids import Prefix, external_id
from models.key_queries import ApiKeyRecord
from resolvers.usage import may_see_usage
from schema.context import Info
from schema.organization import Agent, KeyAllowance, User, to_agent, to_user
from schema.usage import ApiKeyUsage


@strawberry.enum(description="Which agents a key is valid for.")
class ApiKeyScope(Enum):
    ORGANIZATION = strawberry.enum_value(
        Scope.ORGANIZATION, description="Every agent of the organization. Created by organization admins."
    )
    AGENT = strawberry.enum_value(
        Scope.AGENT, description="One agent. Created by organization admins and that agent's admins."
    )


@strawberry.enum
class ApiKeyStatus(Enum):
    ACTIVE = strawberry.enum_value("active", description="It works.")
    DELETED = strawberry.enum_value("deleted", description="Its callers get 401.")


@strawberry.type(
    description="A key that callers send. It does not contain the secret, which is shown once, when it is issued."
)
class ApiKey:
    record: strawberry.Private[ApiKeyRecord]
    id: strawberry.ID
    name: str
    scope: ApiKeyScope = strawberry.field(description="Fixed at creation.")
    agent: Agent | None = strawberry.field(description="The agent of an agent-level key.")
    status: ApiKeyStatus
    hint: str = strawberry.field(
        description=(
            "The key's beginning and its last four characters: enough to recognize the key, not enough to use it."
        )
    )
    created_at: datetime
    created_by: User | None = strawberry.field(description="Null if the operator created it on the command line.")
    last_used_at: datetime | None = strawberry.field(
        description="When the key last passed verification, at most 5 seconds old. Null if it never did."
    )
    deleted_at: datetime | None
    deleted_by: User | None = strawberry.field(description="Null if the operator did it on the command line.")
    previous_secret_works_until: datetime | None = strawberry.field(
        description=(
            "After a rotation with overlap, the end of the overlap: until then the previous secret works. Else null."
        )
    )
    previous_secret_last_used_at: datetime | None = strawberry.field(
        description="When the previous secret last passed: its callers must switch before the overlap ends."
    )
    viewer_can_manage: bool = strawberry.field(
        description="Whether the viewer is allowed to rename, rotate and delete it."
    )

    @strawberry.field(description="Null, with an error in the response, if it can't be read at the moment.")
    def usage(self, info: Info) -> ApiKeyUsage | None:
        return ApiKeyUsage(record=self.record) if may_see_usage(info.context.actor, self.record) else None


@strawberry.type(description="A new secret. It is shown only this time.")
class ApiKeyIssued:
    api_key: ApiKey
    secret: str = strawberry.field(description="The complete key, as a caller sends it.")


@strawberry.type(description="The key is revoked: no verification that starts from now on succeeds.")
class ApiKeyDeleted:
    api_key: ApiKey
    key_allowance: KeyAllowance


def to_scope(scope: ApiKeyScope) -> Scope:
    return Scope.ORGANIZATION if scope is ApiKeyScope.ORGANIZATION else Scope.AGENT


def to_api_key(record: ApiKeyRecord, actor: Actor, now: datetime) -> ApiKey:
    """Converts a key to its GraphQL type, as this actor sees it at the moment `now`."""
    deleted = record.deleted_at is not None
    works_until = record.previous_works_until
    return ApiKey(
        record=record,
        id=strawberry.ID(external_id(Prefix.API_KEY, record.id)),
        name=record.name,
        scope=ApiKeyScope.ORGANIZATION if record.agent is None else ApiKeyScope.AGENT,
        agent=None if record.agent is None else to_agent(record.agent),
        status=ApiKeyStatus.DELETED if deleted else ApiKeyStatus.ACTIVE,
        hint=hint_of(record),
        created_at=record.created_at,
        created_by=None if record.created_by is None else to_user(record.created_by),
        last_used_at=record.last_used_at,
        deleted_at=record.deleted_at,
        deleted_by=None if record.deleted_by is None else to_user(record.deleted_by),
        previous_secret_works_until=works_until if works_until is not None and works_until > now else None,
        previous_secret_last_used_at=record.previous_secret_last_used_at,
        viewer_can_manage=not deleted and may_on(actor, Action.DELETE_KEY, record),
    )
