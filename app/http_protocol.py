"""
Extends uvicorn's HTTP/1.1 protocol (on httptools) with limits, deadlines and signals that it lacks.

* A request to upgrade the protocol is read as an ordinary request, because a server may ignore `Upgrade` (RFC 9110,
  7.8). The parser stops after the head of such a request, and would read its body as the next request.
* If the end of a request is in doubt, nothing more is read from the connection, and it is closed after the answer.
* Heads, bodies and unread answers have deadlines. The size of heads and the connections of each address are limited.
* Open streams are notified when the server stops, and earlier pipelined requests when their connection is lost.
"""

import asyncio
from typing import Any

import httptools
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle
from uvicorn.server import ServerState

from app.connections import Bounds
from app.http_connection import BoundedConnection
from app.request_id import NO_SNIFFING, new_request_id

HEAD_BYTES_AT_MOST = 128 * 1024
"""
The limit for request line and headers, or for the trailers after a body.

It is four times the application's own limit, because the application gives the better answer to headers that are only
somewhat too long. Parsing a head of 2 MB in tiny headers blocked all requests for 0.2 seconds.
"""
PIECE_BYTES = 64 * 1024
"""The head's size is checked each time that this much was parsed."""
UNREAD_BODY_BYTES_AT_MOST = 16 * 1024 * 1024
"""
How much of a body is read and dropped after its request was answered, before the connection is closed.

Many clients send the whole body before they read the answer. If the connection were reset earlier, they would not get
the 413.
"""
PIPELINED_AT_MOST = 50
"""How many requests of one connection may wait for their answers. After that, no more are read from it."""
VERSIONS = ("1.1", "1.0")
HOP_BY_HOP = frozenset((b"connection", b"upgrade", b"http2-settings"))
"""Headers that ask for an upgrade, or that list headers for this connection only."""
_TOO_LARGE = b"The request's headers are too large."
_INVALID = b"This is not a valid HTTP request."
_NO_TUNNELS = b"CONNECT is not supported."


class UnknownVersion(Exception):
    """The request's version is neither HTTP/1.1 nor 1.0."""


class NoMoreRequests(Exception):
    """Stops the parser: what follows on this connection is not read as a request."""


class BoundedHttp(BoundedConnection):
    """
    A connection with limits and deadlines.

    It overrides private names of uvicorn; tests/app/test_http_protocol*.py fail if uvicorn changes them.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop, bounds)
        self._asks_for_upgrade = False
        self._asked_for_upgrade = False
        self._undelivered = 0
        self._unread_body = 0

    # What arrives

    def data_received(self, data: bytes) -> None:
        """Parses received bytes, or drops them if the connection is not read any more."""
        if self._is_deaf or self._gentle.is_ending:
            self._gentle.drop(len(data))
            return
        self._unset_keepalive_if_required()
        if len(data) <= PIECE_BYTES:
            self._parse_bounded(data)
        else:
            for start in range(0, len(data), PIECE_BYTES):
                if not self._is_deaf:
                    self._parse_bounded(data[start : start + PIECE_BYTES])
        self._watch_deadline()

    def _parse_bounded(self, data: bytes) -> None:
        self._undelivered += len(data)
        self._parse(data)
        if self._undelivered > HEAD_BYTES_AT_MOST and not self._is_deaf:
            self._stop_reading(431, _TOO_LARGE, "the request's head is too large")

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parse_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            is_end = isinstance(error.__context__, NoMoreRequests) or self._is_last_read()
            if is_end:
                self._is_deaf = True
            else:
                self._stop_reading(400, _INVALID, "not a valid HTTP request")

    def _parse_without_upgrade(self, rest: bytes) -> None:
        """
        Parses the head again without the headers that ask for an upgrade, then the body as usual.

        `Connection: close` is added to the head, because the client may send another protocol after this request.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._stop_reading(501, _NO_TUNNELS, "CONNECT is not supported")
            return
        head = [b"%b %b HTTP/%b\r\n" % (method, self.url, self.parser.get_http_version().encode())]
        head += [b"%b: %b\r\n" % (name, value) for name, value in self.headers if name not in HOP_BY_HOP]
        self._asks_for_upgrade = False
        self._asked_for_upgrade = True
        self._messages -= 1
        self.parser = httptools.HttpRequestParser(self)
        self._parse(b"".join(head) + b"connection: close\r\n\r\n")
        if rest and not self._is_deaf:
            self._parse(rest)

    def on_message_begin(self) -> None:
        """Called when a request begins. Raises NoMoreRequests if the request before was to be the last."""
        last = self.cycle
        if last is not None and (
            not last.keep_alive or (not last.response_complete and len(self._waiting()) >= PIPELINED_AT_MOST)
        ):
            self._answer_and_close()
            raise NoMoreRequests
        self._in_message = True
        self._messages += 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Called when a head is complete: starts the application, unless the request asks for an upgrade."""
        self._undelivered = 0
        if self.parser.get_http_version() not in VERSIONS:
            raise UnknownVersion
        if self.parser.should_upgrade():
            self._asks_for_upgrade = True
            return
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]  # one of our own
        before = self.cycle
        super().on_headers_complete()
        self._in_body = True
        self._unread_body = 0
        if self._bounds.stop.is_stopping or self._stops.is_set():
            self.cycle.keep_alive = False
        self.headers = []  # trailers may follow; they must not be added to the headers (RFC 9110, 6.5.1)
        if before is not None and not before.response_complete:
            unanswered = [cycle for cycle in self._overtaken if not cycle.response_complete]
            self._overtaken = [*unanswered, before]

    def on_body(self, body: bytes) -> None:
        """Called with each piece of a body. Closes the connection if too much arrives after the answer."""
        self._undelivered = 0
        if self.cycle.response_complete:
            self._unread_body += len(body)
            if self._unread_body > UNREAD_BODY_BYTES_AT_MOST:
                self._is_deaf = True
                self._gentle.close()
                raise NoMoreRequests
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Called when a request was received completely."""
        if self._asks_for_upgrade:
            return
        self._in_message = self._in_body = False
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if cycle.waiting_for_100_continue:
            app = _closing_unless_asked_for(app, cycle)
        super()._start_asgi_task(cycle, app)

    # The end of reading

    def _may_send_more(self) -> bool:
        """Whether the client may still be sending bytes that will not be read."""
        return self._in_message or self._is_deaf or self._asked_for_upgrade

    def _is_last_read(self) -> bool:
        """Whether a complete request was received after which the connection is to be closed."""
        return not self._in_message and self.cycle is not None and not self.cycle.keep_alive

    def _answer_and_close(self) -> None:
        """Stops reading, and closes the connection after the answers to the requests that were received."""
        self._is_deaf = True
        if waiting := self._waiting():
            waiting[-1].keep_alive = False
        else:
            self._gentle.close()

    def _stop_reading(self, status: int, body: bytes, reason: str) -> None:
        """
        Stops reading because of an invalid or late request, and closes the connection.

        Sends an answer with this status only if it can't be taken for the answer to another request. Requests that were
        received completely are answered first; an answer that has begun already is cut off.
        """
        self._bounds.log.note(reason)
        self._is_deaf = True
        self._drop_deadline()
        waiting = self._waiting()
        if self._in_body and waiting and waiting[-1] is self.cycle:
            broken = waiting.pop()
            broken.disconnected = True
            broken.message_event.set()
            if waiting:
                self.pipeline.popleft()
            elif broken.response_started:
                self.transport.abort()
                return
        if waiting:
            waiting[-1].keep_alive = False
            return
        is_answered = self._in_body and self.cycle is not None and self.cycle.response_complete
        if not is_answered and (self._in_message or status != 408):
            self.transport.write(_refusal(status, body))
        self.transport.close()


def _closing_unless_asked_for(app: ASGI3Application, cycle: RequestResponseCycle) -> ASGI3Application:
    """
    Wraps the application for a request with `Expect: 100-continue`.

    If the application answers without reading the body, the connection is closed afterwards: the client may or may not
    send the body then (RFC 9110, 10.1.1), so the next bytes could be the body or another request.
    """

    async def answer(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        async def send_closing(message: ASGISendEvent) -> None:
            if message["type"] == "http.response.start" and cycle.waiting_for_100_continue and cycle.more_body:
                cycle.keep_alive = False
            await send(message)

        await app(scope, receive, send_closing)

    return answer


def _refusal(status: int, body: bytes) -> bytes:
    """The bytes of a complete answer with `Connection: close`."""
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", new_request_id().encode()),
        NO_SNIFFING,
        (b"connection", b"close"),
    ]
    return STATUS_LINE[status] + b"".join(b"%b: %b\r\n" % header for header in headers) + b"\r\n" + body
