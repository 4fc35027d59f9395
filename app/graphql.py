"""Owns POST /graphql: GraphQL over HTTP for one schema, with its limits, its status codes and its masked errors."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Generic, TypeGuard, TypeVar, cast

import msgspec
import strawberry
from graphql import ExecutionResult, GraphQLError, OperationType
from litestar import Request
from litestar.enums import ScopeType
from litestar.handlers import ASGIRouteHandler, asgi
from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Receive, Scope, Send
from strawberry.execution import optimized_is_awaitable

from app.graphql_documents import Documents
from app.graphql_errors import (
    Code,
    ExecutionRefused,
    RequestRefused,
    execution_errors,
    located_refusal,
    log_failure,
    masked,
    refusal,
)
from app.graphql_execution import PlainFirstExecutor, plain_fields
from app.graphql_limits import Limits
from app.graphql_requests import (
    AnswerForm,
    Asked,
    ClientGone,
    answer_form,
    check_content_type,
    header_values,
    read_body,
    read_request,
)
from keys.refusals import Refusal
from schema.refusals import CODES

Context = TypeVar("Context")
Headers = Iterable[tuple[bytes, bytes]]

PATH = "/graphql"
REQUEST_ID = "keydesk.request_id"
COERCION_ERRORS = 10

is_awaitable = cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", optimized_is_awaitable)
"""Strawberry's, which knows plain values at a glance."""


def no_headers(_context: object) -> Headers:
    """For a context that has nothing to say to the browser."""
    return ()


def graphql_route(
    schema: strawberry.Schema,
    *,
    context: Callable[[Request[Any, Any, Any]], Awaitable[Context]],
    introspection_refusal: Callable[[Context], Refusal | None],
    limits: Limits | None = None,
    answer_headers: Callable[[Context], Headers] = no_headers,
    behind: Callable[[ASGIApp], ASGIApp] = lambda app: app,
) -> ASGIRouteHandler:
    """A Litestar route handler for /graphql.

    `context` makes each request's context once its document has passed parsing, limits and validation; it may raise
    RequestRefused. `answer_headers` is asked after execution, for cookies. `behind` puts the endpoint behind another
    application, such as a guard. A schema's extensions and operation
    directives are not run, so one that has them is refused with ValueError.
    """
    endpoint = Endpoint(schema, context, introspection_refusal, limits or Limits(), answer_headers)

    guarded = behind(endpoint.answer)

    async def graphql(scope: Scope, receive: Receive, send: Send) -> None:
        await guarded(scope, receive, send)

    return asgi(PATH, copy_scope=False)(graphql)


class Endpoint(Generic[Context]):
    """Answers requests for one schema.

    It calls graphql-core's executor itself: Strawberry's own way there builds extensions, runners and managers for each
    request, and has one result for what failed before execution and what failed in it.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        context: Callable[[Request[Any, Any, Any]], Awaitable[Context]],
        introspection_refusal: Callable[[Context], Refusal | None],
        limits: Limits,
        answer_headers: Callable[[Context], Headers],
    ) -> None:
        if schema.extensions or schema.directives:
            raise ValueError("Schema extensions and operation directives are not run here.")
        self._schema = schema._schema
        self._context = context
        self._introspection_refusal = introspection_refusal
        self._limits = limits
        self._answer_headers = answer_headers
        self._documents = Documents(self._schema, limits)
        self._plain_fields = plain_fields(self._schema)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application: one request, one answer."""
        if scope["type"] != ScopeType.HTTP:
            await send({"type": "websocket.close", "code": 1000, "reason": None})
            return
        form = answer_form(", ".join(header_values(scope, b"accept")) or "*/*")
        headers: Headers = ()
        try:
            asked = await self._asked(scope, receive, form)
            result, context = await self._executed(asked, Request(scope, receive, send))
            status, headers = 200, tuple(self._answer_headers(context))
            encoded = msgspec.json.encode(_executed_body(result, _request_id(scope)))
        except ClientGone:
            return
        except RequestRefused as refused:
            status, headers = refused.status, refused.headers
            encoded = msgspec.json.encode({"errors": [refusal(refused.code, refused.message)]})
        except ExecutionRefused as refused:
            status = 400 if form is AnswerForm.GRAPHQL_RESPONSE else 200
            errors = [located_refusal(refused.code, error) for error in refused.errors]
            encoded = msgspec.json.encode({"errors": errors})
        except Exception as error:
            log_failure(error, "a request", _request_id(scope))
            status, encoded = 500, msgspec.json.encode({"errors": [masked(_request_id(scope))]})
        await _send(send, status, form or AnswerForm.JSON, headers, encoded)

    async def _asked(self, scope: HTTPScope, receive: Receive, form: AnswerForm | None) -> Asked:
        if scope["method"] != "POST":
            raise RequestRefused(405, "GraphQL is asked by POST.", headers=[(b"allow", b"POST")])
        if form is None:
            # Over text/event-stream go subscriptions alone, and the schema has none.
            raise RequestRefused(406, f"Answers come as {' or '.join(form.value for form in AnswerForm)}.")
        check_content_type(scope)
        return read_request(await read_body(scope, receive, self._limits.body_bytes))

    async def _executed(self, asked: Asked, request: Request[Any, Any, Any]) -> tuple[ExecutionResult, Context]:
        document = self._documents.prepare(asked.query)
        operation = document.operation(asked.operation_name)
        if operation.node.operation is OperationType.SUBSCRIPTION:
            raise RequestRefused(406, "Subscriptions go over text/event-stream.")
        self._documents.check_size(document, operation, asked.variables or {})
        # Only now: who is asking costs a look at the database, and a refused document is worth none.
        context = await self._context(request)
        refused = self._introspection_refusal(context) if operation.is_introspection else None
        if refused is not None:
            raise ExecutionRefused(Code(CODES[type(refused)]), [GraphQLError(refused.message)])
        executor = PlainFirstExecutor.build(
            self._schema,
            document.tree,
            context_value=context,
            raw_variable_values=asked.variables,
            operation_name=asked.operation_name,
            max_coercion_errors=COERCION_ERRORS,
            is_awaitable=is_awaitable,
            hide_suggestions=True,
            operation_extensions=asked.extensions,
            plain_fields=self._plain_fields,
        )
        if isinstance(executor, list):
            raise ExecutionRefused(Code.BAD_USER_INPUT, executor)
        result = executor.execute_operation()
        return cast(ExecutionResult, await result if is_awaitable(result) else result), context


def _executed_body(result: ExecutionResult, request_id: str | None) -> dict[str, Any]:
    """Errors first, as the GraphQL specification advises: a reader then knows that data is partial."""
    if result.errors:
        return {"errors": execution_errors(result.errors, request_id), "data": result.data}
    return {"data": result.data}


def _request_id(scope: Scope) -> str | None:
    """What an outer middleware named this request, where there is one."""
    return cast("dict[str, Any]", scope).get(REQUEST_ID)


async def _send(send: Send, status: int, form: AnswerForm, headers: Headers, body: bytes) -> None:
    start: HTTPResponseStartEvent = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", f"{form.value}; charset=utf-8".encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *headers,
        ],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": False})
