"""Answers /metrics in Prometheus's formats, and decides which callers may read it."""

import hmac
import ipaddress
from urllib.parse import urlsplit

import msgspec
from litestar.enums import ScopeType
from litestar.handlers import ASGIRouteHandler, asgi
from litestar.types import HTTPScope, Receive, Scope, Send

from app.client_address import is_loopback, normalized
from app.observability.metrics import Metrics
from keys.token import Secret

PATH = "/metrics"
BY_PROXIES = frozenset({b"forwarded", b"via", b"x-real-ip"})
"""Headers that proxies add to a request, besides those that begin with X-Forwarded-."""


def metrics_route(metrics: Metrics, token: Secret | None) -> ASGIRouteHandler:
    """
    Returns the handler of /metrics.

    It answers callers that send the token or, if no token is set, callers on this machine.
    """
    from prometheus_client import make_asgi_app  # noqa: PLC0415 - imported only if metrics are enabled

    expected = None if token is None else token.reveal().encode()
    exposition = make_asgi_app(metrics.registry)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await send({"type": "websocket.close", "code": 1000, "reason": None})
        elif expected is not None and not _has_token(scope, expected):
            await _refuse(send, 403, "Metrics require the metrics token: send Authorization: Bearer TOKEN.")
        elif expected is None and not _is_from_here(scope):
            await _refuse(
                send,
                403,
                "Metrics are available only to callers on this machine. To allow others, set KEYDESK_METRICS_TOKEN.",
            )
        elif scope["method"] != "GET":
            await _refuse(send, 405, "Read metrics with GET.", (b"allow", b"GET"))
        else:
            metrics.hand_over()
            await exposition(scope, receive, send)

    return asgi(PATH, copy_scope=False)(answer)


def _is_from_here(scope: HTTPScope) -> bool:
    """
    Whether a program on this machine made the request itself, and not a proxy or a web page in a browser.

    A page can make its own host name resolve to this machine (DNS rebinding), but the browser then sends that name in
    Host. nginx's plain `proxy_pass` adds no header, but speaks HTTP/1.0, which scrapers don't. A proxy that speaks
    HTTP/1.1, adds no header and rewrites Host is not detected: set a token if there is one.
    """
    if scope["http_version"] == "1.0":
        return False
    if any(name in BY_PROXIES or name.startswith(b"x-forwarded-") for name, _ in scope["headers"]):
        return False
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    if any(not is_loopback(_hostname(host)) for host in hosts):
        return False
    client = scope["client"]
    address = None if client is None else normalized(client[0])
    return address is not None and ipaddress.ip_address(address).is_loopback


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _has_token(scope: HTTPScope, expected: bytes) -> bool:
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(given) != 1:
        return False
    scheme, _, token = given[0].partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), expected)


async def _refuse(send: Send, status: int, detail: str, *headers: tuple[bytes, bytes]) -> None:
    body = msgspec.json.encode({"title": "metrics not permitted", "status": status, "detail": detail})
    given = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": body, "more_body": False})
