"""What is shown of a key beside its own row: its limits, when it was last used, and deleted keys found by their use."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from models import Organization
from models.engine.database import Database
from models.engine.reader import Reader
from models.key_queries import (
    BEGINNING_ALIKE_AT_MOST,
    STILL_CALLED_AT_MOST,
    ApiKeyRecord,
    key_record,
    key_records,
    tombstones_beginning,
    tombstones_still_called,
    visible_keys,
)
from tests.support.usage.rows import NOON, hour_of, key_of, month_of, store
from tests.support.world import World

SECOND = timedelta(seconds=1)


async def records(database: Database, organization: Organization) -> dict[str, ApiKeyRecord]:
    """The organization's keys and tombstones by name. Every query must return the same for them."""
    reader = Reader(database)
    listed = await visible_keys(reader, organization.id, of_agents=None, include_deleted=True)
    single = [await key_record(reader, record.id) for record in listed]
    await reader.close()
    async with database.reading() as session:
        several = await key_records(session, [record.id for record in listed])
    assert single == listed == [several[record.id] for record in listed]
    return {record.name: record for record in listed}


async def test_a_key_without_limits_of_its_own_has_its_organization_s(database: Database, world: World) -> None:
    """The rate limit and the quota each fall back to the organization's on their own."""
    await store(
        database,
        key_of(world.acme, "none of its own"),
        key_of(world.acme, "a rate limit", rate_limit=7),
        key_of(world.acme, "a quota", monthly_quota=70),
        key_of(world.acme, "deleted", rate_limit=1, monthly_quota=1, deleted_at=NOON),
    )

    found = await records(database, world.acme)

    assert {name: (record.rate_limit, record.monthly_quota) for name, record in found.items()} == {
        "none of its own": (600, 100_000),
        "a rate limit": (7, 100_000),
        "a quota": (600, 70),
        "deleted": (1, 1),
    }


async def test_the_last_use_is_the_newest_month_s(database: Database, world: World) -> None:
    """The last use is null for a key that was never used. A tombstone keeps its last use."""
    used, deleted = key_of(world.acme, "used"), key_of(world.acme, "deleted", deleted_at=NOON)
    await store(database, used, deleted, key_of(world.acme, "never used"))
    await store(
        database,
        month_of(used.id, datetime(2026, 11, 3, tzinfo=UTC)),
        month_of(used.id, datetime(2026, 9, 30, tzinfo=UTC)),
        month_of(deleted.id, datetime(2025, 12, 31, tzinfo=UTC)),
    )

    found = await records(database, world.acme)

    assert {name: record.last_used_at for name, record in found.items()} == {
        "used": datetime(2026, 11, 3, tzinfo=UTC),
        "deleted": datetime(2025, 12, 31, tzinfo=UTC),
        "never used": None,
    }


@pytest.mark.parametrize(
    ("previous_uses", "shown"),
    [
        pytest.param([NOON + SECOND], NOON + SECOND, id="since the rotation"),
        pytest.param([NOON], NOON, id="at the rotation"),
        pytest.param([NOON - SECOND], None, id="of the secret before that"),
        pytest.param([], None, id="never"),
        pytest.param([NOON - timedelta(days=60), NOON + SECOND], NOON + SECOND, id="of both"),
    ],
)
async def test_the_secret_before_was_used_since_the_rotation_or_not(
    database: Database, world: World, previous_uses: list[datetime], shown: datetime | None
) -> None:
    """A use before the rotation was with an older secret, which stopped working then, and does not count."""
    key = key_of(world.acme, rotated_at=NOON)
    await store(database, key, *(month_of(key.id, use, previous=use) for use in previous_uses))

    found = await records(database, world.acme)

    assert found["deploy"].previous_secret_last_used_at == shown


async def test_the_use_of_the_secret_before_is_known_after_the_month(database: Database, world: World) -> None:
    """The previous secret's last use is found in an earlier month's row when the newest row does not have it."""
    last_of_october = datetime(2026, 10, 31, 23, 59, 30, tzinfo=UTC)
    key = key_of(world.acme, rotated_at=last_of_october - SECOND)
    await store(
        database,
        key,
        month_of(key.id, last_of_october, previous=last_of_october),
        month_of(key.id, NOON),
    )

    record = (await records(database, world.acme))["deploy"]

    assert (record.last_used_at, record.previous_secret_last_used_at) == (NOON, last_of_october)


async def test_a_key_that_was_never_rotated_has_no_secret_before(database: Database, world: World) -> None:
    """Without a rotation, the previous secret's last use is null, whatever the month's row contains."""
    key = key_of(world.acme)
    await store(database, key, month_of(key.id, NOON, previous=NOON))

    assert (await records(database, world.acme))["deploy"].previous_secret_last_used_at is None


async def test_deleted_keys_are_found_by_how_they_begin(database: Database, world: World) -> None:
    """The search is case-sensitive and limited to deleted keys of this organization and of the given agents."""
    await store(
        database,
        key_of(world.acme, "it", public_id="Ab3dEf0000000001", deleted_at=NOON),
        key_of(world.acme, "its agent's", public_id="Ab3dEf0000000002", deleted_at=NOON, agent_id=world.own.id),
        key_of(world.acme, "in small letters", public_id="ab3def0000000003", deleted_at=NOON),
        key_of(world.acme, "living", public_id="Ab3dEf0000000004"),
        key_of(world.globex, "another's", public_id="Ab3dEf0000000005", deleted_at=NOON),
        *(key_of(world.acme, f"{each}", public_id=f"Zz{each:014}", deleted_at=NOON) for each in range(12)),
    )
    reader = Reader(database)

    async def named(beginning: str, of_agents: set[UUID] | None) -> list[str]:
        found = await tombstones_beginning(reader, world.acme.id, beginning, of_agents=of_agents)
        return sorted(record.name for record in found)

    assert await named("Ab3d", None) == ["it", "its agent's"]
    assert await named("Ab3d", {world.own.id}) == ["its agent's"]
    assert await named("Ab3d", set()) == []
    assert await named("A%3d", None) == []
    assert len(await named("Zz", None)) == BEGINNING_ALIKE_AT_MOST
    await reader.close()


async def test_deleted_keys_that_are_still_called_are_found_by_their_calls(database: Database, world: World) -> None:
    """
    Deleted keys called since the moment, the most called first, of this organization and agents, limited in number.
    """
    hour, day = timedelta(hours=1), timedelta(days=1)
    keys = [key_of(world.acme, f"{each}", deleted_at=NOON - each * day) for each in range(STILL_CALLED_AT_MOST + 2)]
    own = key_of(world.acme, "own", deleted_at=NOON - 99 * day, agent_id=world.own.id)
    before, theirs = key_of(world.acme, deleted_at=NOON), key_of(world.globex, deleted_at=NOON)
    await store(
        database,
        *keys,
        own,
        before,
        theirs,
        *(hour_of(key.id, NOON, deleted_key=number + 1) for number, key in enumerate(keys)),
        *(hour_of(own.id, NOON - each * hour, deleted_key=20) for each in range(2)),
        hour_of(before.id, NOON - day - hour, deleted_key=1000),
        hour_of(before.id, NOON, replaced_secret=1000),
        hour_of(theirs.id, NOON, deleted_key=1000),
    )
    reader = Reader(database)

    async def named(of_agents: set[UUID] | None) -> list[str]:
        since = NOON - day
        found = await tombstones_still_called(reader, world.acme.id, of_agents=of_agents, since=since, until=NOON)
        return [record.name for record in found]

    assert await named(None) == ["own", *(key.name for key in reversed(keys))][:STILL_CALLED_AT_MOST]
    assert await named({world.own.id}) == ["own"]
    assert await named(set()) == []
    await reader.close()
