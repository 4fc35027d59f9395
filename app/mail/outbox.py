"""
Sends mails in a background task, repeats failed attempts after growing pauses, and continues after a restart.

A mail is a row of a table, such as a ticket or an invitation. A process claims a row before it sends the mail, and
stores the result afterwards. If the process dies in between, another process sends the mail once CLAIM_SECONDS have
passed. The mail may then be delivered twice, but is never lost; both deliveries have the same Message-ID.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import NamedTuple, Protocol
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.mail.server import MailFailure, MailServer
from keys.periodic import LAST_SECONDS, Periodic
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from models.engine.outage_log import OutageLog
from models.mailed import Claim, Mailed, claim, claim_due, is_due, mark_failed, mark_sent

EVERY_SECONDS = 5.0
"""How often the database is checked for mails that are due: other processes make some, and requests for passwords."""
CLAIM_SECONDS = 300
"""Longer than sending can take, with a margin for clocks of servers that differ."""
PAUSES_SECONDS = (30, 60, 120, 300, 900, 3600)
"""The pauses after the first failures. The last one is used after all further failures."""
JITTER = 0.2
GIVEN_UP_AFTER = timedelta(days=7)
ATTEMPTS_AT_MOST = len(PAUSES_SECONDS) + int(GIVEN_UP_AFTER.total_seconds()) // PAUSES_SECONDS[-1]
STOPPED = "the server was stopped while it was sent"
logger = logging.getLogger("keydesk.mail")


def pause_seconds(attempts: int, chance: float) -> float | None:
    """
    The pause in seconds after this many failed attempts; None to give up.

    `chance` is random in [0, 1). It spreads the next attempts of tickets that failed at the same time.
    """
    if attempts >= ATTEMPTS_AT_MOST:
        return None
    return PAUSES_SECONDS[min(attempts, len(PAUSES_SECONDS)) - 1] * (1 + JITTER * chance)


class Kind(Protocol):
    """A kind of mail: the table whose rows are sent, and how a mail is made of a row."""

    @property
    def table(self) -> type[Mailed]: ...
    @property
    def prefix(self) -> Prefix:
        """Of the ids in the log."""

    async def mail(self, session: AsyncSession, row_id: UUID) -> EmailMessage | None:
        """The row's mail, the same each time; None if it is not to be sent any more."""


class _Outgoing(NamedTuple):
    """
    A mail that this process has claimed and is to send now.

    `message` is None if the mail can't be made, for the reason in `failure`, or if there is nothing to send any more.
    """

    kind: Kind
    claimed: Claim
    message: EmailMessage | None
    failure: str | None = None

    @property
    def id(self) -> str:
        """For the log."""
        return external_id(self.kind.prefix, self.claimed.id)


class Outbox:
    """Sends the mails that are due. Without a mail server, it sends nothing, and they wait in the database."""

    def __init__(
        self,
        database: Database,
        server: MailServer | None,
        kinds: Sequence[Kind],
        *,
        clock: Callable[[], datetime],
        chance: Callable[[], float] = random.random,
        last_seconds: Callable[[], float] = lambda: LAST_SECONDS,
    ) -> None:
        """`last_seconds` says at the end how long the mail that is being sent may take."""
        self._database = database
        self._server = server
        self._kinds = kinds
        self._clock = clock
        self._chance = chance
        self._rounds = Periodic(
            "outbox",
            self.send_due,
            every_seconds=EVERY_SECONDS,
            outage=OutageLog(
                logger,
                began=lambda error: f"the outbox can't be read: {type(error).__name__}",
                ended="the outbox can be read again",
            ),
            last_round=False,
            last_seconds=last_seconds,
        )
        self._sending: asyncio.Task[None] | None = None

    @property
    def sends(self) -> bool:
        """Whether there is a mail server."""
        return self._server is not None

    def wake(self) -> None:
        """Makes the background task check for mails now. Call it after a row was stored. Returns at once."""
        self._rounds.wake()

    async def send_due(self) -> int:
        """Sends the mails that are due, one after the other. Returns how many the mail server accepted."""
        sent = 0
        for kind in self._kinds:
            while not self._rounds.is_over() and (outgoing := await self._claim_due(kind)) is not None:
                sent += await self._send(outgoing) is None
        return sent

    async def resend(self, kind: Kind, row_id: UUID) -> str | None:
        """
        Sends this row's mail now, even if it was sent before. Returns the reason if it could not be sent.

        A mail that failed is tried again like any other.
        """
        async with self._database.transaction() as session:
            claimed = await claim(session, kind.table, row_id, until=self._claimed_until())
            if claimed is None:
                return "it is no longer there"
            outgoing = await _made(session, kind, claimed)
        return await self._send(outgoing)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sends what is due while the block runs, from when it is woken or at the latest EVERY_SECONDS later."""
        if self._server is None:
            yield
            return
        async with self._rounds.running(on_late=self._stop_sending):
            yield

    def _stop_sending(self) -> None:
        """Cancels only the sending, not the round: a round that is cancelled would leave a connection open."""
        if self._sending is not None:
            self._sending.cancel()

    def _claimed_until(self) -> datetime:
        return self._clock() + timedelta(seconds=CLAIM_SECONDS)

    async def _claim_due(self, kind: Kind) -> _Outgoing | None:
        async with self._database.reading() as session:
            if not await is_due(session, kind.table, self._clock()):
                return None
        async with self._database.transaction() as session:
            claimed = await claim_due(session, kind.table, now=self._clock(), until=self._claimed_until())
            return None if claimed is None else await _made(session, kind, claimed)

    async def _send(self, outgoing: _Outgoing) -> str | None:
        """Sends the mail and stores the result. Returns the reason if it could not be sent, else None."""
        kind, claimed = outgoing.kind, outgoing.claimed
        self._sending = asyncio.create_task(self._hand_in(outgoing))
        await asyncio.wait([self._sending])
        failure = _failure(self._sending)
        self._sending = None
        is_over = outgoing.message is None and outgoing.failure is None
        async with self._database.transaction() as session:
            if failure is None:
                await mark_sent(session, kind.table, claimed, self._clock())
            else:
                next_attempt_at = None if is_over else self._next_attempt_at(claimed)
                await mark_failed(session, kind.table, claimed, failure=failure, next_attempt_at=next_attempt_at)
        _log(outgoing, failure)
        return failure

    async def _hand_in(self, outgoing: _Outgoing) -> None:
        if outgoing.message is None:
            raise MailFailure(outgoing.failure or "there is nothing to send any more")
        if self._server is None:
            raise MailFailure("no mail server is set: KEYDESK_SMTP_URL is empty")
        await self._server.send(outgoing.message)

    def _next_attempt_at(self, claimed: Claim) -> datetime | None:
        pause = pause_seconds(claimed.attempts, self._chance())
        return None if pause is None else self._clock() + timedelta(seconds=pause)


async def _made(session: AsyncSession, kind: Kind, claimed: Claim) -> _Outgoing:
    try:
        return _Outgoing(kind, claimed, await kind.mail(session, claimed.id))
    except (OSError, SQLAlchemyError):
        raise
    except Exception as error:
        return _Outgoing(kind, claimed, None, f"the mail can't be written ({type(error).__name__})")


def _log(outgoing: _Outgoing, failure: str | None) -> None:
    if failure is None:
        logger.info("%s was mailed", outgoing.id)
    elif outgoing.message is None and outgoing.failure is None:
        logger.info("%s is not mailed: %s", outgoing.id, failure)
    elif outgoing.claimed.attempts < ATTEMPTS_AT_MOST:
        logger.warning("%s could not be mailed and will be tried again: %s", outgoing.id, failure)
    else:
        logger.error("%s could not be mailed and will not be tried again: %s", outgoing.id, failure)


def _failure(sending: asyncio.Task[None]) -> str | None:
    """The reason why the task failed, without secrets; None if it succeeded."""
    if sending.cancelled():
        return STOPPED
    match sending.exception():
        case None:
            return None
        case MailFailure() as error:
            return str(error)
        case error:
            return f"the mail can't be sent ({type(error).__name__})"
