"""A document for each field of the schema, with the fewest arguments that fit it."""

import json
from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_leaf_type,
)

from schema import schema

SCALARS: dict[str, Any] = {"Int": "1", "Boolean": "true", "Float": "1.0", "DateTime": '"2026-01-01T00:00:00Z"'}


def documents(operation: str, texts: Mapping[str, str] | None = None) -> dict[str, str]:
    """
    For each field of `query` or `mutation`, a document that asks for it alone.

    `texts` are the values of texts and ids, by "field.argument" or "argument"; the others are "x".
    """
    built = build_schema(schema.as_str())
    root = built.query_type if operation == "query" else built.mutation_type
    assert isinstance(root, GraphQLObjectType)
    return {
        name: f"{operation} {{ {name}{_arguments(name, field, texts or {})}{_selection(field)} }}"
        for name, field in root.fields.items()
    }


def _arguments(of: str, field: GraphQLField, texts: Mapping[str, str]) -> str:
    given = [
        f"{name}: {_value(argument.type, (of, name), texts)}"
        for name, argument in field.args.items()
        if isinstance(argument.type, GraphQLNonNull)
    ]
    return f"({', '.join(given)})" if given else ""


def _selection(field: GraphQLField) -> str:
    return "" if is_leaf_type(get_named_type(field.type)) else " { __typename }"


def _value(kind: GraphQLInputType, path: tuple[str, str], texts: Mapping[str, str]) -> str:
    if isinstance(kind, GraphQLNonNull):
        return _value(kind.of_type, path, texts)
    if isinstance(kind, GraphQLList):
        return "[]"
    if isinstance(kind, GraphQLEnumType):
        return str(next(iter(kind.values)))
    if isinstance(kind, GraphQLInputObjectType):
        fields = {name: each.type for name, each in kind.fields.items() if isinstance(each.type, GraphQLNonNull)}
        given = (f"{name}: {_value(each, (path[0], name), texts)}" for name, each in fields.items())
        return "{" + ", ".join(given) + "}"
    return str(SCALARS.get(kind.name) or json.dumps(texts.get(".".join(path), texts.get(path[1], "x"))))
