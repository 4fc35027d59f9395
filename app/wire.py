"""
Owns the bound on a request's head. The server below us has none: it puts a long header together anew with each piece
that arrives, so that a single one of 200 MB kept a whole process busy for a minute.

It also tells an answer without an end when to end. The server below us waits for every answer before it stops, and does
not say so. It tells the last request alone that its connection is lost, not one before it that is being answered. It
keeps what is yet to be sent for as long as the client likes to leave it unread.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.graphql_streams import HANG_UP, SERVER_STOPS

HEAD_BYTES_AT_MOST = 2 * 1024 * 1024
"""
Request line and headers, or the trailers after a body; somewhat more where one piece brings it all. Wide, since who is
hung up on in the middle of sending often does not read why: what is merely too long is told so by the application.
"""
_BODY = b"The request's headers are too large."
_REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_BODY), _BODY)
)


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, which hangs up on a head without an end: with 431 (RFC 6585) where it can be said."""

    _undelivered = 0
    """Bytes that have arrived since the last head or piece of a body was whole."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the server has it
        """Somebody calls."""
        super().connection_made(transport)
        self._stops = asyncio.Event()
        self._extensions = {SERVER_STOPS: self._stops, HANG_UP: transport.abort}
        self._overtaken: list[RequestResponseCycle] = []

    def data_received(self, data: bytes) -> None:
        """Counts what arrives until it is of use to somebody."""
        self._undelivered += len(data)
        super().data_received(data)
        if self._undelivered > HEAD_BYTES_AT_MOST and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_REFUSAL)
            self.transport.close()

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._undelivered = 0
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]  # one of our own
        before = self.cycle
        super().on_headers_complete()
        if before is not None and not before.response_complete:
            unanswered = [cycle for cycle in self._overtaken if not cycle.response_complete]
            self._overtaken = [*unanswered, before]

    def on_body(self, body: bytes) -> None:
        """So is a piece of a body."""
        self._undelivered = 0
        super().on_body(body)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        super().connection_lost(exc)
        for cycle in self._overtaken:
            cycle.disconnected = cycle.disconnected or not cycle.response_complete
            cycle.message_event.set()

    def shutdown(self) -> None:
        """The server is told to stop."""
        super().shutdown()
        self._stops.set()
