"""Metering: limiter and usage recorder as configured, and its warnings."""

import logging
from contextlib import AsyncExitStack

import pytest

import keys.usage.recorder
from app.metering import Metering
from app.settings import read_settings
from keys.limits.local_limiter import LocalLimiter
from keys.limits.redis_limiter import RedisLimiter
from keys.limits.sliding_window import Limits
from keys.outcomes import Outcome
from keys.usage.buffer import Sender
from models.engine.database import Database
from tests.conftest import Clock
from tests.support.keys.issued_keys import until

NOWHERE = "redis://127.0.0.1:1/0"
"""An address at which no Redis runs."""
KEY = f"{1:032x}"
WARNING = "Another process serves this database"


def metering(database: Database, clock: Clock, **environment: str) -> Metering:
    return Metering(read_settings(environment), database, clock=clock)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorders that write, and look for other writers, at once."""
    monkeypatch.setattr(keys.usage.recorder, "EVERY_SECONDS", 0.001)
    monkeypatch.setattr(keys.usage.recorder, "ROUNDS_BETWEEN_LOOKS_FOR_OTHER_WRITERS", 1)


async def warnings_of_two(
    database: Database, clock: Clock, caplog: pytest.LogCaptureFixture, **environment: str
) -> list[str]:
    """The warnings of two processes on one database, after each has written three times."""
    two = [metering(database, clock, **environment) for _ in range(2)]
    async with AsyncExitStack() as stack:
        for each in two:
            await stack.enter_async_context(each.running())
        for _ in range(3):
            for each in two:
                each.recorder.buffer.count(KEY, Outcome.GOOD, int(clock.now.timestamp() * 1000), Sender(None, b""))
            await until(lambda: not any(len(each.recorder.buffer) for each in two))
            if not environment:
                await until(lambda: caplog.text.count(WARNING) >= 2)
    return [record.getMessage() for record in caplog.records if WARNING in record.getMessage()]


async def test_processes_without_redis_warn_of_each_other_once(
    database: Database, clock: Clock, hasty: None, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning names the setting that fixes it."""
    caplog.set_level(logging.WARNING)

    told = await warnings_of_two(database, clock, caplog)

    assert len(told) == 2
    assert all("KEYDESK_REDIS_URL" in each for each in told)


async def test_processes_with_redis_may_be_several(
    database: Database, clock: Clock, hasty: None, caplog: pytest.LogCaptureFixture
) -> None:
    """With Redis, several processes give no warning, even while Redis can't be reached."""
    assert await warnings_of_two(database, clock, caplog, KEYDESK_REDIS_URL=NOWHERE) == []


async def test_a_process_alone_warns_of_nobody(
    database: Database, clock: Clock, hasty: None, caplog: pytest.LogCaptureFixture
) -> None:
    """A single process does not warn of itself."""
    alone = metering(database, clock)
    async with alone.running():
        for _ in range(3):
            alone.recorder.buffer.count(KEY, Outcome.GOOD, int(clock.now.timestamp() * 1000), Sender(None, b""))
            await until(lambda: len(alone.recorder.buffer) == 0)

    assert WARNING not in caplog.text


async def test_where_limits_are_counted_is_the_settings_to_say(database: Database, clock: Clock) -> None:
    """Limits are counted in the process or in Redis, with the month's usage from the recorder in both."""
    local, across = metering(database, clock), metering(database, clock, KEYDESK_REDIS_URL=NOWHERE)
    async with local.running(), across.running():
        taken = [await each.limiter.consume(KEY, Limits(5, 5)) for each in (local, across)]

    assert (type(local.limiter), type(across.limiter)) == (LocalLimiter, RedisLimiter)
    assert [each.status.quota_used for each in taken] == [1, 1]
    assert (local.limiter.is_degraded, across.limiter.is_degraded) == (False, True)
