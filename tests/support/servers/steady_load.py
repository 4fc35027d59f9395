"""Callers at one address that never pause, on kept connections and on new ones, and that notice every fault."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.http.client import Answer, Connection


class SteadyLoad:
    """What the callers got."""

    def __init__(self, host: str, port: int, request: bytes) -> None:
        self._place = host, port
        self._request = request
        self.callers = 0
        self.statuses: Counter[int] = Counter()
        self.faults: list[str] = []
        """Requests without an answer: refused, reset, or closed before the answer."""

    @property
    def answered(self) -> int:
        """The number of answers."""
        return self.statuses.total()

    async def until_more(self, answers: int) -> None:
        """Waits for this many more answers or faults."""
        enough = self.answered + len(self.faults) + answers
        while self.answered + len(self.faults) < enough:  # noqa: ASYNC110 - callers have no event for it
            await asyncio.sleep(0.01)

    async def call(self, *, keeps: bool) -> None:
        """One caller, in an endless loop. With `keeps`, a connection is used until its answer says that it closes."""
        connection: Connection | None = None
        while True:
            try:
                if connection is None:
                    _, connection = await asyncio.get_running_loop().create_connection(Connection, *self._place)
                answer = await connection.ask(self._request)
            except OSError as error:
                self.faults.append(repr(error))
                connection = None
                await asyncio.sleep(0.05)
                continue
            self.statuses[answer.status] += 1
            if not keeps or _closes(answer):
                connection.close()
                connection = None


@asynccontextmanager
async def steady_load(
    host: str, port: int, request: bytes, *, keeping: int = 4, connecting: int = 2
) -> AsyncIterator[SteadyLoad]:
    """Runs callers that keep their connection, and callers that make one for each request, during the block."""
    load = SteadyLoad(host, port, request)
    load.callers = keeping + connecting
    callers = [asyncio.ensure_future(load.call(keeps=number < keeping)) for number in range(load.callers)]
    try:
        yield load
    finally:
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)


def _closes(answer: Answer) -> bool:
    return (answer.header("connection") or "").lower() == "close"
