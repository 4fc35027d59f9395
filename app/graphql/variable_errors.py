"""
Says in plain words which variable of a request does not fit, where in it, and what is expected.

graphql-core's own messages quote the values, and a value may be a misplaced password. Of its messages, only the place
and the names from the schema are taken over.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache

from graphql import GraphQLEnumType, GraphQLError, GraphQLSchema

from keys.looks_like_a_key import is_like_a_key

NAME_CHARACTERS = 60
_WHOLE = re.compile(r"Variable '\$(\w+)' has invalid value(?: at ([\w.\[\]]+))?: (.*)", re.DOTALL)
_NAME = re.compile(rf"[_A-Za-z]\w{{0,{NAME_CHARACTERS - 1}}}", re.ASCII)
_SCALARS = {
    "String": "a string",
    "ID": "an id, which is a string",
    "Int": "a whole number from -2147483648 to 2147483647",
    "Float": "a number",
    "Boolean": "true or false",
}
Sentence = Callable[[str, "re.Match[str]", GraphQLSchema], str]


def _unknown_field(place: str, found: re.Match[str], _schema: GraphQLSchema) -> str:
    typed, type_name = found[2], found[1]
    is_shown = _NAME.fullmatch(typed) is not None and not is_like_a_key(typed)
    return f"{place} has a field that {type_name} does not have{f': {typed}' if is_shown else ''}."


@cache
def _values(schema: GraphQLSchema) -> Mapping[str, str]:
    return {name: ", ".join(kind.values) for name, kind in schema.type_map.items() if isinstance(kind, GraphQLEnumType)}


def _not_of_enum(place: str, found: re.Match[str], schema: GraphQLSchema) -> str:
    return f"{place} must be one of these: {_values(schema).get(found[1], found[1])}."


_REASONS: tuple[tuple[re.Pattern[str], Sentence], ...] = (
    (
        re.compile(r"Expected a value of non-null type '([\w\[\]!]+)' to be provided\."),
        lambda place, found, _: f"{place} is missing. Send a value of the type {found[1]}.",
    ),
    (
        re.compile(r"Expected value of non-null type '([\w\[\]!]+)' not to be None\."),
        lambda place, found, _: f"{place} is null. Send a value of the type {found[1]}.",
    ),
    (
        re.compile(r"Expected value of type '(\w+)' to include required field '(\w+)', found: .*", re.DOTALL),
        lambda place, found, _: f"{place} has no field {found[2]}, which {found[1]} requires.",
    ),
    (
        re.compile(r"Expected value of type '(\w+)' not to include unknown field '(.*)'(?:, found: |\. ).*", re.DOTALL),
        _unknown_field,
    ),
    (
        re.compile(r"Expected value of type '(\w+)' to be an object, found: .*", re.DOTALL),
        lambda place, found, _: f"{place} must be an object with the fields of {found[1]}.",
    ),
    (
        re.compile(r"Value .* does not exist in '(\w+)' enum\..*", re.DOTALL),
        _not_of_enum,
    ),
    (
        re.compile(r"Enum '(\w+)' cannot represent non-string value: .*", re.DOTALL),
        _not_of_enum,
    ),
    (
        re.compile(r"(\w+) cannot represent .*", re.DOTALL),
        lambda place, found, _: f"{place} must be {_SCALARS.get(found[1], f'of the type {found[1]}')}.",
    ),
    (
        # The words of our own scalars, which quote no value.
        re.compile(r"Expected value of type '(\w+)', but encountered error '(.*?)'; found: .*", re.DOTALL),
        lambda place, found, _: f"{place} is not of the type {found[1]}. {found[2]}",
    ),
)


def in_plain_words(error: GraphQLError, schema: GraphQLSchema) -> GraphQLError:
    """The error about a variable, such as: Variable $input.scope must be one of these: ORGANIZATION, AGENT."""
    whole = _WHOLE.fullmatch(error.message)
    if whole is None:
        return error
    name, path, reason = whole.groups()
    place = f"Variable ${name}{path or ''}"
    for pattern, sentence in _REASONS:
        found = pattern.fullmatch(reason)
        if found is not None:
            return GraphQLError(sentence(place, found, schema), error.nodes)
    return GraphQLError(f"{place} does not fit its type.", error.nodes)
