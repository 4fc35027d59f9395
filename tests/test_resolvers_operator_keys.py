"""What becomes of keys whose server key was taken away."""

from keys.issuer import Issuer
from keys.policy import Scope, operator
from keys.token import ServerKeys
from models import ApiKey
from resolvers.api_keys import api_keys, rotate_api_key
from resolvers.desk import Desk, Issued
from resolvers.key_creation import create_api_key
from resolvers.operator_keys import drop_keys_tagged_otherwise
from tests.world import World

OTHER = ServerKeys((b"another-server-key-of-32-bytes-or-more",))


def tagging_otherwise(desk: Desk) -> Desk:
    issuer = Issuer(OTHER, desk.issuer.prefix, desk.issuer.pool)
    return Desk(desk.database, issuer, desk.clock, desk.mutations_per_minute)


async def create(desk: Desk, world: World, name: str) -> Issued:
    return await create_api_key(
        desk, operator(), organization_id=world.acme.id, name=name, scope=Scope.ORGANIZATION, agent_id=None
    )


async def test_keys_go_and_overlaps_end_with_their_server_key(desk: Desk, world: World) -> None:
    """A key that was rotated since keeps its new secret, and loses the one in overlap alone."""
    old, rotated = await create(desk, world, "old"), await create(desk, world, "rotated")
    newer = tagging_otherwise(desk)
    await rotate_api_key(newer, operator(), key_id=rotated.record.id, overlap_seconds=3600)
    await create(newer, world, "new")

    dropped = await drop_keys_tagged_otherwise(desk.database, OTHER.ids, now=desk.clock())

    async with desk.database.reading() as session:
        living = await api_keys(session, operator(), organization_id=world.acme.id)
        row = await session.get(ApiKey, rotated.record.id)
    assert dropped == [old.record.id]
    assert {key.name for key in living} == {"rotated", "new"}
    assert row is not None
    assert (row.previous_secret_hash, row.previous_works_until, row.server_key_id) == (None, None, OTHER.signing_id)


async def test_nothing_is_dropped_while_every_server_key_is_there(desk: Desk, world: World) -> None:
    """It can be asked for without need."""
    await create(desk, world, "old")
    await create(tagging_otherwise(desk), world, "new")

    both = (*desk.issuer.server_keys.ids, *OTHER.ids)

    assert await drop_keys_tagged_otherwise(desk.database, both, now=desk.clock()) == []
