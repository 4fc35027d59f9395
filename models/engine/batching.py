"""Owns asking once for all that wait at the same moment, with two or three such batches under way at a time."""

import asyncio
from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Question_in = TypeVar("Question_in", contravariant=True)
Answer_out = TypeVar("Answer_out", covariant=True)
AT_MOST = 500


class Lane(Protocol[Question_in, Answer_out]):
    """One connection, which answers one batch at a time."""

    async def answers(self, questions: Sequence[Question_in]) -> Sequence[Answer_out]:
        """The answer to each, in their order."""

    async def close(self) -> None:
        """Drops the connection without waiting for the other side; the next batch opens a new one."""


class Watcher(Protocol):
    """Is told how batches end."""

    def failed(self, error: BaseException) -> None:
        """One was not answered."""

    def worked(self) -> None:
        """One was answered."""


class _Waiting(NamedTuple, Generic[Question, Answer]):
    question: Question
    answer: asyncio.Future[Answer]


class Batches(Generic[Question, Answer]):
    """
    Each that asks waits for itself: one that hangs up takes nobody along, and a batch that fails answers all it was
    for, with `failure`.
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
        """How many wait for a batch of theirs to begin."""
        return len(self._waiting)

    async def ask(self, question: Question) -> Answer:
        """Joins the next batch, which starts after this. Raises the failure."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(_Waiting(question, answer))
        if self._idle and not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._dispatch)
        return await answer

    async def close(self) -> None:
        """Ends the batches and the connections; who still waits is answered the failure."""
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
        # The next batch is on its way before this one is answered: the other side works on meanwhile.
        self._idle.append(lane)
        self._dispatch()
        self._answer(batch, answers)

    def _answer(self, batch: list[_Waiting[Question, Answer]], answers: Sequence[Answer] | None) -> None:
        """Answers each that still waits."""
        for place, each in enumerate(batch):
            if each.answer.done():
                continue
            if answers is None:
                each.answer.set_exception(self._failure())
            else:
                each.answer.set_result(answers[place])
