"""The walk over a table's keys visits each key once, in steps, and returns those that are due."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlmodel import col

import models.engine.skip_scan
from models import RefusedRequest, UsageHour
from models.engine.database import Database
from models.engine.ids import new_id
from models.engine.skip_scan import Walk, walk_keys
from models.usage.refused_request import keys_refused_too_often

HOUR = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


async def whole_walk(database: Database) -> list[Walk]:
    """All steps of a walk in which the keys with odd numbers are due."""
    stretches: list[Walk] = []
    async with database.reading() as session:
        while not stretches or stretches[-1].last is not None:
            stretches.append(
                await walk_keys(
                    session,
                    col(UsageHour.key_id),
                    lambda key_id: key_id.in_([UUID(int=number) for number in range(1, 8, 2)]),
                    after=stretches[-1].last if stretches else None,
                )
            )
    return stretches


@pytest.mark.parametrize("keys", [0, 1, 2, 3, 4, 7])
async def test_every_key_is_walked_once(database: Database, monkeypatch: pytest.MonkeyPatch, keys: int) -> None:
    """The walk does not depend on how many rows a key has, on their order, or on where a step ends."""
    monkeypatch.setattr(models.engine.skip_scan, "KEYS_AT_A_TIME", 2)
    async with database.transaction() as session:
        session.add_all(
            UsageHour(key_id=UUID(int=number), hour=HOUR.replace(hour=hour))
            for hour in (5, 3, 4)
            for number in range(keys, 0, -1)
        )

    stretches = await whole_walk(database)

    assert [key_id.int for walk in stretches for key_id in walk.due] == list(range(1, keys + 1, 2))
    assert [walk.last and walk.last.int for walk in stretches] == [*range(2, keys + 1, 2), None]


async def test_rows_without_a_key_are_on_nobodys_way(database: Database) -> None:
    """Rows whose key is null are skipped."""
    async with database.transaction() as session:
        session.add_all(
            RefusedRequest(request_id=new_id(), key_id=None, reason="missing_key", at=HOUR) for _ in range(3)
        )

    async with database.reading() as session:
        assert await keys_refused_too_often(session, after=None) == Walk([], None)
