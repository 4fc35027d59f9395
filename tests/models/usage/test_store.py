"""The usage store: each batch is written once, counts add up over processes, and only the newest rows are kept."""

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

import models.usage.store_postgresql
import models.usage.store_sqlite
from keys.limits.sliding_window import month_of, to_ms
from keys.usage.user_agent import cleaned
from models import Caller, RefusedRequest, UsageHour, UsageMonth, UsageWriter
from models.engine.database import Database
from models.engine.database_address import POSTGRESQL, SQLITE, database_url
from models.engine.ids import new_id
from models.engine.primary import Primary
from models.engine.sqlite import SqliteFile
from models.key_lookup import DatabaseUnavailable
from models.usage.caller import KEPT_OF_A_KEY as CALLERS_KEPT
from models.usage.refused_request import KEPT_OF_A_KEY as REFUSED_KEPT
from models.usage.store import Batch, Refused, RowsLocked, SeenCaller, UsageStore
from tests.conftest import POSTGRES_URL
from tests.support.usage.usage_stores import Commits, counts, hours, make_store, months, rows, stores

KEY, OTHER, THIRD = (f"{number:032x}" for number in (1, 2, 3))
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOON_SECONDS = int(NOON.timestamp())
NOVEMBER = month_of(to_ms(NOON)).start
DECEMBER = month_of(to_ms(NOON)).end
FIRST_OF_NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
PROCESSES = 4
GIVE_UP_SECONDS = 30


@pytest.fixture
async def store(database: Database) -> AsyncIterator[UsageStore]:
    """A store that has written nothing yet."""
    async with stores(database) as [made]:
        yield made


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    return Commits(monkeypatch)


def refused(number: int, key_id: str | None = KEY, **facts: str | None) -> Refused:
    """A refused request `number` milliseconds past noon."""
    told = {"ip_address": "203.0.113.7", "user_agent": "curl/8.5.0", "agent_id": None, "detail": None, **facts}
    return Refused(new_id().hex, key_id, "rate_limited", NOON_SECONDS * 1000 + number, **told)


def seen(
    number: int, *, first: int = 0, last: int = 0, requests: int = 1, key_id: str = KEY, user_agent: str = "curl"
) -> SeenCaller:
    """A caller. `first` and `last` are milliseconds past noon."""
    began = NOON_SECONDS * 1000
    return SeenCaller(key_id, f"192.0.2.{number}", user_agent, began + first, began + last, requests)


def refused_numbers(kept: list[RefusedRequest], key_id: str | None = KEY) -> list[int]:
    """The numbers of a key's refused requests, in the order in which they were written."""
    of_key = [each for each in kept if (each.key_id and each.key_id.hex) == key_id]
    return [
        round((each.at - NOON) / timedelta(milliseconds=1))
        for each in sorted(of_key, key=lambda each: each.number or 0)
    ]


async def test_counts_are_added_to_their_hour_and_month(store: UsageStore, database: Database) -> None:
    """Counts add up by outcome. The month adds up allowed requests; its new total is returned."""
    outcomes = {"rate_limited": 2, "quota_exceeded": 3, "agent_not_in_scope": 4, "deleted_key": 5, "replaced_secret": 6}
    first = await store.write(
        Batch(1, [counts(KEY, NOON_SECONDS, NOVEMBER, 1, **outcomes), counts(OTHER, NOON_SECONDS, NOVEMBER, 7)])
    )
    second = await store.write(Batch(2, [counts(KEY, NOON_SECONDS, NOVEMBER, 10, **outcomes)]))

    [row] = [row for row in await rows(database, UsageHour) if row.key_id.hex == KEY]
    assert (first, second) == ({KEY: 1, OTHER: 7}, {KEY: 11})
    assert (row.hour, row.allowed) == (NOON, 11)
    assert {name: getattr(row, name) for name in outcomes} == {name: 2 * number for name, number in outcomes.items()}
    assert await months(database) == {(KEY, FIRST_OF_NOVEMBER): 11, (OTHER, FIRST_OF_NOVEMBER): 7}


async def test_hours_and_months_are_told_apart(store: UsageStore, database: Database) -> None:
    """Counts of hours around a change of month go to the right hours and months."""
    turn = datetime(2026, 12, 1, tzinfo=UTC)
    for number, hour in enumerate((DECEMBER - 3600, DECEMBER, DECEMBER + 3600), 1):
        await store.write(Batch(number, [counts(KEY, hour, NOVEMBER if hour < DECEMBER else DECEMBER, number)]))

    an_hour = timedelta(hours=1)
    assert await hours(database) == {(KEY, turn - an_hour): 1, (KEY, turn): 2, (KEY, turn + an_hour): 3}
    assert await months(database) == {(KEY, FIRST_OF_NOVEMBER): 1, (KEY, turn): 5}
    assert await store.month_used([KEY, OTHER], NOVEMBER) == ({KEY: 1}, 3)
    assert await store.month_used([KEY, OTHER], DECEMBER) == ({KEY: 5}, 3)


async def test_a_key_whose_requests_never_passed_has_hours_and_no_month(store: UsageStore, database: Database) -> None:
    """Refused requests only are counted in the hour, without a row for the month."""
    told = await store.write(Batch(1, [counts(KEY, NOON_SECONDS, NOVEMBER, deleted_key=3)]))

    assert told == {}
    assert [row.deleted_key for row in await rows(database, UsageHour)] == [3]
    assert await rows(database, UsageMonth) == []


async def test_a_batch_that_wants_no_totals_is_told_none(store: UsageStore, database: Database) -> None:
    """Without `wants_totals`, the batch is written and no totals are returned."""
    told = await store.write(Batch(1, [counts(KEY, NOON_SECONDS, NOVEMBER, 3)], wants_totals=False))

    assert told == {}
    assert await store.month_used([KEY], NOVEMBER) == ({KEY: 3}, 1)
    assert await hours(database) == {(KEY, NOON): 3}


async def test_the_last_use_is_the_last_whoever_writes_first(store: UsageStore, database: Database) -> None:
    """The latest use wins whatever the order of writing, also for the previous secret. None leaves the stored value."""
    began = NOON_SECONDS * 1000
    uses = [(5, None), (9, 7), (3, 2), (4, None), (8, None)]
    for number, (last_used, previous) in enumerate(uses, 1):
        row = counts(
            KEY,
            NOON_SECONDS,
            NOVEMBER,
            1,
            began + last_used,
            previous_secret_last_used=None if previous is None else began + previous,
        )
        await store.write(Batch(number, [row]))

    [month] = await rows(database, UsageMonth)
    assert month.last_used_at == NOON + timedelta(milliseconds=9)
    assert month.previous_secret_last_used_at == NOON + timedelta(milliseconds=7)


async def test_a_batch_is_written_once(store: UsageStore, database: Database) -> None:
    """A batch that is sent again is recognized by its number and not written again."""
    batch = Batch(1, [counts(KEY, NOON_SECONDS, NOVEMBER, 3)], [seen(1)], [refused(1)], [KEY], [KEY])

    first, *more = [await store.write(batch) for _ in range(3)]

    assert (first, more) == ({KEY: 3}, [{}, {}])
    assert await hours(database) == {(KEY, NOON): 3}
    assert [caller.requests for caller in await rows(database, Caller)] == [1]
    assert len(await rows(database, RefusedRequest)) == 1
    assert [writer.batch for writer in await rows(database, UsageWriter)] == [1]


@pytest.mark.parametrize("lost", [["before"], ["after"], ["before", "after"], ["before", "before"]])
async def test_a_batch_whose_commit_was_not_heard_of_is_written_once(
    store: UsageStore, database: Database, commits: Commits, lost: list[str]
) -> None:
    """Whether the connection broke before or after the commit, sending the batch again writes it exactly once."""
    await store.write(Batch(1, [counts(KEY, NOON_SECONDS, NOVEMBER, 100)]))
    batch = Batch(2, [counts(KEY, NOON_SECONDS, NOVEMBER, 3)], [seen(1)], [refused(1)])
    commits.lose(*lost)
    for _ in lost:
        with pytest.raises(DatabaseUnavailable):
            await store.write(batch)

    for _ in range(2):
        await store.write(batch)

    assert await hours(database) == {(KEY, NOON): 103}
    assert await months(database) == {(KEY, FIRST_OF_NOVEMBER): 103}
    assert [caller.requests for caller in await rows(database, Caller)] == [1]
    assert len(await rows(database, RefusedRequest)) == 1


async def test_a_caller_is_one_row(store: UsageStore, database: Database) -> None:
    """A caller's row has its first and last use and the sum of its requests. Key and user agent make another row."""
    await store.write(Batch(1, callers=[seen(1, first=10, last=20, requests=3), seen(1, key_id=OTHER)]))
    await store.write(Batch(2, callers=[seen(1, first=5, last=15, requests=4)]))
    await store.write(Batch(3, callers=[seen(1, first=12, last=30, requests=5), seen(1, user_agent="wget")]))

    kept = {(row.key_id.hex, row.user_agent): row for row in await rows(database, Caller)}
    one = kept[KEY, "curl"]
    assert kept.keys() == {(KEY, "curl"), (KEY, "wget"), (OTHER, "curl")}
    assert (one.ip_address, one.requests) == ("192.0.2.1", 12)
    assert one.first_seen_at == NOON + timedelta(milliseconds=5)
    assert one.last_seen_at == NOON + timedelta(milliseconds=30)


async def test_the_newest_callers_of_a_key_are_kept(store: UsageStore, database: Database) -> None:
    """The callers of a crowded key seen last are kept; another key's are not touched."""
    few = [seen(number, last=number, key_id=OTHER) for number in range(CALLERS_KEPT + 5)]
    many = [seen(number, last=number) for number in range(CALLERS_KEPT + 5)]
    random.shuffle(many)
    await store.write(Batch(1, callers=[*few, *many], keys_with_new_callers=[KEY]))
    await store.write(Batch(2, callers=[seen(0, last=100)], keys_with_new_callers=[KEY]))

    kept = await rows(database, Caller)
    newest = {0, *range(6, CALLERS_KEPT + 5)}
    assert {row.ip_address for row in kept if row.key_id.hex == KEY} == {f"192.0.2.{number}" for number in newest}
    assert sum(row.key_id.hex == OTHER for row in kept) == CALLERS_KEPT + 5


async def test_the_newest_refused_requests_of_a_key_are_kept(store: UsageStore, database: Database) -> None:
    """The newest 1,000 refusals of a crowded key are kept; those of other keys, and without a key, are not touched."""
    others = [refused(number, key_id) for number in range(REFUSED_KEPT + 7) for key_id in (OTHER, None)]
    await store.write(Batch(1, refused=[*others, *map(refused, range(REFUSED_KEPT))], crowded_keys=[KEY]))
    untouched = await rows(database, RefusedRequest)
    await store.write(Batch(2, refused=list(map(refused, range(REFUSED_KEPT, REFUSED_KEPT + 30))), crowded_keys=[KEY]))

    kept = await rows(database, RefusedRequest)
    assert refused_numbers(untouched) == list(range(REFUSED_KEPT))
    assert refused_numbers(kept) == list(range(30, REFUSED_KEPT + 30))
    assert refused_numbers(kept, OTHER) == refused_numbers(kept, None) == list(range(REFUSED_KEPT + 7))


async def test_the_newest_refused_requests_without_a_key_are_kept(
    store: UsageStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refusals without a key are cut to the newest; those with a key stay."""
    for module in (models.usage.store_postgresql, models.usage.store_sqlite):
        monkeypatch.setattr(module, "REFUSED_KEPT_WITHOUT_A_KEY", 40)
    of_key = [refused(number) for number in range(100)]
    without = [refused(number, None) for number in range(100)]

    await store.write(Batch(1, refused=[*of_key, *without]))
    assert len(await rows(database, RefusedRequest)) == 200
    await store.write(Batch(2, refused=[refused(100, None)], is_crowded=True))

    kept = await rows(database, RefusedRequest)
    assert refused_numbers(kept) == list(range(100))
    assert refused_numbers(kept, None) == list(range(61, 101))


async def test_a_refused_request_is_kept_with_all_that_is_known(store: UsageStore, database: Database) -> None:
    """All columns are stored; a missing value is stored as null."""
    agent_id = new_id()
    whole = Refused(
        new_id().hex, KEY, "agent_not_in_scope", to_ms(NOON) + 7, "2001:db8::7", "curl", agent_id.hex, "Too long by 3."
    )
    bare = Refused(new_id().hex, None, "missing_key", to_ms(NOON), None, None, None, None)

    await store.write(Batch(1, refused=[whole, bare]))

    kept = {row.request_id.hex: row for row in await rows(database, RefusedRequest)}
    one, other = kept[whole.request_id], kept[bare.request_id]
    assert (one.key_id, one.reason, one.at) == (
        UUID(hex=KEY),
        "agent_not_in_scope",
        NOON + timedelta(milliseconds=7),
    )
    assert (one.ip_address, one.user_agent, one.agent_id) == ("2001:db8::7", "curl", agent_id)
    assert one.detail == "Too long by 3."
    assert (other.key_id, other.ip_address, other.user_agent, other.agent_id, other.detail) == (None,) * 5


ODD_TEXTS = [
    "",
    " ",
    ",",
    '"',
    "'; DROP TABLE callers; --",
    "\\",
    "\\x00",
    "{a,b}",
    "NULL",
    "null",
    "%s $1 :name ?",
    "\N{UNIT SEPARATOR}"[:0] + "␟",
    "日本語 🚀",
    "e\u0301",
    "a" * 256,
    "🚀" * 256,
]


async def test_any_text_comes_back_as_it_was(store: UsageStore, database: Database) -> None:
    """Any user agent and any detail is stored unchanged, alone in its batch and among others."""
    chance = random.Random(20261124)
    texts = {cleaned(chance.randbytes(chance.randrange(300))) for _ in range(200)} | {cleaned(b"\x00"), *ODD_TEXTS}
    number = 0
    for number, each in enumerate([[*texts], *([each] for each in ODD_TEXTS)], 1):
        callers = [SeenCaller(f"{number:032x}", "", found, to_ms(NOON), to_ms(NOON), 1) for found in each]
        given = [refused(1, f"{number:032x}", user_agent=found, ip_address=None, detail=found) for found in each]
        await store.write(Batch(number, callers=callers, refused=given))

    kept, kept_refused = await rows(database, Caller), await rows(database, RefusedRequest)
    assert number == len(ODD_TEXTS) + 1
    assert sorted(row.user_agent for row in kept if row.key_id.int == 1) == sorted(texts)
    assert sorted(
        row.user_agent or "" for row in kept_refused if row.key_id is not None and row.key_id.int == 1
    ) == sorted(texts)
    assert {row.key_id.int: row.user_agent for row in kept if row.key_id.int > 1} == dict(enumerate(ODD_TEXTS, 2))
    assert all(row.detail == row.user_agent for row in kept_refused)
    assert {row.ip_address for row in kept} == {""}


async def test_the_month_of_many_keys_is_known_at_once(store: UsageStore) -> None:
    """More keys than SQLite has parameters for can be asked for at once. A key without requests is left out."""
    many = [f"{number:032x}" for number in range(1500)]
    rows = [counts(key_id, NOON_SECONDS, NOVEMBER, number) for number, key_id in enumerate(many, 1)]
    await store.write(Batch(1, rows[:-1]))

    assert await store.month_used(many, NOVEMBER) == ({row.key_id: row.allowed for row in rows[:-1]}, 1)
    assert await store.month_used([], NOVEMBER) == ({}, 1)


async def test_several_processes_add_up_and_hold_nobody_up(database: Database) -> None:
    """Processes that write the same keys and callers at once lose no count, and no batch is refused."""
    chance = random.Random(7)
    many = [f"{number:032x}" for number in range(20)]
    expected: Counter[str] = Counter()
    asked: Counter[str] = Counter()

    def batch(number: int) -> Batch:
        some = chance.sample(many, 12)
        rows = [counts(key_id, NOON_SECONDS, NOVEMBER, chance.randint(1, 9)) for key_id in some]
        callers = [
            seen(chance.randrange(40), last=chance.randrange(10_000), requests=row.allowed, key_id=row.key_id)
            for row in rows
        ]
        expected.update({row.key_id: row.allowed for row in rows})
        asked.update({row.key_id: row.allowed for row in rows})
        return Batch(number, rows, callers, [refused(number, key_id) for key_id in some], some, some)

    async def write(store: UsageStore) -> None:
        for number in range(1, 26):
            await store.write(batch(number))

    async with stores(database, PROCESSES) as made:
        await asyncio.gather(*map(write, made))

        assert await made[0].month_used(many, NOVEMBER) == (expected, 25)
    callers = Counter(row.key_id.hex for row in await rows(database, Caller))
    assert {row.batch for row in await rows(database, UsageWriter)} == {25}
    assert max(callers.values()) <= CALLERS_KEPT + 2 * PROCESSES


@pytest.mark.skipif(POSTGRES_URL is None, reason="SQLite has one writer at a time")
async def test_a_caller_that_another_process_writes_is_left_to_it(
    store: UsageStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that another process has locked is not deleted, and the write does not wait for it."""
    monkeypatch.setitem(models.usage.store_postgresql._SERVER_SETTINGS, "lock_timeout", "50")
    await store.write(Batch(1, callers=[seen(number, last=number) for number in range(CALLERS_KEPT + 3)]))
    async with database.transaction() as session:
        await session.execute(text("UPDATE callers SET requests = requests + 1 WHERE ip_address = '192.0.2.1'"))

        await store.write(Batch(2, callers=[seen(100, last=100)], keys_with_new_callers=[KEY]))

    left = {row.ip_address for row in await rows(database, Caller)}
    assert left == {f"192.0.2.{number}" for number in (1, *range(4, CALLERS_KEPT + 3), 100)}


async def test_company_is_another_process_that_writes_now(store: UsageStore, database: Database) -> None:
    """`has_company` is true while another process writes, and false once its last write is an hour old."""
    await store.write(Batch(1))
    alone = await store.has_company()
    async with stores(database) as [other]:
        await other.write(Batch(1))
        both = await store.has_company(), await other.has_company()
    async with database.transaction() as session:
        hour_ago = "clock_timestamp() - interval '1 hour'"
        if database.backend == SQLITE:
            hour_ago = "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-1 hour')"
        await session.execute(text(f"UPDATE ledger_writers SET seen_at = {hour_ago}"))
    later = await store.has_company()

    assert (alone, both, later) == (False, (True, True), False)


async def test_a_database_that_is_held_up_is_unavailable_and_nothing_is_half_written(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that meets a lock fails without a trace; sent again later, it is written once."""
    monkeypatch.setattr(models.usage.store_sqlite, "BUSY_SECONDS", 0.05)
    monkeypatch.setitem(models.usage.store_postgresql._SERVER_SETTINGS, "lock_timeout", "50")
    batch = Batch(1, [counts(KEY, NOON_SECONDS, NOVEMBER, 3)], [seen(1)], [refused(1)])
    async with stores(database) as [store]:
        async with database.transaction() as session:
            hold = "LOCK TABLE refused_requests IN EXCLUSIVE MODE"
            await session.execute(text(hold if database.backend == POSTGRESQL else "DELETE FROM refused_requests"))
            with pytest.raises((DatabaseUnavailable, RowsLocked)) as raised:
                await store.write(batch)
        assert isinstance(raised.value, RowsLocked) == (database.backend == POSTGRESQL)
        assert await rows(database, UsageHour) == []

        assert await store.write(batch) == {KEY: 3}

    cause = raised.value.__cause__
    assert isinstance(cause, (asyncpg.LockNotAvailableError, sqlite3.OperationalError))
    assert len(await rows(database, RefusedRequest)) == 1


async def test_closing_does_not_wait_for_a_locked_file(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop is shorter than the time that a write may wait. What was cancelled can be written again."""
    if database.backend == POSTGRESQL:
        pytest.skip("a connection to PostgreSQL is closed without waiting")
    monkeypatch.setattr(models.usage.store_sqlite, "BUSY_SECONDS", GIVE_UP_SECONDS + 60)
    batch = Batch(1, [counts(KEY, NOON_SECONDS, NOVEMBER, 3)])
    async with stores(database) as [store]:
        async with database.transaction() as session:
            await session.execute(text("DELETE FROM refused_requests"))
            writing = asyncio.ensure_future(store.write(batch))
            await asyncio.sleep(0.2)
            assert not writing.done()
            writing.cancel()
            async with asyncio.timeout(GIVE_UP_SECONDS):
                await store.close()
        assert await store.write(batch) == {KEY: 3}


async def test_a_database_that_is_not_there_is_unavailable(database: Database) -> None:
    """Every operation of the store raises DatabaseUnavailable."""
    if database.backend == POSTGRESQL:
        nowhere = database_url("postgresql://nobody@127.0.0.1:1/nothing")
        store: UsageStore = models.usage.store_postgresql.PostgresUsageStore(Primary(nowhere))
    else:
        assert database.sqlite_path is not None
        store = models.usage.store_sqlite.SqliteUsageStore(SqliteFile(database.sqlite_path.with_name("missing.db")))

    for asking in (store.write(Batch(1)), store.month_used([KEY], NOVEMBER), store.has_company()):
        with pytest.raises(DatabaseUnavailable) as raised:
            await asking
        assert raised.value.__cause__ is not None
    await store.close()


async def test_a_store_that_was_closed_opens_again(database: Database) -> None:
    """After closing, the store opens again and still recognizes a batch by its number."""
    store = make_store(database)
    await store.write(Batch(1, [counts(KEY, NOON_SECONDS, NOVEMBER, 3)]))
    await store.close()

    again = await store.write(Batch(1, [counts(KEY, NOON_SECONDS, NOVEMBER, 3)]))
    more = await store.write(Batch(2, [counts(KEY, NOON_SECONDS, NOVEMBER, 3)]))
    await store.close()

    assert (again, more) == ({}, {KEY: 6})
