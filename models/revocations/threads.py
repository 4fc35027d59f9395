"""Runs blocking work in threads that nobody has to wait for, such as on a network file system that hangs."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class Threads:
    """Runs blocking work, each piece in a thread of its own. While one hangs, it starts no further thread."""

    def __init__(self) -> None:
        self._hanging: list[threading.Thread] = []

    @property
    def is_hanging(self) -> bool:
        """Whether work that took too long is still going on."""
        self._hanging = [each for each in self._hanging if each.is_alive()]
        return bool(self._hanging)

    async def run(self, work: Callable[[], Result], *, seconds: float) -> Result:
        """
        Runs the work. Raises TimeoutError if it takes longer, or at once if earlier work hangs.

        The thread then goes on. A process does not wait for it when it ends: a file system that hangs must not delay
        a stop. Raises RuntimeError if the system has no thread left.
        """
        if self.is_hanging:
            raise TimeoutError
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()

        def settle(result: Result | None, error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)  # type: ignore[arg-type]  # without an error there is a result
            else:
                future.set_exception(error)

        def run() -> None:
            try:
                outcome: tuple[Result | None, BaseException | None] = work(), None
            except BaseException as error:
                outcome = None, error
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, *outcome)

        thread = threading.Thread(target=run, name="revocation-journal", daemon=True)
        thread.start()
        try:
            async with asyncio.timeout(seconds):
                return await future
        finally:
            if not future.done() or future.cancelled():
                self._hanging.append(thread)
