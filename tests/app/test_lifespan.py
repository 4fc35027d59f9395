"""The application closes what it opened, in reverse order, at its end and after a failed start."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

import app.application
from app.application import Keydesk
from app.authentication import Identity
from app.retention import retention_running
from tests.conftest import Clock
from tests.support.client import application, running

OPENED = ("database", "cold-keys", "new-keys", "passwords", "viewer reader", "key reader")
"""What is open before any part can fail."""
PARTS = ("identity", "observation", "metering", "digest_writer", "outbox", "retention", "server")
"""The parts in the order in which they start. The last one has nothing to close."""
AT_THE_SAME_TIME = ("retention", "outbox", "digest_writer", "metering")
"""Parts that are closed at the same time, because each may have to wait."""


class StartFailed(Exception):
    """A part could not be started."""


class Watched:
    """An application that records when its parts are closed. The part `failing` fails to start."""

    def __init__(self, keydesk: Keydesk, monkeypatch: pytest.MonkeyPatch, failing: str | None = None) -> None:
        self.closed: list[str] = []
        self._failing = failing
        self.keydesk: Any = keydesk
        for pool in self.keydesk._pools:
            monkeypatch.setattr(pool, "close", self._noting(pool.name, pool.close))
        for name, owner in (
            ("database", self.keydesk.database),
            ("viewer reader", self.keydesk._viewer_reader),
            ("key reader", self.keydesk._key_reader),
            ("identity", Identity),
        ):
            monkeypatch.setattr(owner, "close", self._noting(name, owner.close))
        for name in ("observation", "metering", "digest_writer", "outbox"):
            part = getattr(self.keydesk, name if name == "outbox" else f"_{name}")
            monkeypatch.setattr(part, "running", self._watched(name, part.running))
        monkeypatch.setattr(app.application, "retention_running", self._watched("retention", retention_running))
        monkeypatch.setattr(self.keydesk, "_open_identity", self._started("identity", self.keydesk._open_identity))
        monkeypatch.setattr(self.keydesk, "_when_started", self._started("server", lambda: None))

    def _noting(self, name: str, close: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any) -> Any:
            self.closed.append(name)
            return close(*arguments)

        return noted

    def _started(self, name: str, start: Callable[[], Any]) -> Callable[[], Any]:
        def started() -> Any:
            if name == self._failing:
                raise StartFailed(name)
            return start()

        return started

    def _watched(
        self, name: str, part: Callable[..., AbstractAsyncContextManager[None]]
    ) -> Callable[..., AbstractAsyncContextManager[None]]:
        @asynccontextmanager
        async def watched(*arguments: Any, **options: Any) -> AsyncIterator[None]:
            if name == self._failing:
                raise StartFailed(name)
            try:
                async with part(*arguments, **options):
                    yield
            finally:
                self.closed.append(name)

        return watched


def in_order(closed: list[str]) -> list[str]:
    """The order of closing, with a fixed order of those that are closed at the same time."""
    together = [name for name in AT_THE_SAME_TIME if name in closed]
    others = [name for name in closed if name not in AT_THE_SAME_TIME]
    assert set(closed[: len(together)]) == set(together), "they are closed before all others"
    return [*together, *others]


async def test_everything_is_closed_in_reverse_order(
    database_address: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a run, everything is closed, and no task is left. The parts that may have to wait are closed together."""
    watched = Watched(application(database_address, clock), monkeypatch)

    async with running(watched.keydesk):
        assert watched.closed == []

    assert in_order(watched.closed) == [*OPENED, *PARTS[:-1]][::-1]
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("failing", PARTS)
async def test_a_start_that_fails_closes_what_it_opened(
    database_address: str, clock: Clock, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """Whichever part fails, the parts before it are closed in reverse order, and no task is left."""
    watched = Watched(application(database_address, clock), monkeypatch, failing)
    asked: asyncio.Queue[Any] = asyncio.Queue()
    told: list[str] = []
    asked.put_nowait({"type": "lifespan.startup"})

    async def send(message: Any) -> None:
        told.append(message["type"])

    scope: Any = {"type": "lifespan", "state": {}}
    with pytest.raises(ExceptionGroup) as failed:
        await watched.keydesk(scope, asked.get, send)

    assert [str(each) for each in failed.value.exceptions] == [failing]
    assert told == ["lifespan.startup.failed"]
    assert in_order(watched.closed) == [*OPENED, *PARTS[: PARTS.index(failing)]][::-1]
    assert asyncio.all_tasks() == {asyncio.current_task()}
