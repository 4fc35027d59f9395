"""Reads the requests of single sign-on, within limits, and makes their answers, none of which is stored by a cache."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import msgspec
from litestar import Request
from litestar.response.base import ASGIResponse

from app.pages.docs import HEADERS

BODY_BYTES_AT_MOST = 64 * 1024
PAGE_HEADERS = {**HEADERS, "cache-control": "no-store"}
NO_STORE = ("cache-control", "no-store")
Cookies = Sequence[tuple[bytes, bytes]]


def parameters(request: Request[Any, Any, Any]) -> Mapping[str, str] | None:
    """The parameters of the address; None if one is there twice."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in found:
            return None
        found[name] = str(value)
    return found


def single(request: Request[Any, Any, Any], name: str) -> str | None:
    """The parameter with this name; None if it is missing or there twice."""
    values = request.query_params.getall(name, [])
    return str(values[0]) if len(values) == 1 else None


async def invitation_in(request: Request[Any, Any, Any]) -> str | None:
    """The text `invitation` in a body of JSON, or None."""
    body = await _body(request, "application/json")
    try:
        content = None if body is None else msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    token = None if content is None else content.get("invitation")
    return token if isinstance(token, str) else None


async def logout_token_in(request: Request[Any, Any, Any]) -> str:
    """The only `logout_token` in the form of a body; empty if there is none."""
    body = await _body(request, "application/x-www-form-urlencoded")
    try:
        fields = {} if body is None else parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=20)
    except ValueError:
        return ""
    tokens = fields.get("logout_token", [])
    return tokens[0] if len(tokens) == 1 else ""


async def _body(request: Request[Any, Any, Any], media_type: str) -> bytes | None:
    """The body; None if it is too large or of another media type."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media_type:
        return None
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_AT_MOST:
            return None
    return bytes(body)


def page(html: str, status: int) -> ASGIResponse:
    """A page."""
    return ASGIResponse(body=html, status_code=status, headers=dict(PAGE_HEADERS), media_type="text/html")


def json_answer(content: Mapping[str, str], status: int, cookies: Cookies = ()) -> ASGIResponse:
    """An answer to a script or a server."""
    return ASGIResponse(
        body=msgspec.json.encode(content),
        status_code=status,
        headers=[NO_STORE, *_texts(cookies)],
        media_type="application/json",
    )


def redirect(status: int, address: str, cookies: Cookies) -> ASGIResponse:
    """Sends the browser to another address, which gets no Referer."""
    headers = [NO_STORE, ("referrer-policy", "no-referrer"), ("location", address), *_texts(cookies)]
    return ASGIResponse(status_code=status, headers=headers, media_type="text/plain")


def _texts(headers: Cookies) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
