"""Owns /metrics: who may read the numbers, and in which of Prometheus's formats."""

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
"""What a request has that a proxy passed on, beside headers that begin with X-Forwarded-."""


def metrics_route(metrics: Metrics, token: Secret | None) -> ASGIRouteHandler:
    """A handler for /metrics: for those with the token or, if none is set, for callers on this machine."""
    from prometheus_client import make_asgi_app  # noqa: PLC0415 - only who wants metrics imports the library

    expected = None if token is None else token.reveal().encode()
    exposition = make_asgi_app(metrics.registry)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await send({"type": "websocket.close", "code": 1000, "reason": None})
        elif expected is not None and not _has_token(scope, expected):
            await _refuse(send, 403, "Metrics need the metrics token, as Authorization: Bearer TOKEN.")
        elif expected is None and not _is_from_here(scope):
            await _refuse(send, 403, "Metrics are for callers on this machine. For others, set KEYDESK_METRICS_TOKEN.")
        elif scope["method"] != "GET":
            await _refuse(send, 405, "Metrics are asked for by GET.", (b"allow", b"GET"))
        else:
            metrics.hand_over()
            await exposition(scope, receive, send)

    return asgi(PATH, copy_scope=False)(answer)


def _is_from_here(scope: HTTPScope) -> bool:
    """
    Whether the request was made on this machine, and not through a proxy on it, nor by a page in a browser on it.

    A page may let its own name lead to this machine, but can't choose the Host that the browser sends then. nginx's
    plain `proxy_pass` adds no header, but speaks HTTP/1.0, which no scraper does. A proxy that speaks HTTP/1.1, adds
    nothing and rewrites Host can't be told apart: that is what the token is for.
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
