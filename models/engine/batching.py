"""Batches questions: all callers that wait at the same moment share one query. Each lane runs one batch at a time."""

import asyncio
from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Question_in = TypeVar("Question_in", contravariant=True)
Answer_out = TypeVar("Answer_out", covariant=True)
AT_MOST = 500


class Lane(Protocol[Question_in, Answer_out]):
    """A connection that answers one batch at a time."""

    async def answers(self, questions: Sequence[Question_in]) -> Sequence[Answer_out]:
        """Returns the answer to each question, in the same order."""

    async def close(self) -> None:
        """Closes the connection without waiting for the server. The next batch opens a new one."""


class Watcher(Protocol):
    """Gets notified of the result of each batch."""

    def failed(self, error: BaseException) -> None:
        """Called when a batch has failed."""

    def worked(self) -> None:
        """Called when a batch was answered."""


class _Waiting(NamedTuple, Generic[Question, Answer]):
    question: Question
    answer: asyncio.Future[Answer]


class Batches(Generic[Question, Answer]):
    """
    Collects questions and sends them in batches.

    Cancelling one caller does not cancel its batch. When a batch fails, every caller in it gets `failure`.
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
        self._timeout_seconds = timeout_seconds
        self._failure = failure
        self._watcher = watcher
        self._waiting: list[_Waiting[Question, Answer]] = []
        self._under_way: dict[asyncio.Task[None], list[_Waiting[Question, Answer]]] = {}
        self._is_scheduled = False

    def __len__(self) -> int:
        """The number of questions that wait for their batch to begin."""
        return len(self._waiting)

    async def ask(self, question: Question) -> Answer:
        """Joins the next batch, which starts after this call. Raises `failure`."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(_Waiting(question, answer))
        if self._idle and not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._dispatch)
        return await answer

    async def close(self) -> None:
        """Cancels the batches and closes the connections. Callers that still wait get `failure`."""
        waiting, self._waiting = self._waiting, []
        under_way, self._under_way = self._under_way, {}
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for batch in (waiting, *under_way.values()):
            self._answer(batch, None)
        for lane in self._lanes:
            await lane.close()
        self._idle = list(self._lanes)

    def _dispatch(self) -> None:
        self._is_scheduled = False
        if self._waiting and self._idle:
            batch, self._waiting = self._waiting[:AT_MOST], self._waiting[AT_MOST:]
            task = asyncio.ensure_future(self._ask(self._idle.pop(), batch))
            self._under_way[task] = batch
            task.add_done_callback(lambda done: self._under_way.pop(done, None))

    async def _ask(self, lane: Lane[Question, Answer], batch: list[_Waiting[Question, Answer]]) -> None:
        answers: Sequence[Answer] | None = None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answers = await lane.answers([each.question for each in batch])
        except Exception as error:
            await lane.close()
            self._watcher.failed(error)
        else:
            self._watcher.worked()
        # Sends the next batch before this one's callers are answered, so that the server works meanwhile.
        self._idle.append(lane)
        self._dispatch()
        self._answer(batch, answers)

    def _answer(self, batch: list[_Waiting[Question, Answer]], answers: Sequence[Answer] | None) -> None:
        """Answers the callers that still wait."""
        for place, each in enumerate(batch):
            if each.answer.done():
                continue
            if answers is None:
                each.answer.set_exception(self._failure())
            else:
                each.answer.set_result(answers[place])
