"""Measures a parsed GraphQL operation: its depth, its aliases, and how many fields its answer could have."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any, NamedTuple

from graphql import (
    ArgumentNode,
    BooleanValueNode,
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
    ObjectValueNode,
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

from app.graphql.limits import NOTHING, Cost, Limits, ListSizes, TooComplex
from keys.usage.intervals import Interval, begun

PAGE_SIZES = ("first", "last")
TIME = ("from", "to")
INTROSPECTION = ("__schema", "__type")


class _Place(NamedTuple):
    """
    Where a selection is: its type, whether it is directly below a page, the id of the object it is below, and the field
    that it belongs to, such as `Organization.agents`.
    """

    type: GraphQLNamedType | None
    in_page: bool
    below: str | None
    field: str


@dataclass(slots=True)
class Measuring:
    """Measures one operation in one walk. Each fragment is walked once for each place, however often it is spread.

    A fragment that spreads itself counts as nothing where the cycle closes. Validation refuses it later.
    """

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    limits: Limits
    variables: Mapping[str, Any] | None
    """This request's variables; None to measure the most that any request could ask for."""
    sizes: ListSizes | None = None
    """None before the person is known: each list of `limits.sized_lists` then counts as one item."""
    depends_on_variables: bool = False
    depends_on_sizes: bool = False
    _known: dict[tuple[str, bool, str | None, str], Cost] = field(default_factory=dict)

    def operation(self, node: OperationDefinitionNode) -> Cost:
        """Measures the operation. Raises TooComplex if it is nested too deeply to be measured."""
        root = self.schema.get_root_type(node.operation)
        return self._selections(node.selection_set, _Place(root, in_page=False, below=None, field=""), 0)

    def _selections(self, selection_set: SelectionSetNode, place: _Place, nested: int) -> Cost:
        if nested > self.limits.nested_selections:
            raise TooComplex("The operation is nested too deeply.")
        cost = NOTHING
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                cost += self._field(selection, place, nested)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                narrowed = self.schema.get_type(condition.name.value) if condition else place.type
                cost += self._selections(selection.selection_set, place._replace(type=narrowed), nested + 1)
            elif isinstance(selection, FragmentSpreadNode):
                cost += self._fragment(selection.name.value, place, nested)
        return cost

    def _fragment(self, name: str, place: _Place, nested: int) -> Cost:
        remembered = (name, place.in_page, place.below, place.field)
        known = self._known.get(remembered)
        if known is not None:
            return known
        fragment = self.fragments.get(name)
        if fragment is None:
            return NOTHING
        self._known[remembered] = NOTHING
        on = self.schema.get_type(fragment.type_condition.name.value)
        cost = self._selections(fragment.selection_set, place._replace(type=on), nested + 1)
        self._known[remembered] = cost
        return cost

    def _field(self, node: FieldNode, place: _Place, nested: int) -> Cost:
        name, parent = node.name.value, place.type
        aliases = 1 if node.alias else 0
        if node.selection_set is None:
            return Cost(1, aliases, 1)
        definition = self.schema.get_field(parent, name) if is_composite_type(parent) else None
        below_type = get_named_type(definition.type) if definition else None
        full_name = f"{parent.name}.{name}" if parent else name
        items, is_page = self._items(node, definition, full_name, place)
        named = self._named_object(node, full_name)
        below_id = place.below if named is None else named
        below = self._selections(node.selection_set, _Place(below_type, is_page, below_id, full_name), nested + 1)
        if name in INTROSPECTION:
            return Cost(1, aliases + below.aliases, 1, 1 + below.complexity_fields)
        return Cost(
            1 + below.depth_levels,
            aliases + below.aliases,
            self.limits.weights.get(full_name, 1) + ceil(items * below.complexity_fields),
            below.introspection_fields,
        )

    def _items(
        self, node: FieldNode, definition: GraphQLField | None, full_name: str, place: _Place
    ) -> tuple[float, bool]:
        """
        Returns how often the fields below this field count, and whether it is a page.

        Lists directly below a page are not counted again, because their items are the page's.
        """
        if definition is None:
            return 1, False
        sizes = [name for name in PAGE_SIZES if name in definition.args]
        if sizes:
            given = {argument.name.value: argument for argument in node.arguments or ()}
            asked = [self._size(given.get(name), definition.args[name].default_value) for name in sizes]
            return max((size for size in asked if size is not None), default=self.limits.page_items), True
        if all(name in definition.args for name in TIME):
            return self._intervals({argument.name.value: argument.value for argument in node.arguments or ()}), False
        if full_name in self.limits.sized_lists:
            self.depends_on_sizes = True
            return self._real_length(node, full_name, place), False
        if is_list_type(get_nullable_type(definition.type)) and not place.in_page:
            return self.limits.assumed_list_items, False
        return 1, False

    def _real_length(self, node: FieldNode, full_name: str, place: _Place) -> float:
        """
        The list's length.

        An entry `Type.field(argument)` in the sizes has the items that are added if this argument is true. An entry
        `Type.list > Type.field` has the length, on average, below each item of that list.
        """
        if self.sizes is None:
            return 1
        lengths = self.sizes.mean if place.below is None else self.sizes.by_id.get(place.below, self.sizes.largest)
        length = lengths.get(full_name, self.limits.assumed_list_items)
        length = lengths.get(f"{place.field} > {full_name}", length)
        for argument in node.arguments or ():
            longer = lengths.get(f"{full_name}({argument.name.value})")
            if longer is not None and self._value(argument.value) is not False:
                length += longer
        return length

    def _named_object(self, node: FieldNode, full_name: str) -> str | None:
        """
        The id in the field's arguments that selects the object whose lists are below it.

        None if no argument has such an id. An empty text, which no object has as its id, if the id can't be read, for
        example in a variable's default object.
        """
        path = self.limits.named_by.get(full_name)
        if path is None or self.sizes is None:
            return None
        value: Any = {argument.name.value: argument.value for argument in node.arguments or ()}
        for name in path:
            if isinstance(value, ObjectValueNode):
                value = {each.name.value: each.value for each in value.fields}
            value = self._value(value.get(name)) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) else ""

    def _size(self, argument: ArgumentNode | None, default: object) -> int | None:
        """The page size that an argument asks for, or None if it does not set one."""
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
        """
        The number of intervals in the requested period.

        A period that can't be read counts as the maximum; the resolver refuses it later.
        """
        try:
            since, until = (datetime.fromisoformat(self._text(given[name])) for name in TIME)
            interval = Interval[self._text(given["interval"])] if "interval" in given else Interval.HOUR
            return min(max(begun(since, until, interval), 1), self.limits.intervals)
        except (KeyError, TypeError, ValueError, OverflowError):
            return self.limits.intervals

    def _text(self, value: ValueNode) -> Any:
        """The text or enum name in an argument, or None if it is not known."""
        return self._value(value) if isinstance(value, StringValueNode | EnumValueNode | VariableNode) else None

    def _value(self, value: Any) -> Any:
        """The value of a literal or a variable, or None if it is not known. Other values are returned unchanged."""
        if isinstance(value, StringValueNode | EnumValueNode | BooleanValueNode):
            return value.value
        if isinstance(value, VariableNode):
            self.depends_on_variables = True
            return None if self.variables is None else self.variables.get(value.name.value)
        return value

    def _clamped(self, size: object) -> int | None:
        return min(max(size, 1), self.limits.page_items) if isinstance(size, int) else None


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """The document's fragments, by name."""
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


def operations_of(document: DocumentNode) -> Iterator[OperationDefinitionNode]:
    """The document's operations, in the document's order."""
    return (node for node in document.definitions if isinstance(node, OperationDefinitionNode))


def default_value(definition: VariableDefinitionNode) -> int | str | bool | None:
    """A variable's default if it is a number, a text, an enum value or a boolean, else None."""
    node = definition.default_value
    if isinstance(node, IntValueNode):
        return whole_number(node)
    return node.value if isinstance(node, StringValueNode | EnumValueNode | BooleanValueNode) else None


def whole_number(node: IntValueNode) -> int:
    """The value of an integer literal. One of 19 characters or more counts as sys.maxsize and is not parsed."""
    return int(node.value) if len(node.value) < 19 else sys.maxsize
