"""GraphQL types of requests for API keys."""

from datetime import datetime
from typing import Annotated

import strawberry

from models.engine.ids import Prefix, external_id
from models.key_request import KeyRequestRecord
from schema.api_key import Agent, to_agent
from schema.interfaces import Node
from schema.organization import User, to_user
from schema.refusals import InvalidInput


@strawberry.type(description="A person who can't create a key asks the organization's admins for one.")
class KeyRequest(Node):
    id: strawberry.ID
    requested_by: User
    name: str = strawberry.field(description="The name that the key is to have.")
    agent: Agent | None = strawberry.field(description="The agent of the key. Null for an organization-level key.")
    reason: str = strawberry.field(description="What the key is for.")
    created_at: datetime


@strawberry.type(description="The request was stored.")
class ApiKeyRequested:
    key_request: KeyRequest
    is_mailed: bool = strawberry.field(
        description="Whether it is mailed to the admins. In any case, they see it on their API Keys page."
    )


RequestApiKeyResult = Annotated[ApiKeyRequested | InvalidInput, strawberry.union("RequestApiKeyResult")]


def to_key_request(record: KeyRequestRecord) -> KeyRequest:
    """Converts a request to the GraphQL type."""
    return KeyRequest(
        id=strawberry.ID(external_id(Prefix.KEY_REQUEST, record.id)),
        requested_by=to_user(record.person),
        name=record.name,
        agent=None if record.agent is None else to_agent(record.agent, record.organization_id),
        reason=record.reason,
        created_at=record.created_at,
    )
