"""Asks servers again and again, until the answer is the one that a test waits for."""

import asyncio
import time
from collections.abc import Callable

from tests.support.http.client import Answer, connected, request_bytes
from tests.support.servers.servers import Server

GIVE_UP_SECONDS = 60.0


async def ask(server: Server, request: bytes) -> Answer:
    """Sends the request on a connection of its own."""
    async with connected(server) as connection:
        return await connection.ask(request)


def get(path: str) -> bytes:
    """A request without a key."""
    return request_bytes("GET", path, {})


async def until_answer(server: Server, request: bytes, status: int, body: bytes = b"") -> Answer:
    """Repeats the request until the answer has this status and contains this text."""
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while (answer := await ask(server, request)).status != status or body not in answer.body:
        assert time.monotonic() < give_up_at, answer
        await asyncio.sleep(0.1)
    return answer


async def until(condition: Callable[[], bool]) -> None:
    """Waits until the condition holds."""
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at, condition
        await asyncio.sleep(0.05)
