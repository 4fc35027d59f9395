"""Callers that never pause: each of their connections always has one verification in progress."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from tests.support.http.client import Connection, connected, verification
from tests.support.servers.servers import Server

GOOD = 200


class Verified(NamedTuple):
    """One verification: the secret, the server (by its index), the two times, and the status."""

    secret: str
    server: int
    sent: float
    arrived: float
    status: int


class LoadGenerator:
    """Callers at several servers, all of which present the same secrets in turn. Made with `load_generator`."""

    def __init__(self, servers: int) -> None:
        self._servers = range(servers)
        self._presented: Sequence[tuple[str, bytes]] = ()
        self._has_secrets = asyncio.Event()
        self._failure: BaseException | None = None
        self.verified: list[Verified] = []
        """All answered verifications, in the order of their answers."""

    def present(self, secrets: Sequence[str]) -> None:
        """From now on, the callers present these secrets."""
        self._presented = [(secret, verification(secret)) for secret in secrets]
        self._has_secrets.set()

    async def warm(self, secrets: Sequence[str]) -> None:
        """Presents these until each was good twice at every server, so that each process caches argon2's result."""
        unread = self.unread()
        missing = {(secret, server): 2 for secret in secrets for server in self._servers}
        self.present(secrets)

        def is_warm() -> bool:
            for each in unread():
                place = each.secret, each.server
                if each.status == GOOD and place in missing:
                    missing[place] -= 1
                    if not missing[place]:
                        del missing[place]
            return not missing

        await self.until(is_warm)

    def unread(self) -> Callable[[], list[Verified]]:
        """Returns a function that returns the answers since its last call, at first since now."""
        seen = len(self.verified)

        def read() -> list[Verified]:
            nonlocal seen
            fresh = self.verified[seen:]
            seen += len(fresh)
            return fresh

        return read

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until the condition holds. Raises the error that stopped a caller, if any."""
        while not condition():
            if self._failure is not None:
                raise self._failure
            await asyncio.sleep(0.002)

    async def call(self, server: int, connection: Connection) -> None:
        """One caller, in an endless loop."""
        try:
            await self._has_secrets.wait()
            turn = 0
            while True:
                turn += 1
                secret, request = self._presented[turn % len(self._presented)]
                answer = await connection.ask(request)
                self.verified.append(Verified(secret, server, answer.sent, answer.arrived, answer.status))
        except Exception as failure:
            self._failure = failure


@asynccontextmanager
async def load_generator(servers: Sequence[Server], *, callers_each: int) -> AsyncIterator[LoadGenerator]:
    """Runs this many callers at each server during the block."""
    gathered = LoadGenerator(len(servers))
    async with AsyncExitStack() as stack:
        callers = [
            asyncio.ensure_future(gathered.call(number, await stack.enter_async_context(connected(server))))
            for number, server in enumerate(servers)
            for _ in range(callers_each)
        ]
        try:
            yield gathered
        finally:
            for caller in callers:
                caller.cancel()
            await asyncio.gather(*callers, return_exceptions=True)
