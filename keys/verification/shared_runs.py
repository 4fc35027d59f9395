"""
Runs work for names: for each name one piece at a time, and each piece once for all callers that wait for it.

The verifier uses it for argon2: the name is a key's public id, a piece is a presented secret and the stored hashes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class TooManyWaiting(Exception):
    """The line for this name is full, so the piece of work was not queued."""


class Runs(Generic[Result]):
    """
    Queues work by name, in several lines for each name. Each line has room for `at_most` pieces.

    A line is served only while all lines before it are empty, so that work that is probably useless delays no other.
    """

    def __init__(self, at_most: int, *, lines: int) -> None:
        self._at_most = at_most
        self._lines = lines
        self._names: dict[str, _Lines[Result]] = {}

    async def result(self, name: str, piece: bytes, work: Callable[[], Awaitable[Result]], *, line: int) -> Result:
        """
        Returns the result of `work`, which runs once for all callers that wait for this piece at the same time.

        Cancelling one caller does not cancel the work. Work that has not begun is skipped if no caller is left. Raises
        TooManyWaiting, and whatever the work raises.
        """
        lines = self._names.get(name)
        if lines is None:
            lines = self._names[name] = _Lines(self._lines)
        run = lines.find(piece)
        if run is None:
            if len(lines.waiting[line]) >= self._at_most:
                raise TooManyWaiting
            run = lines.waiting[line][piece] = _Run(work, asyncio.get_running_loop().create_future())
        if lines.task is None:
            # A separate task, so that cancelling a caller does not cancel work that others wait for.
            lines.task = asyncio.create_task(self._run_all(name, lines))
        run.wanted += 1
        try:
            return await asyncio.shield(run.done)
        finally:
            run.wanted -= 1

    async def _run_all(self, name: str, lines: "_Lines[Result]") -> None:
        try:
            while (run := lines.begin_next()) is not None:
                if run.wanted:
                    await run.to_its_end()
        finally:
            del self._names[name]


class _Run(Generic[Result]):
    """A piece of work that waits or runs."""

    def __init__(self, work: Callable[[], Awaitable[Result]], done: "asyncio.Future[Result]") -> None:
        self._work = work
        self.done = done
        self.wanted = 0

    async def to_its_end(self) -> None:
        try:
            result = await self._work()
        except Exception as error:
            self.done.set_exception(error)
            self.done.exception()  # marks it as retrieved: asyncio would log it if no caller is left
        except BaseException:
            self.done.cancel()
            raise
        else:
            self.done.set_result(result)


class _Lines(Generic[Result]):
    """The pieces of work that wait for one name, and the one that runs."""

    def __init__(self, number: int) -> None:
        self.waiting: list[OrderedDict[bytes, _Run[Result]]] = [OrderedDict() for _ in range(number)]
        self.task: asyncio.Task[None] | None = None
        self._running: tuple[bytes, _Run[Result]] | None = None

    def find(self, piece: bytes) -> _Run[Result] | None:
        """The waiting or running run for this piece of work, or None."""
        if self._running is not None and self._running[0] == piece:
            return self._running[1]
        return next((line[piece] for line in self.waiting if piece in line), None)

    def begin_next(self) -> _Run[Result] | None:
        """Takes the oldest run out of the first line that is not empty; None if all lines are empty."""
        line = next(filter(None, self.waiting), None)
        self._running = line.popitem(last=False) if line else None
        return None if self._running is None else self._running[1]
