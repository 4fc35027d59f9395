"""
Records revocations in the journal, from within the transactions that revoke.

docs/decisions/revocation-journal.md says why the journal is written before the commit, and why a journal that can't be
written does not prevent a revocation.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from models.engine.outage_log import OutageLog
from models.revocations.journal import Journal, JournalUnusable, only_withdrawals
from models.revocations.line import Kind, Revocation
from models.revocations.threads import Threads

APPEND_SECONDS = 5.0
"""How long a revocation waits for the journal, such as on a network file system that hangs."""
WAITING_AT_MOST = 100_000
_NOTED = "revocations"
_STAY_RECORDED = "revocations stay recorded"
logger = logging.getLogger("keydesk.revocations")


def note_revoked(session: AsyncSession, *revocations: Revocation) -> None:
    """Notes what this transaction revokes. `Database.transaction()` records it in the journal before the commit."""
    session.info.setdefault(_NOTED, []).extend(revocations)


def noted(session: AsyncSession) -> list[Revocation]:
    """What this transaction revokes."""
    found: list[Revocation] = session.info.get(_NOTED, [])
    return found


def keep_recorded(session: AsyncSession) -> None:
    """
    Says that this transaction only does again what was revoked before.

    If its commit fails, its revocations are not withdrawn: that would cancel the first ones, too.
    """
    session.info[_STAY_RECORDED] = True


def stays_recorded(session: AsyncSession) -> bool:
    """Whether what this transaction revokes stays in the journal even if the commit fails."""
    return bool(session.info.get(_STAY_RECORDED, False))


class RevocationRecorder:
    """
    Appends revocations to the journal.

    What can't be written waits in memory and is appended first when the journal works again.
    """

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._waiting: list[Revocation] = []
        self._threads = Threads()
        self._outage = OutageLog(
            logger,
            began=lambda error: (
                f"Revocations can't be written to the revocation journal: {error}. They are in effect, but a database "
                "that is restored could forget them. While this process runs, they wait in memory for the journal"
            ),
            ended="The revocation journal can be written again",
            level=logging.ERROR,
        )

    @property
    def is_failing(self) -> bool:
        """Whether the last attempt to write failed."""
        return self._outage.is_on

    @property
    def waiting(self) -> int:
        """The number of revocations that are not in the journal yet."""
        return len(self._waiting)

    @property
    def unwritten(self) -> Sequence[Revocation]:
        """What is not in the journal yet. Take it before you read the journal, to miss nothing that is written then."""
        return tuple(self._waiting)

    async def commit_recorded(
        self, revocations: Sequence[Revocation], commit: Callable[[], Awaitable[None]], *, stay: bool = False
    ) -> None:
        """
        Records the revocations, then commits them.

        If the commit certainly failed, they are withdrawn, unless they `stay`. If nobody can know, because the
        connection was lost, they stay: somebody asked for them. Never raises an error of the journal.
        """
        await self.record(revocations)
        try:
            await commit()
        except DBAPIError as error:
            if not (stay or error.connection_invalidated):
                await self._withdraw(revocations)
            raise

    async def record(self, revocations: Sequence[Revocation]) -> bool:
        """
        Appends the revocations after those that wait. Returns False if all of them have to wait.

        While an earlier attempt hangs, they wait at once: the caller may hold a lock.
        """
        if await self._append([*self._waiting, *revocations]):
            return True
        self._waiting = [*self._waiting, *revocations][-WAITING_AT_MOST:]
        return False

    async def retry(self) -> None:
        """Appends what waits, if anything does: first the withdrawals, for which room was kept."""
        if withdrawals := [each for each in self._waiting if each.kind is Kind.WITHDRAWN]:
            await self._append(withdrawals)
        if self._waiting or self.is_failing:
            await self._append(list(self._waiting))

    async def _withdraw(self, revocations: Sequence[Revocation]) -> None:
        failed = set(revocations)
        # Those that waited are withdrawn, too: a thread that hangs may still write them.
        withdrawals = [each.withdrawn() for each in revocations]
        # They wait before they are written: whoever compares meanwhile must not do what failed.
        self._waiting = [*(each for each in self._waiting if each not in failed), *withdrawals][-WAITING_AT_MOST:]
        await self._append(withdrawals)

    async def _append(self, batch: Sequence[Revocation]) -> bool:
        try:
            await self._threads.run(lambda: self.journal.append(batch), seconds=APPEND_SECONDS)
        except Exception as error:  # whatever it is, it must not prevent the revocation
            self._outage.failed(_explained(error))
            return False
        written = set(batch)
        self._waiting = [each for each in self._waiting if each not in written]
        if not only_withdrawals(batch):  # they may have used the room that was kept: others may have none
            self._outage.worked()
        return True


def _explained(error: Exception) -> Exception:
    if isinstance(error, JournalUnusable):
        return error
    if isinstance(error, TimeoutError):
        return TimeoutError(f"no answer in {APPEND_SECONDS:g} s")
    return JournalUnusable(type(error).__name__)


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """
    Awaits the work. If the caller is cancelled, the work is completed first.

    Between the journal and the commit, a person who hangs up would otherwise leave a revocation that was recorded but
    not done.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # marks it as retrieved: the caller is gone
        raise
