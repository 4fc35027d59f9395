"""Writes the log: JSON lines unless standard error is a terminal, and an access log with routes instead of paths."""

import logging
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from app.observability.paced_log import Paced, more_words
from app.request_id import REQUEST_ID, route_of

logger = logging.getLogger("keydesk.access")
LOGGED_FRAMES = 40
LINES_A_SECOND = 100
"""The most access log lines in a second for one route and status. Metrics still count all requests."""


class JsonLines(logging.Formatter):
    """Formats each record as a JSON object on one line. Callers must never log a document, path or header."""

    def format(self, record: logging.LogRecord) -> str:
        """Formats a record as one line."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def configure_logging(level: str) -> None:
    """Sends the lines of all loggers to standard error, from this level on."""
    logging.basicConfig(level=level.upper(), handlers=[_standard_error()], force=True)
    for quiet in ("alembic", "markdown_it"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    for chatty in ("aiosqlite", "asyncio"):  # their debug lines hold statements and their parameters
        logging.getLogger(chatty).setLevel(max(logging.INFO, logging.getLogger().level))


def log_for_operator(name: str, message: str, facts: dict[str, Any]) -> None:
    """
    Writes a line from a command in the form of the server's log.

    So operators find their own actions in the same place and form as the server's lines.
    """
    record = logging.LogRecord(name, logging.INFO, "", 0, message, None, None)
    record.facts = facts
    _standard_error().handle(record)


def _standard_error() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    if sys.stderr.isatty():
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    else:
        handler.setFormatter(JsonLines())
    return handler


def failure_story(error: BaseException) -> str:
    """Describes an exception and its causes by their types and frames, never by their messages.

    Messages of database drivers and validators contain what a person typed: SQLAlchemy's have the statement's
    parameters, PostgreSQL's the value that was not unique. Documents, variables, arguments and keys must not be logged.
    """
    story: list[str] = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        frames = "".join(traceback.format_tb(link.__traceback__, limit=-LOGGED_FRAMES))
        code = getattr(link, "sqlite_errorname", None)
        story.append(f"{frames}{type(link).__module__}.{type(link).__qualname__}{f' {code}' if code else ''}")
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "\ncaused by\n".join(story)


class AccessLog:
    """
    Writes a line for each request that the web framework answers: method, the route's template, status, time.

    Paths and query strings are never logged. If a route and status have more than LINES_A_SECOND requests in a second,
    further lines are left out, and the next line says how many.
    """

    def __init__(
        self, app: ASGIApp, routes: tuple[str, ...], *, count: Callable[[str, int], None] | None = None
    ) -> None:
        """`count` is called with the route and status of each answer."""
        self._app = app
        self._routes = routes
        self._count = count
        self._paced = Paced(of_a_kind=LINES_A_SECOND, in_all=4 * LINES_A_SECOND, every_seconds=1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def send_seen(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_seen)
        finally:
            route = route_of(scope["path"], self._routes)
            took_ms = round((time.perf_counter() - began) * 1000, 1)
            facts = {
                "method": scope["method"] if scope["method"].isalpha() else "?",
                "route": route,
                "status": status,
                "milliseconds": took_ms,
                "requestId": scope.get(REQUEST_ID),
            }
            left_out = self._paced.admits((route, status))
            if left_out is not None:
                facts.update({"leftOut": left_out} if left_out else {})
                said = f"{facts['method']} {route} {status} {took_ms} ms{more_words(left_out)}"
                logger.info("%s", said, extra={"facts": facts})
            if self._count is not None:
                self._count(route, status)
