"""
Traces requests with OpenTelemetry, if its own environment variables (OTEL_…) enable it: a span for each request.

A span contains the route's template, but no path, query, header, document, variable or key. Importing the library takes
a third of a second, so it is imported only if traces are enabled.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from app.request_id import UNKNOWN_ROUTE, route_of
from models.engine.outage_log import OutageLog
from models.key_lookup import KeyState

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.trace import Span

logger = logging.getLogger("keydesk.tracing")

SERVICE = "keydesk"
METHOD, ROUTE, STATUS = "http.request.method", "http.route", "http.response.status_code"
REQUEST_ID, OUTCOME = "keydesk.request_id", "keydesk.verification.outcome"
METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
OTHER_METHOD = "_OTHER"
"""OpenTelemetry's name for any other method, which the caller has invented."""
TRACEPARENT_BYTES_AT_MOST = 256
LAST_ROUND_SECONDS = 5
NOT_SENT = (
    "Traces can't be sent and are dropped for now: check the server that OTEL_EXPORTER_OTLP_ENDPOINT names, which "
    "must take OTLP over HTTP. Requests are not affected."
)
QUIET = ("opentelemetry", "urllib3")
"""Loggers whose lines contain addresses and invalid headers. This module logs what matters itself."""


class Tracing:
    """Wraps the whole application, and traces its requests while its context is open."""

    def __init__(self, routes: Sequence[str], *, believes: Callable[[Scope], bool]) -> None:
        """
        `believes` says whether a request's sender may choose the trace that it belongs to and whether it is sampled.
        """
        self._routes = tuple(routes)
        self._believes = believes
        self._spans: _Spans | None = None

    async def answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the application; an HTTP request is answered within a span."""
        spans = self._spans
        if spans is None or scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        method, route = scope["method"], route_of(scope["path"], self._routes)
        attributes = {METHOD: method if method in METHODS else OTHER_METHOD}
        if route != UNKNOWN_ROUTE:
            attributes[ROUTE] = route
        with spans.span(route, scope["headers"], attributes, is_believed=self._believes(scope)) as span:

            async def send_seen(message: Any) -> None:
                if message["type"] == "http.response.start":
                    request_id = dict(message["headers"]).get(b"x-request-id", b"")
                    spans.see(span, message["status"], request_id.decode("latin-1"))
                await send(message)

            await app(scope, receive, send_seen)

    def answered(
        self, code: str, _key: KeyState | None, _request_id: str, _address: str | None, _seconds: float
    ) -> None:
        """Adds a verification's code, `good` or the refusal's code, to the current span."""
        if self._spans is not None:
            self._spans.current().set_attribute(OUTCOME, code)

    @asynccontextmanager
    async def running(self, last_seconds: Callable[[], float] = lambda: LAST_ROUND_SECONDS) -> AsyncIterator[None]:
        """Sends spans while the block runs, and those that are left at its end within `last_seconds()`."""
        try:
            self._spans = _Spans()
        except Exception as error:
            # Only the error's type: its message may contain a variable's value.
            logger.error("Tracing is off, because an OTEL_… variable is invalid (%s)", type(error).__name__)  # noqa: TRY400
        try:
            yield
        finally:
            spans, self._spans = self._spans, None
            if spans is not None:
                await spans.close(min(LAST_ROUND_SECONDS, last_seconds()))


class _Spans:
    """The parts of the OpenTelemetry library that are used. Sets no global provider or propagator."""

    def __init__(self) -> None:
        from opentelemetry import trace  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        for name in QUIET:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        resource = Resource.create({SERVICE_NAME: SERVICE, **OTELResourceDetector().detect().attributes})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = cast("SpanExporter", _WatchedExporter(OTLPSpanExporter()))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(SERVICE)
        self._propagator = TraceContextTextMapPropagator()
        self._trace = trace

    @contextmanager
    def span(
        self, name: str, headers: Iterable[tuple[bytes, bytes]], attributes: dict[str, str], *, is_believed: bool
    ) -> Iterator["Span"]:
        """
        Opens a span for the context.

        If the caller is believed, the caller's span becomes its parent, else only a link: other callers could otherwise
        keep their requests out of the traces, or have all of them sampled. Only the ids are read from the caller, not
        `tracestate`, because that may contain any text.
        """
        parents = [value for header, value in headers if header == b"traceparent"]
        is_read = len(parents) == 1 and len(parents[0]) <= TRACEPARENT_BYTES_AT_MOST
        theirs = self._propagator.extract({"traceparent": parents[0].decode("latin-1")} if is_read else {})
        links = []
        if not is_believed:
            context = self._trace.get_current_span(theirs).get_span_context()
            theirs, links = self._propagator.extract({}), [self._trace.Link(context)] if context.is_valid else []
        kind = self._trace.SpanKind.SERVER
        span = self._tracer.start_span(name, context=theirs, kind=kind, attributes=attributes, links=links)
        # Exceptions are not recorded, because their messages may contain what a person sent.
        with self._trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except Exception:
                span.set_status(self._trace.StatusCode.ERROR)
                raise

    def see(self, span: "Span", status: int, request_id: str) -> None:
        """Adds an answer's status and request id to the span."""
        span.set_attribute(STATUS, status)
        span.set_attribute(REQUEST_ID, request_id)
        if status >= 500:
            span.set_status(self._trace.StatusCode.ERROR)

    def current(self) -> "Span":
        """The span of the request that is being answered."""
        return self._trace.get_current_span()

    async def close(self, seconds: float) -> None:
        """
        Sends the remaining spans, for at most this many seconds.

        It runs in a daemon thread, because a thread that waits for an answer can't be cancelled.
        """
        over, loop = asyncio.Event(), asyncio.get_running_loop()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the loop is closed by then
                loop.call_soon_threadsafe(over.set)

        threading.Thread(target=shut_down, name="last-spans", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await over.wait()


class _WatchedExporter:
    """Logs once when spans can't be sent, and once when they can be sent again."""

    def __init__(self, exporter: "SpanExporter") -> None:
        self._exporter = exporter
        self._outage = OutageLog(logger, began=lambda _: NOT_SENT, ended="Traces can be sent again")

    def export(self, spans: Sequence["ReadableSpan"]) -> "SpanExportResult":
        """Sends spans. Called in the library's thread."""
        result = self._exporter.export(spans)
        if result.name == "SUCCESS":
            self._outage.worked()
        else:
            self._outage.failed()
        return result

    def shutdown(self) -> None:
        """Shuts the exporter down; an attempt that waits to be repeated is abandoned."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Returns at once, because the exporter holds no spans back."""
        return self._exporter.force_flush(timeout_millis)
