"""The operator's operations on keys: a key's own limits, and dropping the keys of a removed server key."""

import asyncio

import pytest
from sqlalchemy import select
from sqlmodel import col

from keys.issuer import Issuer
from keys.policy import OPERATOR, Scope
from keys.refusals import ApiKeyNotFound, InvalidInput
from keys.token import ServerKeys
from models import ApiKey, AuditAction, AuditEvent
from models.key_limits import KeyLimits, limits_of_keys
from resolvers.api_keys import api_keys, delete_api_key, rotate_api_key
from resolvers.creation.create_api_key import create_api_key
from resolvers.operator.keys import Limited, drop_keys_tagged_otherwise, limit_key
from resolvers.operator.lookup import LIMIT_AT_MOST
from resolvers.services import Issued, KeyServices
from tests.conftest import Clock
from tests.support.world import World

OTHER = ServerKeys((b"another-server-key-of-32-bytes-or-more",))


def tagging_otherwise(services: KeyServices) -> KeyServices:
    issuer = Issuer(OTHER, services.issuer.prefix, services.issuer.pool)
    return KeyServices(services.database, services.clock, services.mutations_per_minute, issuer=issuer)


async def create(services: KeyServices, world: World, name: str) -> Issued:
    return await create_api_key(
        services, OPERATOR, organization_id=world.acme.id, name=name, scope=Scope.ORGANIZATION, agent_id=None
    )


async def test_keys_go_and_overlaps_end_with_their_server_key(services: KeyServices, world: World) -> None:
    """Keys of a removed server key are deleted. A key that was rotated since loses only its previous secret."""
    old, rotated = await create(services, world, "old"), await create(services, world, "rotated")
    newer = tagging_otherwise(services)
    await rotate_api_key(newer, OPERATOR, key_id=rotated.record.id, overlap_seconds=3600)
    await create(newer, world, "new")

    dropped = await drop_keys_tagged_otherwise(services.database, OTHER.ids, now=services.clock())

    async with services.database.reading() as session:
        living = await api_keys(session, OPERATOR, organization_id=world.acme.id)
        row = await session.get(ApiKey, rotated.record.id)
    assert dropped == [old.record.id]
    assert {key.name for key in living} == {"rotated", "new"}
    assert row is not None
    assert (row.previous_secret_hash, row.previous_works_until, row.server_key_id) == (None, None, OTHER.signing_id)
    assert (row.previous_secret_digest, row.secret_digest is None) == (None, False)


async def test_nothing_is_dropped_while_every_server_key_is_there(services: KeyServices, world: World) -> None:
    """While every server key is still configured, nothing is deleted."""
    await create(services, world, "old")
    await create(tagging_otherwise(services), world, "new")

    both = (*services.issuer.server_keys.ids, *OTHER.ids)

    assert await drop_keys_tagged_otherwise(services.database, both, now=services.clock()) == []


async def limit(services: KeyServices, issued: Issued, **limits: int) -> Limited:
    async with services.database.transaction() as session:
        return await limit_key(session, key_id=issued.record.id, **limits, now=services.clock())


async def limit_events(services: KeyServices) -> list[AuditEvent]:
    statement = select(AuditEvent).where(col(AuditEvent.action) == AuditAction.API_KEY_LIMITS_CHANGED)
    async with services.database.reading() as session:
        return list((await session.execute(statement.order_by(col(AuditEvent.id)))).scalars())


async def test_a_changed_limit_is_the_operators_event(services: KeyServices, world: World, clock: Clock) -> None:
    """The audit event of a changed limit has the key, its agent and the time, and no actor."""
    issued = await create_api_key(
        services, OPERATOR, organization_id=world.acme.id, name="deploy", scope=Scope.AGENT, agent_id=world.own.id
    )
    clock.advance(hours=1)

    limited = await limit(services, issued, monthly_quota=LIMIT_AT_MOST)

    [event] = await limit_events(services)
    assert limited.limits == KeyLimits(None, LIMIT_AT_MOST, 600, 100_000)
    assert (event.organization_id, event.api_key_id, event.agent_id) == (
        world.acme.id,
        issued.record.id,
        world.own.id,
    )
    assert (event.actor_id, event.at) == (None, clock.now)


@pytest.mark.parametrize("number", [0, -1, LIMIT_AT_MOST + 1])
@pytest.mark.parametrize("which", ["rate_limit", "monthly_quota"])
async def test_a_limit_out_of_range_leaves_the_key_as_it_was(
    services: KeyServices, world: World, which: str, number: int
) -> None:
    """Limits go from 1 to 2147483647. If one of two is out of range, neither is set."""
    issued = await create(services, world, "deploy")
    both = {"rate_limit": 60, "monthly_quota": 5000, which: number}

    with pytest.raises(InvalidInput):
        await limit(services, issued, **both)

    async with services.database.reading() as session:
        limits = await limits_of_keys(session, [issued.record.id])
    assert limits == {issued.record.id: KeyLimits(None, None, 600, 100_000)}
    assert await limit_events(services) == []


async def test_limits_that_are_set_at_the_same_time_are_both_set(services: KeyServices, world: World) -> None:
    """Two concurrent changes of different limits both take effect, each with an audit event."""
    issued = await create(services, world, "deploy")

    await asyncio.gather(limit(services, issued, rate_limit=60), limit(services, issued, monthly_quota=5000))

    async with services.database.reading() as session:
        limits = await limits_of_keys(session, [issued.record.id])
    assert limits[issued.record.id] == KeyLimits(60, 5000, 600, 100_000)
    assert len(await limit_events(services)) == 2


async def test_a_tombstone_gets_no_limit(services: KeyServices, world: World) -> None:
    """The limits of a deleted key can't be changed."""
    issued = await create(services, world, "deploy")
    await delete_api_key(services, OPERATOR, key_id=issued.record.id)

    with pytest.raises(ApiKeyNotFound):
        await limit(services, issued, rate_limit=60)

    assert await limit_events(services) == []
