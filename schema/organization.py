"""GraphQL types of an organization's people, roles and key slots."""

from collections.abc import Iterable
from enum import Enum

import strawberry

from keys.key_limit import Allowance
from models import person
from models.engine.ids import Prefix, external_id
from models.person import NamedPerson
from schema.interfaces import Node


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
        "agt_, key_, req_, cnv_, msg_, tkt_, evt_, inv_ (invitation), krq_ (request for a key)."
    )
)
class User(Node):
    id: strawberry.ID
    email: str
    name: str


@strawberry.type(description="How many of the organization's key slots are taken.")
class KeyAllowance:
    used: int
    limit: int = strawberry.field(description="10 unless the operator set another number.")
    remaining: int


def to_role(role: Role) -> person.Role:
    """The role that the enum's value stands for."""
    return person.Role[role.name]


def to_user(named: NamedPerson) -> User:
    return User(id=strawberry.ID(external_id(Prefix.PERSON, named.id)), email=named.email, name=named.name)


def to_allowance(allowance: Allowance) -> KeyAllowance:
    return KeyAllowance(used=allowance.used, limit=allowance.limit, remaining=allowance.remaining)


def to_users(people: Iterable[NamedPerson]) -> list[User]:
    return [to_user(each) for each in people]
