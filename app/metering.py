"""Assembles what counts requests: the usage recorder, and the limiter that the settings ask for."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from app.settings import Settings
from keys.limits.limiter import Limiter
from keys.limits.local_limiter import LocalLimiter
from keys.limits.redis_limiter import RedisLimiter
from keys.limits.sliding_window import Month
from keys.periodic import LAST_SECONDS
from keys.usage.recorder import UsageRecorder
from models.engine.database import Database
from models.usage.store import UsageStore
from models.usage.store_postgresql import PostgresUsageStore
from models.usage.store_sqlite import SqliteUsageStore

logger = logging.getLogger("keydesk.limiter")


class Metering:
    """The limiter, which counts in this process or in Redis, and the usage recorder of this process."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        clock: Callable[[], datetime],
        last_seconds: Callable[[], float] = lambda: LAST_SECONDS,
    ) -> None:
        """`last_seconds` says at the end how long writing the last usage may take."""
        self._has_warned = False
        is_alone = settings.redis_url is None
        self.recorder = UsageRecorder(
            _store(database),
            clock=clock,
            learn=self._learn,
            wants_totals=lambda: is_alone or self.limiter.is_degraded,
            on_other_writer=self._warn_of_other_writers if is_alone else None,
            last_seconds=last_seconds,
        )
        self._local = LocalLimiter(self.recorder, clock=clock)
        self.limiter: Limiter = self._local
        if settings.redis_url is not None:
            self.limiter = RedisLimiter(
                settings.redis_url,
                self.recorder,
                self._local,
                clock=clock,
                flush_usage=self.recorder.write,
                fails_closed=settings.limiter_fails_closed,
            )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Counts while the block runs, and writes everything down at its end."""
        async with self.recorder.running():
            try:
                await self.limiter.start()
                yield
            finally:
                await self.limiter.close()

    def _learn(self, month: Month, used: Mapping[str, int]) -> None:
        self._local.learn(month, used)

    def _warn_of_other_writers(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "Another process serves this database, and KEYDESK_REDIS_URL is not set: each process allows a key "
                "its whole rate limit, and they agree on quotas only within a second."
            )


def _store(database: Database) -> UsageStore:
    if database.sqlite_file is None:
        return PostgresUsageStore(database.primary)
    return SqliteUsageStore(database.sqlite_file)
