"""Stores when sign-in sessions and tokens were last used, behind the requests."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from keys.sign_in import sessions
from models.engine.outage_log import named

logger = logging.getLogger("keydesk.identity")


class LastSeenWriter:
    """
    Stores when sessions or tokens were last used, in a background task.

    Requests neither wait for it nor fail because of it.
    """

    def __init__(self, store: Callable[[UUID, datetime], Awaitable[None]], what: str) -> None:
        """`store` stores one of them; `what` they are is for the log."""
        self._store = store
        self._what = what
        self._waiting: dict[UUID, datetime] = {}
        self._task: asyncio.Task[None] | None = None
        self._not_before: datetime | None = None

    def note(self, row_id: UUID, now: datetime) -> None:
        """Queues the last use of one to be stored. Does nothing for a minute after a failure."""
        if self._not_before is not None and now < self._not_before:
            return
        self._waiting[row_id] = now
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Waits until everything is stored."""
        if self._task is not None:
            await self._task

    async def _write(self) -> None:
        """Stores one in each transaction: two transactions that lock the same two rows could deadlock."""
        while self._waiting:
            row_id, now = self._waiting.popitem()
            try:
                await self._store(row_id, now)
            except Exception as error:
                # A session whose use is not stored ends a little early. That must not fail a request or fill the log.
                self._waiting.clear()
                self._not_before = now + sessions.SEEN_EVERY
                logger.warning("The last use of %s could not be stored: %s", self._what, named(error))
