"""Batches on lanes that hang, fail and come back. The tests make the ticks, so that none waits for a timeout."""

import asyncio
from collections.abc import Sequence

import pytest

from models.engine.batching import AT_MOST, TICKS, TICKS_WITHOUT_ANY_ANSWER, Batches

NEVER_SECONDS = 3600.0
GIVE_UP_SECONDS = 10


class Unavailable(Exception):
    """What callers get."""


class FakeLane:
    """Answers each question with itself, or hangs or fails as the test wants."""

    def __init__(self) -> None:
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.failure: Exception | None = None
        self.loses_its_place = True
        self.asked: list[list[int]] = []

    async def answers(self, questions: Sequence[int]) -> Sequence[int]:
        self.asked.append(list(questions))
        await self.goes_on.wait()
        if self.failure is not None:
            raise self.failure
        return questions

    def is_out_of_order(self, error: Exception) -> bool:
        return self.loses_its_place

    async def close(self) -> None:
        """There is nothing to close."""


class Watcher:
    def __init__(self) -> None:
        self.failures: list[type[Exception]] = []

    def failed(self, error: Exception) -> None:
        self.failures.append(type(error))

    def worked(self) -> None:
        """Not of interest."""


class Asked:
    """Batches on two fake lanes, and the questions that were asked."""

    def __init__(self) -> None:
        self.lanes = [FakeLane(), FakeLane()]
        self.watcher = Watcher()
        self.batches = Batches[int, int](
            self.lanes, timeout_seconds=NEVER_SECONDS, failure=Unavailable, watcher=self.watcher
        )

    def hang(self, *lanes: FakeLane) -> None:
        for lane in lanes or self.lanes:
            lane.goes_on.clear()

    async def ask(self, question: int) -> asyncio.Task[int]:
        """Asks, and returns once the question's batch has begun, if a lane was idle."""
        task = asyncio.ensure_future(self._answered(question))
        await settled()
        return task

    async def _answered(self, question: int) -> int:
        return await self.batches.ask(question)

    async def tick(self, times: int) -> None:
        for _ in range(times):
            self.batches._tick()
        await settled()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def fails_at_once(batches: Batches[int, int]) -> bool:
    """Whether a question is refused without waiting for anything."""
    try:
        batches.ask(0).cancel()
    except Unavailable:
        return True
    return False


@pytest.fixture
async def asked() -> Asked:
    return Asked()


async def test_when_no_lane_answers_nobody_waits_for_the_whole_timeout(asked: Asked) -> None:
    """Callers that wait for a lane get the failure with those whose lanes hang; from then on all get it at once."""
    asked.hang()
    callers = [await asked.ask(number) for number in range(5)]
    await asked.tick(TICKS_WITHOUT_ANY_ANSWER)
    before = [caller.done() for caller in callers]

    await asked.tick(1)

    results = await asyncio.gather(*callers, return_exceptions=True)
    assert before == [False] * 5
    assert [type(result) for result in results] == [Unavailable] * 5
    assert sorted(each for lane in asked.lanes for each in lane.asked) == [[0], [1]]
    assert asked.watcher.failures == [TimeoutError] * 2
    assert fails_at_once(asked.batches)


async def test_one_slow_batch_is_no_outage(asked: Asked) -> None:
    """While the other lane answers, a batch may take the whole timeout, and only its own callers get the failure."""
    asked.hang(asked.lanes[-1])
    slow = await asked.ask(1)
    await asked.tick(TICKS_WITHOUT_ANY_ANSWER)
    assert await (await asked.ask(2)) == 2
    await asked.tick(TICKS - TICKS_WITHOUT_ANY_ANSWER)
    assert not slow.done()

    await asked.tick(1)

    with pytest.raises(Unavailable):
        await slow
    assert await (await asked.ask(3)) == 3
    assert asked.batches.to_restore == [asked.lanes[-1]]


async def test_a_refused_question_leaves_the_lane_in_order(asked: Asked) -> None:
    for lane in asked.lanes:
        lane.failure, lane.loses_its_place = ValueError(), False

    with pytest.raises(Unavailable):
        await asked.batches.ask(1)

    assert asked.batches.is_whole
    assert asked.watcher.failures == [ValueError]


async def test_a_restored_lane_gets_batches_again(asked: Asked) -> None:
    """A lane that is put off is the last one to be tried."""
    for lane in asked.lanes:
        lane.failure = ConnectionError()
    for question in (1, 2):
        with pytest.raises(Unavailable):
            await asked.batches.ask(question)
    first, second = asked.batches.to_restore
    asked.batches.put_off(first)
    assert asked.batches.to_restore == [second, first]

    for lane in asked.lanes:
        lane.failure = None
    asked.batches.restore(second)

    assert await asked.batches.ask(3) == 3
    assert (asked.batches.is_stopped, asked.batches.is_whole) == (False, False)
    asked.batches.restore_all()
    assert asked.batches.is_whole


async def test_nobody_waits_beside_a_restored_lane(asked: Asked) -> None:
    """Only batches have a deadline: a caller that waits for one could wait for ever."""
    first, second = asked.lanes
    second.failure = OSError()
    with pytest.raises(Unavailable):
        await (await asked.ask(1))
    asked.hang(first)
    hanging, waiting = await asked.ask(2), await asked.ask(3)
    second.failure = None

    asked.batches.restore(second)

    async with asyncio.timeout(GIVE_UP_SECONDS):
        assert await waiting == 3
    assert not hanging.done()
    first.goes_on.set()
    assert await hanging == 2


async def test_those_for_whom_a_batch_has_no_room_get_another_idle_lane(asked: Asked) -> None:
    asked.hang()
    questions = [asyncio.ensure_future(asked._answered(each)) for each in range(AT_MOST + 1)]
    await settled()

    assert sorted(len(batch) for lane in asked.lanes for batch in lane.asked) == [1, AT_MOST]
    for lane in asked.lanes:
        lane.goes_on.set()
    assert await asyncio.gather(*questions) == list(range(AT_MOST + 1))


async def test_a_batch_from_before_a_stop_is_no_news(asked: Asked) -> None:
    """Its late failure does not end what has been restored since; its late answer still reaches the callers."""
    asked.hang()
    answered, late, waiting = [await asked.ask(number) for number in (1, 2, 3)]

    asked.batches.stop()
    with pytest.raises(Unavailable):
        await waiting
    asked.batches.restore_all()
    asked.lanes[-1].goes_on.set()
    assert await answered == 1
    asked.lanes[0].failure = ConnectionError()
    asked.lanes[0].goes_on.set()
    with pytest.raises(Unavailable):
        await late

    assert asked.watcher.failures == []
    assert asked.batches.is_whole
    asked.lanes[0].failure = None
    assert await asyncio.gather(*(asked.batches.ask(number) for number in range(9))) == list(range(9))
