"""A small schema with subscriptions whose events a test controls."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import strawberry
from litestar import Litestar, Request
from litestar.types import ASGIApp, Receive, Scope, Send
from strawberry.permission import BasePermission

from app.graphql.endpoint import graphql_route
from app.graphql.limits import Limits
from app.graphql.streams import StreamLimits
from keys.refusals import Forbidden, Refusal
from tests.support.graphql.tiny_schema import REQUEST_ID, Mutation, Person, Query

PATIENT = StreamLimits(heartbeat_seconds=1000, recheck_seconds=1000, unread_seconds=1000)
"""Limits with which nothing happens merely because time passes."""
OVER = "over"


class Source:
    """The source of the events of `said`: texts that a test supplies, from any thread."""

    def __init__(self) -> None:
        self.opened, self.closed = threading.Event(), threading.Event()
        self.taken = 0
        """How often an event was requested."""
        self._texts: asyncio.Queue[str] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None

    def say(self, *texts: str) -> None:
        """Adds the next events; OVER ends the stream."""
        for text in texts:
            if self._loop is None:
                self._texts.put_nowait(text)
            else:
                self._loop.call_soon_threadsafe(self._texts.put_nowait, text)

    async def texts(self) -> AsyncIterator[str]:
        """Yields the texts until OVER, or until the consumer stops."""
        self._loop = asyncio.get_running_loop()
        self.opened.set()
        try:
            while True:
                self.taken += 1
                if (text := await self._texts.get()) == OVER:
                    return
                yield text
        finally:
            await asyncio.sleep(0)  # aclose() has to wait for this
            self.closed.set()


@dataclass
class Right:
    """A right that a test can revoke."""

    owner: Hashable = "ada"
    holds: bool = True
    failure: Exception | None = None
    looks: int = 0
    calls: list[Callable[[], None]] = field(default_factory=list)

    async def still_holds(self) -> bool:
        self.looks += 1
        if self.failure is not None:
            raise self.failure
        return self.holds

    @contextmanager
    def on_revocation(self, call: Callable[[], None]) -> Iterator[None]:
        self.calls.append(call)
        yield
        self.calls.remove(call)

    def tell(self) -> None:
        """Calls the callbacks, as a sign-out in the same process does."""
        for call in self.calls:
            call()


@dataclass
class Asker:
    """The context of a request."""

    source: Source
    failures: dict[str, BaseException]
    tasks: set[object] = field(default_factory=set)


class Nobody(BasePermission):
    async def has_permission(self, source: Any, info: strawberry.Info[Asker], **kwargs: Any) -> bool:
        raise Forbidden("Nobody may.")


@strawberry.type
class Remark:
    text: str

    @strawberry.field
    def shouted(self) -> str:
        """Has a resolver, unlike `text`."""
        return self.text.upper()

    @strawberry.field
    def faint(self, info: strawberry.Info[Asker]) -> str | None:
        """Raises the failure that a test registered for this text, if any."""
        return self._unless_it_fails(info.context)

    @strawberry.field
    def loud(self, info: strawberry.Info[Asker]) -> str:
        """Like `faint`, but not nullable."""
        return self._unless_it_fails(info.context)

    def _unless_it_fails(self, asker: Asker) -> str:
        if self.text in asker.failures:
            raise asker.failures[self.text]
        return self.text

    @strawberry.field
    def by(self) -> Person:
        """The author of the remark."""
        return Person()


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def said(self, info: strawberry.Info[Asker]) -> AsyncIterator[Remark]:
        """The texts that the test supplies."""
        async for text in info.context.source.texts():
            yield Remark(text=text)

    @strawberry.subscription
    async def count(self, to: int) -> AsyncIterator[int]:
        """Counts up from one."""
        for number in range(1, to + 1):
            yield number

    @strawberry.subscription
    async def fail(self, info: strawberry.Info[Asker], kind: str, after: int = 0) -> AsyncIterator[int]:
        """Raises the failure that a test registered under `kind`, after this many numbers."""
        for number in range(after):
            yield number
        raise info.context.failures[kind]

    @strawberry.subscription
    async def unending(self, info: strawberry.Info[Asker], kind: str) -> AsyncIterator[int]:
        """Raises in its cleanup, however the stream ends."""
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            raise info.context.failures[kind]

    @strawberry.subscription
    async def tasks(self, info: strawberry.Info[Asker], to: int) -> AsyncIterator[int]:
        """The number of distinct tasks that have advanced this generator so far."""
        for _ in range(to):
            info.context.tasks.add(asyncio.current_task())
            yield len(info.context.tasks)

    @strawberry.subscription
    async def abandoned(self) -> AsyncIterator[int]:
        """Yields an event, then waits for a future that is cancelled elsewhere."""
        yield 1
        waiting: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(waiting.cancel)
        yield await waiting

    @strawberry.subscription(permission_classes=[Nobody])  # type: ignore[untyped-decorator]
    async def forbidden(self) -> AsyncIterator[int]:
        """Always refused by its permission class."""
        yield 1


SCHEMA = strawberry.Schema(Query, Mutation, Subscription)


@dataclass
class TinyStreams:
    """The schema behind /graphql. Every request has `right`, or is refused with `refusal`."""

    limits: Limits = field(default_factory=Limits)
    stream_limits: StreamLimits = PATIENT
    right: Right = field(default_factory=Right)
    refusal: Refusal | None = None
    source: Source = field(default_factory=Source)
    failures: dict[str, BaseException] = field(default_factory=dict)
    contexts: int = 0

    def __post_init__(self) -> None:
        route = graphql_route(
            SCHEMA,
            context=self._context,
            introspection_refusal=lambda _: None,
            limits=self.limits,
            answer_headers=lambda _: [(b"x-tiny", b"yes")],
            stream_right=self._right,
            stream_limits=self.stream_limits,
        )
        self._app: ASGIApp = Litestar([route], openapi_config=None, logging_config=None)

    async def _context(self, request: Request[Any, Any, Any]) -> Asker:
        self.contexts += 1
        return Asker(self.source, self.failures)

    def _right(self, _asker: Asker) -> Right:
        if self.refusal is not None:
            raise self.refusal
        return self.right

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["keydesk.request_id"] = REQUEST_ID  # type: ignore[typeddict-unknown-key]
        await self._app(scope, receive, send)
