"""Last uses are stored behind the requests."""

import logging
from uuid import UUID

import pytest

from app.tokens.last_seen import LastSeenWriter
from models.engine.ids import new_id
from tests.conftest import Clock


async def test_what_can_not_be_noted_fails_no_request(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """The failure is logged, and storing is tried again a minute later."""
    tried: list[UUID] = []

    async def fails(row_id: UUID, _now: object) -> None:
        tried.append(row_id)
        raise OSError("the disk is full")

    seen = LastSeenWriter(fails, "tokens")

    with caplog.at_level(logging.WARNING, logger="keydesk.identity"):
        for _ in range(3):
            seen.note(new_id(), clock())
            await seen.close()
        clock.advance(minutes=1)
        seen.note(new_id(), clock())
        await seen.close()

    assert len(tried) == len(caplog.messages) == 2
    assert "The last use of tokens could not be stored: OSError" in caplog.messages[0]
