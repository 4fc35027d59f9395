"""Makes refusals as problem details (RFC 9457), with the members that every refusal of this server has."""

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import Receive, Scope, Send

from app.observability.logs import failure_story
from app.request_id import HEADER_BYTES_AT_MOST, constant_headers, new_request_id, request_id_of

logger = logging.getLogger("keydesk.problems")

MEDIA_TYPE = "application/problem+json"
HINTS = (
    ("verif", "Keys are verified at /v1/verify, with any method."),
    ("graphiql", "GraphiQL is at /graphiql."),
    ("graphql", "GraphQL is at /graphql, with POST."),
    ("gql", "GraphQL is at /graphql, with POST."),
    ("metrics", "Metrics are at /metrics, if the operator has set KEYDESK_METRICS=true."),
    ("health", "/healthz says whether the process runs, and /readyz whether it can serve."),
    ("ready", "/healthz says whether the process runs, and /readyz whether it can serve."),
    ("live", "/healthz says whether the process runs, and /readyz whether it can serve."),
    ("login", "People sign in at /sign-in."),
    ("signin", "People sign in at /sign-in."),
)
"""Hints for paths that don't exist, by a text that the path contains."""


TOO_LARGE = "The request's headers are too large."


class Problems:
    """Makes refusals. Their member `type` is a URL below the server's public URL."""

    def __init__(self, public_url: str) -> None:
        self._errors_url = f"{public_url}/docs/errors"
        self._always = constant_headers(public_url)

    def body(self, status: int, code: str, title: str, detail: str, request_id: str) -> bytes:
        """Return the problem details as JSON."""
        problem: dict[str, Any] = {
            "type": f"{self._errors_url}#{code}",
            "title": title,
            "status": status,
            "detail": detail,
            "statusCode": status,
            "message": title,
            "code": code,
            "requestId": request_id,
        }
        return msgspec.json.encode(problem)

    def answer(self, request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        """Answer an error of the web framework, or an unexpected one of a handler, which is logged."""
        request_id = request_id_of(request.scope)
        status, headers = 500, {}
        if isinstance(error, HTTPException):
            status, headers = error.status_code, error.headers or {}
        if status >= 500:
            story = failure_story(error)
            logger.error("A request failed\n%s", story, extra={"facts": {"requestId": request_id}})
        code, detail = _code_and_detail(status, request.scope["path"])
        body = self.body(status, code, HTTPStatus(status).phrase.lower(), detail, request_id)
        return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)

    async def refuse_headers(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer a request whose headers are too large with 431 (RFC 6585), without reading the headers."""
        request_id = new_request_id()
        detail = f"{TOO_LARGE} Send at most {HEADER_BYTES_AT_MOST // 1024} KB of headers, cookies included."
        body = self.body(431, "headers_too_large", "request header fields too large", detail, request_id)
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"x-problem-details", body),
            (b"cache-control", b"no-store"),
            (b"x-request-id", request_id.encode()),
            *self._always,
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 431, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _code_and_detail(status: int, path: str) -> tuple[str, str]:
    """The code and the detail. The path only selects a hint, and is never repeated in the answer."""
    if status == HTTPStatus.NOT_FOUND:
        sought = path.casefold()
        hint = next((hint for part, hint in HINTS if part in sought), "The documentation is at /docs.")
        return "not_found", f"There is nothing at this address. {hint}"
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return (
            "method_not_allowed",
            "This address does not accept this method. The header Allow lists the methods that it accepts.",
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return (
            "internal_error",
            "Something went wrong on our side. The server's log has the details under this requestId.",
        )
    return "bad_request", "This address does not accept a request of this form."
