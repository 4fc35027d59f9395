"""The lookup of a key at verification: what it returns, and that it is never stale."""

import asyncio

import pytest

from models.api_key import delete_living_keys
from models.engine.database import Database
from models.engine.database_address import database_url
from models.engine.postgresql import connect
from models.engine.primary import Primary
from models.key_lookup import (
    _POSTGRESQL,
    _POSTGRESQL_BY_EXTERNAL_ID,
    _SERVER_SETTINGS,
    KeyReader,
    PostgresKeyReader,
)
from models.organization import DEFAULT_MONTHLY_QUOTA, DEFAULT_RATE_LIMIT
from resolvers.api_keys import delete_api_key, rotate_api_key
from resolvers.services import KeyServices
from tests.support.host_ids import name_agents
from tests.support.keys.issued_keys import NEVER_WAS, end_overlap, issue
from tests.support.keys.key_readers import HeldWire, run, state_of
from tests.support.world import World


async def test_a_key_s_state(reader: KeyReader, services: KeyServices, world: World) -> None:
    """A key's state has its ids, its agent and its hash; an unknown public id gives None."""
    of_all, of_one = await issue(services, world), await issue(services, world, world.own)

    whole, narrow = await state_of(reader, of_all), await state_of(reader, of_one)

    assert (whole.key_id, whole.organization_id, whole.agent_id) == (of_all.record.id.hex, world.acme.id.hex, None)
    assert (narrow.key_id, narrow.agent_id) == (of_one.record.id.hex, world.own.id.hex)
    assert whole.secret_hash is not None
    assert whole.secret_hash.startswith("$argon2id$")
    assert [bool(each) for each in whole[4:8]] == [False] * 4
    assert await reader.read("0" * 16, None) is None


async def test_a_key_s_limits(reader: KeyReader, services: KeyServices, world: World) -> None:
    """A key's limits are its own or else its organization's, as they are at the moment of the read."""
    issued = await issue(services, world)
    before = await state_of(reader, issued)

    await run(services.database, "UPDATE organizations SET rate_limit = 7, monthly_quota = 11")
    of_organization = await state_of(reader, issued)
    await run(services.database, "UPDATE api_keys SET rate_limit = 3")
    of_its_own = await state_of(reader, issued)

    assert (before.rate_limit, before.monthly_quota) == (DEFAULT_RATE_LIMIT, DEFAULT_MONTHLY_QUOTA)
    assert (of_organization.rate_limit, of_organization.monthly_quota) == (7, 11)
    assert (of_its_own.rate_limit, of_its_own.monthly_quota) == (3, 11)


async def test_a_tombstone_s_state(reader: KeyReader, services: KeyServices, world: World) -> None:
    """A tombstone is found as deleted, without any hash."""
    issued = await issue(services, world)
    await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id, overlap_seconds=3600)
    await delete_api_key(services, world.actor("ada"), key_id=issued.record.id)

    state = await state_of(reader, issued)

    assert (state.key_id, bool(state.is_deleted), bool(state.was_rotated)) == (issued.record.id.hex, True, True)
    assert (state.secret_hash, state.previous_secret_hash) == (None, None)


async def test_whether_the_wanted_agent_lives(reader: KeyReader, services: KeyServices, world: World) -> None:
    """An agent counts as living if it is in the key's organization and not deleted."""
    keys = [await issue(services, world), await issue(services, world, world.own)]
    agents = (world.own.id, world.other.id, world.retired.id, world.theirs.id, NEVER_WAS)

    for issued in keys:
        lives = [bool((await state_of(reader, issued, agent.hex)).wanted_agent_lives) for agent in agents]

        assert lives == [True, True, False, False, False]


@pytest.mark.parametrize(("seconds", "works"), [(-3600, False), (-0.002, False), (5, True), (3600, True)])
async def test_the_secret_before_is_there_while_it_works(
    reader: KeyReader, services: KeyServices, world: World, seconds: float, works: bool
) -> None:
    """The previous secret is returned until its overlap ends by the database's clock."""
    issued = await issue(services, world)
    before = (await state_of(reader, issued)).secret_hash
    await rotate_api_key(services, world.actor("ada"), key_id=issued.record.id, overlap_seconds=60)

    await end_overlap(services.database, issued.record.id, in_seconds=seconds)
    state = await state_of(reader, issued)

    assert state.previous_secret_hash == (before if works else None)
    assert state.secret_hash not in {None, before}
    assert state.was_rotated


async def test_what_was_committed_is_seen_and_nothing_before(
    reader: KeyReader, services: KeyServices, world: World
) -> None:
    """A deletion is visible right after its commit, also to a reader that has read the key before."""
    issued = await issue(services, world)
    seen = [(await state_of(reader, issued)).is_deleted]

    async with services.database.transaction() as session:
        await delete_living_keys(session, at=services.clock(), by=None, key_id=issued.record.id)
        seen.append((await state_of(reader, issued)).is_deleted)
    seen.append((await state_of(reader, issued)).is_deleted)

    assert [bool(each) for each in seen] == [False, False, True]


async def test_many_at_once_get_each_their_own(reader: KeyReader, services: KeyServices, world: World) -> None:
    """Concurrent reads of the same keys, unknown keys and different agents each get their own answer."""
    keys = [await issue(services, world), await issue(services, world, world.own)]
    agents = [None, world.own.id.hex, world.retired.id.hex]
    asked = [(key.record.public_id, agent) for key in keys for agent in agents] + [("0" * 16, None)]

    states = await asyncio.gather(*(reader.read(*each) for each in asked * 15))

    facts = [None if state is None else (state.key_id, bool(state.wanted_agent_lives)) for state in states]
    own = world.own.id.hex
    of_one = keys[1]  # whose requests are for its agent if they name none
    good = [(keys[0], own), (of_one, own), (of_one, None)]
    expected = [(key.record.id.hex, (key, agent) in good) for key in keys for agent in agents]
    assert facts == [*expected, None] * 15


@pytest.mark.parametrize("host_id", ["crawler", "a,b", "%2C 'x' \\", "Ä1-漢😀", "0" * 255])
async def test_agents_named_by_the_host_products_id(
    reader: KeyReader, services: KeyServices, world: World, host_id: str
) -> None:
    """The agent is found in the key's organization only, also beside others that are asked for at the same time."""
    issued = await issue(services, world)
    await name_agents(services.database, {world.own.id: host_id, world.theirs.id: f"{host_id[:254]}2"})
    public_id = issued.record.public_id
    asked = [(None, host_id), (None, f"{host_id[:254]}2"), (world.own.id.hex, None), (None, None), (None, "nobody")]

    states = await asyncio.gather(*(reader.read(public_id, *each) for each in asked * 5))

    facts = [
        (each.request_agent_id, bool(each.wanted_agent_lives), each.agent_external_id)
        for each in states
        if each is not None
    ]
    by_host_id, by_id, nobody = (world.own.id.hex, True, host_id), (None, True, host_id), (None, False, None)
    assert facts == [by_host_id, nobody, by_id, nobody, nobody] * 5


async def test_the_host_products_ids_of_a_key(reader: KeyReader, services: KeyServices, world: World) -> None:
    """A request that names no agent is for the key's; organizations have ids of the host product as well."""
    wide, narrow = await issue(services, world), await issue(services, world, world.own)
    await name_agents(services.database, {world.own.id: "crawler"})
    await run(services.database, "UPDATE organizations SET external_id = 'acme' WHERE name = 'Acme'")

    states = [await state_of(reader, each) for each in (wide, narrow)]

    assert [(each.organization_external_id, each.agent_external_id) for each in states] == [
        ("acme", None),
        ("acme", "crawler"),
    ]


async def test_one_that_hangs_up_takes_nobody_along(reader: KeyReader, services: KeyServices, world: World) -> None:
    """When callers cancel, before or during their batch, the other callers in it still get their answers."""
    issued = await issue(services, world)
    readers = [asyncio.create_task(state_of(reader, issued)) for _ in range(9)]

    for rounds, leaving in enumerate(readers[:3]):
        for _ in range(rounds):
            await asyncio.sleep(0)
        leaving.cancel()
    stayed = await asyncio.gather(*readers[3:])

    assert [state.key_id for state in stayed] == [issued.record.id.hex] * 6
    assert (await state_of(reader, issued)).key_id == issued.record.id.hex


async def test_nobody_rides_on_a_read_that_began_before(
    postgresql: Database, services: KeyServices, world: World
) -> None:
    """A read that begins after a deletion sees it, although an older read of the same key is still in progress."""
    issued = await issue(services, world)
    wire = HeldWire(postgresql)
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    address = postgresql.url.set(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    reader = PostgresKeyReader(Primary(address), lanes=1, timeout_seconds=30)
    await state_of(reader, issued)

    wire.is_open.clear()
    before = asyncio.create_task(state_of(reader, issued))
    await wire.has_held.wait()
    await delete_api_key(services, world.actor("ada"), key_id=issued.record.id)
    after = asyncio.create_task(state_of(reader, issued))
    await asyncio.sleep(0.02)
    wire.is_open.set()
    seen = [(await before).is_deleted, (await after).is_deleted]
    await reader.close()
    server.close()
    await server.wait_closed()

    assert seen == [False, True]


async def test_an_address_may_have_options(postgresql: Database, services: KeyServices, world: World) -> None:
    """The reader accepts the options of a database address that the application accepts."""
    issued = await issue(services, world)
    reader = PostgresKeyReader(
        Primary(database_url(postgresql.url.render_as_string(hide_password=False) + "?sslmode=disable"))
    )

    state = await state_of(reader, issued)
    await reader.close()

    assert state.key_id == issued.record.id.hex


async def test_an_id_can_not_pass_for_several(postgresql: Database, reader: KeyReader) -> None:
    """Ids are sent as one comma-separated text, so an id with a comma, or an empty one, is refused."""
    for public_id, agent_id in (("a,b", None), ("", None), ("a", "b,c"), ("a", "")):
        with pytest.raises(ValueError, match="letters and digits"):
            await reader.read(public_id, agent_id)


@pytest.mark.parametrize("by_external_id", [False, True])
async def test_only_indexes_are_looked_at(postgresql: Database, by_external_id: bool) -> None:
    """
    The plan finds keys by public id and agents by id through their indexes, even without table statistics.

    Agents that are named by the host product's id are found by a unique index.
    """
    sql = _POSTGRESQL_BY_EXTERNAL_ID if by_external_id else _POSTGRESQL
    types, values = (
        ("text, text, int, text", "'a,b', ',', 0, ','") if by_external_id else ("text, text, int", "'a,b', ',', 0")
    )
    connection = await connect(
        postgresql.url, {**_SERVER_SETTINGS, "statement_timeout": "0", "default_transaction_read_only": "off"}
    )
    try:
        # In one transaction, so that the server's autovacuum can't come in between. No statistics of other tests' rows.
        async with connection.transaction():
            await connection.execute("TRUNCATE organizations CASCADE")
            await connection.execute(
                "DELETE FROM pg_statistic WHERE starelid IN ('agents'::regclass, 'api_keys'::regclass)"
            )
            await connection.execute(f"PREPARE hot ({types}) AS {sql}")
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE hot ({values})"))
    finally:
        await connection.close()

    assert "uq_api_keys_public_id" in plan
    assert "Index Cond: (id = " in plan
    assert "Seq Scan" not in plan
    assert plan.count("organization_id =") == by_external_id
    assert ("Index Scan using uq_agents_organization_id_external_id on agents e" in plan) == by_external_id
