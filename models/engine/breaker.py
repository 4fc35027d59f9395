"""Remembers that something outside the process does not work, and tries in the background until it works again."""

import asyncio
from collections.abc import Awaitable, Callable


class Breaker:
    """
    While it is open, callers should fail at once instead of waiting for something that is known not to work.

    Once it was tripped, `attempt` is called in the background until it has returned and the breaker is closed; it calls
    `reset` to close it. `pause_seconds` gets the number of attempts so far in this outage and returns how long to wait
    before the next one. `failed` is called with the error of each attempt that raises one, and `ended` at the end.
    """

    def __init__(
        self,
        attempt: Callable[[], Awaitable[None]],
        *,
        pause_seconds: Callable[[int], float],
        failed: Callable[[Exception], None] = lambda _: None,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._attempt = attempt
        self._pause_seconds = pause_seconds
        self._failed = failed
        self._ended = ended
        self._trying: asyncio.Task[None] | None = None
        self.is_open = False

    @property
    def is_trying(self) -> bool:
        """Whether an attempt is running, or will run."""
        return self._trying is not None

    def trip(self) -> None:
        """Opens the breaker, and begins with the attempts if they are not being made already."""
        self.is_open = True
        if self._trying is None:
            self._trying = asyncio.ensure_future(self._try())

    def reset(self) -> None:
        """Closes the breaker. If the rest of the attempt fails, or `trip` is called meanwhile, it is open again."""
        self.is_open = False

    async def close(self) -> None:
        """Ends the attempts. Later failures begin with new ones."""
        trying, self._trying = self._trying, None
        if trying is not None:
            trying.cancel()
            await asyncio.gather(trying, return_exceptions=True)

    async def _try(self) -> None:
        attempts = 0
        while True:
            await asyncio.sleep(self._pause_seconds(attempts))
            attempts += 1
            try:
                await self._attempt()
            except Exception as error:  # after any error the next attempt may succeed
                self.is_open = True
                self._failed(error)
            if not self.is_open:
                self._trying = None
                self._ended()
                return
