"""Answers the requests that a stopping server cancels, because they took too long."""

import asyncio
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from app.problems import MEDIA_TYPE, Problems
from app.request_id import request_id_of

RETRY_AFTER_SECONDS = 1
DETAIL = (
    "The server is stopping, and this request took too long. It may or may not have been done; look before you retry."
)


class CancelledAnswers:
    """ASGI middleware: answers a cancelled request with 503, unless its answer has begun. It is cut off then."""

    def __init__(self, app: ASGIApp, problems: Problems) -> None:
        self._app = app
        self._problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def send_seen(message: Any) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_seen)
        except asyncio.CancelledError:
            if not has_begun:
                await self._refuse(scope, send)

    async def _refuse(self, scope: Scope, send: Send) -> None:
        body = self._problems.body(503, "unavailable", "service unavailable", DETAIL, request_id_of(scope))
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"retry-after", b"%d" % RETRY_AFTER_SECONDS),
        ]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})
