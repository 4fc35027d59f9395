"""Owns what a server does beside its requests: dropping what is too old to keep."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

from models.audit import drop_events_before
from models.database import Database
from resolvers.viewer import drop_expired

EVERY_SECONDS = 3600
LAST_ROUND_SECONDS = 10
EVENTS_AT_A_TIME = 1000
logger = logging.getLogger("keydesk.upkeep")


async def tidy(database: Database, *, now: datetime, audit_days: int) -> None:
    """Drops sessions that are over, failed sign-ins that no longer count, and events past their time."""
    await drop_expired(database, now=now)
    dropped = EVENTS_AT_A_TIME
    while dropped == EVENTS_AT_A_TIME:
        async with database.transaction() as session:
            dropped = await drop_events_before(session, now - timedelta(days=audit_days), at_most=EVENTS_AT_A_TIME)


@asynccontextmanager
async def kept_tidy(database: Database, *, clock: Callable[[], datetime], audit_days: int) -> AsyncIterator[None]:
    """Tidies up now and once an hour while the block runs; a round that is under way at its end is let finish."""
    over = asyncio.Event()
    rounds = asyncio.create_task(_rounds(database, clock, audit_days, over))
    try:
        yield
    finally:
        over.set()
        # Cancelled in the middle, it would leave a connection behind that nobody closes.
        await asyncio.wait([rounds], timeout=LAST_ROUND_SECONDS)
        rounds.cancel()


async def _rounds(database: Database, clock: Callable[[], datetime], audit_days: int, over: asyncio.Event) -> None:
    """A failure is logged, and the next round tries again."""
    while not over.is_set():
        try:
            await tidy(database, now=clock(), audit_days=audit_days)
        except Exception as error:
            logger.warning("tidying up failed: %s", type(error).__name__)
        with suppress(TimeoutError):
            async with asyncio.timeout(EVERY_SECONDS):
                await over.wait()
