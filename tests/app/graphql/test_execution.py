"""The executor's fast path for plain fields, and the library methods that it overrides."""

import asyncio
import inspect
from inspect import signature
from types import SimpleNamespace

import pytest
from graphql.execution.executor import Executor

from app.graphql.execution import NOT_PLAIN, PlainFirstExecutor, _read, plain_fields
from keys.refusals import Forbidden
from schema import schema


@pytest.mark.parametrize("name", ["execute_fields", "complete_iterable_value"])
def test_the_library_still_has_what_is_overridden(name: str) -> None:
    """The overridden methods are private to the library; a new version could change their parameters or drop them."""
    own, overridden = (signature(getattr(executor, name)) for executor in (PlainFirstExecutor, Executor))

    assert list(own.parameters) == list(overridden.parameters)


def test_only_leaves_that_are_attributes_are_plain() -> None:
    """Objects, and fields with a resolver, an argument or a permission, are not plain."""
    of_key = plain_fields(schema._schema)["ApiKey"]

    assert {"id", "name", "scope", "status", "hint", "createdAt", "viewerCanManage"} <= set(of_key)
    assert not {"agent", "createdBy", "usage"} & set(of_key)


@pytest.mark.parametrize(
    "value",
    [asyncio.Event().wait(), ValueError("x"), Forbidden("x"), object()],
    ids=["awaitable", "error", "own error", "object"],
)
def test_what_is_not_as_it_should_be_is_left_to_the_library(value: object) -> None:
    """Awaitables, errors and values of unexpected types are left to the library."""
    fields = [field for fields in plain_fields(schema._schema).values() for field in fields.values()]

    for field in fields:
        assert _read(field, SimpleNamespace(**{field.attribute: value})) is NOT_PLAIN
    assert len(fields) > 50
    if inspect.iscoroutine(value):
        value.close()


async def test_a_future_is_left_to_the_library() -> None:
    """Its class is no built-in one, so serialization would take its representation for the value."""
    future = asyncio.get_running_loop().create_future()

    for fields in plain_fields(schema._schema).values():
        for field in fields.values():
            assert _read(field, SimpleNamespace(**{field.attribute: future})) is NOT_PLAIN
