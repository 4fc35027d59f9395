"""A Redis for the limiter's tests: one for each module, emptied for each test."""

from collections.abc import AsyncIterator, Iterator

import pytest

import keys.limits.redis_limiter
from tests.support.keys.redis_limiters import Limiters
from tests.support.servers.redis_server import RedisServer, running_redis


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The server of a module, which may start it with its own options."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(running: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    """An empty Redis; limiters that can't use it try again at once."""
    monkeypatch.setattr(keys.limits.redis_limiter, "TRY_AGAIN_SECONDS", 0.01)
    running.flush()
    return running


@pytest.fixture
async def limiters(server: RedisServer) -> AsyncIterator[Limiters]:
    """Makes limiters on the server, and closes them."""
    made = Limiters(server)
    yield made
    await made.close()
