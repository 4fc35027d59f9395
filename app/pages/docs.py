"""Serves the documentation, rendered once at start-up, and the front page of a server without a console."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from litestar import Request, Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, route

from app.pages.assets import Asset, answer, asset
from app.pages.layout import NOT_FOUND, SEARCH_ADDRESS, STYLE_ADDRESS, WHAT_RUNS_HERE, Layout
from app.pages.search import results_page
from assistant.facts.documents import Documents

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


def pages(documents: Documents, layout: Layout, *, is_front_page: bool = True) -> list[HTTPRouteHandler]:
    """
    Returns the handlers for /docs and everything below it, and for / if `is_front_page`.

    All pages are rendered here, when the application starts, so that no request reads a file. Only search results are
    rendered for each request.
    """
    assets = _assets(layout)
    addresses = [*(["/"] if is_front_page else []), "/docs", "/docs/{rest:path}"]

    @route(addresses, http_method=[HttpMethod.GET, HttpMethod.HEAD], status_code=200, include_in_schema=False)
    async def page(request: Request[Any, Any, Any]) -> Response[bytes]:
        address = request.scope["path"].rstrip("/") or "/"
        if address == SEARCH_ADDRESS:
            query = str(request.query_params.get("q", ""))
            return answer(request, asset(results_page(documents, layout, query)), HEADERS)
        found = assets.get(address)
        return answer(request, assets["not found"], HEADERS, 404) if found is None else answer(request, found, HEADERS)

    return [page]


def _assets(layout: Layout) -> dict[str, Asset]:
    """Everything that is served except search results, by URL path. Other paths get the page "not found"."""
    found = {address: asset(layout.chapter(address)) for address in layout.pages}
    found["/"] = asset(layout.document("Keydesk", WHAT_RUNS_HERE, is_alone=True))
    found["not found"] = asset(layout.document("Not found", NOT_FOUND))
    found[STYLE_ADDRESS] = asset(STYLE.read_text(encoding="utf-8") + layout.brand.style, "text/css")
    return found
