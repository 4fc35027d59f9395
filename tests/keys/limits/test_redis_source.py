"""A question to a sentinel leaves no connection open, whenever it is cancelled: nothing else would close it."""

import asyncio
from contextlib import suppress

import pytest
from redis.asyncio.connection import AbstractConnection

from keys.limits.redis_source import SentinelRedis
from keys.limits.sentinel_url import parse_sentinel_url

STATE = {"name": "limits", "ip": "127.0.0.1", "port": "6379", "flags": "master", "config-epoch": "1"}
STEPS = 30
"""More than an answered question takes to its end."""


class QuickSentinel:
    """Answers with the state of a primary."""

    def __init__(self) -> None:
        self.has_answered = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        words = [word for pair in STATE.items() for word in pair]
        said = "".join([f"*{len(words)}\r\n", *(f"${len(word)}\r\n{word}\r\n" for word in words)])
        while sent := await reader.read(1000):
            writer.write(b"+OK\r\n" * sent.count(b"SETINFO"))
            if b"SENTINEL" in sent:
                writer.write(said.encode())
                self.has_answered.set()
        writer.close()


async def test_a_question_that_is_cancelled_closes_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """At each step after the answer, as when other sentinels have answered before."""
    made: list[AbstractConnection] = []
    connect = AbstractConnection.connect_check_health

    async def connecting(connection: AbstractConnection, **options: bool) -> None:
        made.append(connection)  # without this, the garbage collector would close it
        await connect(connection, **options)

    monkeypatch.setattr(AbstractConnection, "connect_check_health", connecting)
    sentinel = QuickSentinel()
    server = await asyncio.start_server(sentinel.answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        source = SentinelRedis(parse_sentinel_url(f"redis+sentinel://127.0.0.1:{port}/limits/0"))
        for steps in range(STEPS):
            sentinel.has_answered.clear()
            asking = asyncio.ensure_future(source.ask_all())
            await sentinel.has_answered.wait()
            for _ in range(steps):
                await asyncio.sleep(0)
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking

        assert await source.primary() == ("127.0.0.1", 6379)
        assert [each.is_connected for each in made] == [False] * (STEPS + 1)
