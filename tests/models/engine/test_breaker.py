"""A breaker tries in the background until what failed works again."""

import asyncio

from models.engine.breaker import Breaker


class Server:
    """Fails until the test says that it works, and counts the attempts."""

    def __init__(self) -> None:
        self.works = False
        self.attempts = 0
        self.tried = asyncio.Event()
        self.pauses: list[int] = []
        self.heard: list[str] = []
        self.breaker = Breaker(
            self._attempt,
            pause_seconds=self._pause,
            failed=lambda error: self.heard.append(type(error).__name__),
            ended=lambda: self.heard.append("ended"),
        )

    def _pause(self, attempts: int) -> float:
        self.pauses.append(attempts)
        return 0.0

    async def _attempt(self) -> None:
        self.attempts += 1
        self.tried.set()
        if not self.works:
            raise ConnectionError
        self.breaker.reset()


async def over(breaker: Breaker) -> None:
    """Returns when no more attempts are made."""
    for _ in range(1000):
        if not breaker.is_trying:
            return
        await asyncio.sleep(0)
    raise AssertionError("it goes on trying")


async def test_it_tries_until_it_works() -> None:
    server = Server()
    assert not server.breaker.is_open

    server.breaker.trip()
    assert server.breaker.is_open
    await server.tried.wait()
    server.breaker.trip()  # changes nothing: it tries already
    server.works = True
    await over(server.breaker)

    assert not server.breaker.is_open
    assert server.attempts >= 2
    assert server.pauses == list(range(server.attempts))
    assert server.heard == ["ConnectionError"] * (server.attempts - 1) + ["ended"]


async def test_an_attempt_that_fails_late_opens_it_again() -> None:
    """Callers were let through in the middle of the attempt."""
    seen: list[bool] = []

    async def attempt() -> None:
        breaker.reset()
        if len(seen) < 2:
            raise ConnectionError

    breaker = Breaker(attempt, pause_seconds=lambda _: 0.0, failed=lambda _: seen.append(breaker.is_open))
    breaker.trip()
    await over(breaker)

    assert seen == [True, True]
    assert not breaker.is_open


async def test_a_failure_during_an_attempt_is_not_forgotten() -> None:
    """A caller that failed after it was let through makes it try once more."""
    attempts = 0

    async def attempt() -> None:
        nonlocal attempts
        attempts += 1
        breaker.reset()
        if attempts == 1:
            breaker.trip()

    breaker = Breaker(attempt, pause_seconds=lambda _: 0.0)
    breaker.trip()
    await over(breaker)

    assert attempts == 2


async def test_closing_ends_the_attempts() -> None:
    """A later failure begins with new ones."""
    server = Server()
    server.breaker.trip()
    await server.tried.wait()

    await server.breaker.close()
    before = server.attempts
    for _ in range(10):
        await asyncio.sleep(0)

    assert server.attempts == before
    server.works = True
    server.breaker.trip()
    await over(server.breaker)
    assert not server.breaker.is_open
