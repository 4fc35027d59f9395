"""Owns what a GraphQL operation may cost: the limits, and the measuring of a parsed operation against them."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    Undefined,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from keys.intervals import INTERVALS_AT_MOST, Interval, begun

PAGE_SIZES = ("first", "last")
TIME = ("from", "to")
INTROSPECTION = ("__schema", "__type")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for.

    Complexity is how many fields an answer could have: each field counts one, or its weight, and what is below a list
    counts as often as the list can be long, which is `first` or `last` where the field takes one (a connection's page
    counts once, not again at its edges), the number of intervals where it takes a time, and `assumed_list_items`
    elsewhere. A console page comes to some hundreds, a month by the hour to some 4,000; everything a person can see of
    five organizations, in one query, to some 11,000. Introspection has a budget of its own: GraphiQL's comes to some
    50,000 by this count.
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
    nested_selections: int = 50
    """Fields, inline fragments and spreads around each other: what keeps the measuring itself off the stack's end."""
    merge_steps: int = 20_000
    """Comparisons of equal response names when validating: the one rule whose work grows with the square."""
    cached_documents: int = 1_000
    cached_bytes: int = 32 * 1024 * 1024


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


def excess(cost: Cost, limits: Limits) -> str | None:
    """The sentence about the first limit that a cost is over, or None."""
    if cost.depth_levels > limits.depth_levels:
        return f"The operation is too deep: {limits.depth_levels} levels of fields are allowed."
    if cost.aliases > limits.aliases:
        return f"The operation has too many aliases: {limits.aliases} are allowed, counted wherever a fragment is used."
    if cost.complexity_fields > limits.complexity_fields:
        return f"The operation asks for too much: its answer could have more than {limits.complexity_fields} fields."
    if cost.introspection_fields > limits.introspection_fields:
        return "The operation asks for too much introspection."
    return None


@dataclass(slots=True)
class Measuring:
    """One walk over one operation. Each fragment is walked once, so spreading it often costs no time.

    A fragment that spreads itself counts as nothing where the circle closes; saying so is validation's.
    """

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    limits: Limits
    variables: Mapping[str, Any] | None
    """The values of this request; None for the most that any request could ask for."""
    depends_on_variables: bool = False
    _known: dict[tuple[str, bool], Cost] = field(default_factory=dict)

    def operation(self, node: OperationDefinitionNode) -> Cost:
        """What the operation costs. Raises TooComplex where its nesting alone is too much to measure."""
        return self._selections(node.selection_set, self.schema.get_root_type(node.operation), False, 0)

    def _selections(
        self, selection_set: SelectionSetNode, parent: GraphQLNamedType | None, in_page: bool, nested: int
    ) -> Cost:
        if nested > self.limits.nested_selections:
            raise TooComplex("The operation is nested too deeply.")
        cost = NOTHING
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                cost += self._field(selection, parent, in_page, nested)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                narrowed = self.schema.get_type(condition.name.value) if condition else parent
                cost += self._selections(selection.selection_set, narrowed, in_page, nested + 1)
            elif isinstance(selection, FragmentSpreadNode):
                cost += self._fragment(selection.name.value, in_page, nested)
        return cost

    def _fragment(self, name: str, in_page: bool, nested: int) -> Cost:
        known = self._known.get((name, in_page))
        if known is not None:
            return known
        fragment = self.fragments.get(name)
        if fragment is None:
            return NOTHING
        self._known[name, in_page] = NOTHING
        on = self.schema.get_type(fragment.type_condition.name.value)
        cost = self._known[name, in_page] = self._selections(fragment.selection_set, on, in_page, nested + 1)
        return cost

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, in_page: bool, nested: int) -> Cost:
        name = node.name.value
        aliases = 1 if node.alias else 0
        if node.selection_set is None:
            return Cost(1, aliases, 1)
        definition = self.schema.get_field(parent, name) if is_composite_type(parent) else None
        below_type = get_named_type(definition.type) if definition else None
        items, is_page = self._items(node, definition, in_page)
        weight = self.limits.weights.get(f"{parent.name}.{name}", 1) if parent else 1
        below = self._selections(node.selection_set, below_type, is_page, nested + 1)
        if name in INTROSPECTION:
            return Cost(1, aliases + below.aliases, 1, 1 + below.complexity_fields)
        return Cost(
            1 + below.depth_levels,
            aliases + below.aliases,
            weight + items * below.complexity_fields,
            below.introspection_fields,
        )

    def _items(self, node: FieldNode, definition: GraphQLField | None, in_page: bool) -> tuple[int, bool]:
        """How often what is below the field counts, and whether lists right below it are the page just counted."""
        if definition is None:
            return 1, False
        sizes = [name for name in PAGE_SIZES if name in definition.args]
        if sizes:
            given = {argument.name.value: argument for argument in node.arguments or ()}
            asked = [self._size(given.get(name), definition.args[name].default_value) for name in sizes]
            return max((size for size in asked if size is not None), default=self.limits.page_items), True
        if all(name in definition.args for name in TIME):
            return self._intervals({argument.name.value: argument.value for argument in node.arguments or ()}), False
        if is_list_type(get_nullable_type(definition.type)) and not in_page:
            return self.limits.assumed_list_items, False
        return 1, False

    def _size(self, argument: ArgumentNode | None, default: object) -> int | None:
        """The page's size that one argument asks for, or None where it leaves the size open."""
        if argument is None:
            return None if default is Undefined else self._clamped(default)
        value = argument.value
        if isinstance(value, IntValueNode):
            return self._clamped(whole_number(value))
        if isinstance(value, VariableNode):
            self.depends_on_variables = True
            if self.variables is not None:
                return self._clamped(self.variables.get(value.name.value))
            return self.limits.page_items
        return None

    def _intervals(self, given: Mapping[str, ValueNode]) -> int:
        """How many of a time are asked for. What can't be read is refused later, and counts as the most till then."""
        try:
            since, until = (datetime.fromisoformat(self._text(given[name])) for name in TIME)
            interval = Interval[self._text(given["interval"])] if "interval" in given else Interval.HOUR
            return min(max(begun(since, until, interval), 1), self.limits.intervals)
        except (KeyError, TypeError, ValueError, OverflowError):
            return self.limits.intervals

    def _text(self, value: ValueNode) -> Any:
        """The text or name that an argument is, or None where that is left open."""
        if isinstance(value, StringValueNode | EnumValueNode):
            return value.value
        if isinstance(value, VariableNode):
            self.depends_on_variables = True
            return None if self.variables is None else self.variables.get(value.name.value)
        return None

    def _clamped(self, size: object) -> int | None:
        return min(max(size, 1), self.limits.page_items) if isinstance(size, int) else None


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """The document's fragments by name."""
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


def operations_of(document: DocumentNode) -> Iterator[OperationDefinitionNode]:
    """The document's operations, in its order."""
    return (node for node in document.definitions if isinstance(node, OperationDefinitionNode))


def default_value(definition: VariableDefinitionNode) -> int | str | None:
    """A variable's default, as far as sizes and times can hang on it."""
    node = definition.default_value
    if isinstance(node, IntValueNode):
        return whole_number(node)
    return node.value if isinstance(node, StringValueNode | EnumValueNode) else None


def whole_number(node: IntValueNode) -> int:
    """The number of a literal; a very long one, which Python takes long to read or refuses to, counts as very large."""
    return int(node.value) if len(node.value) < 19 else sys.maxsize
