"""Owns request ids: made here, unguessable, in every answer, and what support is told."""

import secrets
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

REQUEST_ID = "keydesk.request_id"
"""Where the scope has it."""


def new_request_id() -> str:
    """128 bits from the operating system's generator, as `req_` and 32 hexadecimal digits."""
    return f"req_{secrets.token_hex(16)}"


class RequestIds:
    """Names every request and adds `X-Request-Id` to its answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = new_request_id()
        scope[REQUEST_ID] = request_id  # type: ignore[literal-required]  # a key of ours beside ASGI's
        header = (b"x-request-id", request_id.encode())

        async def send_named(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header]
            await send(message)

        await self._app(scope, receive, send_named)
