"""
Owns which web pages may ask GraphQL: our own, and those of the front ends that the operator named.

Every request is looked at, with a cookie or without, so that no other page can sign a browser in either. CORS is a few
lines of our own: the framework's answers for every route of the application, and has no word in a request's refusal.
"""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from litestar.types import ASGIApp, Receive, Scope, Send

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
PREFLIGHT_SECONDS = 600
Headers = list[tuple[bytes, bytes]]


def own_origins(public_url: str) -> frozenset[str]:
    """The origin of an address without a path; on loopback, the three names of it count as one."""
    parts = urlsplit(public_url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    port = public_url.removeprefix(f"{parts.scheme}://").removeprefix(host)
    hosts = LOOPBACK_HOSTS if host in LOOPBACK_HOSTS else (host,)
    return frozenset(f"{parts.scheme}://{each}{port}" for each in hosts)


def origin_allowed(origin: str | None, public_url: str, allowed_origins: Collection[str]) -> bool:
    """Whether a page of this origin may ask. A request without one comes from no page; `null` is none of ours."""
    return origin is None or origin in own_origins(public_url) or origin in allowed_origins


class OriginGuard:
    """
    An ASGI application in front of another: refuses the pages that may not ask, and says to browsers which may.

    `refuse` answers the former, with 403. `path` is what is guarded; everything else passes untouched.
    """

    def __init__(
        self, app: ASGIApp, *, path: str, public_url: str, allowed_origins: Collection[str], refuse: ASGIApp
    ) -> None:
        self._app = app
        self._path = path
        self._named = frozenset(allowed_origins) - own_origins(public_url)
        self._allowed = own_origins(public_url) | self._named
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/") != self._path:
            await self._app(scope, receive, send)
            return
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        answering = _adding(send, self._headers(origins))
        if len(origins) > 1 or not self._allowed.issuperset(origins):
            await self._refuse(scope, receive, answering)
        elif scope["method"] == "OPTIONS" and self._named.issuperset(origins) and _is_preflight(scope):
            await answering({"type": "http.response.start", "status": 204, "headers": _PREFLIGHT})
            await answering({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await self._app(scope, receive, answering)

    def _headers(self, origins: list[str]) -> Headers:
        """What every answer says, a refusal too: who may read it, and that it depends on who asks."""
        if not self._named:
            return []
        headers: Headers = [(b"vary", b"Origin")]
        if len(origins) == 1 and origins[0] in self._named:
            headers += [
                (b"access-control-allow-origin", origins[0].encode("latin-1")),
                (b"access-control-allow-credentials", b"true"),
                (b"access-control-expose-headers", b"X-Request-Id"),
            ]
        return headers


_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"Content-Type"),
    (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
]


def _is_preflight(scope: Any) -> bool:
    names = {name for name, _ in scope["headers"]}
    return {b"origin", b"access-control-request-method"} <= names


def _adding(send: Send, headers: Headers) -> Send:
    async def send_with(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *headers]}
        await send(message)

    return send_with if headers else send
