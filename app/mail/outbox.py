"""
Mails tickets in a background task, repeats failed attempts after growing pauses, and continues after a restart.

A process claims a ticket before it sends it, and stores the result afterwards. If the process dies in between, another
process sends the ticket once CLAIM_SECONDS have passed. The mail may then be delivered twice, but is never lost; both
deliveries have the same Message-ID.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

from app.mail.message import message_of
from app.mail.server import MailFailure, MailServer
from keys.periodic import Periodic
from models.engine.database import Database
from models.engine.ids import Prefix, external_id
from models.engine.outage_log import OutageLog
from models.support.ticket import OutgoingTicket, claim_due_ticket, claim_ticket, is_ticket_due, mark_failed, mark_sent

EVERY_SECONDS = 15.0
"""How often the database is checked for tickets that are due, because other processes create tickets too."""
CLAIM_SECONDS = 300
"""Longer than sending can take, with a margin for clocks of servers that differ."""
LAST_SECONDS = 10.0
"""How long a stopping server waits for the mail that is being sent."""
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


class Outbox:
    """Sends the tickets that are due. Without a mail server, it sends nothing, and tickets wait in the database."""

    def __init__(
        self,
        database: Database,
        server: MailServer | None,
        *,
        clock: Callable[[], datetime],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._server = server
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
            last_seconds=LAST_SECONDS,
        )
        self._sending: asyncio.Task[None] | None = None

    @property
    def sends(self) -> bool:
        """Whether there is a mail server."""
        return self._server is not None

    def wake(self) -> None:
        """Makes the background task check for tickets now. Call it after a new ticket was stored. Returns at once."""
        self._rounds.wake()

    async def send_due(self) -> int:
        """Sends the tickets that are due, one after the other. Returns how many the mail server accepted."""
        sent = 0
        while not self._rounds.is_over() and (outgoing := await self._claim()) is not None:
            sent += await self._send(outgoing) is None
        return sent

    async def resend(self, ticket_id: UUID, sent_to: str) -> tuple[OutgoingTicket | None, str | None]:
        """
        Sends this ticket to this address now, even if it was sent before.

        Returns the ticket, or None if there is no such ticket, and the reason if it could not be sent. A failed ticket
        is tried again like any other.
        """
        async with self._database.transaction() as session:
            outgoing = await claim_ticket(session, ticket_id, sent_to=sent_to, until=self._claimed_until())
        return outgoing, None if outgoing is None else await self._send(outgoing)

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

    async def _claim(self) -> OutgoingTicket | None:
        async with self._database.reading() as session:
            if not await is_ticket_due(session, self._clock()):
                return None
        async with self._database.transaction() as session:
            return await claim_due_ticket(session, now=self._clock(), until=self._claimed_until())

    async def _send(self, outgoing: OutgoingTicket) -> str | None:
        """Sends the ticket and stores the result. Returns the reason if it could not be sent, else None."""
        self._sending = asyncio.create_task(self._hand_in(outgoing))
        await asyncio.wait([self._sending])
        failure = _failure(self._sending)
        self._sending = None
        async with self._database.transaction() as session:
            if failure is None:
                await mark_sent(session, outgoing.id, self._clock())
            else:
                await mark_failed(session, outgoing, failure=failure, next_attempt_at=self._next_attempt_at(outgoing))
        self._log(outgoing, failure)
        return failure

    async def _hand_in(self, outgoing: OutgoingTicket) -> None:
        if self._server is None:
            raise MailFailure("no mail server is set: KEYDESK_SMTP_URL is empty")
        await self._server.send(message_of(outgoing))

    def _next_attempt_at(self, outgoing: OutgoingTicket) -> datetime | None:
        pause = pause_seconds(outgoing.attempts, self._chance())
        return None if pause is None else self._clock() + timedelta(seconds=pause)

    @staticmethod
    def _log(outgoing: OutgoingTicket, failure: str | None) -> None:
        ticket = external_id(Prefix.TICKET, outgoing.id)
        if failure is None:
            logger.info("%s was mailed", ticket)
        elif outgoing.attempts < ATTEMPTS_AT_MOST:
            logger.warning("%s could not be mailed and will be tried again: %s", ticket, failure)
        else:
            logger.error("%s could not be mailed and will not be tried again: %s", ticket, failure)


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
            return f"the mail can't be written ({type(error).__name__})"
