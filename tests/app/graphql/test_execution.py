"""What is read without the library, and what is overridden of it."""

from inspect import signature

import pytest
from graphql.execution.executor import Executor

from app.graphql.execution import PlainFirstExecutor, plain_fields
from schema import schema


@pytest.mark.parametrize("name", ["execute_fields", "complete_iterable_value"])
def test_the_library_still_has_what_is_overridden(name: str) -> None:
    """The methods are private to it: with other parameters, or none, they would fail or never be called."""
    own, overridden = (signature(getattr(executor, name)) for executor in (PlainFirstExecutor, Executor))

    assert list(own.parameters) == list(overridden.parameters)


def test_only_leaves_that_are_attributes_are_plain() -> None:
    """Neither objects, nor what has a resolver, an argument or a permission."""
    of_key = plain_fields(schema._schema)["ApiKey"]

    assert {"id", "name", "scope", "status", "hint", "createdAt", "viewerCanManage"} <= set(of_key)
    assert not {"agent", "createdBy", "usage"} & set(of_key)
