"""
Owns what is remembered of verifications: noted as they are answered, written behind twice a second.

Verification never waits for it. A process that is killed loses what it has not written yet, half a second's worth.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from keys.limits import Month, month_of, to_ms
from keys.tally import Sender, Tally
from keys.user_agent import cleaned
from keys.verdict import Outcome, Verdict, Wanted
from models.ledger_store import Batch, LedgerStore, Refused
from models.refused_request import RefusedReason
from models.verification import DatabaseUnavailable

logger = logging.getLogger("keydesk.ledger")

EVERY_SECONDS = 0.5
LAST_ROUND_SECONDS = 10
ROUNDS_UNTIL_COMPANY_IS_LOOKED_FOR = 20
Learn = Callable[[Month, Mapping[str, int]], None]
"""Is told what the months of some keys come to, all processes' requests and the unwritten ones of this one together."""

_REASONS = {
    Outcome.MISSING_KEY: RefusedReason.MISSING_KEY,
    Outcome.MALFORMED_KEY: RefusedReason.MALFORMED_KEY,
    Outcome.INVALID_KEY: RefusedReason.UNKNOWN_KEY,
    Outcome.DELETED_KEY: RefusedReason.DELETED_KEY,
    Outcome.REPLACED_SECRET: RefusedReason.REPLACED_SECRET,
    Outcome.AGENT_NOT_IN_SCOPE: RefusedReason.AGENT_NOT_IN_SCOPE,
    Outcome.RATE_LIMITED: RefusedReason.RATE_LIMITED,
    Outcome.QUOTA_EXCEEDED: RefusedReason.QUOTA_EXCEEDED,
    Outcome.UNAVAILABLE: RefusedReason.UNAVAILABLE,
}


class Ledger:
    """The memory of one process's verifications, on its way into the database."""

    def __init__(
        self,
        store: LedgerStore,
        *,
        clock: Callable[[], datetime],
        learn: Learn | None = None,
        learns: Callable[[], bool] = lambda: True,
        on_company: Callable[[], None] | None = None,
    ) -> None:
        """
        `learns` says whether what the months come to is of use at the moment; `on_company` is called when another
        process writes into the same database.
        """
        self._store = store
        self._clock = clock
        self._learn = learn
        self._learns = learns
        self._on_company = on_company
        self._unsettled: Batch | None = None
        self._writing = asyncio.Lock()
        self._asked: dict[Month, dict[str, asyncio.Future[int]]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._is_failing = False
        self.tally = Tally()

    def note(self, verdict: Verdict, request_id: str, sender: Sender, wanted: Wanted) -> None:
        """Remembers what became of a request; its id is 32 hexadecimal digits."""
        decision, key = verdict.decision, verdict.key
        at = to_ms(self._clock()) if decision is None else decision.balance.at
        if key is not None:
            self.tally.count(key.key_id, verdict.outcome, at, sender, by_previous_secret=verdict.by_previous_secret)
        if verdict.outcome is not Outcome.GOOD:
            key_id = None if key is None else key.key_id
            detail = None if verdict.malformed is None else verdict.malformed.detail
            reason = _REASONS[verdict.outcome]
            self.refuse(reason, request_id, sender, at=at, key_id=key_id, agent_id=wanted.agent_id, detail=detail)

    def refuse(
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
        """Remembers a refused request."""
        if key_id is None and not self.tally.takes_without_a_key:
            return
        at = to_ms(self._clock()) if at is None else at
        user_agent = cleaned(sender.user_agent) or None
        self.tally.refuse(
            Refused(request_id, key_id, reason.value, at, sender.ip_address, user_agent, agent_id, detail)
        )

    async def used(self, key_id: str, month: Month) -> int:
        """Requests of the key that passed in the month, written or not. Raises DatabaseUnavailable."""
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
        """Writes what waits. Raises DatabaseUnavailable; what was not written then, the next call writes."""
        is_sealed = False
        while not is_sealed:
            # First what another call has left, where there is some: no key waits behind a batch of its own.
            is_sealed = self._unsettled is None and self.tally.seal()
            while await self._write_batch():
                pass

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Writes twice a second while the block runs, and what is left at its end."""
        over = asyncio.Event()
        rounds = asyncio.create_task(self._rounds(over))
        try:
            yield
        finally:
            over.set()
            await asyncio.wait([rounds], timeout=LAST_ROUND_SECONDS)
            rounds.cancel()
            await asyncio.gather(rounds, *self._answering, return_exceptions=True)
            await self._store.close()

    async def _rounds(self, over: asyncio.Event) -> None:
        number = 0
        while True:
            is_last = over.is_set()
            number += 1
            await self._round(looks_for_company=number % ROUNDS_UNTIL_COMPANY_IS_LOOKED_FOR == 0)
            if is_last:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS):
                    await over.wait()

    async def _round(self, *, looks_for_company: bool) -> None:
        try:
            await self.write()
            if looks_for_company and self._on_company is not None:
                await self._look_for_company(self._on_company)
        except DatabaseUnavailable as error:
            if not self._is_failing:
                self._is_failing = True
                # The name alone: a driver's words hold addresses and names of users.
                logger.warning(
                    "Usage can't be written down (%s); it is kept until it can", type(error.__cause__).__name__
                )
        except Exception as error:
            logger.error("Writing usage down failed: %s", type(error).__name__)  # noqa: TRY400
        else:
            if self._is_failing:
                self._is_failing = False
                logger.warning("Usage can be written down again")

    async def _look_for_company(self, on_company: Callable[[], None]) -> None:
        # As with all that is asked of it, the store is asked one thing at a time.
        async with self._writing:
            has_company = await self._store.has_company()
        if has_company:
            on_company()

    async def _write_batch(self) -> bool:
        """Writes the next batch; False where there is none."""
        async with self._writing:
            await self._settle()
            self._unsettled = self.tally.next_batch(wants_totals=self._learn is not None and self._learns())
            if self._unsettled is None:
                return False
            await self._settle()
        await asyncio.sleep(0)
        return True

    async def _settle(self) -> None:
        """Writes the batch that may or may not have been written, if there is one. The caller holds the lock."""
        batch = self._unsettled
        if batch is None:
            return
        totals = await self._store.write(batch)
        self._unsettled = None
        if self._learn is None or not totals:
            return
        months: dict[int, dict[str, int]] = {}
        for each in batch.counts:
            if each.key_id in totals:
                months.setdefault(each.month, {})[each.key_id] = totals[each.key_id]
        for start, written in months.items():
            month = month_of(start * 1000)
            unwritten = self.tally.unwritten(written, month, of_last_batch=True)
            self._learn(month, {key_id: total + unwritten.get(key_id, 0) for key_id, total in written.items()})

    async def _answer(self, month: Month) -> None:
        """Answers all that ask at this moment how much of a month is used."""
        async with self._writing:
            asked = self._asked.pop(month)
            try:
                await self._settle()
                written = await self._store.month_used(list(asked), month.start)
            except Exception as error:
                for answer in asked.values():
                    answer.set_exception(error)
                    answer.exception()  # asked for, so that a caller that hung up leaves no complaint
                return
            unwritten = self.tally.unwritten(asked, month)
            for key_id, answer in asked.items():
                answer.set_result(written.get(key_id, 0) + unwritten.get(key_id, 0))
