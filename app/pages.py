"""Owns the plain pages: the documentation, rendered once at start-up, and what stands at / until the console does."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litestar import Request, Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, route

from app.pages_html import NOT_FOUND, SEARCH_ADDRESS, STYLE_ADDRESS, WHAT_RUNS_HERE, Surroundings
from app.pages_search import results_page
from assistant.documents import Documents

STYLE = Path(__file__).with_name("pages.css")
HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """Something with an address: what is sent, and its fingerprint."""

    body: bytes
    media_type: str
    etag: str


def pages(documents: Documents, *, support_email: str | None) -> list[HTTPRouteHandler]:
    """
    Handlers for /, /docs and everything below it.

    What they answer is made here, when the application starts, so that no request reaches for a file; what a search
    finds is looked up in an index that is made here, too.
    """
    surroundings = Surroundings(documents.pages, support_email)
    assets = _assets(surroundings)
    methods = [HttpMethod.GET, HttpMethod.HEAD]

    @route(["/", "/docs", "/docs/{rest:path}"], http_method=methods, status_code=200, include_in_schema=False)
    async def page(request: Request[Any, Any, Any]) -> Response[bytes]:
        address = request.scope["path"].rstrip("/") or "/"
        if address == SEARCH_ADDRESS:
            query = str(request.query_params.get("q", ""))
            return _answer(request, _asset(results_page(documents, surroundings, query)))
        asset = assets.get(address)
        return _answer(request, assets["not found"], 404) if asset is None else _answer(request, asset)

    return [page]


def _answer(request: Request[Any, Any, Any], asset: Asset, status: int = 200) -> Response[bytes]:
    headers = {**HEADERS, "etag": asset.etag}
    if status == 200 and asset.etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    headers["content-length"] = str(len(asset.body))
    body = b"" if request.method == HttpMethod.HEAD else asset.body
    return Response(body, status_code=status, headers=headers, media_type=asset.media_type)


def _assets(surroundings: Surroundings) -> dict[str, Asset]:
    """Everything that is served, by its address; what is not in here is not found."""
    found = {address: _asset(surroundings.chapter(address)) for address in surroundings.pages}
    found["/"] = _asset(surroundings.document("Keydesk", WHAT_RUNS_HERE, address="/"))
    found["not found"] = _asset(surroundings.document("Not found", NOT_FOUND))
    found[STYLE_ADDRESS] = _asset(STYLE.read_text(encoding="utf-8"), "text/css")
    return found


def _asset(text: str, media_type: str = "text/html") -> Asset:
    body = text.encode()
    return Asset(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
