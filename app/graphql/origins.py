"""
Decides which web pages may send requests to /graphql: Keydesk's own, and those of KEYDESK_ALLOWED_ORIGINS.

Every POST is checked, with a cookie or without, so that no other page can sign a browser in. The framework's CORS
support is not used, because it applies to all routes of an application and does not refuse requests.
"""

import logging
import time
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import urlsplit

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Receive, Scope, Send

from app.graphql.errors import Code, refusal
from app.graphql.requests import AnswerForm, answer_form, header_values
from app.observability.paced_log import Paced
from app.setting_values import DEFAULT_PORTS
from models.engine.url_text import is_host

logger = logging.getLogger("keydesk.origins")

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
PREFLIGHT_SECONDS = 600
SHOWN_CHARACTERS = 100
Headers = list[tuple[bytes, bytes]]

ALLOWED_HEADERS = (
    "Content-Type",
    "traceparent",
    "tracestate",
    "baggage",
    "apollographql-client-name",
    "apollographql-client-version",
    "graphql-client-name",
    "graphql-client-version",
    "X-Request-Id",
)
"""What GraphQL clients and tracing (W3C Trace Context, W3C Baggage) add to their requests, without credentials."""

_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", ", ".join(ALLOWED_HEADERS).encode()),
    (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
]


def own_origins(public_url: str) -> frozenset[str]:
    """
    The origin of Keydesk's own pages, as browsers write it.

    If the public URL is on loopback, the origins with localhost, 127.0.0.1 and [::1] all count.
    """
    parts = urlsplit(public_url)
    hostname = parts.hostname or ""
    host = f"[{hostname}]" if ":" in hostname else hostname
    port = "" if parts.port in {None, DEFAULT_PORTS.get(parts.scheme)} else f":{parts.port}"
    hosts = LOOPBACK_HOSTS if host in LOOPBACK_HOSTS else (host,)
    return frozenset(f"{parts.scheme}://{each}{port}" for each in hosts)


def origin_allowed(origin: str | None, public_url: str, allowed_origins: Collection[str]) -> bool:
    """
    Whether a page of this origin may send requests.

    A request without an origin does not come from another page and is allowed. The origin `null` is not.
    """
    return origin is None or origin in own_origins(public_url) or origin in allowed_origins


class OriginGuard:
    """
    ASGI middleware for /graphql: refuses requests from pages of other origins, and answers CORS preflight requests.

    It wraps the endpoint instead of matching a path, because the framework's router may read a path differently.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        public_url: str,
        allowed_origins: Collection[str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        own = own_origins(public_url)
        self._app = app
        self._public_url = public_url
        self._paced = Paced(of_a_kind=1, in_all=1, clock=monotonic)
        self._named = frozenset(allowed_origins) - own
        self._allowed = own | self._named

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        answer = _adding(send, self._headers(origins))
        is_preflight = scope["method"] == "OPTIONS" and bool(origins) and _is_preflight(scope)
        is_allowed = len(origins) <= 1 and self._allowed.issuperset(origins)
        if (scope["method"] == "POST" or is_preflight) and not is_allowed:
            message = f"Requests from {_shown(origins)} are not allowed: this server is at {self._public_url}."
            self._warn(message)
            await _refuse(scope, answer, f"{message} {ADVICE}")
        elif is_preflight and self._is_named(origins):
            await _answer(answer, 204, _PREFLIGHT)
        else:
            await self._app(scope, receive, answer)

    def _warn(self, message: str) -> None:
        """Logs one line a minute, so that the operator sees a wrong setting but strangers can't fill the log."""
        left_out = self._paced.admits()
        if left_out is not None:
            more = f" Similar requests since the last message: {left_out}." if left_out else ""
            logger.warning(
                "%s Check KEYDESK_PUBLIC_URL and KEYDESK_ALLOWED_ORIGINS.%s This is logged at most once a minute.",
                message,
                more,
            )

    def _is_named(self, origins: list[str]) -> bool:
        return len(origins) == 1 and origins[0] in self._named

    def _headers(self, origins: list[str]) -> Headers:
        """
        The CORS headers of every answer, including refusals.

        They are `Vary: Origin` if any origin is named in the settings, and permission to read for those origins.
        """
        if not self._named:
            return []
        if not self._is_named(origins):
            return [(b"vary", b"Origin")]
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origins[0].encode("latin-1")),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", b"X-Request-Id"),
        ]


ADVICE = (
    "For the operator: KEYDESK_PUBLIC_URL must be the address in the browser; KEYDESK_ALLOWED_ORIGINS names other "
    "front ends of the same site."
)


def _shown(origins: list[str]) -> str:
    """Describes the page's origin. A header that is not a well-formed origin is not repeated."""
    if len(origins) != 1:
        return "a page that sends several origins"
    try:
        parts = urlsplit(origins[0])
        is_origin = bool(parts.scheme) and is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        is_origin = False
    if origins[0] == "null":
        return "a page without an origin (null: a file, or a sandboxed frame)"
    if not is_origin or parts.username is not None or len(origins[0]) > SHOWN_CHARACTERS or not origins[0].isascii():
        return "a page whose origin can't be read"
    return f"pages of {parts.scheme}://{parts.netloc}"


async def _refuse(scope: HTTPScope, send: Send, message: str) -> None:
    """Sends the refusal as a GraphQL response, in the media type that the Accept header asks for."""
    form = answer_form(", ".join(header_values(scope, b"accept")) or "*/*") or AnswerForm.JSON
    body = msgspec.json.encode({"errors": [refusal(Code.FORBIDDEN, message)]})
    headers = [(b"content-type", f"{form.value}; charset=utf-8".encode()), (b"cache-control", b"no-store")]
    await _answer(send, 403, headers, body)


async def _answer(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    length = [] if status == 204 else [(b"content-length", b"%d" % len(body))]
    start: HTTPResponseStartEvent = {
        "type": "http.response.start",
        "status": status,
        "headers": [*headers, *length],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _is_preflight(scope: Any) -> bool:
    return any(name == b"access-control-request-method" for name, _ in scope["headers"])


def _adding(send: Send, headers: Headers) -> Send:
    async def send_with(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *headers]}
        await send(message)

    return send_with if headers else send
