"""Owns how results are written as server-sent events: an event `next` for each, then `complete`."""

from collections.abc import Iterable
from typing import Any

import msgspec
from graphql import GraphQLError
from litestar.types import HTTPResponseStartEvent, Send

from app.graphql.errors import execution_errors
from app.graphql.requests import EVENT_STREAM
from keys.refusals import Refusal

Headers = Iterable[tuple[bytes, bytes]]

COMMENT = b":\n\n"
COMPLETE = b"event: complete\ndata:\n\n"
HEADERS = (
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # else nginx keeps events until there is a page of them
)


def next_event(result: dict[str, Any]) -> bytes:
    """A result. JSON as it is written here has no line breaks, which would end it."""
    return b"event: next\ndata: " + msgspec.json.encode(result) + b"\n\n"


def refused_result(refusal: Refusal, request_id: str | None) -> dict[str, Any]:
    """The result that says no to a whole subscription."""
    return {"errors": execution_errors([GraphQLError(refusal.message, original_error=refusal)], request_id)}


async def begin_events(send: Send, headers: Headers, body: bytes, *, more_body: bool = True) -> None:
    """Sends the head of a stream, and its first bytes."""
    start: HTTPResponseStartEvent = {"type": "http.response.start", "status": 200, "headers": [*HEADERS, *headers]}
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": more_body})


async def send_one_result(send: Send, result: dict[str, Any]) -> None:
    """Sends the whole stream of one result, which is there already."""
    await begin_events(send, (), next_event(result) + COMPLETE, more_body=False)
