"""Serves the operator's logo, so that nothing in it can run or load anything."""

from typing import Any

from litestar import Request, Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, route

from app.pages.assets import Asset, answer, fingerprint
from app.pages.brand import Brand

LOGO_HEADERS = {
    # An SVG file is also a page, if somebody opens its address: it may load and run nothing.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


def brand_files(brand: Brand) -> list[HTTPRouteHandler]:
    """The handler that serves the logo, if there is one."""
    if brand.logo is None:
        return []
    served = Asset(brand.logo.body, brand.logo.media_type, fingerprint(brand.logo.body))

    @route(brand.logo.address, http_method=[HttpMethod.GET, HttpMethod.HEAD], status_code=200, include_in_schema=False)
    async def logo(request: Request[Any, Any, Any]) -> Response[bytes]:
        return answer(request, served, LOGO_HEADERS)

    return [logo]
