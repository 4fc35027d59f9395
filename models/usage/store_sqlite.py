"""
Writes usage to SQLite; a second connection reads. Each has a thread of its own, because a write may have to wait for
another writer, and each commit for the disk.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from models.engine.ids import new_id
from models.engine.sqlite import SqliteConnection, SqliteFile, is_busy
from models.key_lookup import DatabaseUnavailable
from models.usage.caller import KEPT_OF_A_KEY as CALLERS_KEPT
from models.usage.refused_request import KEPT_OF_A_KEY as REFUSED_KEPT
from models.usage.refused_request import KEPT_WITHOUT_A_KEY as REFUSED_KEPT_WITHOUT_A_KEY
from models.usage.store import Batch, ContentRefused, KeyCounts, MonthUsed

Result = TypeVar("Result")
BUSY_SECONDS = 5.0
"""How long a question waits for a locked file."""
BUSY_TIMEOUT_MS = 100
"""How long SQLite waits at a time. It can't be interrupted while it waits, and then a stop would wait as well."""
KEYS_ASKED_AT_ONCE = 500
_OF_THE_CONTENT = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    TypeError,
    ValueError,
)
"""Errors that a value causes which can't be written. Writing it again gives the same error."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = """
    INSERT INTO usage_hours (key_id, hour, allowed, rate_limited, quota_exceeded, agent_not_in_scope, deleted_key,
                             replaced_secret)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (key_id, hour) DO UPDATE SET
        allowed = allowed + excluded.allowed,
        rate_limited = rate_limited + excluded.rate_limited,
        quota_exceeded = quota_exceeded + excluded.quota_exceeded,
        agent_not_in_scope = agent_not_in_scope + excluded.agent_not_in_scope,
        deleted_key = deleted_key + excluded.deleted_key,
        replaced_secret = replaced_secret + excluded.replaced_secret
"""
_MONTH = """
    INSERT INTO usage_months (key_id, month, allowed, last_used_at, previous_secret_last_used_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (key_id, month) DO UPDATE SET
        allowed = allowed + excluded.allowed,
        last_used_at = max(last_used_at, excluded.last_used_at),
        previous_secret_last_used_at = nullif(
            max(coalesce(previous_secret_last_used_at, ''), coalesce(excluded.previous_secret_last_used_at, '')), '')
    RETURNING allowed
"""
_CALLER = """
    INSERT INTO callers (key_id, ip_address, user_agent, first_seen_at, last_seen_at, requests)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (key_id, ip_address, user_agent) DO UPDATE SET
        first_seen_at = min(first_seen_at, excluded.first_seen_at),
        last_seen_at = max(last_seen_at, excluded.last_seen_at),
        requests = requests + excluded.requests
"""
_DROP_CALLERS = """
    DELETE FROM callers WHERE rowid IN (
        SELECT rowid FROM callers WHERE key_id = ? ORDER BY last_seen_at DESC LIMIT -1 OFFSET ?
    )
"""
_REFUSED = """
    INSERT INTO refused_requests (request_id, key_id, reason, at, ip_address, user_agent, agent_id, detail)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_DROP_REFUSED = """
    DELETE FROM refused_requests WHERE key_id = ?1 AND number <= (
        SELECT number FROM refused_requests WHERE key_id = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2
    )
"""
_DROP_REFUSED_WITHOUT_A_KEY = """
    DELETE FROM refused_requests WHERE key_id IS NULL AND number <= (
        SELECT number FROM refused_requests WHERE key_id IS NULL
        ORDER BY number DESC LIMIT 1 OFFSET ?
    )
"""
_WRITER = """
    INSERT INTO ledger_writers (id, batch, seen_at) VALUES (?, ?, strftime('%Y-%m-%d %H:%M:%f000', 'now'))
    ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, seen_at = excluded.seen_at WHERE batch < excluded.batch
    RETURNING 1
"""
_COMPANY = """
    SELECT EXISTS (
        SELECT 1 FROM ledger_writers
        WHERE id <> ? AND seen_at > strftime('%Y-%m-%d %H:%M:%f000', 'now', '-5 seconds')
    )
"""


class _Connection:
    """One connection, used by one thread of its own."""

    def __init__(self, file: SqliteFile, name: str, *, is_read_only: bool) -> None:
        self._thread = ThreadPoolExecutor(1, name)
        self._closes = threading.Event()
        self._connection = SqliteConnection(file, busy_timeout_ms=BUSY_TIMEOUT_MS, is_read_only=is_read_only)

    async def asked(self, ask: Callable[[sqlite3.Connection], Result]) -> Result:
        """The answer. Raises DatabaseUnavailable, and what `ask` raises that is no fault of the connection's."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, ask)

    async def close(self) -> None:
        """Closes it, without waiting for a locked file; the next question opens it again."""
        self._closes.set()
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        finally:
            self._closes.clear()

    def _ask(self, ask: Callable[[sqlite3.Connection], Result]) -> Result:
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                return ask(self._connection.open())
            except sqlite3.Error as error:
                if is_busy(error) and time.monotonic() < until and not self._closes.is_set():
                    continue  # nothing was written: a transaction that has begun has the lock, or is rolled back
                self._connection.close()
                raise DatabaseUnavailable from error


class SqliteUsageStore:
    """Two connections: one writes, and one reads."""

    def __init__(self, file: SqliteFile) -> None:
        self._writing = _Connection(file, "ledger", is_read_only=False)
        self._reading = _Connection(file, "ledger-reading", is_read_only=True)
        self._writer = new_id().hex

    async def write(self, batch: Batch) -> dict[str, int]:
        """Writes the batch in one transaction; see UsageStore."""
        return await self._writing.asked(lambda connection: self._write(connection, batch))

    async def month_used(self, key_ids: Sequence[str], month: int) -> MonthUsed:
        """Reads by the other connection; see UsageStore."""
        return await self._reading.asked(lambda connection: _month_used(connection, key_ids, month, self._writer))

    async def has_company(self) -> bool:
        """Looks for other writers; see UsageStore."""
        return await self._reading.asked(
            lambda connection: bool(connection.execute(_COMPANY, (self._writer,)).fetchone()[0])
        )

    async def close(self) -> None:
        """Closes both connections."""
        await asyncio.gather(self._writing.close(), self._reading.close())

    def _write(self, connection: sqlite3.Connection, batch: Batch) -> dict[str, int]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            totals = self._write_in_transaction(connection, batch)
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, _OF_THE_CONTENT):
                raise ContentRefused from error
            raise
        return totals

    def _write_in_transaction(self, connection: sqlite3.Connection, batch: Batch) -> dict[str, int]:
        if not connection.execute(_WRITER, (self._writer, batch.number)).fetchall():
            return {}
        connection.executemany(_HOUR, [(each.key_id, _text(each.hour * 1000), *each[3:9]) for each in batch.counts])
        totals = {each.key_id: _add_to_month(connection, each) for each in batch.counts if each.allowed}
        connection.executemany(
            _CALLER,
            [(*each[:3], _text(each.first_seen), _text(each.last_seen), each.requests) for each in batch.callers],
        )
        connection.executemany(_DROP_CALLERS, [(key_id, CALLERS_KEPT) for key_id in batch.keys_with_new_callers])
        connection.executemany(_REFUSED, [(*each[:3], _text(each.at), *each[4:]) for each in batch.refused])
        connection.executemany(_DROP_REFUSED, [(key_id, REFUSED_KEPT) for key_id in batch.crowded_keys])
        if batch.is_crowded:
            connection.execute(_DROP_REFUSED_WITHOUT_A_KEY, (REFUSED_KEPT_WITHOUT_A_KEY,))
        return totals if batch.wants_totals else {}


def _add_to_month(connection: sqlite3.Connection, counts: KeyCounts) -> int:
    values = (
        counts.key_id,
        _text(counts.month * 1000),
        counts.allowed,
        _text(counts.last_used),
        _text(counts.previous_secret_last_used),
    )
    [(total,)] = connection.execute(_MONTH, values).fetchall()
    return int(total)


def _month_used(connection: sqlite3.Connection, key_ids: Sequence[str], month: int, writer: str) -> MonthUsed:
    allowed: dict[str, int] = {}
    # In one transaction, so that the number of the batch and the counts belong to the same moment.
    connection.execute("BEGIN")
    try:
        written = connection.execute("SELECT batch FROM ledger_writers WHERE id = ?", (writer,)).fetchone()
        for place in range(0, len(key_ids), KEYS_ASKED_AT_ONCE):
            some = key_ids[place : place + KEYS_ASKED_AT_ONCE]
            marks = ", ".join("?" * len(some))
            statement = f"SELECT key_id, allowed FROM usage_months WHERE month = ? AND key_id IN ({marks})"  # noqa: S608
            allowed.update(connection.execute(statement, (_text(month * 1000), *some)).fetchall())
    finally:
        connection.execute("ROLLBACK")
    return MonthUsed(allowed, batch=0 if written is None else written[0])


def _text(at: int | None) -> str | None:
    """
    Formats a time, given in milliseconds since 1970, in the form in which other queries write it.

    Raises OverflowError and ValueError.
    """
    return None if at is None else (_EPOCH + timedelta(milliseconds=at)).strftime("%Y-%m-%d %H:%M:%S.%f")
