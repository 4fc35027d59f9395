"""GraphQL types of service tokens, and of the results of changing them."""

from datetime import datetime
from typing import Annotated

import strawberry

from keys.token import hint
from models.engine.ids import Prefix, external_id
from models.tokens.service_tokens import ServiceTokenRecord
from resolvers.tokens.service_tokens import Issued
from schema.api_key import Agent, to_agents
from schema.interfaces import Node
from schema.organization import Role, User, to_user
from schema.refusals import InvalidInput, ServiceTokenNotFound


@strawberry.type(
    description=(
        "A credential for a program that manages API keys over GraphQL, with the rights of a role. It is never valid "
        "as an API key, and never manages people, agents or tokens, or asks the assistant. It goes on working when its "
        "maker leaves, until it expires, is revoked, or its organization is deleted."
    )
)
class ServiceToken(Node):
    id: strawberry.ID
    name: str
    role: Role
    agents: list[Agent] = strawberry.field(
        description="The agents that the token administers, by name. Empty unless the role is AGENT_ADMIN."
    )
    hint: str = strawberry.field(
        description="The token's beginning and its last four characters: enough to recognize it, not enough to use it."
    )
    created_at: datetime
    created_by: User | None = strawberry.field(description="Who made it, also after they left.")
    expires_at: datetime
    last_used_at: datetime | None = strawberry.field(
        description="When a request last came with it, at most a minute old. Null if none ever did."
    )
    revoked_at: datetime | None


@strawberry.type(description="A new service token. The secret is shown only this time.")
class ServiceTokenIssued:
    service_token: ServiceToken
    secret: str = strawberry.field(description="The complete token, as a program sends it: Authorization: Bearer …")


@strawberry.type(description="The token no longer works: no request that starts from now on succeeds.")
class ServiceTokenRevoked:
    service_token: ServiceToken


CreateServiceTokenResult = Annotated[ServiceTokenIssued | InvalidInput, strawberry.union("CreateServiceTokenResult")]
RevokeServiceTokenResult = Annotated[
    ServiceTokenRevoked | ServiceTokenNotFound, strawberry.union("RevokeServiceTokenResult")
]


def to_service_token(record: ServiceTokenRecord) -> ServiceToken:
    """Converts a service token to the GraphQL type."""
    return ServiceToken(
        id=strawberry.ID(external_id(Prefix.TOKEN, record.id)),
        name=record.name,
        role=Role(record.role),
        agents=to_agents(record.agents, record.organization_id),
        hint=hint(record.prefix, record.public_id, record.last_four),
        created_at=record.created_at,
        created_by=None if record.created_by is None else to_user(record.created_by),
        expires_at=record.expires_at,
        last_used_at=record.last_used_at,
        revoked_at=record.revoked_at,
    )


def to_issued(issued: Issued) -> ServiceTokenIssued:
    """Converts a new token, with its secret."""
    return ServiceTokenIssued(service_token=to_service_token(issued.token), secret=issued.secret.reveal())
