"""Owns what every request gets: an id, unguessable and made here, its route, and headers that every answer carries."""

import secrets
from collections.abc import Sequence
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

REQUEST_ID = "keydesk.request_id"
"""Where the scope has it."""
UNKNOWN_ROUTE = "unknown"


def new_request_id() -> str:
    """128 bits from the operating system's generator, as `req_` and 32 hexadecimal digits."""
    return f"req_{secrets.token_bytes(16).hex()}"


def route_of(path: str, routes: Sequence[str]) -> str:
    """The first of the templates that the path is at or below; what no route knows is one word."""
    for route in routes:
        if path == route or (route != "/" and path.startswith(route + "/")):
            return route
    return UNKNOWN_ROUTE


HEADER_BYTES_AT_MOST = 32 * 1024
"""Names and values together: what gateways allow (nginx four times 8 KB). The server below us sets no bound."""
HSTS = (b"strict-transport-security", b"max-age=31536000")
NO_SNIFFING = (b"x-content-type-options", b"nosniff")


class CommonHeaders:
    """Names every request; adds `X-Request-Id` to its answer and, where we are reached by https, HSTS (RFC 6797)."""

    def __init__(self, app: ASGIApp, *, public_url: str) -> None:
        self._app = app
        self._always = [NO_SNIFFING, HSTS] if public_url.startswith("https://") else [NO_SNIFFING]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = new_request_id()
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADER_BYTES_AT_MOST:
            await _refuse_headers(send, request_id)
            return
        scope[REQUEST_ID] = request_id  # type: ignore[literal-required]  # a key of ours beside ASGI's
        headers = [(b"x-request-id", request_id.encode()), *self._always]

        async def send_named(message: Any) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in headers if each[0] not in there)]
            await send(message)

        await self._app(scope, receive, send_named)


async def _refuse_headers(send: Send, request_id: str) -> None:
    """431 (RFC 6585), before anything looks into them."""
    body = b'{"status_code":431,"detail":"The request\'s headers are too large. Send less in cookies and headers."}'
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 431, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
