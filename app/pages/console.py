"""Serves the built console and GraphiQL from memory, with security headers such as a content security policy."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from litestar import Request, Response
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler, route
from litestar.types import Scope

from app.authentication import RequestIdentity
from app.pages.assets import Asset, answer, asset, fingerprint
from app.pages.brand import Brand, branded
from app.pages.docs import HEADERS
from app.pages.layout import Layout
from keys import policy
from keys.sign_in.links import Page

NO_BRAND = Brand()
BUILT = Path(__file__).parents[2] / "console" / "dist"
"""The folder into which `make console` builds."""
ROUTES = ("/assets", "/brand", "/enter", "/graphiql", "/invitation", "/organizations", "/reset-password", "/sign-in")
"""The routes that the access log and metrics show for these pages and the logo, besides /."""
SIGN_IN = "/sign-in?next=/graphiql"
PAGE_NAME, GRAPHIQL_NAME = "index.html", "graphiql/index.html"
COMPRESSED = {".gz": "gzip", ".br": "br"}
MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""Listed here because the tables of media types differ between machines."""
_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; worker-src {workers}; connect-src 'self'; form-action 'self'; frame-src 'none'; "
    "frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
# Mantine and Monaco insert style elements, so inline styles are allowed. No page needs inline scripts or eval.
PAGE_HEADERS = {**HEADERS, "content-security-policy": _POLICY.format(workers="'none'")}
GRAPHIQL_HEADERS = {
    **HEADERS,
    "content-security-policy": _POLICY.format(workers="'self' blob:"),
    "cache-control": "private, no-cache",
    "vary": "Cookie",
}
FOREVER = {**HEADERS, "cache-control": "public, max-age=31536000, immutable"}
"""Headers for files whose names contain a digest of their contents."""


@dataclass(frozen=True, slots=True)
class Console:
    """The built console: its page, GraphiQL's page, and the files that they load, by URL path."""

    page: Asset
    graphiql: Asset
    files: Mapping[str, Asset]


def read_console(folder: Path, brand: Brand = NO_BRAND) -> Console | None:
    """
    Reads the built console into memory, with the brand on its pages; None if it was not built.

    A later build does not affect a running server.
    """
    try:
        page, graphiql = ((folder / name).read_text(encoding="utf-8") for name in (PAGE_NAME, GRAPHIQL_NAME))
    except FileNotFoundError:
        return None
    page, graphiql = branded(page, brand), branded(graphiql, brand)
    return Console(asset(page), asset(graphiql), {f"/{name}": built for name, built in _files(folder)})


def _sees_every_key(actor: policy.Actor, organization_id: UUID) -> bool:
    return policy.may(actor, policy.Action.SEE_KEY, organization_id, scope=policy.Scope.ORGANIZATION)


def console_pages(
    console: Console, layout: Layout, *, visit: Callable[[Scope], Awaitable[RequestIdentity]]
) -> list[HTTPRouteHandler]:
    """
    Returns the handlers for the console's pages, GraphiQL, and their files.

    `layout` lays out the error pages; `visit` finds the person who is signed in. GraphiQL is only for people who
    are an organization admin somewhere.
    """
    methods = [HttpMethod.GET, HttpMethod.HEAD]
    at_root = sorted(address for address in console.files if not address.startswith("/assets/"))
    denied = asset(layout.document("GraphiQL", _FOR_ADMINS, is_alone=True))
    unknown = asset(layout.document("Not found", _NO_SUCH_FILE, is_alone=True))

    @route(
        ["/", "/sign-in", Page.INVITATION, Page.RESET_PASSWORD, Page.ENTER, "/organizations/{rest:path}"],
        http_method=methods,
        status_code=200,
        include_in_schema=False,
    )
    async def page(request: Request[Any, Any, Any]) -> Response[bytes]:
        return answer(request, console.page, PAGE_HEADERS)

    @route("/graphiql", http_method=methods, status_code=200, include_in_schema=False)
    async def graphiql(request: Request[Any, Any, Any]) -> Response[bytes]:
        signed_in = (await visit(request.scope)).signed_in
        if signed_in is None or signed_in.password_change_required:
            return Response(b"", status_code=302, headers={**GRAPHIQL_HEADERS, "location": SIGN_IN})
        if not any(_sees_every_key(signed_in.actor, each.organization.id) for each in signed_in.memberships):
            return answer(request, denied, {**HEADERS, "cache-control": "private, no-cache", "vary": "Cookie"}, 403)
        return answer(request, console.graphiql, GRAPHIQL_HEADERS)

    @route(["/assets/{rest:path}", *at_root], http_method=methods, status_code=200, include_in_schema=False)
    async def file(request: Request[Any, Any, Any]) -> Response[bytes]:
        address = request.scope["path"]
        found = console.files.get(address)
        if found is None:
            return answer(request, unknown, HEADERS, 404)
        return answer(request, found, FOREVER if address.startswith("/assets/") else HEADERS)

    return [page, graphiql, file]


def _files(folder: Path) -> Iterator[tuple[str, Asset]]:
    """Every file below the folder, by its path there, except pages, compressed copies and hidden files."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.suffix != ".html" and path.suffix not in COMPRESSED and not name.startswith("."):
            body = path.read_bytes()
            encoded = {
                coding: beside.read_bytes()
                for suffix, coding in COMPRESSED.items()
                if (beside := path.with_name(path.name + suffix)).is_file()
            }
            # The name of such a file contains a digest of its contents, so it serves as the ETag.
            etag = f'"{path.name}"' if name.startswith("assets/") else fingerprint(body)
            yield name, Asset(body, MEDIA_TYPES.get(path.suffix, "application/octet-stream"), etag, encoded)


_FOR_ADMINS = """<h1>GraphiQL is for organization admins</h1>
<p>You are signed in, and in none of your organizations are you an organization admin. Ask one of them.
<a href="/">Go to the console</a>, which names them.</p>
"""
_NO_SUCH_FILE = """<h1>Not found</h1>
<p>There is no such file. If Keydesk was updated a moment ago, load the page again.</p>
"""
