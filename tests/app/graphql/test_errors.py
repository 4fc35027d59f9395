"""Errors of fields: what clients get, and what is logged."""

import logging
from typing import Any

import pytest
from graphql import GraphQLError
from litestar import Request
from sqlalchemy.exc import StatementError

from app.graphql.errors import Code, RequestRefused
from tests.support.graphql.tiny_schema import FAILURES, GRAPHQL, JSON, Asker, Tiny, code_of

SECRET = "hunter2-from-a-form"
MASKED = {
    "message": "Something went wrong on our side.",
    "extensions": {"code": "INTERNAL_SERVER_ERROR", "requestId": "req_tiny"},
}


class WithExtensions(Exception):
    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.extensions = {"code": "FORBIDDEN"}


BUGS = [
    ValueError(SECRET),
    StatementError(SECRET, "SELECT ?", {"name": SECRET}, ValueError(SECRET)),
    GraphQLError(SECRET),
    GraphQLError(SECRET, extensions={"code": "SOMETHING_ELSE"}),
    GraphQLError(SECRET, extensions={"code": "INTERNAL_SERVER_ERROR"}),
    GraphQLError(SECRET, extensions={"code": ["FORBIDDEN"]}),
    WithExtensions(SECRET),
    RecursionError(SECRET),
]


@pytest.mark.parametrize("code", sorted(set(Code) - {Code.INTERNAL_SERVER_ERROR}))
async def test_an_error_with_a_code_of_the_contract_s_is_shown(
    code: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Message, extensions, path and location reach the client unchanged, and nothing is logged."""
    extensions = {"code": code, "retryAfterSeconds": 7}
    monkeypatch.setitem(FAILURES, "coded", GraphQLError("Not now.", extensions=extensions))

    response = await Tiny().ask('{ no: fail(kind: "coded") echo }')

    place = {"locations": [{"line": 1, "column": 3}], "path": ["no"]}
    assert response.status_code == 200
    assert response.json() == {
        "errors": [{"message": "Not now.", "extensions": extensions, **place}],
        "data": {"no": None, "echo": ""},
    }
    assert list(response.json()) == ["errors", "data"]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("error", BUGS, ids=lambda error: f"{type(error).__name__} {getattr(error, 'extensions', '')}")
async def test_any_other_error_is_masked_and_logged_without_its_words(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets a request id. The log has the id, type, frames and field, and no user input."""
    monkeypatch.setitem(FAILURES, SECRET, error)
    document = f"query Q($kind: String!) {{ {SECRET.replace('-', '_')}: fail(kind: $kind) }}"

    response = await Tiny().ask(document, variables={"kind": SECRET})

    shown = response.json()["errors"][0]
    assert {"message": shown["message"], "extensions": shown["extensions"]} == MASKED
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    logged = logging.Formatter().format(record)
    assert (record.name, record.levelname) == ("keydesk.graphql", "ERROR")
    assert type(error).__qualname__ in logged
    assert "raise FAILURES[kind]" in logged
    assert "field fail" in logged
    assert "req_tiny" in logged
    assert "hunter2" not in logged


async def test_what_caused_an_error_is_logged_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Causes are logged, too, by their types only."""
    error = RuntimeError(SECRET)
    error.__cause__ = ConnectionRefusedError(SECRET)
    monkeypatch.setitem(FAILURES, "chained", error)

    await Tiny().ask('{ fail(kind: "chained") }')

    assert "ConnectionRefusedError" in caplog.text
    assert SECRET not in caplog.text


async def test_one_bug_in_many_places_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Aliases do not multiply the log line."""
    monkeypatch.setitem(FAILURES, "bug", ValueError())

    response = await Tiny().ask("{" + " ".join(f'a{i}: fail(kind: "bug")' for i in range(60)) + "}")

    assert len(response.json()["errors"]) == 60
    assert caplog.text.count("field fail failed") == 1


async def test_without_a_request_id_there_is_none_in_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a request id, the error has none."""
    monkeypatch.setitem(FAILURES, "bug", ValueError())

    response = await Tiny(request_id=None).ask('{ fail(kind: "bug") }')

    assert response.json()["errors"][0]["extensions"] == {"code": "INTERNAL_SERVER_ERROR"}


async def test_a_missing_value_takes_its_parent_away() -> None:
    """A null in a non-null field is a masked error, and the nearest nullable parent becomes null."""
    response = await Tiny().ask("{ unnamed { name } echo }")

    shown = response.json()
    assert shown["data"] == {"unnamed": None, "echo": ""}
    assert shown["errors"][0]["path"] == ["unnamed", "name"]
    assert code_of(response) == "INTERNAL_SERVER_ERROR"


@pytest.mark.parametrize(
    "document",
    [
        'query ($t: String = "x") { echo(text: $t) }',
        "query ($b: Boolean = true) { echo @skip(if: $b) }",
        "query ($b: Boolean = true) { person { name @include(if: $b) } }",
    ],
)
async def test_a_null_that_only_execution_finds_is_the_client_s(
    document: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Null for a variable with a default, where null is not allowed, is BAD_USER_INPUT."""
    response = await Tiny().ask(document, variables={"t": None, "b": None})

    assert response.status_code == 200
    assert code_of(response) == "BAD_USER_INPUT"
    assert "failed" not in caplog.text


@pytest.mark.parametrize("form", [GRAPHQL, JSON])
async def test_a_context_that_fails_is_a_masked_500(form: str, caplog: pytest.LogCaptureFixture) -> None:
    """If the context fails, the answer is still a GraphQL response."""

    async def context(request: Request[Any, Any, Any]) -> Asker:
        raise ConnectionError(SECRET)

    response = await Tiny(context=context).ask("{ echo }", accept=form)

    assert response.status_code == 500
    assert response.json() == {"errors": [MASKED]}
    assert "ConnectionError" in caplog.text
    assert SECRET not in caplog.text


async def test_a_context_may_refuse_the_request() -> None:
    """The context can refuse with a status, a code and headers."""

    async def context(request: Request[Any, Any, Any]) -> Asker:
        raise RequestRefused(403, "Not from there.", code=Code.FORBIDDEN, headers=[(b"x-why", b"origin")])

    response = await Tiny(context=context).ask("{ echo }")

    assert (response.status_code, response.headers["x-why"]) == (403, "origin")
    assert response.json() == {"errors": [{"message": "Not from there.", "extensions": {"code": "FORBIDDEN"}}]}
