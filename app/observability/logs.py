"""Owns the log: JSON lines where standard error is no terminal, and an access log that knows routes, not requests."""

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
"""For each route and status; metrics count all requests."""


class JsonLines(logging.Formatter):
    """One JSON object a line. A message's arguments are ours to choose: no document, path or header is ever one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
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
    """Sends every logger's lines to standard error."""
    logging.basicConfig(level=level.upper(), handlers=[_standard_error()], force=True)
    for quiet in ("alembic", "markdown_it"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    for chatty in ("aiosqlite", "asyncio"):  # their debug lines hold statements and their parameters
        logging.getLogger(chatty).setLevel(max(logging.INFO, logging.getLogger().level))


def log_for_operator(name: str, message: str, facts: dict[str, Any]) -> None:
    """Writes one line as the server would, from a command: what an operator did is where the server's lines are."""
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
    """The types and frames of an exception and of what caused it, never its words.

    The words of a driver's or a validator's exception carry what a person typed (SQLAlchemy's have the statement's
    parameters, PostgreSQL's the value that was not unique), and documents, variables, arguments and keys enter no log.
    """
    story: list[str] = []
    told: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in told:
        told.add(id(link))
        frames = "".join(traceback.format_tb(link.__traceback__, limit=-LOGGED_FRAMES))
        story.append(f"{frames}{type(link).__module__}.{type(link).__qualname__}")
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "\ncaused by\n".join(story)


class AccessLog:
    """
    Writes a line for each request that the web framework answers: method, the route's template, status, time.

    What is below the template (ids, a stranger's path) and the query never enter it. In a flood, the lines of a route
    and status that are too many in a second are left out, and the next one says how many they were.
    """

    def __init__(
        self, app: ASGIApp, routes: tuple[str, ...], *, count: Callable[[str, int], None] | None = None
    ) -> None:
        """`count` is told of each answer's route and status."""
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
