"""
Records usage: verifications are counted in memory as they are answered, and written to the database twice a second.

Verification never waits for the database's writes. A process that is killed loses at most half a second of usage.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from keys.limits.sliding_window import Month, month_of, to_ms
from keys.outcomes import Outcome
from keys.periodic import LAST_SECONDS, Periodic
from keys.usage.buffer import Sender, UsageBuffer
from keys.usage.held import Item
from keys.usage.outgoing import Outgoing
from keys.usage.user_agent import cleaned
from keys.verification.verdict import RequestedAgent, Verdict
from models.engine.outage_log import OutageLog, named
from models.key_lookup import DatabaseUnavailable
from models.usage.refused_request import RefusedReason
from models.usage.store import (
    Batch,
    ContentRefused,
    RowsLocked,
    UsageStore,
    noted_refusal,
)

logger = logging.getLogger("keydesk.ledger")

EVERY_SECONDS = 0.5
LAST_TRIES_EVERY_SECONDS = 0.2
LOCKED_SECONDS = 10
"""Rows that are locked for longer than this are reported."""
ROUNDS_BETWEEN_LOOKS_FOR_OTHER_WRITERS = 20
LEFT_OUT_LOGGED_EVERY_SECONDS = 60
Learn = Callable[[Month, Mapping[str, int]], None]
"""Called with the monthly counts of some keys: all processes' written requests, and this one's unwritten ones."""


class UsageRecorder:
    """Buffers this process's usage and writes it to the database."""

    def __init__(
        self,
        store: UsageStore,
        *,
        clock: Callable[[], datetime],
        learn: Learn | None = None,
        wants_totals: Callable[[], bool] = lambda: True,
        on_other_writer: Callable[[], None] | None = None,
        last_seconds: Callable[[], float] = lambda: LAST_SECONDS,
    ) -> None:
        """
        `wants_totals` says whether to fetch monthly totals with each batch. `on_other_writer` is called when another
        process writes to the same database. `last_seconds` says at the end how long writing the rest may still take.
        """
        self._store = store
        self._clock = clock
        self._learn = learn
        self._wants_totals = wants_totals
        self._on_other_writer = on_other_writer
        self._last_seconds = last_seconds
        self._outgoing = Outgoing(store, settled=self._tell, left_out=self._leave_out)
        self._writing = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._asked: dict[Month, dict[str, asyncio.Future[int]]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._outage = OutageLog(logger, began=self._not_written, ended="Usage can be written to the database again")
        self._lock = OutageLog(
            logger, began=lambda _: self._locked(), ended="The usage that was locked can be written again"
        )
        self._rounds = 0
        self._left_out = 0
        self._left_out_logged_at = -math.inf
        self.buffer = UsageBuffer()

    @property
    def is_degraded(self) -> bool:
        """Whether usage can't be written, or some of it not for a while. It is kept in memory until it can."""
        return self._outage.is_on or self._lock.is_on

    @property
    def unwritten(self) -> int:
        """How many requests are counted here but not in the database, as far as is known."""
        return self.buffer.requests + self._outgoing.requests

    def loss(self) -> str | None:
        """What is lost if the process ends now, as a line for the log; None if nothing is."""
        lost = self.unwritten
        return f"The usage of {lost} request(s) could not be written to the database, and is lost" if lost else None

    def record(self, verdict: Verdict, request_id: str, sender: Sender, wanted: RequestedAgent) -> None:
        """Records the verdict on a request. `request_id` is 32 hexadecimal digits."""
        outcome, _, key, _, malformed, decision, by_previous_secret = verdict
        at = to_ms(self._clock()) if decision is None else decision.status.at
        if key is not None:
            self.buffer.count(key.key_id, outcome, at, sender, by_previous_secret=by_previous_secret)
        if outcome is Outcome.GOOD:
            return
        reason = outcome.reason
        if reason is not None:
            key_id = None if key is None else key.key_id
            detail = None if malformed is None else malformed.detail
            agent_id = wanted.agent_id
            if wanted.external_id is not None and key is not None:
                agent_id = key.request_agent_id
            self.add_refusal(reason, request_id, sender, at=at, key_id=key_id, agent_id=agent_id, detail=detail)

    def add_refusal(
        self,
        reason: RefusedReason,
        request_id: str,
        sender: Sender,
        *,
        at: int | None = None,
        key_id: str | None = None,
        agent_id: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Records a refused request. Ids are 32 hexadecimal digits; `at` is in milliseconds since 1970."""
        if key_id is None and not self.buffer.takes_without_a_key:
            return
        at = to_ms(self._clock()) if at is None else at
        user_agent = cleaned(sender.user_agent) or None
        self.buffer.add_refusal(
            noted_refusal(
                request_id,
                key_id,
                reason.value,
                at,
                ip_address=sender.ip_address,
                user_agent=user_agent,
                agent_id=agent_id,
                detail=detail,
            )
        )

    async def used(self, key_id: str, month: Month) -> int:
        """
        The key's allowed requests in the month, written or not. Does not wait for batches that are being written.

        Raises DatabaseUnavailable.
        """
        asked = self._asked.get(month)
        if asked is None:
            asked = self._asked[month] = {}
            task = asyncio.ensure_future(self._answer(month))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        answer = asked.get(key_id)
        if answer is None:
            answer = asked[key_id] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(answer)

    async def write(self) -> None:
        """
        Writes all buffered usage, except for rows that other transactions have locked: they are held until later.

        Raises DatabaseUnavailable; the next call then writes the rest.
        """
        if self._outgoing.held.is_full:
            async with self._writing:
                await self._outgoing.settle_held()
            if self._outgoing.held.is_full:
                raise DatabaseUnavailable from RowsLocked()
        is_sealed = False
        while not is_sealed:
            # First what an earlier call has left, so that no key waits behind a batch of its own.
            is_sealed = not self._outgoing and self.buffer.flush_to_queue()
            while await self._write_batch():
                pass
        async with self._writing:
            await self._outgoing.settle_held()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """
        While the context is open, writes twice a second; when it closes, writes the rest.

        If the database is unavailable then, it is tried again and again for `last_seconds()`. What is lost is logged.
        """
        rounds = Periodic(
            "writing of usage",
            self._round,
            every_seconds=EVERY_SECONDS,
            outage=self._outage,
            last_seconds=self._last_seconds,
        )
        try:
            async with rounds.running():
                yield
        finally:
            await self._write_last()
            for task in self._answering:
                task.cancel()
            await asyncio.gather(*self._answering, return_exceptions=True)
            await self._store.close()

    async def _write_last(self) -> None:
        while self.unwritten and self._last_seconds() > 0:
            with suppress(DatabaseUnavailable, TimeoutError):
                async with asyncio.timeout(self._last_seconds()):
                    await self.write()
                    if not self._outgoing.held:
                        return
            await asyncio.sleep(LAST_TRIES_EVERY_SECONDS)
        if (loss := self.loss()) is not None:
            logger.error(loss)

    async def _round(self) -> None:
        self._rounds += 1
        await self.write()
        if not self._outgoing.held:
            self._lock.worked()
        elif self._outgoing.held.seconds >= LOCKED_SECONDS:
            self._lock.failed()
        if self._on_other_writer is not None and self._rounds % ROUNDS_BETWEEN_LOOKS_FOR_OTHER_WRITERS == 0:
            await self._look_for_other_writers(self._on_other_writer)

    async def _look_for_other_writers(self, on_other_writer: Callable[[], None]) -> None:
        async with self._reading:
            has_company = await self._store.has_company()
        if has_company:
            on_other_writer()

    async def _write_batch(self) -> bool:
        """Writes the next batch. Returns False if there is none."""
        async with self._writing:
            await self._outgoing.settle()
            batch = self.buffer.next_batch(wants_totals=self._learn is not None and self._wants_totals())
            if batch is None:
                return False
            self._outgoing.add(batch)
            await self._outgoing.settle()
        await asyncio.sleep(0)
        return True

    def _tell(self, batch: Batch, totals: Mapping[str, int]) -> None:
        """Passes the monthly counts of the batch's keys on to the limiter."""
        if self._learn is None or not totals:
            return
        months: dict[int, dict[str, int]] = {}
        for each in batch.counts:
            if each.key_id in totals:
                months.setdefault(each.month, {})[each.key_id] = totals[each.key_id]
        for start, written in months.items():
            month = month_of(start * 1000)
            waiting = self.buffer.unwritten(written, month, of_last_batch=True)
            behind = self._outgoing.unwritten(written, month)
            self._learn(
                month,
                {key_id: total + waiting.get(key_id, 0) + behind.get(key_id, 0) for key_id, total in written.items()},
            )

    def _not_written(self, error: BaseException | None) -> str:
        cause = error.__cause__ if isinstance(error, DatabaseUnavailable) else error
        if isinstance(cause, RowsLocked):
            return self._locked()
        return f"Usage can't be written to the database ({named(cause)}); it is kept in memory until it can"

    def _locked(self) -> str:
        held = self._outgoing.held
        return (
            f"Usage can't be written to {len(held)} rows, which another transaction has locked for {held.seconds:.0f} "
            "s; it is kept in memory. Look for a long transaction in pg_stat_activity, and "
            "end it"
        )

    def _leave_out(self, item: Item, refusal: ContentRefused) -> None:
        """Counts an item that the database refused as dropped. Logs this at most once a minute, without its content."""
        kind = self.buffer.drop(item)
        self._left_out += 1
        now = time.monotonic()
        if now - self._left_out_logged_at >= LEFT_OUT_LOGGED_EVERY_SECONDS:
            cause = type(refusal.__cause__).__name__
            logger.error(
                "The database refused a row of usage data because of its content (%s, %s). The row is left out, the "
                "others are written. Rows left out since the last message: %d. This is a bug in Keydesk; please "
                "report it.",
                cause,
                kind,
                self._left_out,
            )
            self._left_out, self._left_out_logged_at = 0, now

    async def _answer(self, month: Month) -> None:
        """Answers all callers of `used` that wait at this moment, with one query for a month."""
        async with self._reading:
            asked = self._asked.pop(month)
            try:
                used = await self._outgoing.month_used(list(asked), month)
            except Exception as error:
                for answer in asked.values():
                    answer.set_exception(error)
                    answer.exception()  # marks it as retrieved: asyncio would log it if the caller was cancelled
                return
            unwritten = self.buffer.unwritten(asked, month)
            for key_id, answer in asked.items():
                answer.set_result(used.get(key_id, 0) + unwritten.get(key_id, 0))
