"""
GraphQL types of API keys, of their usage, and of the agents that they are for.

They are in one module because they refer to each other: a key to its agent, and an agent to its keys.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from uuid import UUID

import strawberry

from keys.policy import Action, Actor, Scope, may_everywhere, may_on
from keys.token import hint_of
from models.agent import NamedAgent
from models.engine.ids import Prefix, external_id
from models.key_queries import ApiKeyRecord
from models.usage.request_queries import RefusedRecord
from resolvers.usage import may_know_agent, may_see_usage, page_size
from schema.agent_loaders import AgentGroup
from schema.context import Info
from schema.interfaces import Node
from schema.organization import KeyAllowance, User, to_user, to_users
from schema.usage import ApiKeyUsageBase, RefusalReason, RefusedRequestBase, to_int


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


@strawberry.type(description="A program that callers reach through a gateway.")
class Agent(Node):
    internal_id: strawberry.Private[UUID]
    group: strawberry.Private[AgentGroup]
    id: strawberry.ID
    name: str
    external_id: str | None = strawberry.field(
        description="The id that a host product gave the agent. Null if it was created here."
    )
    deleted_at: datetime | None = strawberry.field(
        description=(
            "When the agent was deleted. A deleted agent is still shown for its keys, and to those who administered it."
        )
    )

    @strawberry.field(description="Whether the viewer is allowed to rename and delete it.")
    def viewer_can_manage(self, info: Info) -> bool:
        may_manage = may_everywhere(info.context.actor, Action.MANAGE_AGENTS, self.group.organization_id)
        return self.deleted_at is None and may_manage

    @strawberry.field(
        description="The people who administer the agent, by name. For organization admins; empty for others."
    )
    async def admins(self, info: Info) -> list[User]:
        return to_users((await info.context.agents.admins.load(self.group)).get(self.internal_id, ()))

    @strawberry.field(description="Its keys that the viewer is allowed to see, newest first, without deleted ones.")
    async def api_keys(self, info: Info) -> list["ApiKey"]:
        context = info.context
        records = (await context.agents.keys.load(self.group)).get(self.internal_id, ())
        actor, now = context.actor, context.services.clock()
        return [to_api_key(record, actor, now) for record in records]

    @strawberry.field(description="The number of apiKeys.")
    async def living_keys(self, info: Info) -> int:
        return (await info.context.agents.living_keys.load(self.group)).get(self.internal_id, 0)

    @strawberry.field(
        description=(
            "The number of requests with its keys in the last 24 hours, whatever the answer, counted from the start of "
            "an hour. Requests with deleted keys count, too. 0 if the viewer is not allowed to see its keys."
        )
    )
    async def calls_last_day(self, info: Info) -> int:
        return to_int((await info.context.agents.calls.load(self.group)).get(self.internal_id, 0))


@strawberry.type(description="A request that was refused.")
class RefusedRequest(RefusedRequestBase):
    @strawberry.field(description="The agent that the request was for, if the viewer is allowed to see it.")
    async def agent(self, info: Info) -> Agent | None:
        context = info.context
        if self.agent_id is None or not may_know_agent(context.actor, self.organization_id, self.agent_id):
            return None
        agent = await context.usage.agents.load((self.organization_id, self.agent_id))
        return None if agent is None else to_agent(agent, self.organization_id)


@strawberry.type(description="The data of the Usage page.")
class ApiKeyUsage(ApiKeyUsageBase):
    @strawberry.field(
        description="The newest refused requests, newest first, including requests made after the key was deleted."
    )
    async def refusals(self, info: Info, first: int = 20) -> list[RefusedRequest]:
        records = await info.context.usage.refusals(page_size(first)).load(self.record.id)
        return [_to_refused(record, self.record.organization_id) for record in records]


@strawberry.type(
    description="A key that callers send. It does not contain the secret, which is shown once, when it is issued."
)
class ApiKey(Node):
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
    created_by: User | None = strawberry.field(description="Null if the operator or a program created it.")
    created_by_token: str | None = strawberry.field(description="The name of the token, if a program created it.")
    last_used_at: datetime | None = strawberry.field(
        description="When the key last passed verification, at most 5 seconds old. Null if it never did."
    )
    deleted_at: datetime | None
    deleted_by: User | None = strawberry.field(description="Null if the operator or a program deleted it.")
    deleted_by_token: str | None = strawberry.field(description="The name of the token, if a program deleted it.")
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


def to_agent(agent: NamedAgent, organization_id: UUID) -> Agent:
    """Converts one agent of this organization to the GraphQL type."""
    return to_agents([agent], organization_id)[0]


def to_agents(agents: Iterable[NamedAgent], organization_id: UUID) -> list[Agent]:
    """Converts agents of this organization that are shown together."""
    shown = list(agents)
    group = AgentGroup(organization_id, [each.id for each in shown])
    return [
        Agent(
            internal_id=each.id,
            group=group,
            id=strawberry.ID(external_id(Prefix.AGENT, each.id)),
            name=each.name,
            external_id=each.external_id,
            deleted_at=each.deleted_at,
        )
        for each in shown
    ]


def to_api_key(record: ApiKeyRecord, actor: Actor, now: datetime) -> ApiKey:
    """Converts a key to its GraphQL type, as this actor sees it at the moment `now`."""
    deleted = record.deleted_at is not None
    works_until = record.previous_works_until
    return ApiKey(
        record=record,
        id=strawberry.ID(external_id(Prefix.API_KEY, record.id)),
        name=record.name,
        scope=ApiKeyScope.ORGANIZATION if record.agent is None else ApiKeyScope.AGENT,
        agent=None if record.agent is None else to_agent(record.agent, record.organization_id),
        status=ApiKeyStatus.DELETED if deleted else ApiKeyStatus.ACTIVE,
        hint=hint_of(record),
        created_at=record.created_at,
        created_by=None if record.created_by is None else to_user(record.created_by),
        created_by_token=None if record.created_by_token is None else record.created_by_token.name,
        last_used_at=record.last_used_at,
        deleted_at=record.deleted_at,
        deleted_by=None if record.deleted_by is None else to_user(record.deleted_by),
        deleted_by_token=None if record.deleted_by_token is None else record.deleted_by_token.name,
        previous_secret_works_until=works_until if works_until is not None and works_until > now else None,
        previous_secret_last_used_at=record.previous_secret_last_used_at,
        viewer_can_manage=not deleted and may_on(actor, Action.DELETE_KEY, record),
    )


def _to_refused(record: RefusedRecord, organization_id: UUID) -> RefusedRequest:
    return RefusedRequest(
        organization_id=organization_id,
        agent_id=record.agent_id,
        id=strawberry.ID(external_id(Prefix.REQUEST, record.request_id)),
        reason=RefusalReason(record.reason),
        at=record.at,
        ip_address=record.ip_address,
        user_agent=record.user_agent,
    )
