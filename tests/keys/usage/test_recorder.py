"""The usage recorder of a process: each recorded request is written once, and the usage is exact at any moment."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

import pytest

from keys.limits.sliding_window import month_of, to_ms
from keys.outcomes import Outcome
from keys.token import mint
from keys.usage.buffer import REFUSED_OF_A_KEY_AT_MOST, REFUSED_WITHOUT_A_KEY_AT_MOST, Sender
from keys.usage.recorder import UsageRecorder
from keys.verification.malformed import examine
from keys.verification.verdict import RequestedAgent, Verdict
from models import Caller, RefusedRequest, UsageHour
from models.engine.database import Database
from models.engine.ids import new_id
from models.key_lookup import DatabaseUnavailable
from models.usage.refused_request import KEPT_OF_A_KEY as REFUSED_KEPT
from models.usage.refused_request import RefusedReason
from tests.conftest import SERVER_KEYS, Clock
from tests.support.usage.recorder_fixtures import (
    FIRST_OF_NOVEMBER,
    KEY,
    OTHER,
    Unreliable,
    note,
    november,
    passed,
    refused,
    state,
    unavailable,
)
from tests.support.usage.usage_stores import Commits, hours, make_store, months, rows, stores


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Unreliable]:
    made = Unreliable(make_store(database))
    yield made
    await made.close()


@pytest.fixture
def recorder(store: Unreliable, clock: Clock) -> UsageRecorder:
    return UsageRecorder(store, clock=clock)


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    return Commits(monkeypatch)


async def test_what_passed_is_counted_and_its_caller_remembered(
    recorder: UsageRecorder, database: Database, clock: Clock
) -> None:
    """By the limiter's clock, whatever this process's clock is."""
    at = clock.now - timedelta(hours=2)
    note(recorder, passed(at), times=3)
    note(recorder, passed(at + timedelta(seconds=5), by_previous_secret=True))

    await recorder.write()

    [caller] = await rows(database, Caller)
    assert await hours(database) == {(KEY, at): 4}
    assert await months(database) == {(KEY, FIRST_OF_NOVEMBER): 4}
    assert (caller.key_id.hex, caller.ip_address, caller.user_agent) == (KEY, "203.0.113.7", "curl/8.5.0")
    assert (caller.first_seen_at, caller.last_seen_at, caller.requests) == (at, at + timedelta(seconds=5), 4)
    assert await rows(database, RefusedRequest) == []
    assert len(recorder.buffer) == 0


@pytest.mark.parametrize(
    ("outcome", "reason", "column"),
    [
        (Outcome.DELETED_KEY, RefusedReason.DELETED_KEY, "deleted_key"),
        (Outcome.REPLACED_SECRET, RefusedReason.REPLACED_SECRET, "replaced_secret"),
        (Outcome.AGENT_NOT_IN_SCOPE, RefusedReason.AGENT_NOT_IN_SCOPE, "agent_not_in_scope"),
        (Outcome.RATE_LIMITED, RefusedReason.RATE_LIMITED, "rate_limited"),
        (Outcome.QUOTA_EXCEEDED, RefusedReason.QUOTA_EXCEEDED, "quota_exceeded"),
    ],
)
async def test_a_refusal_of_a_genuine_key_is_counted_and_remembered(
    recorder: UsageRecorder, database: Database, clock: Clock, outcome: Outcome, reason: RefusedReason, column: str
) -> None:
    """With the request id that the caller got, the requested agent, and the request's origin."""
    agent_id = new_id()

    [request_id] = note(recorder, refused(outcome), wanted=RequestedAgent(agent_id.hex))
    await recorder.write()

    [row], [hour] = await rows(database, RefusedRequest), await rows(database, UsageHour)
    assert (row.request_id.hex, row.reason, row.at, row.key_id) == (request_id, reason, clock.now, UUID(hex=KEY))
    assert (row.ip_address, row.user_agent, row.agent_id) == ("203.0.113.7", "curl/8.5.0", agent_id)
    assert (getattr(hour, column), hour.allowed) == (1, 0)
    assert await months(database) == {}
    assert await rows(database, Caller) == []


@pytest.mark.parametrize("agent_id", [new_id(), None])
async def test_an_agent_named_by_the_host_products_id_is_remembered_by_its_own(
    recorder: UsageRecorder, database: Database, agent_id: UUID | None
) -> None:
    """So that the diagnosis can name it. An id that no agent has leaves nothing."""
    key = state(KEY)._replace(request_agent_id=None if agent_id is None else agent_id.hex)

    verdict = Verdict(Outcome.AGENT_NOT_IN_SCOPE, "for a reason", key)
    note(recorder, verdict, wanted=RequestedAgent(external_id="crawler"))
    await recorder.write()

    [row] = await rows(database, RefusedRequest)
    assert row.agent_id == agent_id


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.MALFORMED_KEY, RefusedReason.MALFORMED_KEY),
        (Outcome.INVALID_KEY, RefusedReason.UNKNOWN_KEY),
        (Outcome.UNAVAILABLE, RefusedReason.UNAVAILABLE),
    ],
)
async def test_a_refusal_without_a_genuine_key_is_remembered_and_counted_nowhere(
    recorder: UsageRecorder, database: Database, outcome: Outcome, reason: RefusedReason
) -> None:
    """With the format error, if the key is malformed."""
    malformed = examine("kd_short", ["kd"]) if outcome is Outcome.MALFORMED_KEY else None

    [request_id] = note(
        recorder, Verdict(outcome, "for a reason", malformed=malformed), wanted=RequestedAgent(None, True)
    )
    await recorder.write()

    [row] = await rows(database, RefusedRequest)
    assert (row.request_id.hex, row.reason, row.key_id, row.agent_id) == (request_id, reason, None, None)
    assert row.detail == (None if malformed is None else malformed.detail)
    assert await rows(database, UsageHour) == []


async def test_a_key_in_a_user_agent_is_not_kept(recorder: UsageRecorder, database: Database, clock: Clock) -> None:
    """Neither for a request that passed nor for a refused one, and nothing that the database can't store."""
    secret = mint(SERVER_KEYS, "kd")
    sender = Sender("203.0.113.7", b"my app\x00 (" + secret.token.reveal().encode() + b")\xff")

    note(recorder, passed(clock.now), sender=sender)
    note(recorder, refused(Outcome.RATE_LIMITED), sender=sender)
    note(recorder, refused(Outcome.INVALID_KEY, None), sender=sender)
    await recorder.write()

    kept = [*await rows(database, Caller), *await rows(database, RefusedRequest)]
    assert [row.user_agent for row in cast("list[Caller | RefusedRequest]", kept)] == [
        "my app ((key))\N{REPLACEMENT CHARACTER}"
    ] * 3


async def test_of_a_keys_refused_requests_the_newest_are_kept(recorder: UsageRecorder, database: Database) -> None:
    """1,000 and those since the last cleanup; of a key with a flood, few are written at a time."""
    ids = []
    for _ in range(4):
        ids += note(recorder, refused(Outcome.RATE_LIMITED), times=REFUSED_OF_A_KEY_AT_MOST + 100)
        await recorder.write()

    kept = sorted(await rows(database, RefusedRequest), key=lambda row: row.number or 0)
    newest = ids[-REFUSED_OF_A_KEY_AT_MOST:]
    assert len(kept) == REFUSED_KEPT
    assert [row.request_id.hex for row in kept[-REFUSED_OF_A_KEY_AT_MOST:]] == newest
    assert sum(row.rate_limited for row in await rows(database, UsageHour)) == len(ids)
    assert recorder.buffer.dropped["refused"] == 400


async def test_a_flood_of_keys_that_are_none_costs_little_and_displaces_nothing(
    recorder: UsageRecorder, database: Database
) -> None:
    """The number of written rows is bounded; refusals of genuine keys are all there."""
    genuine = note(recorder, refused(Outcome.DELETED_KEY), times=10)
    for _ in range(10):
        note(recorder, refused(Outcome.INVALID_KEY, None), times=1000)
        genuine += note(recorder, refused(Outcome.DELETED_KEY), times=5)
    await recorder.write()

    kept = await rows(database, RefusedRequest)
    assert sum(row.key_id is None for row in kept) == REFUSED_WITHOUT_A_KEY_AT_MOST
    assert {row.request_id.hex for row in kept if row.key_id is not None} == set(genuine)
    assert recorder.buffer.dropped["refused_without_a_key"] == 10_000 - REFUSED_WITHOUT_A_KEY_AT_MOST


async def test_hours_and_months_are_those_of_the_request(recorder: UsageRecorder, database: Database) -> None:
    """The last millisecond of November and the first of December."""
    turn = datetime(2026, 12, 1, tzinfo=UTC)
    for at in (turn - timedelta(milliseconds=1), turn, turn):
        note(recorder, passed(at))

    november, december = month_of(to_ms(turn) - 1), month_of(to_ms(turn))
    before = await recorder.used(KEY, november), await recorder.used(KEY, december)
    await recorder.write()
    after = await recorder.used(KEY, november), await recorder.used(KEY, december)

    assert before == after == (1, 2)
    assert await hours(database) == {(KEY, turn - timedelta(hours=1)): 1, (KEY, turn): 2}
    assert await months(database) == {(KEY, FIRST_OF_NOVEMBER): 1, (KEY, turn): 2}


async def test_what_is_used_is_what_all_have_written_and_what_waits_here(
    recorder: UsageRecorder, database: Database, clock: Clock
) -> None:
    """Only of this month and key; usage that waits in another process is not included yet."""
    month = november(clock)
    async with stores(database) as [store]:
        other = UsageRecorder(store, clock=clock)
        note(other, passed(clock.now), times=3)
        await other.write()
        note(other, passed(clock.now), times=100)

        note(recorder, passed(clock.now), times=4)
        await recorder.write()
        note(recorder, passed(clock.now), times=5)
        note(recorder, passed(clock.now, OTHER))
        note(recorder, refused(Outcome.RATE_LIMITED))
        at_first = await recorder.used(KEY, month), await recorder.used(OTHER, month)
        await other.write()

        assert at_first == (12, 1)
        assert await recorder.used(KEY, month) == 112
        assert await recorder.used(KEY, month_of(month.end * 1000)) == 0


async def test_what_is_used_is_exact_while_it_is_written(
    recorder: UsageRecorder, commits: Commits, clock: Clock
) -> None:
    """Never less than had passed at the question, never more than at the answer; commits get lost, too."""
    chance = random.Random(11)
    month = november(clock)
    many = [f"{number:032x}" for number in range(30)]
    noted: Counter[str] = Counter()
    is_over = False

    async def go_on() -> None:
        for _ in range(1500):
            key_id = chance.choice(many)
            noted[key_id] += 1
            note(recorder, passed(clock.now, key_id))
            await asyncio.sleep(0)

    async def keep_writing() -> None:
        while not is_over:
            if chance.random() < 0.3:
                commits.lose(chance.choice(("before", "after")))
            with suppress(DatabaseUnavailable):
                await recorder.write()
            await asyncio.sleep(0)

    async def ask() -> int:
        answered = 0
        while not is_over:
            key_id = chance.choice(many)
            before = noted[key_id]
            try:
                used = await recorder.used(key_id, month)
            except DatabaseUnavailable:
                continue
            assert before <= used <= noted[key_id]
            answered += 1
        return answered

    writing, *asking = [asyncio.ensure_future(each) for each in (keep_writing(), ask(), ask(), ask())]
    await go_on()
    is_over = True
    answered = await asyncio.gather(*asking)
    await writing

    assert all(answered)
    assert dict(zip(many, await asyncio.gather(*(recorder.used(key_id, month) for key_id in many)), strict=True)) == {
        key_id: noted[key_id] for key_id in many
    }


async def test_all_that_ask_at_once_are_answered_together(
    recorder: UsageRecorder, store: Unreliable, clock: Clock
) -> None:
    """With one query; a caller that is cancelled affects no other, and a failure reaches all."""
    month = november(clock)
    note(recorder, passed(clock.now))
    asking = [asyncio.ensure_future(recorder.used(key_id, month)) for key_id in (KEY, OTHER) * 10]
    await asyncio.sleep(0)
    asking[0].cancel()
    asking[1].cancel()

    answers = await asyncio.gather(*asking, return_exceptions=True)
    store.failure = unavailable()
    failures = await asyncio.gather(*(recorder.used(KEY, month) for _ in range(5)), return_exceptions=True)
    store.failure = None

    assert answers[2:] == [1, 0] * 9
    assert store.asked["month_used"] == 2
    assert [type(each) for each in failures] == [DatabaseUnavailable] * 5
    assert await recorder.used(KEY, month) == 1


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_commit_that_was_not_heard_of_is_counted_once(
    recorder: UsageRecorder, database: Database, commits: Commits, clock: Clock, lost: str
) -> None:
    """A question meanwhile first resolves the commit; later usage is written after it."""
    note(recorder, passed(clock.now), times=3)
    commits.lose(lost)
    with pytest.raises(DatabaseUnavailable):
        await recorder.write()
    note(recorder, passed(clock.now), times=2)

    used = await recorder.used(KEY, november(clock))
    await recorder.write()

    assert used == 5
    assert await hours(database) == {(KEY, clock.now): 5}


async def test_what_could_not_be_written_is_written_later(
    recorder: UsageRecorder, store: Unreliable, database: Database, clock: Clock
) -> None:
    """All of it, in one call, however often it failed."""
    store.failure = unavailable()
    ids = []
    for _ in range(5):
        note(recorder, passed(clock.now), times=2)
        ids += note(recorder, refused(Outcome.RATE_LIMITED))
        ids += note(recorder, refused(Outcome.INVALID_KEY, None))
        with pytest.raises(DatabaseUnavailable):
            await recorder.write()
    store.failure = None

    await recorder.write()

    assert await hours(database) == {(KEY, clock.now): 10}
    assert {row.request_id.hex for row in await rows(database, RefusedRequest)} == set(ids)
    assert len(recorder.buffer) == 0
