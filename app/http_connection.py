"""
One HTTP connection: its place among the others, its deadlines, and the requests that wait for their answers.

`app.http_protocol` extends this with the reading of requests.
"""

import asyncio
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.connections import Bounds
from app.gentle_transport import GentleTransport
from app.graphql.streams import HANG_UP, SERVER_STOPS

_TOO_SLOW = b"The request did not arrive in time."


class BoundedConnection(HttpToolsProtocol):
    """
    A connection that counts among those of its address, and that is closed if what must come next comes too late.

    `_in_message` and `_in_body` say what the client is sending. With `_is_deaf`, nothing more is read.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._bounds = bounds or Bounds()
        self._has_place = False
        self._is_deaf = False
        self._in_message = False
        self._in_body = False
        self._messages = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._deadline_of: tuple[str, int] | None = None
        self._overtaken: list[RequestResponseCycle] = []
        self._stops = asyncio.Event()
        self._idle_since: float | None = None
        """Since when the connection waits for the next request; None while it does not."""

    def _may_send_more(self) -> bool:
        """Whether the client may still be sending something that is not read any more."""
        raise NotImplementedError

    def _stop_reading(self, status: int, body: bytes, reason: str) -> None:
        """Ends the connection because of what arrived, or did not."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the server has it
        """Counts the new connection; closes it at once if there are too many."""
        bounds = self._bounds
        self._gentle = GentleTransport(
            transport, bounds.deadlines, self.loop, may_send_more=self._may_send_more, writes=bounds.writes
        )
        super().connection_made(cast(asyncio.Transport, self._gentle))
        self._extensions = {SERVER_STOPS: self._stops, HANG_UP: transport.abort}
        self._host = self.client[0] if self.client else None
        if refusal := self._bounds.places.take(self._host):
            self._bounds.log.note(refusal)
            self._is_deaf = True
            transport.abort()
            return
        self._has_place = True
        self._watch_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Frees the connection's place, and notifies the requests that still wait for their answers."""
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:  # uvicorn leaves this timer running after a reset
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        self._is_deaf = True
        self._drop_deadline()
        self._gentle.is_lost()
        if self._has_place:
            self._has_place = False
            self._bounds.places.give_back(self._host)
        for cycle in self._overtaken:
            cycle.disconnected = cycle.disconnected or not cycle.response_complete
            cycle.message_event.set()

    def on_response_complete(self) -> None:
        """
        Called after each answer: begins the next pipelined request, or the time for which the connection may be idle.

        uvicorn starts a timer after each answer and cancels it with the next request. Here, one timer goes on and looks
        whether the connection was idle all the time.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_at_idle_time_in(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Closes the connection if it was idle for as long as it may be. Otherwise, looks again when it may be so."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_at_idle_time_in(left)
        elif not self.transport.is_closing():
            self.transport.close()

    def _look_at_idle_time_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _unset_keepalive_if_required(self) -> None:
        """Called when something arrives: the connection is not idle."""
        self._idle_since = None

    def shutdown(self) -> None:
        """
        Called when the server stops. The connection is closed after the next answer, or after what is in progress.

        A client that is sending a request gets `Deadlines.last_words` to finish it, and one that is idle or new has
        `Deadlines.last_idle` to begin one.
        """
        self._stops.set()
        if waiting := self._waiting():
            waiting[-1].keep_alive = False
        if not self._is_deaf and not self._gentle.is_closing():
            self._watch_deadline()

    def pause_writing(self) -> None:
        """Called when the client reads more slowly than the server writes. Starts the deadline for unread answers."""
        super().pause_writing()
        self._gentle.watch_unread()

    def resume_writing(self) -> None:
        """Called when the client has read. Stops the deadline."""
        super().resume_writing()
        self._gentle.forget_unread()

    def _waiting(self) -> list[RequestResponseCycle]:
        """The requests that are not answered yet, the oldest first."""
        cycles = self._overtaken if self.cycle is None else [*self._overtaken, self.cycle]
        return [cycle for cycle in cycles if not cycle.response_complete]

    def _watch_deadline(self) -> None:
        """Sets the deadline for what the client must send next; drops it while the server owes an answer."""
        if self._is_deaf:
            self._drop_deadline()
        elif self._in_message or self.cycle is None or self.cycle.response_complete:
            name, seconds = self._what_comes_next()
            if (name, self._messages) != self._deadline_of:
                self._set_deadline(seconds)
                self._deadline_of = name, self._messages
        elif self._deadline is not None:
            self._drop_deadline()

    def _what_comes_next(self) -> tuple[str, float]:
        """The name of what the client must send next, and how many seconds it may take."""
        deadlines = self._bounds.deadlines
        if self._stops.is_set():
            return ("last words", deadlines.last_words) if self._in_message else ("last request", deadlines.last_idle)
        if self._in_body:
            return "body", deadlines.body
        return ("idle", self.timeout_keep_alive) if self._is_idle() else ("head", deadlines.head)

    def _is_idle(self) -> bool:
        """Whether a complete request was received and no other has begun. Blank lines do not begin one."""
        return not self._in_message and self.cycle is not None

    def _set_deadline(self, seconds: float) -> None:
        self._drop_deadline()
        self._deadline = self.loop.call_later(seconds, self._is_late)

    def _drop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._deadline_of = None

    def _is_late(self) -> None:
        if self._gentle.is_closing():
            return
        if self._is_idle() or (self._stops.is_set() and not self._in_message):
            self._gentle.close()
            return
        if self.flow.read_paused:  # the server itself has stopped reading
            self._set_deadline(self._bounds.deadlines.body)
            return
        what = "body" if self._in_body else "head"
        self._stop_reading(408, _TOO_SLOW, f"the request's {what} did not arrive in time")
