"""
Several worker processes that share one listening socket: starting, watching, replacing and stopping them.

This extends uvicorn's supervisor, which asks its workers one after the other, waits for each, and does nothing else
meanwhile. Here nothing waits, so that a worker that hangs delays neither a stop nor the others.
"""

import logging
import pickle
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable

import uvicorn
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from app.cli_errors import Failure
from app.serving.listening import turn_away
from app.serving.server import Server
from app.serving.stopping import FORCED_SECONDS, Stop, stop_on_signals

ROUND_SECONDS = 0.25
LATE_LOOK_SECONDS = 0.1
"""How often a worker whose event loop is late looks whether it runs again."""
SILENT_ROUNDS = 20
"""
How many rounds a worker may leave a question unanswered: 5 seconds.

A worker answers until its event loop is `TICK_LATE_SECONDS` late, so one whose loop hangs is killed after 7 seconds.
Rounds are counted, not seconds, because after a pause of the whole machine every worker would look silent.
"""
START_ROUNDS = 480
"""How many rounds a worker may take to start: two minutes."""
PAUSE_ROUNDS = 8
"""How many rounds to wait before a worker that failed to start is replaced."""
KILLED_AFTER_SECONDS = FORCED_SECONDS + 0.2
logger = logging.getLogger("keydesk.server")
ServesAsWorker = Callable[[Stop], Server]
"""Makes a worker's server, in the worker's process. The function must be one that can be imported there."""


class Worker(Process):
    """One worker process, as its parent sees it; `target` is what runs in the process itself."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], make_server: ServesAsWorker) -> None:
        self._make_server = make_server
        self.is_started = False
        """Whether it has ever said that it serves."""
        self.unanswered_rounds = 0
        """How many rounds ago it last said that it serves; before that, the rounds since its start."""
        self._is_asked = False
        self.stopped_at: float | None = None
        """When it was asked to stop (`time.monotonic()`)."""
        super().__init__(config, sockets)

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Runs in the worker's process: serves until a signal comes, or until the parent is gone."""
        self.parent_conn.close()  # so that only the parent has that end, and its death is noticed
        stop = Stop()
        stop_on_signals(stop, is_last=False)
        self._server = self._make_server(stop)
        threading.Thread(target=self._answer_parent, args=(stop,), name="parent", daemon=True).start()
        self.server.run(sockets)

    def _answer_parent(self, stop: Stop) -> None:
        """
        Answers the parent's questions with whether this worker has started, as soon as the event loop runs.

        The parent asks only once, so that a question that comes while the loop is late is answered later.
        """
        try:
            while True:
                self.child_conn.recv()
                while not self._is_responsive:
                    if self.child_conn.poll(LATE_LOOK_SECONDS):
                        self.child_conn.recv()  # the end of the parent
                self.child_conn.send(self.server.started)
        except (OSError, EOFError):
            stop.begin("the parent process has ended", is_last=True, drains=False)

    @property
    def _is_responsive(self) -> bool:
        server = self.server
        return isinstance(server, Server) and server.is_responsive

    def look(self) -> None:
        """Reads the answer to the last question, and asks the next. Never waits."""
        self.unanswered_rounds += 1
        try:
            while self.parent_conn.poll():
                self.is_started = self.parent_conn.recv() or self.is_started
                self._is_asked = False
                if self.is_started:
                    self.unanswered_rounds = 0
            if not self._is_asked:
                self.parent_conn.send(b"ping")
                self._is_asked = True
        except (OSError, EOFError, pickle.UnpicklingError):
            pass  # its process has ended, or is about to

    @property
    def is_running(self) -> bool:
        """Whether its process exists."""
        return bool(self.process.is_alive())

    @property
    def is_stuck(self) -> bool:
        """Whether it has not said for too long that it serves."""
        return self.unanswered_rounds > (SILENT_ROUNDS if self.is_started else START_ROUNDS)

    def terminate(self) -> None:
        """Asks it to stop. The pipe stays open until it has: its end would say that the parent is gone."""
        if self.stopped_at is None:
            self.stopped_at = time.monotonic()
            self.process.terminate()

    def has_overstayed(self, drain_seconds: float) -> bool:
        """Whether it was asked to stop, and is still there after the longest time that a stop may take."""
        if self.stopped_at is None or not self.is_running:
            return False
        return time.monotonic() - self.stopped_at > drain_seconds + KILLED_AFTER_SECONDS

    def bury(self) -> None:
        """Ends what is left of it."""
        self.kill()
        self.process.join()


class Workers(Multiprocess):
    """
    Worker processes that share one listening socket.

    SIGTERM, SIGINT and SIGQUIT stop all of them. SIGHUP replaces them one by one: each successor serves before its
    predecessor is asked to stop. SIGTTIN adds a worker, and SIGTTOU takes one away.
    """

    processes: list[Worker]  # type: ignore[assignment]

    def __init__(
        self,
        config: uvicorn.Config,
        sockets: list[socket.socket],
        make_server: ServesAsWorker,
        *,
        drain_seconds: float = 0,
    ) -> None:
        ignored = [each for each in (signal.SIGHUP, signal.SIGQUIT) if signal.getsignal(each) is signal.SIG_IGN]
        super().__init__(config, sockets)
        self._make_server = make_server
        self._drain_seconds = drain_seconds
        self._woken = threading.Event()
        self._to_replace: deque[Worker] = deque()
        self._successor: Worker | None = None
        self._leaving: list[Worker] = []
        self._pause = 0
        self._has_served = False
        self._failure: str | None = None
        for number in set(map(signal.Signals, uvicorn.supervisors.multiprocess.SIGNALS)) - set(ignored):
            signal.signal(number, lambda came, _frame: self._signalled(came))
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)  # by nohup, for example

    def run(self) -> None:
        """Runs the workers until a signal comes. Raises Failure if none could start, or if one had to be killed."""
        logger.info("Started parent process")
        self.init_processes()
        while not self.should_exit.is_set():
            self._woken.wait(ROUND_SECONDS)
            self._woken.clear()
            self.handle_signals()
            if not self.should_exit.is_set():
                self.keep_subprocess_alive()
        self.terminate_all()
        self.join_all()
        logger.info("Stopped parent process")
        if self._failure is not None:
            raise Failure(self._failure)

    def init_processes(self) -> None:
        """Starts the workers."""
        self.processes += [self._started() for _ in range(self.processes_num)]

    def keep_subprocess_alive(self) -> None:
        """Does one round: replaces the workers that have ended or hang, and goes on with a replacement of all."""
        for worker in self._all():
            worker.look()
        self._pause = max(0, self._pause - 1)
        for place, worker in enumerate(self.processes):
            if not worker.is_running or worker.is_stuck:
                self._replace_lost(place, worker)
        self._let_go()
        self._go_on_replacing()

    def restart_all(self) -> None:
        """Begins to replace all workers, one by one. A replacement that is going on begins anew."""
        self._to_replace = deque(self.processes)

    def handle_quit(self) -> None:
        """Stops on SIGQUIT as on SIGTERM."""
        self.handle_term()

    def handle_ttin(self) -> None:
        """Adds a worker."""
        self.processes.append(self._started())

    def handle_ttou(self) -> None:
        """Takes one worker away, unless it is the only one."""
        if len(self.processes) > 1:
            self._retire(self.processes.pop())

    def terminate_all(self) -> None:
        """Asks all workers to stop, and stops listening."""
        for worker in self._all():
            worker.terminate()
        drained_at = time.monotonic() + self._drain_seconds
        while time.monotonic() < drained_at and self._any_running():
            self._await_signal(drained_at - time.monotonic())
        for listener in self.sockets:
            turn_away(listener)
            listener.close()

    def join_all(self) -> None:
        """Waits until all workers have ended. Kills those that take too long."""
        while self._any_running():
            for worker in self._all():
                if worker.has_overstayed(self._drain_seconds):
                    self._failure = f"A worker (process {worker.pid}) did not stop in time and was killed."
                    logger.error(self._failure)
                    worker.bury()
            self._await_signal(0.05)
        for worker in self._all():
            worker.bury()

    def _all(self) -> list[Worker]:
        return [*self.processes, *self._leaving, *([] if self._successor is None else [self._successor])]

    def _any_running(self) -> bool:
        return any(worker.is_running for worker in self._all())

    def _started(self) -> Worker:
        worker = Worker(self.config, self.sockets, self._make_server)
        worker.start()
        return worker

    def _signalled(self, number: int) -> None:
        self.signal_queue.append(number)
        self._woken.set()

    def _await_signal(self, seconds: float) -> None:
        """Waits, while all stop. A second SIGINT kills the workers."""
        self._woken.wait(max(0.0, seconds))
        self._woken.clear()
        came, self.signal_queue[:] = list(self.signal_queue), []
        if signal.SIGINT in came:
            self._failure = "The workers were killed, because they were interrupted a second time."
            for worker in self._all():
                worker.kill()

    def _replace_lost(self, place: int, worker: Worker) -> None:
        has_failed_to_start = not worker.is_started and (worker.exitcode or 0) > 0  # below 0: killed by a signal
        self._has_served = self._has_served or worker.is_started
        if has_failed_to_start and not self._has_served:
            self._failure = "The server could not start. The log above says why."
            self.should_exit.set()
            return
        if self._pause:
            return
        if worker.is_running:
            logger.error(
                "A worker (process %s) has not answered for %g seconds. It is killed and replaced; usage that it has "
                "not written is lost.",
                worker.pid,
                worker.unanswered_rounds * ROUND_SECONDS,
            )
        else:
            logger.error("A worker (process %s) has ended with status %s, and is replaced", worker.pid, worker.exitcode)
        worker.bury()
        self._pause = PAUSE_ROUNDS if has_failed_to_start else 0
        self.processes[place] = self._started()

    def _retire(self, worker: Worker) -> None:
        worker.terminate()
        self._leaving.append(worker)

    def _let_go(self) -> None:
        for worker in list(self._leaving):
            if worker.has_overstayed(self._drain_seconds):
                logger.error("A worker (process %s) did not stop in time and is killed", worker.pid)
                worker.kill()
            if not worker.is_running:
                worker.bury()
                self._leaving.remove(worker)

    def _go_on_replacing(self) -> None:
        """Brings the next successor into service, one at a time."""
        successor = self._successor
        if successor is None:
            while self._to_replace and self._to_replace[0] not in self.processes:
                self._to_replace.popleft()
            if self._to_replace and not self._leaving:
                self._successor = self._started()
            return
        if successor.is_started:
            self._successor = None
            predecessor = self._to_replace.popleft() if self._to_replace else None
            if predecessor in self.processes:
                self.processes[self.processes.index(predecessor)] = successor
                self._retire(predecessor)
            else:
                self._retire(successor)
        elif not successor.is_running or successor.is_stuck:
            logger.error("A new worker (process %s) did not start. The other workers go on as before.", successor.pid)
            successor.bury()
            self._successor = None
            self._to_replace.clear()


class MeasuredWorkers(Workers):
    """Workers that write metrics into a shared folder. When a worker ends, its gauges are removed."""

    folder: str
    _seen: frozenset[int] = frozenset()

    def keep_subprocess_alive(self) -> None:
        """Does one round, and removes the gauges of workers that have ended."""
        from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 - only with metrics

        before = self._seen | self._living()
        super().keep_subprocess_alive()
        self._seen = self._living()
        for pid in before - self._seen:
            mark_process_dead(pid, self.folder)  # type: ignore[no-untyped-call]

    def _living(self) -> frozenset[int]:
        return frozenset(worker.pid for worker in self._all() if worker.pid is not None and worker.is_running)
