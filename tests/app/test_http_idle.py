"""A connection is closed when it was idle for as long as it may be, and one timer is enough to see that."""

import asyncio
from collections.abc import Callable
from typing import Any, cast
from unittest.mock import Mock

import pytest
import uvicorn
from uvicorn.server import ServerState

from app.http_protocol import BoundedHttp

SECONDS = 75


class Clock:
    """A loop whose time only goes on when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        """The time in seconds."""
        return self.now

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Mock:
        """Keeps the timer until its time has come."""
        self.timers.append((self.now + seconds, callback))
        return Mock()

    def go_on(self, seconds: float) -> None:
        """Calls the timers of these seconds."""
        end = self.now + seconds
        while self.timers and self.timers[0][0] <= end:
            self.now, callback = self.timers.pop(0)
            callback()
        self.now = end


@pytest.fixture
def clock() -> Clock:
    """The clock of the connection."""
    return Clock()


@pytest.fixture
def connection(clock: Clock) -> BoundedHttp:
    """A connection whose transport records whether it was closed."""
    config = uvicorn.Config(Mock(), timeout_keep_alive=SECONDS, log_config=None, lifespan="off")
    config.load()
    made = BoundedHttp(config, ServerState(), {}, cast(asyncio.AbstractEventLoop, clock))
    transport: Any = Mock()
    transport.is_closing = lambda: transport.close.called
    made.transport, made.flow = transport, Mock()
    return made


def answer(connection: BoundedHttp) -> None:
    """A request arrives and is answered."""
    connection._unset_keepalive_if_required()
    connection.on_response_complete()


def test_a_connection_in_use_stays_open(connection: BoundedHttp, clock: Clock) -> None:
    """However long it is in use, with pauses that are shorter than the time; and there is one timer at most."""
    for _ in range(10):
        answer(connection)
        assert len(clock.timers) == 1
        clock.go_on(SECONDS - 1)

    assert not connection.transport.is_closing()


def test_an_idle_connection_is_closed_after_its_time(connection: BoundedHttp, clock: Clock) -> None:
    """The time begins with the last answer, not with the one for which the timer was started."""
    answer(connection)
    clock.go_on(SECONDS - 5)
    answer(connection)

    clock.go_on(SECONDS - 1)
    assert not connection.transport.is_closing()
    clock.go_on(1)
    assert connection.transport.is_closing()


def test_a_long_answer_is_not_idle_time(connection: BoundedHttp, clock: Clock) -> None:
    """The connection waits for its answer, and is idle only afterwards."""
    answer(connection)
    connection._unset_keepalive_if_required()
    clock.go_on(10 * SECONDS)
    assert not connection.transport.is_closing()

    connection.on_response_complete()
    clock.go_on(SECONDS)
    assert connection.transport.is_closing()
