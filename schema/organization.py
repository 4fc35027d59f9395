"""GraphQL types of an organization's people, roles, agents and key slots."""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum

import strawberry

from keys.key_limit import Allowance
from models import person
from models.agent import NamedAgent
from models.engine.ids import Prefix, external_id
from models.person import NamedPerson


@strawberry.enum(description="The role of a person in one organization.")
class Role(Enum):
    ORGANIZATION_ADMIN = strawberry.enum_value(
        person.Role.ORGANIZATION_ADMIN, description="Can create and manage organization-level and agent-level keys."
    )
    AGENT_ADMIN = strawberry.enum_value(
        person.Role.AGENT_ADMIN,
        description="Can create and manage only agent-level keys, of the agents that this person administers.",
    )
    MEMBER = strawberry.enum_value(person.Role.MEMBER, description="Can't manage keys. Can ask the assistant.")


@strawberry.type(
    description=(
        "Somebody who can sign in. An id of any type is an opaque string whose prefix shows the type: usr_, org_, "
        "agt_, key_, req_, evt_."
    )
)
class User:
    id: strawberry.ID
    email: str
    name: str


@strawberry.type(description="A program that callers reach through a gateway.")
class Agent:
    id: strawberry.ID
    name: str
    deleted_at: datetime | None = strawberry.field(
        description="When the operator deleted the agent, which is still shown for its keys."
    )


@strawberry.type(description="How many of the organization's key slots are taken.")
class KeyAllowance:
    used: int
    limit: int = strawberry.field(description="10 unless the operator set another number.")
    remaining: int


def to_user(named: NamedPerson) -> User:
    return User(id=strawberry.ID(external_id(Prefix.PERSON, named.id)), email=named.email, name=named.name)


def to_agent(agent: NamedAgent) -> Agent:
    return Agent(id=strawberry.ID(external_id(Prefix.AGENT, agent.id)), name=agent.name, deleted_at=agent.deleted_at)


def to_allowance(allowance: Allowance) -> KeyAllowance:
    return KeyAllowance(used=allowance.used, limit=allowance.limit, remaining=allowance.remaining)


def to_users(people: Iterable[NamedPerson]) -> list[User]:
    return [to_user(each) for each in people]
