"""
Records usage: verifications are counted in memory as they are answered, and written to the database twice a second.

Verification never waits for the database's writes. A process that is killed loses at most half a second of usage.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from keys.limits.sliding_window import Month, month_of, to_ms
from keys.periodic import Periodic
from keys.usage.buffer import Sender, UsageBuffer
from keys.usage.outgoing import Item, Outgoing
from keys.usage.user_agent import cleaned
from keys.verification.verdict import RequestedAgent, Verdict
from models.engine.outage_log import OutageLog
from models.key_lookup import DatabaseUnavailable
from models.usage.refused_request import RefusedReason
from models.usage.store import (
    Batch,
    ContentRefused,
    UsageStore,
    noted_refusal,
)

logger = logging.getLogger("keydesk.ledger")

EVERY_SECONDS = 0.5
LAST_ROUND_SECONDS = 10
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
    ) -> None:
        """
        `wants_totals` says whether to fetch monthly totals with each batch. `on_other_writer` is called when another
        process writes to the same database.
        """
        self._store = store
        self._clock = clock
        self._learn = learn
        self._wants_totals = wants_totals
        self._on_other_writer = on_other_writer
        self._outgoing = Outgoing(store, settled=self._tell, left_out=self._leave_out)
        self._writing = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._asked: dict[Month, dict[str, asyncio.Future[int]]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._outage = OutageLog(logger, began=_not_written, ended="Usage can be written to the database again")
        self._rounds = 0
        self._left_out = 0
        self._left_out_logged_at = -math.inf
        self.buffer = UsageBuffer()

    @property
    def is_degraded(self) -> bool:
        """Whether usage can't be written at the moment. It is kept in memory until it can."""
        return self._outage.is_on

    def record(self, verdict: Verdict, request_id: str, sender: Sender, wanted: RequestedAgent) -> None:
        """Records the verdict on a request. `request_id` is 32 hexadecimal digits."""
        decision, key = verdict.decision, verdict.key
        at = to_ms(self._clock()) if decision is None else decision.status.at
        if key is not None:
            self.buffer.count(key.key_id, verdict.outcome, at, sender, by_previous_secret=verdict.by_previous_secret)
        reason = verdict.outcome.reason
        if reason is not None:
            key_id = None if key is None else key.key_id
            detail = None if verdict.malformed is None else verdict.malformed.detail
            self.add_refusal(reason, request_id, sender, at=at, key_id=key_id, agent_id=wanted.agent_id, detail=detail)

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
        """Writes all buffered usage. Raises DatabaseUnavailable; the next call then writes the rest."""
        is_sealed = False
        while not is_sealed:
            # First what an earlier call has left, so that no key waits behind a batch of its own.
            is_sealed = not self._outgoing and self.buffer.flush_to_queue()
            while await self._write_batch():
                pass

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the context is open, writes twice a second; when it closes, writes the rest."""
        rounds = Periodic(
            "writing of usage",
            self._round,
            every_seconds=EVERY_SECONDS,
            outage=self._outage,
            last_seconds=LAST_ROUND_SECONDS,
        )
        try:
            async with rounds.running():
                yield
        finally:
            await asyncio.gather(*self._answering, return_exceptions=True)
            await self._store.close()

    async def _round(self) -> None:
        self._rounds += 1
        await self.write()
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
            unwritten = self.buffer.unwritten(written, month, of_last_batch=True)
            self._learn(month, {key_id: total + unwritten.get(key_id, 0) for key_id, total in written.items()})

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


def _not_written(error: BaseException | None) -> str:
    cause = error.__cause__ if isinstance(error, DatabaseUnavailable) else error
    return f"Usage can't be written to the database ({type(cause).__name__}); it is kept in memory until it can"
