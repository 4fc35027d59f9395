"""Which workers are started, killed and replaced, with processes that the test controls."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn

from app.cli_errors import Failure
from app.serving.server import Server
from app.serving.stopping import Stop
from app.serving.workers import PAUSE_ROUNDS, SILENT_ROUNDS, START_ROUNDS, Worker, Workers

GIVE_UP_SECONDS = 10


class Pretended(Worker):
    """A worker without a process. It serves as soon as it is started, unless the test says otherwise."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.status: int | None = None
        self.answers = True
        self.is_started = False
        self.unanswered_rounds = 0
        self.stopped_at = None
        self.process: Any = self

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def exitcode(self) -> int | None:
        return self.status

    def is_alive(self, timeout: float = 0) -> bool:
        return self.status is None

    def look(self) -> None:
        self.unanswered_rounds += 1
        if self.answers and self.status is None:
            self.is_started, self.unanswered_rounds = True, 0

    def terminate(self) -> None:
        self.stopped_at = 0.0
        self.status = 0

    def kill(self) -> None:
        self.status = -signal.SIGKILL if self.status is None else self.status

    def bury(self) -> None:
        self.kill()


class Late(Server):
    """A server whose event loop is late for the first `looks`; None: for ever."""

    looks: int | None = 2

    @property
    def is_responsive(self) -> bool:
        if self.looks is None:
            return False
        self.looks -= 1
        return self.looks < 0


@contextmanager
def late_worker(looks: int | None) -> Iterator[tuple[Worker, Stop]]:
    """A worker whose process does not exist: only its thread that answers the parent runs."""
    stop = Stop(end_now=lambda _: None)
    config = uvicorn.Config("none")
    worker = Worker(config, [], lambda _: server)
    server = Late(config, stop)
    server.started, server.looks = True, looks
    worker._server = server
    answering = threading.Thread(target=worker._answer_parent, args=(stop,), daemon=True)
    answering.start()
    try:
        yield worker, stop
    finally:
        worker.parent_conn.close()
        answering.join(GIVE_UP_SECONDS)
        assert not answering.is_alive()


class Supervisor(Workers):
    """A supervisor of pretended workers. `prepare` is called with each new one."""

    def __init__(self) -> None:
        def none(_stop: Stop) -> Server:
            raise NotImplementedError

        super().__init__(uvicorn.Config("none", workers=2, log_config=None), [], none)
        self.started: list[Pretended] = []
        self.prepare: Callable[[Pretended], None] = lambda _worker: None
        self.init_processes()

    def _started(self) -> Worker:
        worker = Pretended(len(self.started))
        self.started.append(worker)
        self.prepare(worker)
        return worker

    def rounds(self, count: int = 1) -> list[int | None]:
        """Does rounds. Returns the workers that are in service."""
        for _ in range(count):
            if not self.should_exit.is_set():
                self.keep_subprocess_alive()
        return [worker.pid for worker in self.processes]


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    """Two workers that serve. The signals of the process that runs the tests stay as they are."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    made = Supervisor()
    assert made.rounds() == [0, 1]
    return made


def fail(worker: Pretended) -> None:
    worker.status = 3


def test_a_worker_that_ends_is_replaced(supervisor: Supervisor) -> None:
    """The others go on."""
    supervisor.started[0].status = -signal.SIGKILL

    assert supervisor.rounds() == [2, 1]


def test_a_worker_that_hangs_is_killed_and_replaced(supervisor: Supervisor, caplog: pytest.LogCaptureFixture) -> None:
    """Not before it was silent for many rounds, even if it answers in between."""
    hanging = supervisor.started[0]
    for _ in range(2):
        hanging.answers = False
        assert supervisor.rounds(SILENT_ROUNDS) == [0, 1]
        hanging.answers = True
        supervisor.rounds()
    hanging.answers = False

    assert supervisor.rounds(SILENT_ROUNDS + 1) == [2, 1]
    assert hanging.status == -signal.SIGKILL
    assert "A worker (process 0) has not answered for 5.25 seconds" in caplog.text


def test_a_question_that_comes_while_the_event_loop_is_late_is_answered_later() -> None:
    """The parent does not ask again: a worker that has recovered would be killed."""
    with late_worker(looks=2) as (worker, _):
        worker.look()
        assert worker.parent_conn.poll(GIVE_UP_SECONDS)
        worker.look()
        assert (worker.is_started, worker.unanswered_rounds) == (True, 0)


def test_a_worker_whose_event_loop_hangs_notices_the_end_of_its_parent() -> None:
    with late_worker(looks=None) as (worker, stop):
        worker.look()
        assert not worker.parent_conn.poll(0)
        worker.look()
        assert not worker.is_started
    assert stop.is_stopping


def test_a_worker_may_take_long_to_start(supervisor: Supervisor) -> None:
    """But not for ever."""
    supervisor.prepare = lambda worker: setattr(worker, "answers", False)
    supervisor.started[0].status = 1
    supervisor.rounds()

    assert supervisor.rounds(START_ROUNDS) == [2, 1]
    assert supervisor.rounds() == [3, 1]


def test_a_successor_that_cannot_start_is_tried_again_after_a_pause(supervisor: Supervisor) -> None:
    """For example while the database is down. The other workers, which can serve, are left alone."""
    supervisor.prepare = fail
    supervisor.started[0].status = -signal.SIGKILL
    assert supervisor.rounds(2) == [3, 1]

    assert supervisor.rounds(PAUSE_ROUNDS - 1) == [3, 1]
    supervisor.prepare = lambda _worker: None
    assert supervisor.rounds(2) == [4, 1]
    assert not supervisor.should_exit.is_set()
    assert supervisor.started[1].status is None


def test_a_server_whose_first_workers_cannot_start_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing would be served. The command fails."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(Supervisor, "init_processes", lambda _self: None)
    failing = Supervisor()
    failing.prepare = fail
    failing.processes = [failing._started(), failing._started()]

    with pytest.raises(Failure, match="could not start"):
        failing.run()


def test_all_workers_are_replaced_one_by_one(supervisor: Supervisor, caplog: pytest.LogCaptureFixture) -> None:
    """A worker is asked to stop when its successor serves, and the next one when it has ended."""
    supervisor.handle_hup()
    seen = [supervisor.rounds() for _ in range(12)]

    in_service = list(dict.fromkeys(map(tuple, seen)))
    assert in_service == [(0, 1), (2, 1), (2, 3)]
    assert [worker.status for worker in supervisor.started] == [0, 0, None, None]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_replacement_that_cannot_start_changes_nothing(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    """For example because of a setting that is wrong now."""
    supervisor.prepare = fail
    supervisor.handle_hup()

    assert supervisor.rounds(20) == [0, 1]
    assert len(supervisor.started) == 3
    assert "A new worker (process 2) did not start. The other workers go on as before." in caplog.text


def test_workers_are_added_and_taken_away(supervisor: Supervisor) -> None:
    """The last one stays."""
    supervisor.handle_ttin()
    assert supervisor.rounds() == [0, 1, 2]

    for _ in range(5):
        supervisor.handle_ttou()
    assert supervisor.rounds() == [0]
    assert [worker.status for worker in supervisor.started] == [None, 0, 0]
