"""
Answers POST /graphql: GraphQL over HTTP for one schema, with limits, status codes and masked errors.

Subscriptions are answered with server-sent events; queries and mutations never are.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Generic, TypeGuard, TypeVar, cast

import msgspec
import strawberry
from graphql import ExecutionResult, Executor, GraphQLError, OperationType
from litestar import Request
from litestar.enums import ScopeType
from litestar.handlers import ASGIRouteHandler, asgi
from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Receive, Scope, Send
from strawberry.execution import optimized_is_awaitable

from app.graphql.documents import Document, Documents, Operation
from app.graphql.errors import (
    Code,
    ExecutionRefused,
    FailureLog,
    RequestRefused,
    execution_errors,
    located_refusal,
    masked,
    refusal,
)
from app.graphql.events import Headers, refused_result, send_one_result
from app.graphql.execution import PlainFirstExecutor, plain_fields
from app.graphql.limits import Limits, PersonalLists
from app.graphql.requests import (
    EVENT_STREAM,
    AnswerForm,
    Asked,
    ClientGone,
    accepts_events,
    answer_form,
    check_content_type,
    header_values,
    read_body,
    read_request,
)
from app.graphql.streams import StreamLimits, StreamRight, Streams
from app.graphql.variable_errors import in_plain_words
from app.request_id import REQUEST_ID
from keys.refusals import Forbidden, Refusal
from schema.refusals import CODES, as_error

Context = TypeVar("Context")

PATH = "/graphql"
COERCION_ERRORS = 10

is_awaitable = cast("Callable[[Any], TypeGuard[Awaitable[Any]]]", optimized_is_awaitable)
"""Strawberry's own check, which recognizes plain values quickly."""


def no_headers(_context: object) -> Headers:
    """The default for `answer_headers`: no headers."""
    return ()


def no_streams(_context: object) -> StreamRight:
    """The default for `stream_right`: refuses every subscription."""
    raise Forbidden("Subscriptions are not available here.")


def graphql_route(
    schema: strawberry.Schema,
    *,
    context: Callable[[Request[Any, Any, Any]], Awaitable[Context]],
    introspection_refusal: Callable[[Context], Refusal | None],
    limits: Limits | None = None,
    lists: PersonalLists[Context] | None = None,
    answer_headers: Callable[[Context], Headers] = no_headers,
    behind: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    stream_right: Callable[[Context], StreamRight] = no_streams,
    stream_limits: StreamLimits | None = None,
) -> ASGIRouteHandler:
    """Returns a Litestar route handler for /graphql.

    `context` makes a request's context after its document has passed parsing, limits and validation; it may raise
    RequestRefused. `introspection_refusal` returns why this person may not use introspection, or None. `lists` knows
    the lengths of the person's lists and limits how much a person may request; without it, there is no limit for each
    person. `answer_headers` returns headers, such as cookies; it is called after execution, and before a stream begins.
    `behind` wraps the endpoint in another ASGI application, such as a guard. `stream_right` returns the right by which
    a subscription goes on; it may raise a Refusal, and the default refuses all subscriptions. Raises ValueError for a
    schema with extensions or operation directives, because they would not be run.
    """
    endpoint = Endpoint(
        schema,
        context,
        introspection_refusal,
        limits or Limits(),
        lists,
        answer_headers,
        stream_right,
        stream_limits or StreamLimits(),
    )

    guarded = behind(endpoint.answer)

    async def graphql(scope: Scope, receive: Receive, send: Send) -> None:
        await guarded(scope, receive, send)

    return asgi(PATH, copy_scope=False)(graphql)


class Endpoint(Generic[Context]):
    """Answers requests for one schema.

    It calls graphql-core's executor directly. Strawberry's `execute` builds extensions, runners and managers for each
    request, and does not distinguish errors before execution from errors in it.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        context: Callable[[Request[Any, Any, Any]], Awaitable[Context]],
        introspection_refusal: Callable[[Context], Refusal | None],
        limits: Limits,
        lists: PersonalLists[Context] | None,
        answer_headers: Callable[[Context], Headers],
        stream_right: Callable[[Context], StreamRight],
        stream_limits: StreamLimits,
    ) -> None:
        if schema.extensions or schema.directives:
            raise ValueError("Schema extensions and operation directives are not supported here.")
        self._schema = schema._schema
        self._context = context
        self._introspection_refusal = introspection_refusal
        self._limits = limits
        self._lists = lists
        self._slices = asyncio.Lock()
        self._answer_headers = answer_headers
        self._stream_right = stream_right
        self._failures = FailureLog()
        self._streams = Streams(stream_limits, self._failures)
        self._documents = Documents(self._schema, limits)
        self._plain_fields = plain_fields(self._schema)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application: answers one request. A WebSocket is closed at once."""
        if scope["type"] != ScopeType.HTTP:
            await send({"type": "websocket.close", "code": 1000, "reason": None})
            return
        accept, request_id = ", ".join(header_values(scope, b"accept")) or "*/*", _request_id(scope)
        form, events = answer_form(accept), accepts_events(accept)
        headers: Headers = ()
        try:
            asked = await self._asked(scope, receive, form, events)
            executor, context, complexity = await self._prepared(asked, Request(scope, receive, send), form, events)
            if executor.operation.operation is OperationType.SUBSCRIPTION:
                await self._stream(executor, context, scope, receive, send)
                return
            async with self._turn(context, complexity):
                result = executor.execute_operation()
                result = cast(ExecutionResult, await result if is_awaitable(result) else result)
            status, headers = 200, tuple(self._answer_headers(context))
            encoded = msgspec.json.encode(self._executed_body(result, request_id))
        except ClientGone:
            return
        except RequestRefused as refused:
            status, headers = refused.status, refused.headers
            encoded = msgspec.json.encode({"errors": [refusal(refused.code, refused.message)]})
        except ExecutionRefused as refused:
            errors = [located_refusal(refused.code, error) for error in refused.errors]
            if form is None:
                await send_one_result(send, {"errors": errors})
                return
            status = 400 if form is AnswerForm.GRAPHQL_RESPONSE else 200
            encoded = msgspec.json.encode({"errors": errors})
        except Exception as error:
            self._failures.note(error, "a request", request_id)
            status, encoded = 500, msgspec.json.encode({"errors": [masked(request_id)]})
        await _send(send, status, form or AnswerForm.JSON, headers, encoded)

    async def _asked(self, scope: HTTPScope, receive: Receive, form: AnswerForm | None, events: bool) -> Asked:
        if scope["method"] != "POST":
            raise RequestRefused(405, "Send GraphQL requests with POST.", headers=[(b"allow", b"POST")])
        if form is None and not events:
            forms = " or ".join(form.value for form in AnswerForm)
            raise RequestRefused(
                406, f"Answers are available as {forms}, and answers of subscriptions as {EVENT_STREAM}."
            )
        check_content_type(scope)
        return read_request(await read_body(scope, receive, self._limits.body_bytes))

    async def _prepared(
        self, asked: Asked, request: Request[Any, Any, Any], form: AnswerForm | None, events: bool
    ) -> tuple[Executor[Any], Context, int]:
        """
        Checks everything about a request except its execution.

        Returns an executor that is ready to run, the context, and the complexity in fields. Raises RequestRefused and
        ExecutionRefused.
        """
        document = self._documents.prepare(asked.query)
        operation = document.operation(asked.operation_name)
        is_subscription = operation.node.operation is OperationType.SUBSCRIPTION
        if is_subscription and not events:
            raise RequestRefused(406, f"Subscriptions are available only as {EVENT_STREAM}.")
        if not is_subscription and form is None:
            raise RequestRefused(406, f"Only subscriptions are available as {EVENT_STREAM}.")
        self._documents.check_size(document, operation, asked.variables or {})
        # Only now, because finding the person takes a database query, which a refused document should not cause.
        context = await self._context(request)
        refused = self._introspection_refusal(context) if operation.is_introspection else None
        if refused is not None:
            raise ExecutionRefused(Code(CODES[type(refused)]), [GraphQLError(refused.message)])
        complexity, items_at_most = await self._measured(document, operation, asked.variables or {}, context)
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
            slices=self._slices,
            items_at_most=items_at_most,
        )
        if isinstance(executor, list):
            raise ExecutionRefused(Code.BAD_USER_INPUT, [in_plain_words(error, self._schema) for error in executor])
        return executor, context, complexity

    async def _measured(
        self, document: Document, operation: Operation, variables: Mapping[str, Any], context: Context
    ) -> tuple[int, int]:
        """
        Measures the operation for this person, and charges the person for it.

        Returns its complexity in fields, and how many list items its answer may have. Raises ExecutionRefused.
        """
        if self._lists is None:
            return operation.complexity_fields, self._limits.complexity_fields
        complexity, extra_fields = operation.complexity_fields, 0
        if operation.has_sized_lists:
            sizes = self._lists.assumed(context)
            try:
                complexity = self._documents.check_lists(document, operation, variables, sizes)
            except ExecutionRefused:
                sizes = await self._lists.counted(context)
                complexity = self._documents.check_lists(document, operation, variables, sizes)
            extra_fields = sizes.extra_fields
        try:
            # Mutations have a rate limit of their own.
            if operation.node.operation is OperationType.QUERY:
                self._lists.charge(context, complexity)
        except Refusal as refused:
            error = as_error(refused) or GraphQLError(refused.message)
            raise ExecutionRefused(Code(CODES[type(refused)]), [error]) from None
        return complexity, self._limits.complexity_fields + extra_fields

    def _turn(self, context: Context, complexity: int) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._lists is None else self._lists.turn(context, complexity)

    def _executed_body(self, result: ExecutionResult, request_id: str | None) -> dict[str, Any]:
        """The response body. Errors come first, as the GraphQL specification advises, to show that data is partial."""
        if result.errors:
            return {"errors": execution_errors(result.errors, request_id, self._failures), "data": result.data}
        return {"data": result.data}

    async def _stream(
        self, executor: Executor[Any], context: Context, scope: HTTPScope, receive: Receive, send: Send
    ) -> None:
        request_id = _request_id(scope)
        try:
            right = self._stream_right(context)
            headers = self._answer_headers(context)
            await self._streams.answer(executor, right, scope, receive, send, headers=headers, request_id=request_id)
        except Refusal as refused:
            await send_one_result(send, refused_result(refused, request_id, self._failures))


def _request_id(scope: Scope) -> str | None:
    """The request id that an outer middleware put into the scope, or None."""
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
