"""The stop of a process: its times, and its end by force."""

import logging
import threading

import pytest

from app.serving import stopping
from app.serving.stopping import CLOSING_SECONDS, FORCED_SECONDS, FORCED_STATUS, REQUESTS_SECONDS, STOP_SECONDS, Stop
from app.serving.workers import KILLED_AFTER_SECONDS

GIVE_UP_SECONDS = 60


class Ends:
    """Stands for the end of the process."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.ended = threading.Event()

    def __call__(self, status: int) -> None:
        self.statuses.append(status)
        self.ended.set()


def test_every_time_of_a_stop_is_within_the_next() -> None:
    """What is promised, eight seconds, includes the parent that kills a worker."""
    assert REQUESTS_SECONDS < CLOSING_SECONDS < FORCED_SECONDS < KILLED_AFTER_SECONDS < STOP_SECONDS == 8


def test_what_hangs_is_ended_by_force(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The log says first what is lost, even if one of the parts can't say it."""
    monkeypatch.setattr(stopping, "FORCED_SECONDS", 0.01)
    ends = Ends()
    stop = Stop(end_now=ends)
    stop.say_if_forced(lambda: str(1 / 0))
    stop.say_if_forced(lambda: None)
    stop.say_if_forced(lambda: "3 counts are lost")

    stop.begin("a test ends it")

    assert ends.ended.wait(GIVE_UP_SECONDS)
    assert ends.statuses == [FORCED_STATUS]
    assert [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR] == [
        "3 counts are lost",
        f"The process ends by force, with exit status {FORCED_STATUS}: something has hung for 0.0 seconds.",
    ]


def test_what_hangs_after_everything_was_closed_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A thread may hold up the end of the process although nothing is lost."""
    monkeypatch.setattr(stopping, "FORCED_SECONDS", 0.01)
    ends = Ends()
    stop = Stop(end_now=ends)
    stop.say_if_forced(lambda: "3 counts are lost")
    stop.closed()

    stop.begin("a test ends it")

    assert ends.ended.wait(GIVE_UP_SECONDS)
    assert ends.statuses == [0]
    assert [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR] == []


def test_a_stop_that_is_over_is_not_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """In time, or before it has begun."""
    monkeypatch.setattr(stopping, "FORCED_SECONDS", 0.01)
    ends = Ends()
    stop = Stop(end_now=ends)
    stop.over()

    stop.begin("a test ends it")
    waiting = [thread for thread in threading.enumerate() if thread.name == "stop"]
    for thread in waiting:
        thread.join(GIVE_UP_SECONDS)

    assert not any(thread.is_alive() for thread in waiting)
    assert ends.statuses == []


def test_the_time_that_is_left() -> None:
    """All of it before the stop; then less, and after the draining; with none left, 0 and not less."""
    stop = Stop(drain_seconds=1000, end_now=Ends())
    assert stop.seconds_to_close() == CLOSING_SECONDS

    stop.begin("a test ends it")

    assert 1000 < stop.seconds_to_close() <= 1000 + CLOSING_SECONDS
    assert stop.seconds_left(-2000) == 0
    stop.over()


def test_only_the_first_beginning_counts() -> None:
    """But the last process at a socket is told so at any time; and an orphan does not drain."""
    stop = Stop(drain_seconds=1000, end_now=Ends())
    stop.begin("a signal came")
    stop.begin("the parent is gone", is_last=True, drains=False)
    assert (stop.drain_seconds, stop.is_last) == (1000, True)
    stop.over()

    orphan = Stop(drain_seconds=1000, end_now=Ends())
    orphan.begin("the parent is gone", is_last=True, drains=False)
    assert (orphan.drain_seconds, orphan.is_last) == (0, True)
    orphan.over()
