"""uvicorn's server, with a stop that loses no request and that has an end."""

import asyncio
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn

from app.serving.listening import HANDSHAKE_SECONDS, turn_away, waiting_connections
from app.serving.stopping import REQUESTS_SECONDS, Stop

LOOK_EVERY_SECONDS = 0.02
LAST_ANSWERS_SECONDS = 0.2
"""How long cancelled requests have to send their last answer."""
TICK_LATE_SECONDS = 2.0
"""The event loop ticks ten times a second. If the last tick is older, the loop hangs."""
logger = logging.getLogger("keydesk.server")


class Server(uvicorn.Server):
    """
    Serves until `stop` begins. Signals are not its business: `stop_on_signals` begins the stop.

    From then on every answer closes its connection. Connections that wait to be accepted are answered before the
    listening socket is closed. Requests in progress end as usual; what takes too long gets a 503.
    """

    def __init__(self, config: uvicorn.Config, stop: Stop) -> None:
        super().__init__(config)
        self._stop = stop
        self._ticked_at = 0.0

    @property
    def is_responsive(self) -> bool:
        """Whether the event loop runs. Another thread may ask. True also before and after serving."""
        is_late = time.monotonic() - self._ticked_at > TICK_LATE_SECONDS
        return not (self.started and is_late) or self._stop.is_stopping

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals to `stop_on_signals`."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Opens the application, and begins to accept connections."""
        self._ticked_at = time.monotonic()
        await super().startup(sockets=sockets)
        self._ticked_at = time.monotonic()

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second. Returns whether to stop."""
        self._ticked_at = time.monotonic()
        return await super().on_tick(counter) or self._stop.is_stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops accepting, lets the requests in progress end, and closes the application."""
        self._stop.begin("the server has ended")
        if self._stop.drain_seconds:
            logger.info("Accepting connections for another %g seconds", self._stop.drain_seconds)
            await asyncio.sleep(self._stop.seconds_left(0))
        await self._stop_accepting(sockets or [])
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._finish_requests()
        await self.lifespan.shutdown()
        self._stop.closed()

    async def _stop_accepting(self, listeners: list[socket.socket]) -> None:
        """Closes the listening sockets, after everything that waits there was accepted."""
        if self._stop.is_last:
            for listener in listeners:
                turn_away(listener)
        await asyncio.sleep(HANDSHAKE_SECONDS)
        waiting = [listener.dup() for listener in listeners]
        for server in self.servers:
            server.close()
        for listener in listeners:
            listener.close()
        for listener in waiting:
            with listener:
                for connection in waiting_connections(listener):
                    with suppress(OSError):  # the client has gone already
                        await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        make = self.config.http_protocol_class
        return make(  # type: ignore[call-arg]  # as `startup` of uvicorn calls it
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    async def _finish_requests(self) -> None:
        """Waits for the requests in progress. Cancels those that take too long, and drops what is left."""
        state = self.server_state
        await self._until_idle(self._stop.seconds_left(REQUESTS_SECONDS))
        if state.tasks:
            logger.error("%d request(s) did not end in time, and are answered with 503", len(state.tasks))
            for task in state.tasks:
                task.cancel()
            await self._until_idle(LAST_ANSWERS_SECONDS)
        for connection in list(state.connections):
            connection.transport.abort()

    async def _until_idle(self, seconds: float) -> None:
        # uvicorn has no event for this, and looks ten times a second itself.
        until = time.monotonic() + seconds
        while (self.server_state.connections or self.server_state.tasks) and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_SECONDS)
