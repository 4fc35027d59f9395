"""Work on names, one piece at a time for each name, the same piece once for all who want it."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class TooManyWaiting(Exception):
    """More different pieces of work wait for the name than it may have; this one was not begun."""


class Runs(Generic[Result]):
    """
    Runs for a name wait in several lines. A line is served when all lines before it are empty, so that a run that is
    likely to be for nothing holds up no other. Each line has room for `at_most`.
    """

    def __init__(self, at_most: int, *, lines: int) -> None:
        self._at_most = at_most
        self._lines = lines
        self._names: dict[str, _Lines[Result]] = {}

    async def result(self, name: str, piece: bytes, work: Callable[[], Awaitable[Result]], *, line: int) -> Result:
        """
        What the work comes to, which is begun once for all who wait for this piece at the same time.

        It goes on when a caller hangs up, unless it has not begun and nobody else waits for it. Raises TooManyWaiting,
        and whatever the work raises.
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
            # A task of its own, so that no caller's end is the end of what others wait for.
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
            self.done.exception()  # asked for, so that callers that hung up leave no complaint
        except BaseException:
            self.done.cancel()
            raise
        else:
            self.done.set_result(result)


class _Lines(Generic[Result]):
    """What waits and runs for one name."""

    def __init__(self, number: int) -> None:
        self.waiting: list[OrderedDict[bytes, _Run[Result]]] = [OrderedDict() for _ in range(number)]
        self.task: asyncio.Task[None] | None = None
        self._running: tuple[bytes, _Run[Result]] | None = None

    def find(self, piece: bytes) -> _Run[Result] | None:
        """The run that is there for this piece of work."""
        if self._running is not None and self._running[0] == piece:
            return self._running[1]
        return next((line[piece] for line in self.waiting if piece in line), None)

    def begin_next(self) -> _Run[Result] | None:
        """Takes the next one out of the first line that is not empty."""
        line = next(filter(None, self.waiting), None)
        self._running = line.popitem(last=False) if line else None
        return None if self._running is None else self._running[1]
