"""The GraphQL mutations of agents."""

from typing import Annotated
from uuid import UUID

import strawberry

from keys.refusals import NotFound
from models.engine.ids import NO_SUCH_ID, Prefix, parse_external_id
from resolvers import agents
from resolvers.provisioning.own_ids import named_id, require_fitting_organization
from schema.api_key import Agent, ApiKey, to_agent, to_api_key
from schema.context import Info
from schema.organization import KeyAllowance, to_allowance
from schema.permissions import MayDeleteAgents, MayManageAgents, SignedIn
from schema.refusals import AgentNotFound, InvalidInput


@strawberry.input
class CreateAgentInput:
    organization_id: strawberry.ID
    name: str = strawberry.field(
        description="As for an API key. No other agent of the organization may have it, in upper or lower case."
    )


@strawberry.input
class RenameAgentInput:
    id: strawberry.ID
    name: str


@strawberry.input
class DeleteAgentInput:
    id: strawberry.ID = strawberry.field(
        description="For operator tokens that may provision also ext: and the host product's own id."
    )
    organization_id: strawberry.ID | None = strawberry.field(
        default=None, description="Needed with the host product's own id, and only then."
    )


@strawberry.type(description="The agent and its keys are deleted: no verification that starts from now on succeeds.")
class AgentDeleted:
    agent: Agent
    deleted_keys: list[ApiKey] = strawberry.field(
        description="The keys that were deleted with the agent, newest first. Empty for operator tokens."
    )
    key_allowance: KeyAllowance


CreateAgentResult = Annotated[Agent | InvalidInput, strawberry.union("CreateAgentResult")]
RenameAgentResult = Annotated[Agent | AgentNotFound | InvalidInput, strawberry.union("RenameAgentResult")]
DeleteAgentResult = Annotated[AgentDeleted | AgentNotFound, strawberry.union("DeleteAgentResult")]


@strawberry.type
class AgentMutations:
    @strawberry.mutation(
        permission_classes=[MayManageAgents],
        description="Creates an agent, which keys can then be created for. For organization admins.",
    )
    async def create_agent(self, info: Info, input: CreateAgentInput) -> CreateAgentResult | None:
        organization_id = parse_external_id(Prefix.ORGANIZATION, input.organization_id)
        if organization_id is None:
            raise NotFound
        created = await agents.create_agent(
            info.context.services, info.context.actor, organization_id=organization_id, name=input.name
        )
        return to_agent(created, organization_id)

    @strawberry.mutation(
        permission_classes=[SignedIn],
        description="Gives the agent another name; its id and its keys stay. For organization admins.",
    )
    async def rename_agent(self, info: Info, input: RenameAgentInput) -> RenameAgentResult | None:
        context = info.context
        organization_id, renamed = await agents.rename_agent(
            context.services, context.actor, agent_id=_agent_id(input.id), name=input.name
        )
        return to_agent(renamed, organization_id)

    @strawberry.mutation(
        permission_classes=[MayDeleteAgents],
        description=(
            "Deletes the agent and its keys. Takes effect at once: no verification with one of these keys that starts "
            "after this has answered succeeds. For organization admins, and for operator tokens that may provision."
        ),
    )
    async def delete_agent(self, info: Info, input: DeleteAgentInput) -> DeleteAgentResult | None:
        context, organization_id = info.context, input.organization_id
        require_fitting_organization(input.id, organization_id)
        agent_id = await named_id(
            context.services.database,
            context.actor,
            Prefix.AGENT,
            input.id,
            organization_id=None
            if organization_id is None
            else await named_id(context.services.database, context.actor, Prefix.ORGANIZATION, organization_id),
        )
        deleted = await agents.delete_agent(context.services, context.actor, agent_id=agent_id)
        now = context.services.clock()
        return AgentDeleted(
            agent=to_agent(deleted.agent, deleted.organization_id),
            deleted_keys=[to_api_key(each, context.actor, now) for each in deleted.keys],
            key_allowance=to_allowance(deleted.allowance),
        )


def _agent_id(text: strawberry.ID) -> UUID:
    return parse_external_id(Prefix.AGENT, text) or NO_SUCH_ID
