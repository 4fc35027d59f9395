"""Writes GraphQL results as server-sent events: a `next` event for each result, then a `complete` event."""

from collections.abc import Iterable
from typing import Any

import msgspec
from graphql import GraphQLError
from litestar.types import HTTPResponseStartEvent, Send

from app.graphql.errors import FailureLog, execution_errors
from app.graphql.requests import EVENT_STREAM
from keys.refusals import Refusal

Headers = Iterable[tuple[bytes, bytes]]

COMMENT = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
HEADERS = (
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # otherwise nginx holds events back until its buffer is full
)


def next_event(result: dict[str, Any]) -> bytes:
    """Encodes a result as a `next` event. msgspec writes JSON without line breaks, which would end the event early."""
    return b"event: next\ndata: " + msgspec.json.encode(result) + b"\n\n"


def refused_result(refusal: Refusal, request_id: str | None, failures: FailureLog) -> dict[str, Any]:
    """The result that refuses a whole subscription."""
    error = GraphQLError(refusal.message, original_error=refusal)
    return {"errors": execution_errors([error], request_id, failures)}


async def begin_events(send: Send, headers: Headers, body: bytes, *, more_body: bool = True) -> None:
    """Sends the head of an event stream and its first bytes."""
    start: HTTPResponseStartEvent = {"type": "http.response.start", "status": 200, "headers": [*HEADERS, *headers]}
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": more_body})


async def send_one_result(send: Send, result: dict[str, Any]) -> None:
    """Sends a complete event stream with one result."""
    await begin_events(send, (), next_event(result) + COMPLETE, more_body=False)
