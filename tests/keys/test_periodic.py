"""Periodic work runs as long as its block, whatever happens in a round, and ends with it."""

import asyncio
import logging
import re

import pytest

import keys.periodic
from keys.periodic import Periodic

NEVER = 3600.0


async def test_the_first_round_comes_at_once_and_the_last_one_at_the_end() -> None:
    """Also if no round is due."""
    rounds: list[bool] = []
    periodic = Periodic("work", lambda: rounds.append(periodic.is_over()), every_seconds=NEVER)

    async with periodic.running():
        await asyncio.sleep(0)
        assert rounds == [False]

    assert rounds == [False, True]


async def test_a_block_that_ends_at_once_has_its_last_round() -> None:
    """Even if the task had not begun."""
    rounds: list[bool] = []
    periodic = Periodic("work", lambda: rounds.append(periodic.is_over()), every_seconds=NEVER)

    async with periodic.running():
        pass

    assert rounds == [True]


async def test_no_round_begins_after_the_end_where_none_is_wanted() -> None:
    """The running round may finish."""
    began, may_end = asyncio.Event(), asyncio.Event()
    ended: list[bool] = []

    async def work() -> None:
        began.set()
        await may_end.wait()
        ended.append(periodic.is_over())

    periodic = Periodic("work", work, every_seconds=NEVER, last_round=False)
    async with periodic.running():
        await began.wait()
        periodic.wake()
        asyncio.get_running_loop().call_soon(may_end.set)

    assert ended == [True]


async def test_work_is_repeated_by_the_clock_and_when_woken() -> None:
    """A wake-up during a round causes another round after it."""
    rounds = asyncio.Semaphore(0)
    by_clock = Periodic("work", rounds.release, every_seconds=0.001)
    async with by_clock.running():
        for _ in range(3):
            await rounds.acquire()

    began, woken = asyncio.Semaphore(0), asyncio.Event()

    async def work() -> None:
        began.release()
        await woken.wait()

    when_woken = Periodic("work", work, every_seconds=NEVER)
    async with when_woken.running():
        await began.acquire()
        when_woken.wake()
        woken.set()
        await began.acquire()
        when_woken.wake()
        await began.acquire()


async def test_the_first_round_can_wait() -> None:
    """For its time, for a wake-up, or for the end, where no last round is wanted."""
    rounds = asyncio.Semaphore(0)
    async with Periodic("work", rounds.release, every_seconds=NEVER, first_after=0.001, last_round=False).running():
        await rounds.acquire()

    woken = Periodic("work", rounds.release, every_seconds=NEVER, first_after=NEVER, last_round=False)
    async with woken.running():
        await asyncio.sleep(0)
        assert rounds.locked()
        woken.wake()
        await rounds.acquire()

    async with Periodic("work", rounds.release, every_seconds=NEVER, first_after=NEVER, last_round=False).running():
        await asyncio.sleep(0)
    assert rounds.locked()


async def test_a_round_that_fails_is_logged_once_and_the_next_one_comes(caplog: pytest.LogCaptureFixture) -> None:
    """Only the name of the error is logged."""
    caplog.set_level(logging.INFO, keys.periodic.logger.name)
    failures = [ValueError("hunter2"), OSError("hunter2")]
    worked = asyncio.Event()

    def work() -> None:
        if failures:
            raise failures.pop(0)
        worked.set()

    async with Periodic("work", work, every_seconds=0.001).running():
        await worked.wait()

    assert [re.sub(r"\d+\.\d", "…", message) for message in caplog.messages] == [
        "The work failed (ValueError)",
        "The work works again, after … s",
    ]


async def test_a_round_that_does_not_end_is_cancelled() -> None:
    """After the grace period at the end."""
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with Periodic("work", work, every_seconds=NEVER, last_seconds=0).running():
        await began.wait()

    assert cancelled.is_set()


async def test_a_round_that_must_not_be_cancelled_is_made_to_end() -> None:
    """By the function that the caller gave for that."""
    began, enough, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        await enough.wait()
        await asyncio.sleep(0)
        ended.set()

    periodic = Periodic("work", work, every_seconds=NEVER, last_round=False, last_seconds=0)
    async with periodic.running(on_late=enough.set):
        await began.wait()

    assert ended.is_set()


async def test_rounds_that_end_in_time_are_not_made_to_end() -> None:
    """`on_late` is for work that is late."""
    calls: list[None] = []
    periodic = Periodic("work", lambda: None, every_seconds=NEVER)

    async with periodic.running(on_late=lambda: calls.append(None)):
        pass

    assert not calls


async def test_a_block_that_fails_ends_the_work() -> None:
    """The failure is raised."""
    rounds: list[bool] = []
    periodic = Periodic("work", lambda: rounds.append(periodic.is_over()), every_seconds=NEVER)

    with pytest.raises(ValueError, match="the block"):
        async with periodic.running():
            raise ValueError("the block")

    assert rounds == [True]
