"""The ledger of one process: what is noted comes into the database, once, however often that fails meanwhile."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

import keys.ledger
from keys.form import examine
from keys.ledger import Ledger
from keys.limiter import Decision, Exceeded
from keys.limits import Balance, Limits, Month, month_of, to_ms
from keys.local_limiter import LocalLimiter
from keys.tally import REFUSED_OF_A_KEY_AT_MOST, REFUSED_WITHOUT_A_KEY_AT_MOST, Sender
from keys.token import mint
from keys.verdict import Outcome, Verdict, Wanted
from models import Caller, RefusedRequest, UsageHour
from models.database import Database
from models.ids import new_id
from models.ledger_store import Batch, LedgerStore
from models.refused_request import KEPT_OF_A_KEY as REFUSED_KEPT
from models.refused_request import RefusedReason
from models.verification import DatabaseUnavailable, KeyState
from tests.conftest import SERVER_KEYS, Clock
from tests.ledgers import Commits, hours, make_store, months, rows, stores
from tests.presented import until

KEY, OTHER = (f"{number:032x}" for number in (1, 2))
CURL = Sender("203.0.113.7", b"curl/8.5.0")
NOBODY = Wanted()
MANY = 1_000_000
FIRST_OF_NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)


class Unreliable:
    """A store in front of another, which fails while the test wants it to, and knows what it was asked."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store
        self.failure: Exception | None = None
        self.asked: Counter[str] = Counter()

    async def write(self, batch: Batch) -> dict[str, int]:
        self._ask("write")
        return await self._store.write(batch)

    async def month_used(self, key_ids: Sequence[str], month: int) -> dict[str, int]:
        self._ask("month_used")
        return await self._store.month_used(key_ids, month)

    async def has_company(self) -> bool:
        self._ask("has_company")
        return await self._store.has_company()

    async def close(self) -> None:
        await self._store.close()

    def _ask(self, what: str) -> None:
        self.asked[what] += 1
        if self.failure is not None:
            raise self.failure


def unavailable() -> DatabaseUnavailable:
    error = DatabaseUnavailable()
    error.__cause__ = ConnectionRefusedError("the password is hunter2")
    return error


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Unreliable]:
    made = Unreliable(make_store(database))
    yield made
    await made.close()


@pytest.fixture
def ledger(store: Unreliable, clock: Clock) -> Ledger:
    return Ledger(store, clock=clock)


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    return Commits(monkeypatch)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that writes as soon as it has written."""
    monkeypatch.setattr(keys.ledger, "EVERY_SECONDS", 0.001)


def state(key_id: str) -> KeyState:
    return KeyState(key_id, new_id().hex, None, None, None, False, False, True, 600, MANY)


def decided(at: datetime, exceeded: Exceeded | None = None) -> Decision:
    return Decision(exceeded, Balance(1, 0, 1, month_of(to_ms(at)), to_ms(at)))


def passed(at: datetime, key_id: str = KEY, *, by_previous_secret: bool = False) -> Verdict:
    return Verdict(Outcome.GOOD, "good", state(key_id), decision=decided(at), by_previous_secret=by_previous_secret)


def refused(outcome: Outcome, key_id: str | None = KEY, decision: Decision | None = None) -> Verdict:
    return Verdict(outcome, "for a reason", None if key_id is None else state(key_id), decision=decision)


def note(
    ledger: Ledger, verdict: Verdict, *, times: int = 1, sender: Sender = CURL, wanted: Wanted = NOBODY
) -> list[str]:
    """Notes so many, and returns the ids of their requests."""
    ids = [new_id().hex for _ in range(times)]
    for request_id in ids:
        ledger.note(verdict, request_id, sender, wanted)
    return ids


def november(clock: Clock) -> Month:
    return month_of(to_ms(clock.now))


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "keydesk.ledger"]


async def test_what_passed_is_counted_and_its_caller_remembered(
    ledger: Ledger, database: Database, clock: Clock
) -> None:
    """By the limiter's clock, whatever this process's says."""
    at = clock.now - timedelta(hours=2)
    note(ledger, passed(at), times=3)
    note(ledger, passed(at + timedelta(seconds=5), by_previous_secret=True))

    await ledger.write()

    [caller] = await rows(database, Caller)
    assert await hours(database) == {(KEY, at): 4}
    assert await months(database) == {(KEY, FIRST_OF_NOVEMBER): 4}
    assert (caller.key_id.hex, caller.ip_address, caller.user_agent) == (KEY, "203.0.113.7", "curl/8.5.0")
    assert (caller.first_seen_at, caller.last_seen_at, caller.requests) == (at, at + timedelta(seconds=5), 4)
    assert await rows(database, RefusedRequest) == []
    assert len(ledger.tally) == 0


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
    ledger: Ledger, database: Database, clock: Clock, outcome: Outcome, reason: RefusedReason, column: str
) -> None:
    """With its request's id, which the caller was told, the agent that it was for and where it came from."""
    agent_id = new_id()

    [request_id] = note(ledger, refused(outcome), wanted=Wanted(agent_id.hex))
    await ledger.write()

    [row], [hour] = await rows(database, RefusedRequest), await rows(database, UsageHour)
    assert (row.request_id.hex, row.reason, row.at, row.key_id) == (request_id, reason, clock.now, UUID(hex=KEY))
    assert (row.ip_address, row.user_agent, row.agent_id) == ("203.0.113.7", "curl/8.5.0", agent_id)
    assert (getattr(hour, column), hour.allowed) == (1, 0)
    assert await months(database) == {}
    assert await rows(database, Caller) == []


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.MALFORMED_KEY, RefusedReason.MALFORMED_KEY),
        (Outcome.INVALID_KEY, RefusedReason.UNKNOWN_KEY),
        (Outcome.UNAVAILABLE, RefusedReason.UNAVAILABLE),
    ],
)
async def test_a_refusal_without_a_genuine_key_is_remembered_and_counted_nowhere(
    ledger: Ledger, database: Database, outcome: Outcome, reason: RefusedReason
) -> None:
    """With what is wrong with its form, where that is so."""
    malformed = examine("kd_short", ["kd"]) if outcome is Outcome.MALFORMED_KEY else None

    [request_id] = note(ledger, Verdict(outcome, "for a reason", malformed=malformed), wanted=Wanted(None, True))
    await ledger.write()

    [row] = await rows(database, RefusedRequest)
    assert (row.request_id.hex, row.reason, row.key_id, row.agent_id) == (request_id, reason, None, None)
    assert row.detail == (None if malformed is None else malformed.detail)
    assert await rows(database, UsageHour) == []


async def test_a_key_in_a_user_agent_is_not_kept(ledger: Ledger, database: Database, clock: Clock) -> None:
    """Neither of one that passed nor of one that was refused, and nothing that the database can't take."""
    secret = mint(SERVER_KEYS, "kd")
    sender = Sender("203.0.113.7", b"my app\x00 (" + secret.token.reveal().encode() + b")\xff")

    note(ledger, passed(clock.now), sender=sender)
    note(ledger, refused(Outcome.RATE_LIMITED), sender=sender)
    note(ledger, refused(Outcome.INVALID_KEY, None), sender=sender)
    await ledger.write()

    kept = [*await rows(database, Caller), *await rows(database, RefusedRequest)]
    assert [row.user_agent for row in kept] == ["my app ((key))\N{REPLACEMENT CHARACTER}"] * 3


async def test_of_a_keys_refused_requests_the_newest_are_kept(ledger: Ledger, database: Database) -> None:
    """1,000 and what came since it was last looked at; of one that hammers, few are written at a time."""
    ids = []
    for _ in range(4):
        ids += note(ledger, refused(Outcome.RATE_LIMITED), times=REFUSED_OF_A_KEY_AT_MOST + 100)
        await ledger.write()

    kept = sorted(await rows(database, RefusedRequest), key=lambda row: row.number)
    newest = ids[-REFUSED_OF_A_KEY_AT_MOST:]
    assert len(kept) == REFUSED_KEPT
    assert [row.request_id.hex for row in kept[-REFUSED_OF_A_KEY_AT_MOST:]] == newest
    assert sum(row.rate_limited for row in await rows(database, UsageHour)) == len(ids)
    assert ledger.tally.dropped["refused"] == 400


async def test_a_flood_of_keys_that_are_none_costs_little_and_displaces_nothing(
    ledger: Ledger, database: Database
) -> None:
    """What is written of it is bounded; refusals of genuine keys are all there."""
    genuine = note(ledger, refused(Outcome.DELETED_KEY), times=10)
    for _ in range(10):
        note(ledger, refused(Outcome.INVALID_KEY, None), times=1000)
        genuine += note(ledger, refused(Outcome.DELETED_KEY), times=5)
    await ledger.write()

    kept = await rows(database, RefusedRequest)
    assert sum(row.key_id is None for row in kept) == REFUSED_WITHOUT_A_KEY_AT_MOST
    assert {row.request_id.hex for row in kept if row.key_id is not None} == set(genuine)
    assert ledger.tally.dropped["refused_without_a_key"] == 10_000 - REFUSED_WITHOUT_A_KEY_AT_MOST


async def test_hours_and_months_are_those_of_the_request(ledger: Ledger, database: Database) -> None:
    """The last millisecond of November and the first of December."""
    turn = datetime(2026, 12, 1, tzinfo=UTC)
    for at in (turn - timedelta(milliseconds=1), turn, turn):
        note(ledger, passed(at))

    november, december = month_of(to_ms(turn) - 1), month_of(to_ms(turn))
    before = await ledger.used(KEY, november), await ledger.used(KEY, december)
    await ledger.write()
    after = await ledger.used(KEY, november), await ledger.used(KEY, december)

    assert before == after == (1, 2)
    assert await hours(database) == {(KEY, turn - timedelta(hours=1)): 1, (KEY, turn): 2}
    assert await months(database) == {(KEY, FIRST_OF_NOVEMBER): 1, (KEY, turn): 2}


async def test_what_is_used_is_what_all_have_written_and_what_waits_here(
    ledger: Ledger, database: Database, clock: Clock
) -> None:
    """Of this month and key alone; what waits in another process is not known yet."""
    month = november(clock)
    async with stores(database) as [store]:
        other = Ledger(store, clock=clock)
        note(other, passed(clock.now), times=3)
        await other.write()
        note(other, passed(clock.now), times=100)

        note(ledger, passed(clock.now), times=4)
        await ledger.write()
        note(ledger, passed(clock.now), times=5)
        note(ledger, passed(clock.now, OTHER))
        note(ledger, refused(Outcome.RATE_LIMITED))
        at_first = await ledger.used(KEY, month), await ledger.used(OTHER, month)
        await other.write()

        assert at_first == (12, 1)
        assert await ledger.used(KEY, month) == 112
        assert await ledger.used(KEY, month_of(month.end * 1000)) == 0


async def test_what_is_used_is_exact_while_it_is_written(ledger: Ledger, commits: Commits, clock: Clock) -> None:
    """Never less than had passed when it was asked, never more than when it was answered; commits get lost, too."""
    chance = random.Random(11)
    month = november(clock)
    many = [f"{number:032x}" for number in range(30)]
    noted: Counter[str] = Counter()
    is_over = False

    async def go_on() -> None:
        for _ in range(1500):
            key_id = chance.choice(many)
            noted[key_id] += 1
            note(ledger, passed(clock.now, key_id))
            await asyncio.sleep(0)

    async def keep_writing() -> None:
        while not is_over:
            if chance.random() < 0.3:
                commits.lose(chance.choice(("before", "after")))
            with suppress(DatabaseUnavailable):
                await ledger.write()
            await asyncio.sleep(0)

    async def ask() -> int:
        answered = 0
        while not is_over:
            key_id = chance.choice(many)
            before = noted[key_id]
            try:
                used = await ledger.used(key_id, month)
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

    assert min(answered) > 0
    assert dict(zip(many, await asyncio.gather(*(ledger.used(key_id, month) for key_id in many)), strict=True)) == {
        key_id: noted[key_id] for key_id in many
    }


async def test_all_that_ask_at_once_are_answered_together(ledger: Ledger, store: Unreliable, clock: Clock) -> None:
    """With one question; one that hangs up takes nobody along, and a failure is told to all."""
    month = november(clock)
    note(ledger, passed(clock.now))
    asking = [asyncio.ensure_future(ledger.used(key_id, month)) for key_id in (KEY, OTHER) * 10]
    await asyncio.sleep(0)
    asking[0].cancel()
    asking[1].cancel()

    answers = await asyncio.gather(*asking, return_exceptions=True)
    store.failure = unavailable()
    failures = await asyncio.gather(*(ledger.used(KEY, month) for _ in range(5)), return_exceptions=True)
    store.failure = None

    assert answers[2:] == [1, 0] * 9
    assert store.asked["month_used"] == 2
    assert [type(each) for each in failures] == [DatabaseUnavailable] * 5
    assert await ledger.used(KEY, month) == 1


@pytest.mark.parametrize("lost", ["before", "after"])
async def test_a_commit_that_was_not_heard_of_is_counted_once(
    ledger: Ledger, database: Database, commits: Commits, clock: Clock, lost: str
) -> None:
    """Asked meanwhile, the ledger finds out first; what came later is written behind it."""
    note(ledger, passed(clock.now), times=3)
    commits.lose(lost)
    with pytest.raises(DatabaseUnavailable):
        await ledger.write()
    note(ledger, passed(clock.now), times=2)

    used = await ledger.used(KEY, november(clock))
    await ledger.write()

    assert used == 5
    assert await hours(database) == {(KEY, clock.now): 5}


async def test_what_could_not_be_written_is_written_later(
    ledger: Ledger, store: Unreliable, database: Database, clock: Clock
) -> None:
    """All of it, in one call, however often it failed."""
    store.failure = unavailable()
    ids = []
    for _ in range(5):
        note(ledger, passed(clock.now), times=2)
        ids += note(ledger, refused(Outcome.RATE_LIMITED))
        ids += note(ledger, refused(Outcome.INVALID_KEY, None))
        with pytest.raises(DatabaseUnavailable):
            await ledger.write()
    store.failure = None

    await ledger.write()

    assert await hours(database) == {(KEY, clock.now): 10}
    assert {row.request_id.hex for row in await rows(database, RefusedRequest)} == set(ids)
    assert len(ledger.tally) == 0


class Learned:
    """What a limiter is told by its ledger."""

    def __init__(self) -> None:
        self.told: list[tuple[Month, dict[str, int]]] = []

    def __call__(self, month: Month, used: Mapping[str, int]) -> None:
        self.told.append((month, dict(used)))


async def test_a_limiter_learns_what_all_have_written_and_what_waits_here(
    store: Unreliable, database: Database, clock: Clock
) -> None:
    """Of the keys that were just written."""
    learned = Learned()
    ledger = Ledger(store, clock=clock, learn=learned)
    async with stores(database) as [second]:
        other = Ledger(second, clock=clock)
        note(other, passed(clock.now), times=3)
        note(other, passed(clock.now, OTHER), times=7)
        await other.write()

    note(ledger, passed(clock.now), times=2)
    await ledger.write()
    note(ledger, refused(Outcome.QUOTA_EXCEEDED))
    await ledger.write()

    assert learned.told == [(november(clock), {KEY: 5})]


async def test_a_limiter_learns_nothing_that_is_of_no_use(store: Unreliable, clock: Clock) -> None:
    """While others count, such as Redis."""
    learned = Learned()
    is_useful = False
    ledger = Ledger(store, clock=clock, learn=learned, learns=lambda: is_useful)
    note(ledger, passed(clock.now))
    await ledger.write()
    is_useful = True
    note(ledger, passed(clock.now))
    await ledger.write()

    assert learned.told == [(november(clock), {KEY: 2})]


async def test_a_limiter_never_learns_less_than_has_passed_here(store: Unreliable, clock: Clock) -> None:
    """Not after writing has failed several times, nor when hours and months end meanwhile."""
    clock.now = datetime(2026, 11, 30, 22, 59, tzinfo=UTC)
    noted: Counter[tuple[int, str]] = Counter()
    told: list[tuple[int, int]] = []

    def learn(month: Month, used: Mapping[str, int]) -> None:
        told.extend((number, noted[month.start, key_id]) for key_id, number in used.items())

    ledger = Ledger(store, clock=clock, learn=learn)
    for number in range(40):
        for key_id in (KEY, OTHER) if number % 3 else (KEY,):
            noted[november(clock).start, key_id] += 1
            note(ledger, passed(clock.now, key_id))
        store.failure = unavailable() if number % 4 else None
        with suppress(DatabaseUnavailable):
            await ledger.write()
        clock.advance(minutes=7)

    assert len(told) > 10
    assert all(number == passed_here for number, passed_here in told)


async def test_two_processes_without_redis_agree_once_they_have_written(database: Database, clock: Clock) -> None:
    """Each then knows what the other has let pass, and neither lets pass more."""
    limits = Limits(MANY, 20)
    async with stores(database, 2) as made:
        processes: list[tuple[Ledger, LocalLimiter]] = []
        for store in made:
            learned: list[LocalLimiter] = []
            ledger = Ledger(store, clock=clock, learn=lambda month, used, to=learned: to[0].learn(month, used))
            learned.append(LocalLimiter(ledger, clock=clock))
            processes.append((ledger, learned[0]))

        async def take(process: int, times: int) -> int:
            ledger, limiter = processes[process]
            number = 0
            for _ in range(times):
                decision = await limiter.take(KEY, limits)
                if decision.exceeded is None:
                    note(ledger, Verdict(Outcome.GOOD, "good", state(KEY), decision=decision))
                    number += 1
            return number

        first = await take(0, 6), await take(1, 7)
        for ledger, _ in processes:
            await ledger.write()
        second = await take(0, 1), await take(1, 1)
        for ledger, _ in [*processes, processes[0]]:
            await ledger.write()
        third = await take(1, 100)
        await processes[1][0].write()
        restarted = LocalLimiter(processes[0][0], clock=clock)

        assert (first, second, third) == ((6, 7), (1, 1), 5)
        assert (await restarted.take(KEY, limits)).exceeded is Exceeded.QUOTA


@asynccontextmanager
async def keeping(ledger: Ledger) -> AsyncIterator[None]:
    async with ledger.kept():
        yield


async def test_it_is_written_by_itself(ledger: Ledger, database: Database, clock: Clock, hasty: None) -> None:
    """While the process lives."""
    async with ledger.kept():
        note(ledger, passed(clock.now), times=3)
        await until(lambda: len(ledger.tally) == 0)
        note(ledger, passed(clock.now), times=4)
        await until(lambda: len(ledger.tally) == 0)

    assert await hours(database) == {(KEY, clock.now): 7}


async def test_a_process_that_ends_has_written_everything(ledger: Ledger, database: Database, clock: Clock) -> None:
    """To the last request."""
    async with ledger.kept():
        note(ledger, passed(clock.now), times=3)
        note(ledger, refused(Outcome.RATE_LIMITED), times=2)
        note(ledger, refused(Outcome.INVALID_KEY, None), times=2)

    assert await hours(database) == {(KEY, clock.now): 3}
    assert len(await rows(database, RefusedRequest)) == 4


async def test_also_where_writing_has_failed_until_then(
    ledger: Ledger, store: Unreliable, database: Database, clock: Clock, hasty: None
) -> None:
    """What waited since, and what came after that."""
    async with ledger.kept():
        for number in range(1, 4):
            store.failure = unavailable()
            note(ledger, passed(clock.now))
            note(ledger, refused(Outcome.RATE_LIMITED))
            failed = store.asked["write"]
            await until(lambda failed=failed: store.asked["write"] > failed)
            if number == 3:
                store.failure = None

    assert await hours(database) == {(KEY, clock.now): 3}
    assert len(await rows(database, RefusedRequest)) == 3


async def test_a_database_that_is_away_is_told_of_once(
    ledger: Ledger, store: Unreliable, clock: Clock, hasty: None, caplog: pytest.LogCaptureFixture
) -> None:
    """And that it is back; never with the driver's words."""
    caplog.set_level(logging.INFO)
    async with ledger.kept():
        for _ in range(2):
            store.failure = unavailable()
            note(ledger, passed(clock.now))
            failed = store.asked["write"]
            await until(lambda failed=failed: store.asked["write"] > failed + 5)
            store.failure = None
            await until(lambda: len(ledger.tally) == 0 and len(messages(caplog)) % 2 == 0)

    assert (
        messages(caplog)
        == [
            "Usage can't be written down (ConnectionRefusedError); it is kept until it can",
            "Usage can be written down again",
        ]
        * 2
    )
    assert "hunter2" not in caplog.text


async def test_a_fault_is_logged_and_ends_nothing(
    ledger: Ledger, store: Unreliable, database: Database, clock: Clock, hasty: None, caplog: pytest.LogCaptureFixture
) -> None:
    """By its name alone."""
    async with ledger.kept():
        store.failure = ValueError("hunter2")
        note(ledger, passed(clock.now))
        await until(lambda: bool(messages(caplog)))
        store.failure = None
        await until(lambda: len(ledger.tally) == 0)

    assert await hours(database) == {(KEY, clock.now): 1}
    assert set(messages(caplog)) == {"Writing usage down failed: ValueError"}
    assert "hunter2" not in caplog.text


async def test_company_is_told_of(
    store: Unreliable, database: Database, clock: Clock, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once another process has written into the same database, and not before."""
    monkeypatch.setattr(keys.ledger, "ROUNDS_UNTIL_COMPANY_IS_LOOKED_FOR", 2)
    told: list[bool] = []
    ledger = Ledger(store, clock=clock, on_company=lambda: told.append(True))
    async with ledger.kept(), stores(database) as [other]:
        note(ledger, passed(clock.now))
        await until(lambda: store.asked["has_company"] > 2)
        alone = list(told)
        await other.write(Batch(1))
        await until(lambda: bool(told))

    assert alone == []


async def test_to_look_for_company_is_in_nobodys_way(
    store: Unreliable, clock: Clock, hasty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ask over the one connection of the process."""
    monkeypatch.setattr(keys.ledger, "ROUNDS_UNTIL_COMPANY_IS_LOOKED_FOR", 1)
    ledger = Ledger(store, clock=clock, on_company=lambda: None)
    async with ledger.kept():
        answers = [await ledger.used(KEY, november(clock)) for _ in range(300)]

    assert set(answers) == {0}
    assert store.asked["has_company"] > 1
