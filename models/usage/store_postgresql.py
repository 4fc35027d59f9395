"""Writes usage to PostgreSQL, with one statement for all rows of a kind. A second connection reads."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar
from uuid import UUID

import asyncpg

from models.engine.ids import new_id
from models.engine.postgresql import FAULTS, PostgresConnection
from models.engine.primary import Primary
from models.key_lookup import DatabaseUnavailable
from models.usage.caller import KEPT_OF_A_KEY as CALLERS_KEPT
from models.usage.refused_request import KEPT_OF_A_KEY as REFUSED_KEPT
from models.usage.refused_request import KEPT_WITHOUT_A_KEY as REFUSED_KEPT_WITHOUT_A_KEY
from models.usage.store import Batch, ContentRefused, MonthUsed, RowsLocked

Result = TypeVar("Result")
UNIT_SEPARATOR = "\x1f"
"""Separates user agents. A stored user agent has no control characters, so it can't contain this one."""
TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 2.0
"""Verification may be waiting for what is read."""
_SERVER_SETTINGS = {
    "application_name": "keydesk ledger",
    "timezone": "UTC",
    # Longer than processes need that write the same rows. What is locked for longer is kept in memory and tried again.
    "lock_timeout": "1000",
    "statement_timeout": "10000",
    # A process that was stopped in the middle of a batch must not keep other processes from writing.
    "idle_in_transaction_session_timeout": "5000",
    "jit": "off",
}
_COUNTS = """
    WITH counted AS (
        SELECT * FROM unnest(
            string_to_array($1, ',')::uuid[], string_to_array($2, ',')::bigint[], string_to_array($3, ',')::bigint[],
            string_to_array($4, ',')::bigint[], string_to_array($5, ',')::bigint[], string_to_array($6, ',')::bigint[],
            string_to_array($7, ',')::bigint[], string_to_array($8, ',')::bigint[], string_to_array($9, ',')::bigint[],
            string_to_array($10, ',', '')::bigint[], string_to_array($11, ',', '')::bigint[]
        ) AS c (key_id, hour, month, allowed, rate_limited, quota_exceeded, agent_not_in_scope, deleted_key,
                replaced_secret, last_used, previous_secret_last_used)
    ), hours AS (
        INSERT INTO usage_hours AS h (key_id, hour, allowed, rate_limited, quota_exceeded, agent_not_in_scope,
                                      deleted_key, replaced_secret)
        SELECT key_id, to_timestamp(hour), allowed, rate_limited, quota_exceeded, agent_not_in_scope, deleted_key,
               replaced_secret
        FROM counted
        ON CONFLICT (key_id, hour) DO UPDATE SET
            allowed = h.allowed + excluded.allowed,
            rate_limited = h.rate_limited + excluded.rate_limited,
            quota_exceeded = h.quota_exceeded + excluded.quota_exceeded,
            agent_not_in_scope = h.agent_not_in_scope + excluded.agent_not_in_scope,
            deleted_key = h.deleted_key + excluded.deleted_key,
            replaced_secret = h.replaced_secret + excluded.replaced_secret
    )
    INSERT INTO usage_months AS m (key_id, month, allowed, last_used_at, previous_secret_last_used_at)
    SELECT key_id, to_timestamp(month), allowed, to_timestamp(last_used / 1000.0),
           to_timestamp(previous_secret_last_used / 1000.0)
    FROM counted WHERE allowed > 0
    ON CONFLICT (key_id, month) DO UPDATE SET
        allowed = m.allowed + excluded.allowed,
        last_used_at = greatest(m.last_used_at, excluded.last_used_at),
        previous_secret_last_used_at = greatest(m.previous_secret_last_used_at, excluded.previous_secret_last_used_at)
"""
_RETURNING = "RETURNING encode(uuid_send(m.key_id), 'hex'), m.allowed"
_CALLERS = """
    INSERT INTO callers AS c (key_id, ip_address, user_agent, first_seen_at, last_seen_at, requests)
    SELECT key_id, coalesce(ip_address, ''), coalesce(user_agent, ''), to_timestamp(first_seen / 1000.0),
           to_timestamp(last_seen / 1000.0), requests
    FROM unnest(
        string_to_array($1, ',')::uuid[], string_to_array($2, ','), string_to_array($3, chr(31)),
        string_to_array($4, ',')::bigint[], string_to_array($5, ',')::bigint[], string_to_array($6, ',')::bigint[]
    ) AS seen (key_id, ip_address, user_agent, first_seen, last_seen, requests)
    ON CONFLICT (key_id, ip_address, user_agent) DO UPDATE SET
        first_seen_at = least(c.first_seen_at, excluded.first_seen_at),
        last_seen_at = greatest(c.last_seen_at, excluded.last_seen_at),
        requests = c.requests + excluded.requests
"""
# Rows that another process is writing are skipped, because two processes could wait for each other's rows.
_DROP_CALLERS = """
    WITH surplus AS (
        SELECT c.key_id, c.ip_address, c.user_agent
        FROM callers c JOIN (
            SELECT key_id, ip_address, user_agent, last_seen_at,
                   row_number() OVER (PARTITION BY key_id ORDER BY last_seen_at DESC) AS place
            FROM callers WHERE key_id = ANY($1::uuid[])
        ) AS ordered USING (key_id, ip_address, user_agent, last_seen_at)
        WHERE ordered.place > $2
        FOR UPDATE OF c SKIP LOCKED
    )
    DELETE FROM callers c USING surplus s
    WHERE c.key_id = s.key_id AND c.ip_address = s.ip_address AND c.user_agent = s.user_agent
"""
_REFUSED = """
    INSERT INTO refused_requests (request_id, key_id, reason, at, ip_address, user_agent, agent_id, detail)
    SELECT request_id, key_id, reason, to_timestamp(at / 1000.0), ip_address, user_agent, agent_id, detail
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::uuid[], $8::text[])
        WITH ORDINALITY AS seen (request_id, key_id, reason, at, ip_address, user_agent, agent_id, detail, place)
    ORDER BY place
"""
_DROP_REFUSED = """
    DELETE FROM refused_requests WHERE number IN (
        SELECT number FROM refused_requests WHERE key_id = $1::uuid AND number <= (
            SELECT number FROM refused_requests WHERE key_id = $1::uuid ORDER BY number DESC OFFSET $2 LIMIT 1
        ) FOR UPDATE SKIP LOCKED
    )
"""
_DROP_REFUSED_WITHOUT_A_KEY = """
    DELETE FROM refused_requests WHERE number IN (
        SELECT number FROM refused_requests WHERE key_id IS NULL AND number <= (
            SELECT number FROM refused_requests WHERE key_id IS NULL ORDER BY number DESC OFFSET $1 LIMIT 1
        ) FOR UPDATE SKIP LOCKED
    )
"""
_WRITER = """
    INSERT INTO ledger_writers AS w (id, batch, seen_at) VALUES ($1, $2, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, seen_at = excluded.seen_at WHERE w.batch < excluded.batch
    RETURNING 1
"""
# One statement, so that the number of the batch and the counts are of the same instant.
_TOTALS = """
    SELECT encode(uuid_send(key_id), 'hex'), allowed FROM usage_months
    WHERE key_id = ANY($1::uuid[]) AND month = to_timestamp($2::bigint)
    UNION ALL
    SELECT NULL, batch FROM ledger_writers WHERE id = $3
"""
_COMPANY = """
    SELECT EXISTS (
        SELECT 1 FROM ledger_writers WHERE id <> $1 AND seen_at > clock_timestamp() - interval '5 seconds'
    )
"""
_IN_HASTE = "SET LOCAL lock_timeout = 100"
_OF_THE_CONTENT = ("22", "23")
"""Classes of SQLSTATE: data exceptions and violated constraints. Writing the same rows again gives the same error."""


def _column(values: Iterable[object], separator: str = ",") -> str:
    """
    Joins all values to one text; None becomes an empty text. This takes a tenth of the time of the driver's arrays.

    A single empty value becomes an empty array; the statement adds the missing element. Raises ValueError if a value
    contains the separator, because the rest of it would move to another row.
    """
    texts = ["" if value is None else str(value) for value in values]
    joined = separator.join(texts)
    if joined.count(separator) != len(texts) - 1:
        raise ValueError("a value has the separator in it")
    return joined


def _is_of_the_content(error: Exception) -> bool:
    """Whether the written content causes the error. For values that the driver can't encode, it raises ValueError."""
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate).startswith(_OF_THE_CONTENT)
    return isinstance(error, (ValueError, TypeError, OverflowError)) and not isinstance(error, OSError)


class _Connection:
    """One connection, which is opened when it is needed, and asked one thing at a time."""

    def __init__(self, primary: Primary, timeout_seconds: float, *, for_writing: bool) -> None:
        self._timeout_seconds = timeout_seconds
        self._connection = PostgresConnection(primary, _SERVER_SETTINGS, for_writing=for_writing)
        self._asking = asyncio.Lock()

    async def asked(self, ask: Callable[[asyncpg.Connection], Awaitable[Result]]) -> Result:
        """The answer. Raises DatabaseUnavailable, and what `ask` raises that is no fault of the connection's."""
        async with self._asking:
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    return await ask(await self._connection.open())
            except FAULTS as error:
                self.close()
                raise DatabaseUnavailable from error

    def close(self) -> None:
        """Drops it without waiting for the other side."""
        self._connection.close()


class PostgresUsageStore:
    """Two connections of its own."""

    def __init__(self, primary: Primary, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._writing = _Connection(primary, timeout_seconds, for_writing=True)
        self._reading = _Connection(primary, min(timeout_seconds, READ_TIMEOUT_SECONDS), for_writing=False)
        self._writer: UUID = new_id()

    async def write(self, batch: Batch) -> dict[str, int]:
        """Writes the batch in one transaction; see UsageStore."""

        async def written(connection: asyncpg.Connection) -> dict[str, int]:
            try:
                return await self._write(connection, batch)
            except Exception as error:
                if _is_of_the_content(error):
                    raise ContentRefused from error
                raise

        return await self._writing.asked(written)

    async def month_used(self, key_ids: Sequence[str], month: int) -> MonthUsed:
        """Reads by the other connection; see UsageStore."""

        async def totals(connection: asyncpg.Connection) -> MonthUsed:
            allowed = dict(await connection.fetch(_TOTALS, key_ids, month, self._writer))
            return MonthUsed(allowed, batch=allowed.pop(None, 0))

        return await self._reading.asked(totals)

    async def has_company(self) -> bool:
        """Looks for other writers; see UsageStore."""

        async def company(connection: asyncpg.Connection) -> bool:
            return bool(await connection.fetchval(_COMPANY, self._writer))

        return await self._reading.asked(company)

    async def close(self) -> None:
        """Closes both connections."""
        self._writing.close()
        self._reading.close()

    async def _write(self, connection: asyncpg.Connection, batch: Batch) -> dict[str, int]:
        async with connection.transaction():
            # If this row is locked, an earlier attempt may still commit the batch, so that is not RowsLocked.
            if not await connection.fetchval(_WRITER, self._writer, batch.number):
                return {}
            if batch.is_hasty:
                await connection.execute(_IN_HASTE)
            try:
                return await _write_rows(connection, batch)
            except asyncpg.LockNotAvailableError as error:
                raise RowsLocked from error


async def _write_rows(connection: asyncpg.Connection, batch: Batch) -> dict[str, int]:
    totals: dict[str, int] = {}
    if batch.counts:
        # In the same order in every process, so that no two of them can wait for each other's rows.
        columns = [_column(values) for values in zip(*sorted(batch.counts), strict=True)]
        if batch.wants_totals:
            totals = dict(await connection.fetch(_COUNTS + _RETURNING, *columns))
        else:
            await connection.execute(_COUNTS, *columns)
    if batch.callers:
        key_ids, addresses, user_agents, *numbers = zip(*sorted(batch.callers), strict=True)
        texts = (_column(key_ids), _column(addresses), _column(user_agents, UNIT_SEPARATOR))
        await connection.execute(_CALLERS, *texts, *map(_column, numbers))
    if batch.keys_with_new_callers:
        await connection.execute(_DROP_CALLERS, sorted(batch.keys_with_new_callers), CALLERS_KEPT)
    if batch.refused:
        await connection.execute(_REFUSED, *zip(*batch.refused, strict=True))
    for key_id in sorted(batch.crowded_keys):
        await connection.execute(_DROP_REFUSED, key_id, REFUSED_KEPT)
    if batch.is_crowded:
        await connection.execute(_DROP_REFUSED_WITHOUT_A_KEY, REFUSED_KEPT_WITHOUT_A_KEY)
    return totals
