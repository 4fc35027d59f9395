"""Many concurrent changes of keys: rate and slots are reserved before a secret is hashed."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from keys.hashing import HashingPool
from keys.issuer import Issuer
from keys.policy import Scope
from keys.refusals import ApiKeyNotFound, KeyLimitReached, TooManyRequests
from keys.token import SECRET_LENGTH
from models import Organization
from models.engine.database import Database
from resolvers.api_keys import delete_api_key, rename_api_key, rotate_api_key
from resolvers.creation.create_api_key import create_api_key
from resolvers.creation.reservations import Reservations
from resolvers.services import Issued, KeyServices
from tests.conftest import SERVER_KEYS, Clock, CountingHasher
from tests.support.keys.issued_keys import LONGEST_WAIT_SECONDS, until
from tests.support.world import World


class HeldHasher(CountingHasher):
    """Holds each hash until the test releases it, and records the order of hashing."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()
        self.released.set()
        self.order: list[str | bytes] = []

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        assert self.released.wait(LONGEST_WAIT_SECONDS)
        self.order.append(password)
        return super().hash(password, salt=salt)

    def place_of(self, issued: Issued) -> int:
        """How many secrets were hashed before this key's."""
        return self.order.index(issued.secret.reveal().split("_")[2][:SECRET_LENGTH])


@pytest.fixture
def hasher() -> HeldHasher:
    """A hasher that does not hold anything yet."""
    return HeldHasher()


@pytest.fixture
async def busy(database: Database, clock: Clock, hasher: HeldHasher) -> AsyncIterator[KeyServices]:
    """Key services with one thread for hashing, as on a machine with two cores."""
    pool = HashingPool(hasher, threads=1, queue_limit=1_000, name="new-keys")
    yield KeyServices(database, clock, mutations_per_minute=300, issuer=Issuer(SERVER_KEYS, "kd", pool))
    hasher.released.set()
    pool.close()


async def create(
    services: KeyServices,
    world: World,
    person: str = "ada",
    organization: Organization | None = None,
    agent_id: UUID | None = None,
) -> Issued:
    return await create_api_key(
        services,
        world.actor(person),
        organization_id=(organization or world.acme).id,
        name="deploy",
        scope=Scope.ORGANIZATION if agent_id is None else Scope.AGENT,
        agent_id=agent_id,
    )


async def test_a_person_s_rotations_at_once_are_hashed_as_often_as_they_may_be(
    busy: KeyServices, world: World, hasher: HeldHasher
) -> None:
    """Rotations beyond the rate limit are refused before their secrets are hashed."""
    slow = replace(busy, mutations_per_minute=20, reservations=Reservations())
    issued = await create(slow, world)
    before = hasher.hashed

    outcomes = await asyncio.gather(
        *(rotate_api_key(slow, world.actor("ada"), key_id=issued.record.id) for _ in range(60)), return_exceptions=True
    )

    assert sum(isinstance(each, Issued) for each in outcomes) == 19
    assert sum(isinstance(each, TooManyRequests) for each in outcomes) == 41
    # A change that ends while another is checked may let one more be hashed, which the database then refuses.
    assert hasher.hashed - before <= 25


async def test_what_is_under_way_counts_for_other_changes(busy: KeyServices, world: World, hasher: HeldHasher) -> None:
    """A rotation in progress counts against the limit for other changes, also for those that hash nothing."""
    slow = replace(busy, mutations_per_minute=2, reservations=Reservations())
    issued = await create(slow, world)
    hasher.released.clear()
    rotating = asyncio.create_task(rotate_api_key(slow, world.actor("ada"), key_id=issued.record.id))
    await until(lambda: busy.issuer.pool.depth == 1)

    with pytest.raises(TooManyRequests) as refused:
        await rename_api_key(slow, world.actor("ada"), key_id=issued.record.id, name="other")
    hasher.released.set()

    assert refused.value.retry_after_seconds == 60
    assert await rotating


async def test_of_many_creations_for_one_slot_one_is_hashed(
    busy: KeyServices, world: World, hasher: HeldHasher, clock: Clock
) -> None:
    """The others are refused without hashing, and none of them counts against the rate limit."""
    for _ in range(9):
        await create(busy, world)
    before = hasher.hashed
    clock.advance(minutes=2)

    outcomes = await asyncio.gather(*(create(busy, world) for _ in range(100)), return_exceptions=True)

    assert sum(isinstance(each, Issued) for each in outcomes) == 1
    assert sum(isinstance(each, KeyLimitReached) for each in outcomes) == 99
    assert hasher.hashed - before == 1
    assert busy.reservations.taken(world.ada.id, clock()) == 0


async def test_a_creation_that_is_given_up_lets_the_next_one_go_on(
    busy: KeyServices, world: World, hasher: HeldHasher
) -> None:
    """When the creation that has the last slot is cancelled, one that waits for the slot gets it."""
    for _ in range(9):
        await create(busy, world)
    hasher.released.clear()
    first = asyncio.create_task(create(busy, world))
    await until(lambda: busy.issuer.pool.depth == 1)
    others = [asyncio.create_task(create(busy, world)) for _ in range(3)]
    await asyncio.sleep(0.05)

    first.cancel()
    others[0].cancel()
    await asyncio.wait([first, others[0]])
    hasher.released.set()
    async with asyncio.timeout(LONGEST_WAIT_SECONDS):
        outcomes = await asyncio.gather(*others[1:], return_exceptions=True)

    assert sorted(type(each).__name__ for each in outcomes) == ["Issued", "KeyLimitReached"]


async def test_a_hash_for_nothing_keeps_its_place(
    busy: KeyServices, world: World, hasher: HeldHasher, clock: Clock
) -> None:
    """Rotations of a key that is deleted meanwhile have hashed, so they count against the rate limit."""
    issued, other = await create(busy, world), await create(busy, world)
    hasher.released.clear()
    rotating = [
        asyncio.create_task(rotate_api_key(busy, world.actor("ada"), key_id=issued.record.id)) for _ in range(5)
    ]
    await until(lambda: busy.issuer.pool.depth == 5)
    await delete_api_key(busy, world.actor("ada"), key_id=issued.record.id)
    hasher.released.set()

    outcomes = await asyncio.gather(*rotating, return_exceptions=True)
    taken = busy.reservations.taken(world.ada.id, clock())
    clock.advance(minutes=1)

    assert {type(each) for each in outcomes} == {ApiKeyNotFound}
    assert taken == 5
    assert busy.reservations.taken(world.ada.id, clock()) == 0
    assert await rotate_api_key(busy, world.actor("ada"), key_id=other.record.id)


@pytest.mark.parametrize("overlap_seconds", [0, 60])
async def test_an_emergency_rotation_does_not_wait_for_others_rotations(
    busy: KeyServices, world: World, hasher: HeldHasher, overlap_seconds: int
) -> None:
    """
    With 100 rotations of an agent admin queued, an admin's emergency rotations, in this and another organization, run
    next.
    """
    of_agent = await create(busy, world, "grace", agent_id=world.own.id)
    mine, theirs = await create(busy, world), await create(busy, world, "eve", world.globex)

    async def rotate(person: str, issued: Issued, overlap: int) -> Issued:
        return await rotate_api_key(busy, world.actor(person), key_id=issued.record.id, overlap_seconds=overlap)

    hasher.released.clear()
    hasher.order.clear()
    flood = [asyncio.create_task(rotate("grace", of_agent, overlap_seconds)) for _ in range(100)]
    await until(lambda: busy.issuer.pool.depth == 100)
    urgent = [asyncio.create_task(rotate("ada", mine, 0)), asyncio.create_task(rotate("eve", theirs, 0))]
    await until(lambda: busy.issuer.pool.depth == 102)
    hasher.released.set()
    places = [hasher.place_of(each) for each in await asyncio.gather(*urgent)]
    for each in flood:
        each.cancel()
    await asyncio.gather(*flood, return_exceptions=True)

    # Two of the others' run when these come, and one more may begin before each of them.
    assert max(places) < 8


async def test_a_full_queue_has_room_for_other_organizations_and_for_emergencies(
    database: Database, world: World, clock: Clock, hasher: HeldHasher
) -> None:
    """One organization gets half of the queue's places. Its refusals say that it does too much at once."""
    pool = HashingPool(hasher, threads=1, queue_limit=8, name="new-keys")
    services = KeyServices(database, clock, mutations_per_minute=300, issuer=Issuer(SERVER_KEYS, "kd", pool))
    of_agent = await create(services, world, "grace", agent_id=world.own.id)
    mine, theirs = await create(services, world), await create(services, world, "eve", world.globex)
    hasher.released.clear()
    flood = [
        asyncio.create_task(
            rotate_api_key(services, world.actor("grace"), key_id=of_agent.record.id, overlap_seconds=60)
        )
        for _ in range(20)
    ]
    await until(lambda: sum(task.done() for task in flood) + pool.depth == 20)

    others = [
        asyncio.create_task(rotate_api_key(services, world.actor("eve"), key_id=theirs.record.id, overlap_seconds=60)),
        asyncio.create_task(rotate_api_key(services, world.actor("ada"), key_id=mine.record.id)),
    ]
    await until(lambda: sum(task.done() for task in flood) + pool.depth == 22)
    hasher.released.set()
    outcomes = await asyncio.gather(*flood, return_exceptions=True)

    assert [isinstance(each, Issued) for each in await asyncio.gather(*others)] == [True, True]
    refused = [each for each in outcomes if isinstance(each, TooManyRequests)]
    assert 10 <= len(refused) <= 16
    # A refused change does not count against its person's rate limit.
    assert services.reservations.taken(world.grace.id, clock()) == 0
    assert {each.message.split(".")[0] for each in refused} == {
        "Your organization is creating or rotating too many API keys at once"
    }
    pool.close()
