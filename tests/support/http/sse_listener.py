"""A client of server-sent events that a test can pause and disconnect."""

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from litestar.types import ASGIApp

from app.graphql.streams import SERVER_STOPS

EVENTS = "text/event-stream"
GIVE_UP_SECONDS = 30.0


class Event(NamedTuple):
    """An event of a stream."""

    name: str
    data: Any

    @property
    def codes(self) -> list[str]:
        """The codes of the errors in the event."""
        return [error["extensions"]["code"] for error in self.data.get("errors", ())]


COMPLETE = Event("complete", None)


def events_of(stream: bytes) -> list[Event]:
    """The complete events, without comments."""
    events = []
    for block in stream.decode().split("\n\n")[:-1]:
        if block == ":":
            continue
        name, data = block.split("\n")
        assert name.startswith("event: ")
        assert data.startswith("data:")
        text = data.removeprefix("data:")
        events.append(Event(name.removeprefix("event: "), json.loads(text) if text else None))
    return events


class Listener:
    """A client of an application in the same loop. The test makes it pause, continue and disconnect."""

    def __init__(
        self,
        app: ASGIApp,
        query: str,
        *,
        accept: str = EVENTS,
        headers: Iterable[tuple[bytes, bytes]] = (),
        **members: Any,
    ) -> None:
        self.received = b""
        self.pieces: list[bytes] = []
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.is_whole = False
        """Whether the server has ended the response."""
        self.server_stops = asyncio.Event()
        self._reads, self._gone = asyncio.Event(), asyncio.Event()
        self._reads.set()
        self._news = asyncio.Condition()
        self._bodies = [json.dumps({"query": query, **members}).encode()]
        scope: Any = {
            "type": "http",
            "method": "POST",
            "path": "/graphql",
            "headers": [(b"content-type", b"application/json"), (b"accept", accept.encode()), *headers],
            "query_string": b"",
            "root_path": "",
            "state": {},
            "client": ("203.0.113.7", 4711),
            "extensions": {SERVER_STOPS: self.server_stops},
        }
        self.answering = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self) -> Any:
        if self._bodies:
            return {"type": "http.request", "body": self._bodies.pop(), "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self._reads.wait()
        async with self._news:
            assert not self.is_whole
            if message["type"] == "http.response.start":
                assert self.status is None
                self.status = message["status"]
                self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                self.pieces.append(message["body"])
                self.received += message["body"]
                self.is_whole = not message["more_body"]
            self._news.notify_all()

    @property
    def events(self) -> list[Event]:
        """The events that have arrived."""
        return events_of(self.received)

    async def until(self, condition: Callable[["Listener"], bool]) -> None:
        """Waits until the received bytes meet the condition."""
        async with asyncio.timeout(GIVE_UP_SECONDS), self._news:
            await self._news.wait_for(lambda: condition(self))

    async def heard(self, count: int) -> list[Event]:
        """Waits for this many events, and returns all that have arrived."""
        await self.until(lambda listener: len(listener.events) >= count)
        return self.events

    async def end(self) -> list[Event]:
        """Waits until the server ends the stream, and returns all events."""
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await self.answering
        return self.events

    def stop_reading(self) -> None:
        """Stops reading, so that the server's send buffer fills."""
        self._reads.clear()

    def read_on(self) -> None:
        """Continues reading."""
        self._reads.set()

    def hang_up(self) -> None:
        """Disconnects."""
        self._gone.set()
        self._reads.set()
