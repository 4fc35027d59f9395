"""What a GraphQL operation may cost: the limits, and the sentence about the one that it is over."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from keys.usage.intervals import INTERVALS_AT_MOST

Asking = TypeVar("Asking", contravariant=True)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for.

    Complexity is how many fields an answer could have: each field counts one, or its weight, and what is below a list
    counts as often as the list is long. That is `first` or `last` where the field takes one (a connection's page
    counts once, not again at its edges), the number of intervals where it takes a time, the list's real length where
    `ListSizes` has it, and `assumed_list_items` elsewhere. A console page comes to some hundreds, a month by the hour
    to some 4,000. Introspection has a budget of its own: GraphiQL's comes to some 50,000 by this count.
    """

    body_bytes: int = 256 * 1024
    tokens: int = 5_000
    depth_levels: int = 12
    aliases: int = 60
    operations: int = 20
    """In one document, of which one is executed: each is measured and validated by itself."""
    complexity_fields: int = 20_000
    introspection_fields: int = 100_000
    assumed_list_items: int = 10
    page_items: int = 100
    """The largest page that a resolver gives; more than that is the resolver's to refuse, by its own code."""
    intervals: int = INTERVALS_AT_MOST
    """The same for the intervals of a time."""
    weights: Mapping[str, int] = field(
        default_factory=lambda: {
            "ApiKey.usage": 10,
            "Organization.assistantStarters": 100,
            "Query.diagnoseRequest": 1_000,
        }
    )
    """
    What is more work than a field: where a key stands may take a look at the database or at Redis, a diagnosis takes
    ten, and one of a request that is not there looks for it again and again.
    """
    sized_lists: frozenset[str] = frozenset(
        {
            "Viewer.organizations",
            "Organization.admins",
            "Organization.agents",
            "Organization.apiKeys",
            "KeyLimitReached.candidates",
        }
    )
    """Lists whose real length is looked up before the operation is executed."""
    named_by: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            "Query.organization": ("id",),
            "Mutation.createApiKey": ("input", "organizationId"),
        }
    )
    """Where a field's arguments have the id of the object whose lists are below it."""
    nested_selections: int = 50
    """Fields, inline fragments and spreads around each other: what keeps the measuring itself off the stack's end."""
    merge_steps: int = 20_000
    """Comparisons of equal response names when validating: the one rule whose work grows with the square."""
    cached_documents: int = 1_000
    cached_bytes: int = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ListSizes:
    """The real lengths of lists that take no page size, by type and field, as this person sees them.

    `mean` is for what is below a list of all objects, such as `viewer.organizations`: with it, each length counts as
    often as there are objects, which comes to their sum. `by_id` has the lengths below the objects that an argument
    names by id, and `largest` is for an id that is not among them. `extra_fields` is added to the complexity that is
    allowed, so that a long list can always be read once.
    """

    mean: Mapping[str, float]
    largest: Mapping[str, float] = field(default_factory=dict)
    by_id: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    extra_fields: int = 0


class TooComplex(Exception):
    """An operation asks for more than the limits allow; the message says which, and how much is allowed."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a selection set, or a whole operation, comes to, with every fragment counted wherever it is spread."""

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
    """The sentence about the first limit that a cost is over, or None."""
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
    """What is known of the person behind a request before its operation is executed."""

    def assumed(self, context: Asking) -> ListSizes:
        """The lengths of their lists, as far as they are known without a query; else the most that is likely."""

    async def counted(self, context: Asking) -> ListSizes:
        """The real lengths, by a query."""

    def charge(self, context: Asking, complexity: int) -> None:
        """Is told of each operation before it is executed. Raises a Refusal of one that is too much for now."""

    def turn(self, context: Asking, complexity: int) -> AbstractAsyncContextManager[None]:
        """Is entered while an operation is executed; a costly one waits for the person's costly ones before it."""
