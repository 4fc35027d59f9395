"""Looks, while the server runs, whether the database has forgotten revocations, as after a failover."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from keys.periodic import Periodic
from models.engine.database import Database
from models.engine.database_address import POSTGRESQL
from models.engine.outage_log import OutageLog, named
from models.revocations.forgotten import Forgotten, forgotten_revocations
from models.revocations.line import Kind, Revocation, Revoked
from models.revocations.recent import RECENT, RecentLines
from models.revocations.recorder import RevocationRecorder
from models.revocations.threads import Threads
from resolvers.operator.revocations import READING_SECONDS as READING_ALL_SECONDS
from resolvers.operator.revocations import revoke_again, settled

EVERY_SECONDS = 10.0
READING_SECONDS = 5.0
LAST_SECONDS = 1.0
_SERVER_START = text("SELECT pg_postmaster_start_time()")
logger = logging.getLogger("keydesk.revocations")


class RevocationWatch:
    """
    Revokes again what the database has forgotten: a promoted standby has lost the last transactions of its primary.

    Each round looks at the revocations of the last hour. When another PostgreSQL server answers than before, the round
    looks at the whole journal.
    """

    def __init__(self, database: Database, recorder: RevocationRecorder, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._recorder = recorder
        self._clock = clock
        self._recent = RecentLines(recorder.journal)
        self._threads = Threads()
        self._server: datetime | None = None

    async def look(self) -> int:
        """Runs one round. Returns the number of keys, secrets and tokens that were revoked again."""
        await self._recorder.retry()
        now = self._clock()
        server = await self._server_start()
        known = await self._lines(now, all_of_them=self._server is not None and server != self._server)
        revoked = settled(known, now)
        forgotten = await self._forgotten(revoked)
        if not forgotten:
            self._server = server
            return 0
        seen = set(known)

        async def look_again() -> Revoked:
            newer = [each for each in await self._lines(now) if each.kind is Kind.WITHDRAWN and each not in seen]
            return settled([*known, *newer], now) if newer else revoked

        applied = await revoke_again(self._database, forgotten, now=now, look_again=look_again)
        self._server = server
        if applied.any:
            logger.error(
                "the database had forgotten revocations, as after a failover; they were done again",
                extra={
                    "facts": {
                        "deletedKeys": applied.keys,
                        "replacedSecrets": applied.secrets,
                        "revokedTokens": applied.tokens,
                    }
                },
            )
        return applied.keys + applied.secrets + applied.tokens

    async def _lines(self, now: datetime, *, all_of_them: bool = False) -> list[Revocation]:
        """The lines of the last hour, or all, and what waits in memory. Raises JournalUnusable, TimeoutError."""
        # A withdrawal that waits must count, also one that is written while the journal is being read.
        unwritten = self._recorder.unwritten
        if all_of_them:
            contents = await self._threads.run(self._recorder.journal.read, seconds=READING_ALL_SECONDS)
            return [*contents.revocations, *unwritten]
        recent = await self._threads.run(lambda: self._recent.read(since=now - RECENT), seconds=READING_SECONDS)
        return [*recent, *unwritten]

    async def _forgotten(self, revoked: Revoked) -> Sequence[Forgotten]:
        if not revoked.deleted and not revoked.secrets:
            return []
        async with self._database.reading() as session:
            return await forgotten_revocations(session, revoked)

    async def _server_start(self) -> datetime | None:
        if self._database.backend != POSTGRESQL:
            return None
        async with self._database.reading() as session:
            return await _started_at(session)


async def _started_at(session: AsyncSession) -> datetime:
    started: datetime = (await session.execute(_SERVER_START)).scalar_one()
    return started


@asynccontextmanager
async def revocations_watched(database: Database, *, clock: Callable[[], datetime]) -> AsyncIterator[None]:
    """Looks now and every 10 seconds while the block runs. Does nothing without a journal."""
    if database.revocations is None:
        yield
        return
    watch = RevocationWatch(database, database.revocations, clock=clock)
    rounds = Periodic(
        "revocation journal's check",
        watch.look,
        every_seconds=EVERY_SECONDS,
        outage=OutageLog(
            logger,
            began=lambda error: f"the database can't be compared with the revocation journal: {named(error)}",
            ended="the database can be compared with the revocation journal again",
        ),
        last_round=False,
        last_seconds=LAST_SECONDS,
    )
    async with rounds.running():
        yield
    await _last_attempt(database.revocations)


async def _last_attempt(recorder: RevocationRecorder) -> None:
    """What waits in memory ends with the process."""
    if not recorder.waiting:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(LAST_SECONDS):
            await recorder.retry()
    if recorder.waiting:
        logger.error(
            "this process ends with revocations that are not in the revocation journal; the next start adds deletions, "
            "but no replaced secrets",
            extra={"facts": {"revocations": recorder.waiting}},
        )
