"""
Batches questions: all callers that wait at the same moment share one query. Each lane runs one batch at a time.

A lane that is out of order gets no batches until somebody has restored it. While all lanes are out of order, callers
fail at once.
"""

import asyncio
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Question_in = TypeVar("Question_in", contravariant=True)
Answer_out = TypeVar("Answer_out", covariant=True)
AT_MOST = 500
TICKS = 8
"""
Into how many ticks the time of a batch is divided. Ticks are counted instead of seconds, so that a process that was
stopped or starved for a while does not take that for an outage: it has missed the ticks, too.
"""
TICKS_WITHOUT_ANY_ANSWER = TICKS // 2


class Lane(Protocol[Question_in, Answer_out]):
    """A connection that answers one batch at a time."""

    async def answers(self, questions: Sequence[Question_in]) -> Sequence[Answer_out]:
        """Returns the answer to each question, in the same order."""

    def is_out_of_order(self, error: Exception) -> bool:
        """Whether the lane must be restored after this error of `answers`. Called before `close`."""

    async def close(self) -> None:
        """Closes the connection without waiting for the server. The next batch opens a new one."""


class Watcher(Protocol):
    """Gets notified of the result of each batch."""

    def failed(self, error: Exception) -> None:
        """Called when a batch has failed, after its lane was put out of order if necessary."""

    def worked(self) -> None:
        """Called when a batch was answered."""


class _UnderWay(Generic[Question, Answer]):
    """
    A batch that a lane is answering. `answered_before` is the number of batches that were answered when it began.

    `is_stale` says that all lanes were put out of order since then, so that its failure is no news.
    """

    __slots__ = ("answered_before", "callers", "is_late", "is_stale", "lane", "task", "ticks")

    def __init__(
        self, lane: Lane[Question, Answer], callers: list[tuple[Question, asyncio.Future[Answer]]], answered_before: int
    ) -> None:
        self.lane = lane
        self.callers = callers
        self.answered_before = answered_before
        self.ticks = 0
        self.is_late = False
        self.is_stale = False
        self.task: asyncio.Task[None]


class Batches(Generic[Question, Answer]):
    """
    Collects questions and sends them in batches.

    A batch may take `timeout_seconds`, but only half of that if no lane answers any batch in the meantime: then it is
    not the batch that is slow. Cancelling one caller does not cancel its batch. When a batch fails, every caller in it
    gets `failure`.
    """

    def __init__(
        self,
        lanes: Sequence[Lane[Question, Answer]],
        *,
        timeout_seconds: float,
        failure: type[Exception],
        watcher: Watcher,
    ) -> None:
        self._lanes = tuple(lanes)
        self._idle = list(self._lanes)
        self._out: list[Lane[Question, Answer]] = []
        self._tick_seconds = timeout_seconds / TICKS
        self._failure = failure
        self._watcher = watcher
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._under_way: dict[Lane[Question, Answer], _UnderWay[Question, Answer]] = {}
        self._is_scheduled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self.answered = 0
        """The number of batches that were answered."""

    def __len__(self) -> int:
        """The number of questions that wait for their batch to begin."""
        return len(self._waiting)

    def ask(self, question: Question) -> "asyncio.Future[Answer]":
        """
        Joins the next batch, which starts after this call. Await the result at once.

        Raises `failure`, here and now if no lane is in order. This is no coroutine, because every verification asks
        twice, and each coroutine between it and the future costs half a microsecond.
        """
        if len(self._out) == len(self._lanes):
            raise self._failure
        if self._loop is None:
            self._loop = asyncio.get_running_loop()  # kept, because asyncio asks the system for it each time
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting.append((question, answer))
        if self._idle and not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._dispatch)
        return answer

    @property
    def to_restore(self) -> list[Lane[Question, Answer]]:
        """The lanes that are out of order and have no batch under way; the one that failed first is first."""
        return [lane for lane in self._out if lane not in self._under_way]

    @property
    def is_whole(self) -> bool:
        """Whether all lanes are in order."""
        return not self._out

    @property
    def is_stopped(self) -> bool:
        """Whether all lanes are out of order."""
        return len(self._out) == len(self._lanes)

    def stop(self) -> None:
        """Puts all lanes out of order. Callers that wait get `failure`; batches that are under way go on."""
        for batch in self._under_way.values():
            batch.is_stale = True
        self._out += [lane for lane in self._lanes if lane not in self._out]
        self._idle.clear()
        self._fail_waiting()

    def put_off(self, lane: Lane[Question, Answer]) -> None:
        """Moves a lane that could not be restored to the end of `to_restore`."""
        self._out.remove(lane)
        self._out.append(lane)

    def restore(self, lane: Lane[Question, Answer]) -> None:
        """Puts a lane in order again."""
        self._out.remove(lane)
        if lane not in self._under_way:
            self._idle.append(lane)
            self._schedule()

    def restore_all(self) -> None:
        """Puts all lanes in order again."""
        for lane in list(self._out):
            self.restore(lane)

    async def close(self) -> None:
        """Cancels the batches and closes the connections. Callers that still wait get `failure`."""
        under_way, self._under_way = list(self._under_way.values()), {}
        for batch in under_way:
            batch.task.cancel()
        await asyncio.gather(*(batch.task for batch in under_way), return_exceptions=True)
        self._fail_waiting()
        for batch in under_way:
            self._answer(batch.callers, None)
        for lane in self._lanes:
            await lane.close()
        if self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None
        self._idle, self._out, self._loop = list(self._lanes), [], None

    def _schedule(self) -> None:
        """Sends those that wait, if a lane is idle: only a batch has a deadline, so nobody may wait beside it."""
        if self._waiting and self._idle and not self._is_scheduled and self._loop is not None:
            self._is_scheduled = True
            self._loop.call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._is_scheduled = False
        if self._waiting and self._idle:
            callers, self._waiting = self._waiting[:AT_MOST], self._waiting[AT_MOST:]
            lane = self._idle.pop()
            batch = self._under_way[lane] = _UnderWay(lane, callers, self.answered)
            batch.task = asyncio.ensure_future(self._ask(batch))
            if self._ticking is None:
                self._ticking = asyncio.get_running_loop().call_later(self._tick_seconds, self._tick)
            self._schedule()

    async def _ask(self, batch: _UnderWay[Question, Answer]) -> None:
        lane = batch.lane
        answers: Sequence[Answer] | None = None
        try:
            answers = await lane.answers([question for question, _ in batch.callers])
        except asyncio.CancelledError:
            if not batch.is_late:
                raise
            batch.task.uncancel()
            await self._failed(batch, TimeoutError())
        except Exception as error:
            await self._failed(batch, error)
        else:
            self.answered += 1
            self._watcher.worked()
        self._under_way.pop(lane, None)
        # Sends the next batch before this one's callers are answered, so that the server works meanwhile.
        if lane not in self._out:
            self._idle.append(lane)
            self._dispatch()
        else:
            self._schedule()
        self._answer(batch.callers, answers)

    async def _failed(self, batch: _UnderWay[Question, Answer], error: Exception) -> None:
        batch.is_late = True  # it is over, so that no tick cancels it
        lane = batch.lane
        if not batch.is_stale and lane.is_out_of_order(error) and lane not in self._out:
            self._out.append(lane)
        await lane.close()
        if self.is_stopped:
            self._fail_waiting()
        if not batch.is_stale:
            self._watcher.failed(error)

    def _tick(self) -> None:
        """Cancels the batches that are late."""
        self._ticking = None
        for batch in self._under_way.values():
            batch.ticks += 1
            is_last = batch.ticks > TICKS or (
                batch.ticks > TICKS_WITHOUT_ANY_ANSWER and batch.answered_before == self.answered
            )
            if is_last and not batch.is_late:
                batch.is_late = True
                batch.task.cancel()
        if self._under_way:
            self._ticking = asyncio.get_running_loop().call_later(self._tick_seconds, self._tick)

    def _fail_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._answer(waiting, None)

    def _answer(
        self, callers: Sequence[tuple[Question, asyncio.Future[Answer]]], answers: Sequence[Answer] | None
    ) -> None:
        """Answers the callers that still wait."""
        if answers is None:
            for _, waiting in callers:
                if not waiting.done():
                    waiting.set_exception(self._failure())
            return
        for (_, waiting), answer in zip(callers, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)
