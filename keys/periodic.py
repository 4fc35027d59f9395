"""A background task that repeats a piece of work while a context is open."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from models.engine.outage_log import OutageLog, named

LAST_SECONDS = 10.0
CANCELLED_SECONDS = 0.5
"""How long a round that was cancelled may take to end. Afterwards nobody waits for it."""
logger = logging.getLogger("keydesk.background")


class Periodic:
    """
    Does the work `first_after` seconds after `running` begins, then every `every_seconds`, or sooner after `wake`.

    If a round raises an error, `outage` logs it and the next round runs as usual. At the end, a round that is running
    may finish within `last_seconds`, a number or a function that is called then. With `last_round`, another round runs
    after that.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[object] | None],
        *,
        every_seconds: float,
        first_after: float = 0.0,
        outage: OutageLog | None = None,
        last_round: bool = True,
        last_seconds: float | Callable[[], float] = LAST_SECONDS,
    ) -> None:
        """`name` is a noun for the log; it is used if `outage` is not given."""
        self._name = name
        self._work = work
        self._every_seconds = every_seconds
        self._first_after = first_after
        self._outage = outage or OutageLog(
            logger, began=lambda error: f"The {name} failed ({named(error)})", ended=f"The {name} works again"
        )
        self._last_round = last_round
        self._last_seconds = last_seconds
        self._woken = asyncio.Event()
        self._is_over = False

    def is_over(self) -> bool:
        """Whether the context was closed. Long work should check this between two steps, and stop."""
        return self._is_over

    def wake(self) -> None:
        """Starts the next round now, or directly after the one that is running."""
        self._woken.set()

    @asynccontextmanager
    async def running(self, *, on_late: Callable[[], None] | None = None) -> AsyncIterator[None]:
        """
        Repeats the work while the context is open.

        At the end, a round that takes longer than `last_seconds` is cancelled. For work that must not be cancelled,
        give `on_late`: it is called instead, and must make the round end.
        """
        rounds = asyncio.create_task(self._rounds(), name=self._name)
        try:
            yield
        finally:
            self._is_over = True
            self._woken.set()
            seconds = self._last_seconds() if callable(self._last_seconds) else self._last_seconds
            _, late = await asyncio.wait([rounds], timeout=seconds)
            if late:
                (on_late or rounds.cancel)()
                _, hanging = await asyncio.wait(late, timeout=CANCELLED_SECONDS)
                if hanging:
                    logger.error("The %s did not end in time, and is abandoned", self._name)

    async def _rounds(self) -> None:
        if self._first_after:
            await self._wait(self._first_after)
        while True:
            is_last = self._is_over
            if is_last and not self._last_round:
                return
            self._woken.clear()
            await self._round()
            if is_last:
                return
            if not self._is_over:
                await self._wait(self._every_seconds)

    async def _wait(self, seconds: float) -> None:
        """Returns after the seconds, or sooner when the task is woken or ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def _round(self) -> None:
        try:
            done = self._work()
            if done is not None:
                await done
        except Exception as error:
            self._outage.failed(error)
        else:
            self._outage.worked()
