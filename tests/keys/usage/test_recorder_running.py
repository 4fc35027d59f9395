"""A running usage recorder writes periodically, and gives its limiter the usage that all processes have written."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

import pytest

import keys.usage.held
import keys.usage.recorder
from keys.limits.local_limiter import LocalLimiter
from keys.limits.sliding_window import Limits, Month
from keys.outcomes import Outcome
from keys.usage.recorder import UsageRecorder
from keys.verification.verdict import Verdict
from models import RefusedRequest
from models.engine.database import Database
from models.key_lookup import DatabaseUnavailable
from models.usage.store import Batch, RowsLocked
from tests.conftest import Clock
from tests.support.keys.issued_keys import until
from tests.support.usage.recorder_fixtures import (
    KEY,
    MANY,
    OTHER,
    Unreliable,
    messages,
    note,
    november,
    passed,
    refused,
    state,
    unavailable,
)
from tests.support.usage.usage_stores import hours, make_store, rows, stores


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Unreliable]:
    made = Unreliable(make_store(database))
    yield made
    await made.close()


@pytest.fixture
def recorder(store: Unreliable, clock: Clock) -> UsageRecorder:
    return UsageRecorder(store, clock=clock)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A usage recorder that writes again as soon as it has written."""
    monkeypatch.setattr(keys.usage.recorder, "EVERY_SECONDS", 0.001)


class Learned:
    """Records the usage that a limiter gets from its recorder."""

    def __init__(self) -> None:
        self.told: list[tuple[Month, dict[str, int]]] = []

    def __call__(self, month: Month, used: Mapping[str, int]) -> None:
        self.told.append((month, dict(used)))


async def test_a_limiter_learns_what_all_have_written_and_what_waits_here(
    store: Unreliable, database: Database, clock: Clock
) -> None:
    """Of the keys that were just written."""
    learned = Learned()
    recorder = UsageRecorder(store, clock=clock, learn=learned)
    async with stores(database) as [second]:
        other = UsageRecorder(second, clock=clock)
        note(other, passed(clock.now), times=3)
        note(other, passed(clock.now, OTHER), times=7)
        await other.write()

    note(recorder, passed(clock.now), times=2)
    await recorder.write()
    note(recorder, refused(Outcome.QUOTA_EXCEEDED))
    await recorder.write()

    assert learned.told == [(november(clock), {KEY: 5})]


async def test_a_limiter_learns_nothing_that_is_of_no_use(store: Unreliable, clock: Clock) -> None:
    """While another limiter counts, such as Redis."""
    learned = Learned()
    is_useful = False
    recorder = UsageRecorder(store, clock=clock, learn=learned, wants_totals=lambda: is_useful)
    note(recorder, passed(clock.now))
    await recorder.write()
    is_useful = True
    note(recorder, passed(clock.now))
    await recorder.write()

    assert learned.told == [(november(clock), {KEY: 2})]


async def test_a_limiter_never_learns_less_than_has_passed_here(store: Unreliable, clock: Clock) -> None:
    """Not after writing has failed several times, nor when hours and months end meanwhile."""
    clock.now = datetime(2026, 11, 30, 22, 59, tzinfo=UTC)
    noted: Counter[tuple[int, str]] = Counter()
    told: list[tuple[int, int]] = []

    def learn(month: Month, used: Mapping[str, int]) -> None:
        told.extend((number, noted[month.start, key_id]) for key_id, number in used.items())

    recorder = UsageRecorder(store, clock=clock, learn=learn)
    for number in range(40):
        for key_id in (KEY, OTHER) if number % 3 else (KEY,):
            noted[november(clock).start, key_id] += 1
            note(recorder, passed(clock.now, key_id))
        store.failure = unavailable() if number % 4 else None
        with suppress(DatabaseUnavailable):
            await recorder.write()
        clock.advance(minutes=7)

    assert len(told) > 10
    assert all(number == passed_here for number, passed_here in told)


def pass_on(limiters: list[LocalLimiter], month: Month, used: Mapping[str, int]) -> None:
    limiters[0].learn(month, used)


def has_asked(store: Unreliable, times: int) -> bool:
    """Whether the store was asked to write more often than that."""
    return store.asked["write"] > times


async def test_two_processes_without_redis_agree_once_they_have_written(database: Database, clock: Clock) -> None:
    """Each then includes the other's requests, and neither lets more pass."""
    limits = Limits(MANY, 20)
    async with stores(database, 2) as made:
        processes: list[tuple[UsageRecorder, LocalLimiter]] = []
        for store in made:
            learned: list[LocalLimiter] = []
            recorder = UsageRecorder(store, clock=clock, learn=partial(pass_on, learned))
            learned.append(LocalLimiter(recorder, clock=clock))
            processes.append((recorder, learned[0]))

        async def take(process: int, times: int) -> int:
            recorder, limiter = processes[process]
            number = 0
            for _ in range(times):
                decision = await limiter.consume(KEY, limits)
                if decision.exceeded is None:
                    note(recorder, Verdict(Outcome.GOOD, "good", state(KEY), decision=decision))
                    number += 1
            return number

        first = await take(0, 6), await take(1, 7)
        for recorder, _ in processes:
            await recorder.write()
        second = await take(0, 1), await take(1, 1)
        for recorder, _ in [*processes, processes[0]]:
            await recorder.write()
        third = await take(1, 100)
        await processes[1][0].write()
        restarted = LocalLimiter(processes[0][0], clock=clock)

        assert (first, second, third) == ((6, 7), (1, 1), 5)
        assert (await restarted.consume(KEY, limits)).exceeded is Outcome.QUOTA_EXCEEDED


async def test_it_is_written_by_itself(recorder: UsageRecorder, database: Database, clock: Clock, hasty: None) -> None:
    """While the process runs."""
    async with recorder.running():
        note(recorder, passed(clock.now), times=3)
        await until(lambda: len(recorder.buffer) == 0)
        note(recorder, passed(clock.now), times=4)
        await until(lambda: len(recorder.buffer) == 0)

    assert await hours(database) == {(KEY, clock.now): 7}


async def test_a_process_that_ends_has_written_everything(
    recorder: UsageRecorder, database: Database, clock: Clock
) -> None:
    """To the last request."""
    async with recorder.running():
        note(recorder, passed(clock.now), times=3)
        note(recorder, refused(Outcome.RATE_LIMITED), times=2)
        note(recorder, refused(Outcome.INVALID_KEY, None), times=2)

    assert await hours(database) == {(KEY, clock.now): 3}
    assert len(await rows(database, RefusedRequest)) == 4


async def test_also_where_writing_has_failed_until_then(
    recorder: UsageRecorder, store: Unreliable, database: Database, clock: Clock, hasty: None
) -> None:
    """The usage that waited, and what came after that."""
    async with recorder.running():
        for number in range(1, 4):
            store.failure = unavailable()
            note(recorder, passed(clock.now))
            note(recorder, refused(Outcome.RATE_LIMITED))
            failed = store.asked["write"]
            await until(partial(has_asked, store, failed))
            if number == 3:
                store.failure = None

    assert await hours(database) == {(KEY, clock.now): 3}
    assert len(await rows(database, RefusedRequest)) == 3


async def test_the_last_usage_is_tried_again_while_there_is_time(
    recorder: UsageRecorder, store: Unreliable, database: Database, clock: Clock
) -> None:
    """A database that comes back after the last round still gets it."""
    async with recorder.running():
        store.failure = unavailable()
        note(recorder, passed(clock.now), times=3)
        healing = asyncio.ensure_future(heal_after(store, store.asked["write"] + 2))

    await healing
    assert await hours(database) == {(KEY, clock.now): 3}


async def heal_after(store: Unreliable, writes: int) -> None:
    await until(partial(has_asked, store, writes))
    store.failure = None


async def test_usage_that_could_not_be_written_in_time_is_logged_as_lost(
    store: Unreliable, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """With the number of requests: of keys, and those refused without one; in the buffer, and in a batch."""
    recorder = UsageRecorder(store, clock=clock, last_seconds=lambda: 0)
    note(recorder, passed(clock.now), times=3)
    note(recorder, refused(Outcome.RATE_LIMITED), times=2)
    store.failure = unavailable()
    with pytest.raises(DatabaseUnavailable):
        await recorder.write()
    note(recorder, passed(clock.now))
    note(recorder, refused(Outcome.INVALID_KEY, None), times=2)
    assert recorder.unwritten == 8

    async with recorder.running():
        pass

    assert messages(caplog)[-1] == "The usage of 8 request(s) could not be written to the database, and is lost"


async def test_a_database_outage_is_logged_once(
    recorder: UsageRecorder, store: Unreliable, clock: Clock, hasty: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Also its return; never with the driver's words."""
    caplog.set_level(logging.INFO)
    async with recorder.running():
        for _ in range(2):
            store.failure = unavailable()
            note(recorder, passed(clock.now))
            failed = store.asked["write"]
            await until(partial(has_asked, store, failed + 5))
            store.failure = None
            await until(lambda: len(recorder.buffer) == 0 and len(messages(caplog)) % 2 == 0)

    assert (
        messages(caplog)
        == [
            "Usage can't be written to the database (ConnectionRefusedError); it is kept in memory until it can",
            "Usage can be written to the database again, after … s",
        ]
        * 2
    )
    assert "hunter2" not in caplog.text


async def test_too_many_locked_rows_are_called_by_their_name(
    recorder: UsageRecorder,
    store: Unreliable,
    clock: Clock,
    hasty: None,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When nothing else is written because of them, the log says what to do about them."""
    monkeypatch.setattr(keys.usage.held, "HELD_AT_MOST", 1)
    store.failure = RowsLocked()
    note(recorder, passed(clock.now))
    async with recorder.running():
        await until(lambda: recorder.is_degraded)
        store.failure = None
        await until(lambda: not recorder.is_degraded)

    began, ended = messages(caplog)
    assert "pg_stat_activity" in began
    assert ended == "Usage can be written to the database again, after … s"


async def test_a_fault_is_logged_and_ends_nothing(
    recorder: UsageRecorder,
    store: Unreliable,
    database: Database,
    clock: Clock,
    hasty: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Only its name is logged."""
    async with recorder.running():
        store.failure = ValueError("hunter2")
        note(recorder, passed(clock.now))
        await until(lambda: bool(messages(caplog)))
        store.failure = None
        await until(lambda: len(recorder.buffer) == 0)

    assert await hours(database) == {(KEY, clock.now): 1}
    assert messages(caplog) == [
        "Usage can't be written to the database (ValueError); it is kept in memory until it can",
        "Usage can be written to the database again, after … s",
    ]
    assert "hunter2" not in caplog.text


async def test_another_writer_is_reported(
    store: Unreliable, database: Database, clock: Clock, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once another process has written to the same database, and not before."""
    monkeypatch.setattr(keys.usage.recorder, "ROUNDS_BETWEEN_LOOKS_FOR_OTHER_WRITERS", 2)
    told: list[bool] = []
    recorder = UsageRecorder(store, clock=clock, on_other_writer=lambda: told.append(True))
    async with recorder.running(), stores(database) as [other]:
        note(recorder, passed(clock.now))
        await until(lambda: store.asked["has_company"] > 2)
        alone = list(told)
        await other.write(Batch(1))
        await until(lambda: bool(told))

    assert alone == []


async def test_looking_for_other_writers_delays_no_answer(
    store: Unreliable, clock: Clock, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both queries use the one connection of the process."""
    monkeypatch.setattr(keys.usage.recorder, "ROUNDS_BETWEEN_LOOKS_FOR_OTHER_WRITERS", 1)
    recorder = UsageRecorder(store, clock=clock, on_other_writer=lambda: None)
    async with recorder.running():
        answers = [await recorder.used(KEY, november(clock)) for _ in range(300)]

    assert set(answers) == {0}
    assert store.asked["has_company"] > 1
