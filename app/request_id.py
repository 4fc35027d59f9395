"""
Common to all requests: a limit on the size of headers, an unguessable request id, the route for logs, and the headers
of every answer.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

REQUEST_ID = "keydesk.request_id"
"""The key of the request id in the ASGI scope."""
UNKNOWN_ROUTE = "unknown"
_ID_BYTES = 16
_IDS_AT_ONCE = 64
_new_ids: list[str] = []
os.register_at_fork(after_in_child=_new_ids.clear)  # two processes must not use the same ids


def new_request_id() -> str:
    """
    Makes a request id: `req_` and 32 hexadecimal digits, which are 128 bits from the operating system's generator.

    The bits of many ids are asked for at once, because each time is a system call.
    """
    try:
        return _new_ids.pop()
    except IndexError:
        digits = os.urandom(_IDS_AT_ONCE * _ID_BYTES).hex()
        ids = [f"req_{digits[start : start + 2 * _ID_BYTES]}" for start in range(0, len(digits), 2 * _ID_BYTES)]
        _new_ids.extend(ids[1:])
        return ids[0]


def route_of(path: str, routes: Sequence[str]) -> str:
    """The first route that the path is equal to or below. Any other path gives UNKNOWN_ROUTE."""
    for route in routes:
        if path == route or (route != "/" and path.startswith(route + "/")):
            return route
    return UNKNOWN_ROUTE


HEADER_BYTES_AT_MOST = 32 * 1024
"""The limit for all names and values together: as much as gateways allow (nginx: four times 8 KB)."""
HSTS = (b"strict-transport-security", b"max-age=31536000")
NO_SNIFFING = (b"x-content-type-options", b"nosniff")


def exceeds_header_bytes(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether the headers are larger than HEADER_BYTES_AT_MOST. Stops counting as soon as they are."""
    left = HEADER_BYTES_AT_MOST
    for name, value in headers:
        left -= len(name) + len(value)
        if left < 0:
            return True
    return False


def constant_headers(public_url: str) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers that every answer of the server has. HSTS (RFC 6797) is only among them over https."""
    return (NO_SNIFFING, HSTS) if public_url.startswith("https://") else (NO_SNIFFING,)


def request_id_of(scope: Mapping[str, Any]) -> str:
    """Return the id that CommonHeaders gave the request."""
    return str(scope[REQUEST_ID])


class CommonHeaders:
    """ASGI middleware: gives every request an id, and adds `X-Request-Id` and the constant headers to its answer."""

    def __init__(self, app: ASGIApp, *, public_url: str) -> None:
        self._app = app
        self._always = constant_headers(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = new_request_id()
        scope[REQUEST_ID] = request_id  # type: ignore[literal-required]  # a key of ours beside ASGI's
        headers = [(b"x-request-id", request_id.encode()), *self._always]

        async def send_named(message: Any) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in headers if each[0] not in there)]
            await send(message)

        await self._app(scope, receive, send_named)
