"""Serves the descriptions of the interfaces to tools: /v1/openapi.json and /graphql/schema.graphql."""

import json
from collections.abc import Mapping
from typing import Any

from litestar import Request, Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, route

from app.pages.assets import answer, asset

OPENAPI_PATH, SCHEMA_PATH = "/v1/openapi.json", "/graphql/schema.graphql"
HEADERS = {
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
    # Both are in the source code, so that pages of other sites, such as editors, may read them, too.
    "access-control-allow-origin": "*",
}


def descriptions(openapi_document: Mapping[str, Any], graphql_schema: str) -> list[HTTPRouteHandler]:
    """The two handlers. Anybody may read the descriptions, unlike the introspection of GraphQL."""
    document = asset(json.dumps(openapi_document, indent=2) + "\n", "application/json")
    printed = asset(graphql_schema + "\n", "text/plain")

    @route(OPENAPI_PATH, http_method=[HttpMethod.GET, HttpMethod.HEAD], status_code=200)
    async def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
        return answer(request, document, HEADERS)

    @route(SCHEMA_PATH, http_method=[HttpMethod.GET, HttpMethod.HEAD], status_code=200)
    async def sdl(request: Request[Any, Any, Any]) -> Response[bytes]:
        return answer(request, printed, HEADERS)

    return [openapi, sdl]
