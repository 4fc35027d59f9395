"""
Answers subscriptions with server-sent events, by the GraphQL over SSE protocol in "distinct connections mode".

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md: a `next` event for each result, then `complete`. A
refusal before execution is a `next` event too, as the protocol requires: its client takes an error status for a network
failure and retries again and again. A stream that ends without `complete` was cut off, and the client may retry.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterable, Callable, Coroutine, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Protocol, assert_never, cast

from graphql import ExecutionResult, Executor, GraphQLError, create_source_event_stream, map_source_to_response_event
from graphql.error import located_error
from litestar.types import HTTPScope, Receive, Send

from app.graphql.errors import FailureLog, execution_errors
from app.graphql.events import COMMENT, COMPLETE, Headers, begin_events, next_event, refused_result
from keys.refusals import TooManyRequests, Unauthenticated

SERVER_STOPS = "keydesk.server_stops"
"""
The ASGI extension with an asyncio.Event that Keydesk's server sets when it is to stop.

Other servers wait for streams to end, or cut them off.
"""
HANG_UP = "keydesk.hang_up"
"""The ASGI extension with a function that drops the connection, including bytes that were not sent yet."""
LAST_WORDS_SECONDS = 2
"""How long sending a stream's end may wait for a client that does not read. Then the connection is dropped."""
RETRY_SECONDS = 5
NO_LONGER = "This stream has ended: you were signed out, or your role has changed. Sign in, and ask again."
TOO_MANY_IN_ALL = "Too many streams are open right now. Try again in a few seconds."


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """How many streams a process keeps open, and the timing of each."""

    a_person: int = 5
    """How many streams one person may have open at the same time."""
    in_all: int = 500
    heartbeat_seconds: float = 12
    """How often a comment is sent. Proxies close an idle connection: nginx after 60 seconds, others after 30."""
    recheck_seconds: float = 1
    """How often the right to a stream is checked between its events."""
    unread_seconds: float = 30
    """How long sending may wait for a client that does not read."""


class StreamRight(Protocol):
    """The right by which a stream goes on."""

    @property
    def owner(self) -> Hashable:
        """The owner of the stream; open streams are counted by owner."""

    async def still_holds(self) -> bool:
        """Checks whether the right still holds, which may query the database."""

    def on_revocation(self, call: Callable[[], None]) -> AbstractContextManager[None]:
        """
        While the context is open, calls `call` whenever this process changes something that may end the right.

        Changes by other processes are found only by `still_holds`.
        """


class End(Enum):
    """How a stream ends."""

    COMPLETE = auto()
    RIGHT_OVER = auto()
    CUT_OFF = auto()
    """The client has disconnected or does not read, or the server stops."""


class Unread(Exception):
    """The client has not read for `StreamLimits.unread_seconds`, or the connection is lost."""


class Places:
    """Counts the open streams and enforces their limits."""

    def __init__(self, limits: StreamLimits) -> None:
        self._limits = limits
        self._open: Counter[Hashable] = Counter()

    @contextmanager
    def taken(self, owner: Hashable) -> Iterator[None]:
        """
        Counts a stream while the context is open.

        Raises TooManyRequests if the owner or the process has too many.
        """
        most = self._limits.a_person
        if self._open[owner] >= most:
            sentence = f"You have {most} streams open, which is the limit for one person. Close one, then ask again."
            raise TooManyRequests(sentence, RETRY_SECONDS)
        if self._open.total() >= self._limits.in_all:
            raise TooManyRequests(TOO_MANY_IN_ALL, RETRY_SECONDS)
        self._open[owner] += 1
        try:
            yield
        finally:
            self._open[owner] -= 1
            if not self._open[owner]:
                del self._open[owner]


class Streams:
    """Answers subscriptions whose documents have passed all checks."""

    def __init__(self, limits: StreamLimits, failures: FailureLog) -> None:
        self._limits = limits
        self._failures = failures
        self._places = Places(limits)

    async def answer(
        self,
        executor: Executor[Any],
        right: StreamRight,
        scope: HTTPScope,
        receive: Receive,
        send: Send,
        *,
        headers: Headers,
        request_id: str | None,
    ) -> None:
        """Sends the stream until it ends. Raises TooManyRequests, but only before anything is sent."""
        extensions = cast("dict[str, Any]", scope.get("extensions") or {})
        with self._places.taken(right.owner):
            # Sent at once, so that proxies pass the response's head on before there is a result.
            await begin_events(send, headers, COMMENT)
            await Stream(
                executor,
                right,
                self._limits,
                receive,
                send,
                request_id,
                self._failures,
                server_stops=extensions.get(SERVER_STOPS),
                hang_up=extensions.get(HANG_UP),
            ).run()


@dataclass(slots=True)
class Stream:
    """The answer to one subscription."""

    executor: Executor[Any]
    right: StreamRight
    limits: StreamLimits
    receive: Receive
    send: Send
    request_id: str | None
    failures: FailureLog
    server_stops: asyncio.Event | None
    hang_up: Callable[[], None] | None
    _sending: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """
        Sends the stream until the source, the right, the connection or the server ends.

        When it returns, the source's `finally` has run. The source is asked for an event only after the one before was
        sent, so that a slow client delays only its own stream.
        """
        # One task runs the source from its first event to its end: a timeout inside a generator requires that.
        parts = [self._write(), self._watch(), self._leave(), self._beat()]
        if self.server_stops is not None:
            parts.append(_stop(self.server_stops))
        tasks = [asyncio.create_task(_read(part)) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        first, *others = sorted(tasks, key=lambda task: task not in done)
        for other in others:
            if (failure := _failure(other)) is not None:
                self.failures.note(failure, "the end of a stream", self.request_id)
        last_words = self._last_words(first)
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self.send({"type": "http.response.body", "body": last_words, "more_body": False})
        except OSError:  # includes TimeoutError
            if self.hang_up is not None:
                self.hang_up()
                await self._leave()

    async def _write(self) -> End:
        """Sends the result of each event. Checks the right again before each."""
        source = create_source_event_stream(self.executor)
        if self.executor.is_awaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            await self._send(next_event(self._errors(source.errors or ())))
            return End.COMPLETE
        events = cast("AsyncIterable[Any]", source)
        async with aclosing(map_source_to_response_event(self.executor, events)) as results:
            async for result in results:
                if not await self.right.still_holds():
                    return End.RIGHT_OVER
                errors = self._errors(result.errors) if result.errors else {}
                await self._send(next_event({**errors, "data": result.data}))
                if result.data is None:
                    break
        return End.COMPLETE

    async def _watch(self) -> End:
        """Returns when the right no longer holds."""
        changed = asyncio.Event()
        with self.right.on_revocation(changed.set):
            while await self.right.still_holds():
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.limits.recheck_seconds):
                        await changed.wait()
                changed.clear()
        return End.RIGHT_OVER

    async def _leave(self) -> End:
        """Returns when the client has disconnected."""
        while (await self.receive())["type"] != "http.disconnect":
            pass
        return End.CUT_OFF

    async def _beat(self) -> End:
        """Sends comments, so that proxies don't close the connection as idle. Never returns."""
        while True:
            await asyncio.sleep(self.limits.heartbeat_seconds)
            await self._send(COMMENT)

    async def _send(self, body: bytes) -> None:
        """Sends bytes; returns when there is room for more. Raises Unread."""
        try:
            async with asyncio.timeout(self.limits.unread_seconds), self._sending:
                await self.send({"type": "http.response.body", "body": body, "more_body": True})
        except OSError:
            raise Unread from None

    def _last_words(self, first: asyncio.Task[End]) -> bytes:
        if (failure := _failure(first)) is not None:
            field_asked = list(self.executor.operation.selection_set.selections)
            return next_event(self._errors([located_error(failure, field_asked)])) + COMPLETE
        match first.result():
            case End.COMPLETE:
                return COMPLETE
            case End.RIGHT_OVER:
                return next_event(refused_result(Unauthenticated(NO_LONGER), self.request_id, self.failures)) + COMPLETE
            case End.CUT_OFF:
                return b""
            case unknown:
                assert_never(unknown)

    def _errors(self, errors: Iterable[GraphQLError]) -> dict[str, Any]:
        return {"errors": execution_errors(errors, self.request_id, self.failures)}


async def _read(part: Coroutine[Any, Any, End]) -> End:
    """Runs a part of a stream; an unread stream ends as CUT_OFF."""
    try:
        return await part
    except Unread:
        return End.CUT_OFF
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # This task was not cancelled. The source waited for something that was, which is a failure like any other.
        raise RuntimeError("what the source waited for was cancelled") from error


async def _stop(server_stops: asyncio.Event) -> End:
    await server_stops.wait()
    return End.CUT_OFF


def _failure(task: asyncio.Task[End]) -> Exception | None:
    return cast("Exception | None", None if task.cancelled() else task.exception())
