"""Rows whose content the database refuses are left out, and stop nothing else."""

import asyncio
import random
from collections import Counter
from contextlib import suppress

import pytest
from sqlalchemy import text

import models.usage.store_postgresql
import models.usage.store_sqlite
from keys.limits.sliding_window import to_ms
from keys.outcomes import Outcome
from keys.usage.recorder import UsageRecorder
from models import Caller, RefusedRequest
from models.engine.database import Database
from models.engine.database_address import POSTGRESQL
from models.engine.ids import new_id
from models.key_lookup import DatabaseUnavailable
from models.usage.store import Batch, ContentRefused, Refused, SeenCaller, UsageStore
from tests.conftest import Clock
from tests.support.usage.recorder_fixtures import (
    FIRST_OF_NOVEMBER,
    KEY,
    OTHER,
    messages,
    note,
    november,
    passed,
    refused,
)
from tests.support.usage.usage_stores import Commits, counts, hours, months, rows

NOVEMBER = int(FIRST_OF_NOVEMBER.timestamp())
TOO_MANY = 2**70
ONE = "7" * 32
POSTGRESQL_ALONE = ["with \0 in it", "x" * 301]
"""PostgreSQL refuses both; SQLite stores them."""


def poisoned(clock: Clock, *, detail: str = "\ud800", **other: object) -> Refused:
    """A refused request that no endpoint produces: one of its fields can't be stored."""
    whole = Refused(new_id().hex, KEY, "malformed_key", to_ms(clock.now), None, None, None, detail)
    return whole._replace(**other)  # type: ignore[arg-type]


def every_poison(database: Database, clock: Clock) -> list[Refused]:
    """One of every kind that this database refuses."""
    taken = new_id().hex
    found = [
        poisoned(clock),
        poisoned(clock, detail="", at=TOO_MANY),
        poisoned(clock, detail="", at=-TOO_MANY),
        poisoned(clock, detail="", request_id=taken),
        poisoned(clock, detail="", request_id=taken),
    ]
    if database.backend == POSTGRESQL:
        found += [poisoned(clock, detail=each) for each in POSTGRESQL_ALONE]
        found += [poisoned(clock, detail="", agent_id="no id"), poisoned(clock, detail="", reason="r" * 33)]
    return found


async def test_the_rest_of_a_batch_is_written(recorder: UsageRecorder, database: Database, clock: Clock) -> None:
    """Wherever in it the bad row is; of two requests with one id, the first is stored."""
    ids: list[str] = []
    for poison in every_poison(database, clock):
        ids += note(recorder, refused(Outcome.RATE_LIMITED), times=3)
        ids += note(recorder, refused(Outcome.INVALID_KEY, None), times=2)
        recorder.buffer.add_refusal(poison)
    note(recorder, passed(clock.now), times=5)
    note(recorder, passed(clock.now, OTHER), times=7)

    await recorder.write()

    kept = Counter(row.request_id.hex for row in await rows(database, RefusedRequest))
    assert kept.keys() >= set(ids)
    assert kept.total() == len(ids) + 1
    assert await months(database) == {(KEY, FIRST_OF_NOVEMBER): 5, (OTHER, FIRST_OF_NOVEMBER): 7}
    assert recorder.buffer.dropped["refused"] == len(every_poison(database, clock)) - 1
    assert {row.key_id.hex: row.requests for row in await rows(database, Caller)} == {KEY: 5, OTHER: 7}


async def test_it_is_counted_and_logged_without_what_was_in_it(
    recorder: UsageRecorder, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Once a minute, however many there are."""
    for number in range(20):
        recorder.buffer.add_refusal(poisoned(clock, detail=f"\ud800hunter{number}"))
    recorder.buffer.add_refusal(poisoned(clock, detail="\ud800hunter", key_id=None))

    await recorder.write()

    [line] = messages(caplog)
    assert recorder.buffer.dropped == {"counts": 0, "refused": 20, "refused_without_a_key": 1, "callers": 0}
    assert "left out" in line
    assert "hunter" not in caplog.text


async def test_counts_and_callers_are_left_out_alike(store: UsageStore, database: Database, clock: Clock) -> None:
    """Separately: if a key's count is refused, its caller is stored, and the other way round."""
    recorder = UsageRecorder(store, clock=clock)
    at = to_ms(clock.now)
    hour = at // 3_600_000 * 3600
    batch = Batch(
        counts=[counts(KEY, hour, NOVEMBER, 3, at), counts(OTHER, hour, NOVEMBER, 5, TOO_MANY)],
        callers=[SeenCaller(OTHER, "", "curl", at, at, 5), SeenCaller(KEY, "", "\ud800", at, at, 3)],
        keys_with_new_callers=[KEY, OTHER],
    )
    recorder._outgoing.add(batch)

    await recorder.write()

    assert await months(database) == {(KEY, FIRST_OF_NOVEMBER): 3}
    assert {row.key_id.hex: row.requests for row in await rows(database, Caller)} == {OTHER: 5}
    assert recorder.buffer.dropped == {"counts": 5, "refused": 0, "refused_without_a_key": 0, "callers": 3}


async def test_a_separator_in_a_text_never_gives_one_row_what_is_anothers(
    store: UsageStore, database: Database, clock: Clock
) -> None:
    """PostgreSQL takes whole columns; such a row is refused there."""
    recorder = UsageRecorder(store, clock=clock)
    at = to_ms(clock.now)
    odd = [SeenCaller(KEY, "a,b", "one", at, at, 1), SeenCaller(KEY, "c", "two\x1fthree", at, at, 1)]
    recorder._outgoing.add(Batch(callers=[*odd, *(SeenCaller(OTHER, "d", f"{each}", at, at, 1) for each in range(9))]))

    await recorder.write()

    kept = {(row.key_id.hex, row.ip_address, row.user_agent) for row in await rows(database, Caller)}
    others = {(OTHER, "d", f"{each}") for each in range(9)}
    assert kept - {each[:3] for each in odd} == others


async def test_nothing_is_counted_twice_when_answers_are_lost_while_it_is_split(
    recorder: UsageRecorder, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits fail before and after they take effect, at every step; the usage is exact meanwhile."""
    commits = Commits(monkeypatch)
    chance = random.Random(20261130)
    noted: Counter[str] = Counter()
    ids: list[str] = []
    for _ in range(40):
        for key_id in (KEY, OTHER, ONE):
            times = chance.randrange(4)
            noted[key_id] += times
            note(recorder, passed(clock.now, key_id), times=times)
            ids += note(recorder, refused(Outcome.RATE_LIMITED, key_id), times=chance.randrange(3))
        for _ in range(chance.randrange(3)):
            recorder.buffer.add_refusal(poisoned(clock))
        for _ in range(chance.randrange(10)):
            commits.lose(*(chance.choice(("before", "after")) for _ in range(chance.randrange(3))))
            with suppress(DatabaseUnavailable):
                await recorder.write()
            assert await recorder.used(KEY, november(clock)) == noted[KEY]
    commits._failures.clear()

    await recorder.write()

    assert {key_id: number for (key_id, _), number in (await hours(database)).items()} == noted
    assert {key_id: number for (key_id, _), number in (await months(database)).items()} == noted
    assert Counter(row.request_id.hex for row in await rows(database, RefusedRequest)) == Counter(ids)


async def test_what_is_used_waits_for_no_batch(
    recorder: UsageRecorder, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another transaction locks a row of the batch, the usage is still read, and includes the batch."""
    monkeypatch.setitem(models.usage.store_postgresql._SERVER_SETTINGS, "lock_timeout", "30000")
    note(recorder, passed(clock.now), times=3)
    await recorder.write()
    note(recorder, passed(clock.now), times=4)
    async with database.transaction() as session:
        await session.execute(text("UPDATE usage_months SET allowed = allowed"))
        writing = asyncio.ensure_future(recorder.write())
        await asyncio.sleep(0.1)
        note(recorder, passed(clock.now), times=5)

        used = await recorder.used(KEY, november(clock)), await recorder.used(OTHER, november(clock))
        was_waiting = not writing.done()
    await writing

    assert (used, was_waiting) == ((12, 0), True)
    assert await recorder.used(KEY, november(clock)) == 12


@pytest.mark.parametrize("failure", [DatabaseUnavailable(), ContentRefused(), RuntimeError()])
async def test_what_is_used_fails_with_no_batch(
    recorder: UsageRecorder, store: UsageStore, clock: Clock, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """The usage is read whatever happens to the batch."""

    async def fail(batch: Batch) -> dict[str, int]:
        raise failure

    note(recorder, passed(clock.now), times=3)
    note(recorder, refused(Outcome.RATE_LIMITED))
    monkeypatch.setattr(store, "write", fail)
    with suppress(type(failure)):
        await recorder.write()

    expected = 0 if isinstance(failure, ContentRefused) else 3
    assert await recorder.used(KEY, november(clock)) == expected
