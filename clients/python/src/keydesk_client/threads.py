"""An event loop in a thread, for programs without one; and objects that a forked process makes anew."""

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar
from weakref import WeakSet

Result = TypeVar("Result")
Made = TypeVar("Made")

SPARE_SECONDS = 10.0
"""How much longer than a coroutine's own patience its caller waits. It passes only if the loop is stuck."""
CLOSED = "the client was closed"


class Stopped(Exception):
    """The coroutine has no result: the thread was closed meanwhile, or its event loop is stuck."""


class LoopThread:
    """A thread that runs coroutines for other threads. It does not keep the program from ending."""

    def __init__(self, name: str, patience_seconds: float, stopped: Callable[[str], Exception] = Stopped) -> None:
        """`stopped` makes the exception for a coroutine that has no result, out of the reason."""
        self._loop = asyncio.new_event_loop()
        self._wait_seconds = patience_seconds + SPARE_SECONDS
        self._stopped = stopped
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Runs the coroutine and waits for its result. An interrupt of the waiting thread cancels it."""
        with self._lock:  # whatever gets in before `close` is among the tasks that it ends
            if self._is_closed:
                coroutine.close()
                raise self._stopped(CLOSED)
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            _, waiting = concurrent.futures.wait([future], self._wait_seconds)
        except BaseException:
            future.cancel()
            raise
        if waiting and future.cancel():
            raise self._stopped(f"no answer within {self._wait_seconds:g} seconds")
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise self._stopped(CLOSED) from None

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Cancels what is running, so that nobody waits for it, runs `last`, and ends the thread."""
        with self._lock:
            self._is_closed = True
        ending = asyncio.run_coroutine_threadsafe(_ended(last), self._loop)
        concurrent.futures.wait([ending], SPARE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SPARE_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()


async def _ended(last: Coroutine[Any, Any, None]) -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await last


class PerProcess(Generic[Made]):
    """Makes an object when it is first asked for, and again in a process that was forked since."""

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[int, Made] | None = None
        _all.add(self)

    def get(self) -> Made:
        """The object of this process. The object of the process before is left as it is: its sockets are shared."""
        made = self._made
        if made is not None and made[0] == os.getpid():
            return made[1]
        with self._lock:
            if self._made is None or self._made[0] != os.getpid():
                self._made = os.getpid(), self._make()
            return self._made[1]

    def take(self) -> Made | None:
        """Removes the object and returns it; None if this process has none."""
        with self._lock:
            made, self._made = self._made, None
        return made[1] if made is not None and made[0] == os.getpid() else None

    def unlock(self) -> None:
        """In a forked process, the thread that held the lock is not there to release it."""
        self._lock = threading.Lock()


_all: WeakSet[PerProcess[Any]] = WeakSet()


def _forked() -> None:
    for each in list(_all):
        each.unlock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
