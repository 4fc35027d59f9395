"""Limits for GraphQL operations, and the sentence about the limit that an operation exceeds."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from keys.usage.intervals import INTERVALS_AT_MOST

Asking = TypeVar("Asking", contravariant=True)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for.

    Complexity is the number of fields that an answer could have. Each field counts as one or its weight; the fields
    below a list count once for each item. A list's length is `first` or `last` if the field takes one (a connection
    counts its page once, not again at its edges), the number of intervals if the field takes a period, the real length
    if `ListSizes` has it, and otherwise `assumed_list_items`. A page of the console has a complexity of some hundreds,
    a month of usage by the hour about 4,000. Introspection has a separate budget; GraphiQL's query takes about 50,000.
    """

    body_bytes: int = 256 * 1024
    tokens: int = 5_000
    depth_levels: int = 12
    aliases: int = 60
    operations: int = 20
    """In one document. Only one is executed, but each is measured and validated."""
    complexity_fields: int = 20_000
    introspection_fields: int = 100_000
    assumed_list_items: int = 10
    page_items: int = 100
    """The largest page that a resolver returns. A larger `first` counts as this; the resolver refuses it itself."""
    intervals: int = INTERVALS_AT_MOST
    """The most intervals that a resolver returns. A longer period counts as this; the resolver refuses it itself."""
    weights: Mapping[str, int] = field(
        default_factory=lambda: {
            "ApiKey.usage": 10,
            "Organization.assistantStarters": 100,
            "Query.diagnoseRequest": 1_000,
        }
    )
    """
    The complexity of fields that take more work than reading an attribute.

    A key's usage may need a query to the database or Redis. A diagnosis needs ten queries, and looks again and again
    for a request that is not stored yet.
    """
    sized_lists: frozenset[str] = frozenset(
        {
            "Viewer.organizations",
            "Organization.admins",
            "Organization.agents",
            "Organization.apiKeys",
            "KeyLimitReached.candidates",
            "Agent.apiKeys",
            "Agent.admins",
            "AgentDeleted.deletedKeys",
            "Organization.members",
            "Organization.invitations",
            "Member.agents",
            "Member.keysSeen",
            "Invitation.agents",
            "MemberRemoved.keysSeen",
            "Organization.serviceTokens",
            "ServiceToken.agents",
            "Member.serviceTokens",
            "MemberRemoved.serviceTokens",
        }
    )
    """Lists whose real length is looked up before the operation is executed."""
    named_by: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            "Query.organization": ("id",),
            "Query.node": ("id",),
            "Query.apiKey": ("id",),
            "Mutation.renameApiKey": ("input", "id"),
            "Mutation.rotateApiKey": ("input", "id"),
            "Mutation.endOverlap": ("input", "id"),
            "Mutation.deleteApiKey": ("input", "id"),
            "Mutation.inviteMember": ("input", "organizationId"),
            "Mutation.changeMember": ("input", "organizationId"),
            "Mutation.removeMember": ("input", "organizationId"),
            "Mutation.createApiKey": ("input", "organizationId"),
            "Mutation.changeOrganization": ("input", "organizationId"),
            "Mutation.updateNotifications": ("input", "organizationId"),
            "Mutation.createAgent": ("input", "organizationId"),
            "Mutation.renameAgent": ("input", "id"),
            "Mutation.deleteAgent": ("input", "id"),
            "Mutation.createServiceToken": ("input", "organizationId"),
            "Mutation.revokeServiceToken": ("input", "id"),
        }
    )
    """For fields that select an object by id: the path of that id in the field's arguments."""
    nested_selections: int = 50
    """How deeply fields, inline fragments and spreads may be nested, so that measuring can't overflow the stack."""
    merge_steps: int = 20_000
    """How often validation may compare fields with equal response names. That rule's work grows quadratically."""
    cached_documents: int = 1_000
    cached_bytes: int = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ListSizes:
    """The real lengths of lists that take no page size, by "Type.field", as this person sees them.

    `mean` is used below a list of all objects, such as `viewer.organizations`: multiplied by the number of objects, it
    gives the sum of their lengths. `by_id` has the lengths below an object whose id is in an argument; `largest` is
    used for ids that are not in it. `extra_fields` is added to the allowed complexity, so that a long list can always
    be read once.
    """

    mean: Mapping[str, float]
    largest: Mapping[str, float] = field(default_factory=dict)
    by_id: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    extra_fields: int = 0


class TooComplex(Exception):
    """An operation exceeds a limit. The message says which."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a selection set or an operation. A fragment counts everywhere it is spread."""

    depth_levels: int = 0
    aliases: int = 0
    complexity_fields: int = 0
    introspection_fields: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            max(self.depth_levels, other.depth_levels),
            self.aliases + other.aliases,
            self.complexity_fields + other.complexity_fields,
            self.introspection_fields + other.introspection_fields,
        )


NOTHING = Cost()


def excess(cost: Cost, limits: Limits, extra_fields: int = 0) -> str | None:
    """A sentence about the first limit that the cost exceeds, or None. `extra_fields` raises the complexity limit."""
    fields = limits.complexity_fields + extra_fields
    if cost.depth_levels > limits.depth_levels:
        return f"The operation is too deep: {limits.depth_levels} levels of fields are allowed."
    if cost.aliases > limits.aliases:
        return f"The operation has too many aliases: {limits.aliases} are allowed, counted wherever a fragment is used."
    if cost.complexity_fields > fields:
        return (
            f"The operation asks for too much: its answer could have more than {fields} fields. "
            "Ask for fewer fields, shorter periods or smaller pages, or split it into several requests."
        )
    if cost.introspection_fields > limits.introspection_fields:
        return "The operation asks for too much introspection."
    return None


class PersonalLists(Protocol[Asking]):
    """Knows a person's lists and limits what the person may request in a minute."""

    def assumed(self, context: Asking) -> ListSizes:
        """The lengths of the person's lists without a query: those that are known, and high guesses for the others."""

    async def counted(self, context: Asking) -> ListSizes:
        """The real lengths of the person's lists, read from the database."""

    def charge(self, context: Asking, complexity: int) -> None:
        """Counts an operation before it is executed. Raises a Refusal if the person has requested too much."""

    def turn(self, context: Asking, complexity: int) -> AbstractAsyncContextManager[None]:
        """Must be open while an operation is executed. Costly operations of one person run one after another."""
