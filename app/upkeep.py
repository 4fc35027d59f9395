"""Owns what a server does beside its requests: dropping what is too old to keep."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from models.audit import drop_events_before
from models.database import Database
from resolvers.viewer import drop_expired

EVERY_SECONDS = 3600
EVENTS_AT_A_TIME = 1000
logger = logging.getLogger("keydesk.upkeep")


async def tidy(database: Database, *, now: datetime, audit_days: int) -> None:
    """Drops sessions that are over, failed sign-ins that no longer count, and events past their time."""
    await drop_expired(database, now=now)
    dropped = EVENTS_AT_A_TIME
    while dropped == EVENTS_AT_A_TIME:
        async with database.transaction() as session:
            dropped = await drop_events_before(session, now - timedelta(days=audit_days), at_most=EVENTS_AT_A_TIME)


async def keep_tidy(database: Database, *, clock: Callable[[], datetime], audit_days: int) -> None:
    """Does it now and once an hour, until it is cancelled. A failure is logged, and the next round tries again."""
    while True:
        try:
            await tidy(database, now=clock(), audit_days=audit_days)
        except Exception as error:
            logger.warning("tidying up failed: %s", type(error).__name__)
        await asyncio.sleep(EVERY_SECONDS)
