"""Deletes what is older than it is kept, and sums up old hours of usage as days. Runs in the background."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from keys.periodic import LAST_SECONDS, Periodic
from models.audit import AuditEvent
from models.client_request import KEPT as CLIENT_REQUESTS_KEPT
from models.client_request import ClientRequest
from models.engine.database import Database
from models.engine.ids import new_id
from models.engine.lease import give_back_lease, take_lease
from models.engine.outage_log import OutageLog, named
from models.engine.skip_scan import Walk
from models.engine.statements import drop_before
from models.invitation import KEPT_DAYS as INVITATIONS_KEPT_DAYS
from models.invitation import MAILS_KEPT_DAYS, Invitation, InvitationMail
from models.key_request import KEPT_DAYS as KEY_REQUESTS_KEPT_DAYS
from models.key_request import KeyRequest
from models.password_reset import KEPT_DAYS as RESETS_KEPT_DAYS
from models.password_reset import PasswordReset
from models.sso.used_once import UsedOnce
from models.support.answer_lease import KEPT_DAYS as ANSWERING_KEPT_DAYS
from models.support.answer_lease import Answering
from models.support.conversation import KEPT_DAYS as CONVERSATIONS_KEPT_DAYS
from models.support.conversation import Conversation
from models.support.pasted_key import WINDOW as PASTED_WINDOW
from models.support.pasted_key import PastedKey
from models.support.ticket import KEPT_DAYS as TICKETS_KEPT_DAYS
from models.support.ticket import Ticket
from models.usage.caller import drop_oldest_callers, keys_with_too_many_callers
from models.usage.counts import (
    DAYS_KEPT_DAYS,
    HOURS_KEPT_DAYS,
    drop_days,
    keys_with_days_before,
    keys_with_hours_before,
    make_days_of_hours,
)
from models.usage.refused_request import KEPT_DAYS as REFUSED_KEPT_DAYS
from models.usage.refused_request import drop_oldest_refused, drop_refused_before, keys_refused_too_often
from models.usage.writer import KEPT_DAYS as WRITERS_KEPT_DAYS
from models.usage.writer import UsageWriter
from resolvers.viewer import drop_expired

FIRST_AFTER_SECONDS = 60
"""Old data can wait. The first minute of a process, and the database in it, belong to its callers."""
EVERY_SECONDS = 3600
ROWS_AT_A_TIME = 1000
LEASE = "upkeep"
LEASE_SECONDS = 60
"""Every transaction of a round renews the lease. If the process dies, the lease ends this long after the last one."""
Result = TypeVar("Result")
logger = logging.getLogger("keydesk.upkeep")


class Interrupted(Exception):
    """The round was interrupted. What it has done stays, and the next round does the rest."""


class FindsKeys(Protocol):
    """Finds the next keys that have something to delete."""

    def __call__(self, session: AsyncSession, *, after: UUID | None) -> Awaitable[Walk]: ...


async def tidy(
    database: Database,
    *,
    now: datetime,
    audit_days: int,
    holder: UUID | None = None,
    is_over: Callable[[], bool] = lambda: False,
) -> bool:
    """
    Runs one round. Returns False, and does nothing, if another process is running one.

    `holder` is the id of this process. If a step fails, the other steps still run, and the first error is raised
    afterwards. Raises Interrupted if `is_over()`, or if another process has taken over.
    """
    round_ = Round(database, holder or new_id(), is_over)
    async with database.transaction() as session:
        if not await take_lease(session, LEASE, round_.holder, seconds=LEASE_SECONDS):
            return False
    try:
        await _all_of(
            lambda: drop_expired(database, now=now),
            lambda: _events(round_, now - timedelta(days=audit_days)),
            lambda: _usage(round_, now),
            lambda: _refused_requests(round_, now),
            lambda: _callers(round_),
            lambda: _conversations(round_, now),
            lambda: round_.drop_before(PasswordReset.created_at, now - timedelta(days=RESETS_KEPT_DAYS)),
            lambda: round_.drop_before(KeyRequest.created_at, now - timedelta(days=KEY_REQUESTS_KEPT_DAYS)),
            lambda: round_.drop_before(InvitationMail.at, now - timedelta(days=MAILS_KEPT_DAYS)),
            lambda: round_.drop_before(Invitation.expires_at, now - timedelta(days=INVITATIONS_KEPT_DAYS)),
            lambda: round_.drop_before(ClientRequest.created_at, now - CLIENT_REQUESTS_KEPT),
            lambda: round_.drop_before(UsedOnce.expires_at, now),
            lambda: round_.drop_before(UsageWriter.seen_at, now - timedelta(days=WRITERS_KEPT_DAYS)),
        )
    finally:
        async with database.transaction() as session:
            await give_back_lease(session, LEASE, round_.holder)
    return True


class Round:
    """The transactions of a round. Each renews the lease, and so fails if another process has begun a round."""

    def __init__(self, database: Database, holder: UUID, is_over: Callable[[], bool]) -> None:
        self.holder = holder
        self._database = database
        self._is_over = is_over
        self._clock = asyncio.get_running_loop().time
        self._renewed_at = self._clock()

    async def repeat(self, step: Callable[[AsyncSession], Awaitable[int]]) -> None:
        """Repeats the step, each time in a new transaction, until it affects fewer rows than ROWS_AT_A_TIME."""
        while await self.once(step) >= ROWS_AT_A_TIME:
            pass

    async def drop_before(self, column: Any, moment: datetime) -> None:
        """Deletes all rows whose instant is before the moment, some at a time."""
        await self.repeat(partial(drop_before, column=column, moment=moment, at_most=ROWS_AT_A_TIME))

    async def once(self, step: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        """Runs the step in a transaction, then pauses for as long as it took, to leave the database to others."""
        if self._is_over():
            raise Interrupted
        began = self._clock()
        async with self._database.transaction() as session:
            if not await take_lease(session, LEASE, self.holder, seconds=LEASE_SECONDS):
                raise Interrupted
            result = await step(session)
        self._renewed_at = self._clock()
        await asyncio.sleep(self._renewed_at - began)
        return result

    async def keys(self, find: FindsKeys) -> AsyncIterator[list[UUID]]:
        """Yields the keys that have something to delete, some at a time."""
        after: UUID | None = None
        is_first = True
        while is_first or after is not None:
            is_first = False
            if self._clock() - self._renewed_at > LEASE_SECONDS / 3:
                await self.once(_nothing)
            async with self._database.reading() as session:
                walk = await find(session, after=after)
            after = walk.last
            if walk.due:
                yield walk.due


async def _all_of(*steps: Callable[[], Awaitable[object]]) -> None:
    """Runs all steps, even if one fails. Raises Interrupted at once, and the first other error at the end."""
    failures: list[Exception] = []
    for step in steps:
        try:
            await step()
        except Interrupted:
            raise
        except Exception as error:
            failures.append(error)
    if failures:
        raise failures[0]


async def _nothing(_session: AsyncSession) -> None:
    """A step that does nothing but renew the lease."""


async def _events(round_: Round, moment: datetime) -> None:
    await round_.drop_before(AuditEvent.at, moment)


async def _usage(round_: Round, now: datetime) -> None:
    """Sums up hours of whole days only, so that no day is stored in both forms. Deletes days that are too old."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    oldest_hour = today - timedelta(days=HOURS_KEPT_DAYS)
    oldest_day = today - timedelta(days=DAYS_KEPT_DAYS)
    async for key_ids in round_.keys(partial(keys_with_hours_before, moment=oldest_hour)):
        await round_.repeat(partial(make_days_of_hours, key_ids=key_ids, before=oldest_hour, at_most=ROWS_AT_A_TIME))
    async for key_ids in round_.keys(partial(keys_with_days_before, moment=oldest_day)):
        await round_.repeat(partial(drop_days, key_ids=key_ids, before=oldest_day, at_most=ROWS_AT_A_TIME))


async def _refused_requests(round_: Round, now: datetime) -> None:
    """Deletes refused requests that are too old, then those beyond the number that is kept."""
    oldest = now - timedelta(days=REFUSED_KEPT_DAYS)
    dropped: int = 1
    last: int | None = 0
    while dropped and last is not None:
        dropped, last = await round_.once(
            partial(drop_refused_before, moment=oldest, after=last, at_most=ROWS_AT_A_TIME)
        )
    await round_.repeat(partial(drop_oldest_refused, key_id=None, at_most=ROWS_AT_A_TIME))
    async for key_ids in round_.keys(keys_refused_too_often):
        for key_id in key_ids:
            await round_.repeat(partial(drop_oldest_refused, key_id=key_id, at_most=ROWS_AT_A_TIME))


async def _callers(round_: Round) -> None:
    """Deletes callers beyond the number that is kept for each key."""
    async for key_ids in round_.keys(keys_with_too_many_callers):
        for key_id in key_ids:
            await round_.repeat(partial(drop_oldest_callers, key_id=key_id, at_most=ROWS_AT_A_TIME))


async def _conversations(round_: Round, now: datetime) -> None:
    """Deletes old conversations and tickets, and the records that limit what people ask of the assistant."""
    for column, kept in (
        (Conversation.last_message_at, timedelta(days=CONVERSATIONS_KEPT_DAYS)),
        (Answering.until, timedelta(days=ANSWERING_KEPT_DAYS)),
        (PastedKey.at, PASTED_WINDOW),
        (Ticket.created_at, timedelta(days=TICKETS_KEPT_DAYS)),
    ):
        await round_.drop_before(column, now - kept)


@asynccontextmanager
async def retention_running(
    database: Database,
    *,
    clock: Callable[[], datetime],
    audit_days: int,
    last_seconds: Callable[[], float] = lambda: LAST_SECONDS,
) -> AsyncIterator[None]:
    """
    Tidies up after a minute, and then once an hour, while the block runs. A transaction that is in progress at its end
    may finish within `last_seconds()`.
    """
    holder = new_id()

    async def tidy_up() -> None:
        try:
            done = await tidy(database, now=clock(), audit_days=audit_days, holder=holder, is_over=rounds.is_over)
            logger.debug("tidied up" if done else "another process is deleting old data")
        except Interrupted:
            logger.debug("deleting old data was interrupted; the next round continues")

    rounds = Periodic(
        "retention",
        tidy_up,
        every_seconds=EVERY_SECONDS,
        first_after=FIRST_AFTER_SECONDS,
        outage=OutageLog(
            logger,
            began=lambda error: f"deleting old data failed: {named(error)}",
            ended="deleting old data works again",
        ),
        last_round=False,
        last_seconds=last_seconds,
    )
    async with rounds.running():
        yield
