"""argon2id off the event loop, in a bounded queue."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from uuid import UUID

import pytest
from argon2 import PasswordHasher, Type, extract_parameters

from keys.hashing import KEY_PARAMETERS, PASSWORD_PARAMETERS, Argon2Parameters, HashingPool, HashingQueueFull
from keys.turns import Party

CHEAP = Argon2Parameters(time_cost=1, memory_kib=8, parallelism=1)
LONGEST_WAIT_SECONDS = 30
"""The time passes only if the tested code is broken."""


class HeldHasher(PasswordHasher):
    """A cheap hasher that waits in its thread until the test releases it."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.entered = threading.Event()
        self.released = threading.Event()
        self.was_released: list[bool] = []
        self.hashed: list[str | bytes] = []

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.hashed.append(password)
        self.entered.set()
        self.was_released.append(self.released.wait(LONGEST_WAIT_SECONDS))
        return super().hash(password, salt=salt)


@pytest.fixture
async def pool() -> AsyncIterator[HashingPool]:
    """Two threads and cheap hashes."""
    opened = HashingPool(CHEAP.hasher(), threads=2, queue_limit=8, name="test")
    yield opened
    opened.close()


@pytest.fixture
def hasher() -> Iterator[HeldHasher]:
    """Released at the end, so that no thread is left."""
    held = HeldHasher()
    yield held
    held.released.set()


@pytest.fixture
async def held_pool(hasher: HeldHasher) -> AsyncIterator[HashingPool]:
    """One thread, and a queue for one more hash."""
    opened = HashingPool(hasher, threads=1, queue_limit=2, name="held")
    yield opened
    opened.close()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONGEST_WAIT_SECONDS):
        while not condition():  # noqa: ASYNC110 - what another thread does sets no event of the loop's
            await asyncio.sleep(0)


async def _begun(pool: HashingPool, text: str, depth: int) -> "asyncio.Task[str]":
    """Starts a hash, and waits until the pool has this many, waiting or running."""
    task = asyncio.create_task(pool.hash(text))
    await _until(lambda: pool.depth == depth)
    return task


@pytest.mark.parametrize(
    ("parameters", "encoded"),
    [(KEY_PARAMETERS, "$argon2id$v=19$m=19456,t=2,p=1$"), (PASSWORD_PARAMETERS, "$argon2id$v=19$m=65536,t=3,p=4$")],
)
def test_a_hash_says_the_named_parameters(parameters: Argon2Parameters, encoded: str) -> None:
    """The stored hash names argon2id and the costs, and has salt and digest of the documented length."""
    hashed = parameters.hasher().hash("a text")

    found = extract_parameters(hashed)
    assert hashed.startswith(encoded)
    assert (found.type, found.salt_len, found.hash_len) == (Type.ID, 16, 32)


async def test_only_the_text_that_was_hashed_matches(pool: HashingPool) -> None:
    """The right text gives True and a wrong one False, without an exception; the hash is salted."""
    hashed = await pool.hash("right")

    assert await pool.verify(hashed, "right") is True
    assert await pool.verify(hashed, "wrong") is False
    assert await pool.verify(hashed, "") is False
    assert await pool.hash("right") != hashed


@pytest.mark.parametrize(
    "hashed", ["", "garbage", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$AAAA$", "$2b$12$" + "a" * 53]
)
async def test_a_hash_that_is_none_matches_nothing(pool: HashingPool, hashed: str) -> None:
    """A stored hash that argon2 can't read matches no text, and raises nothing."""
    assert await pool.verify(hashed, "anything") is False


async def test_a_hash_of_other_parameters_wants_another(pool: HashingPool) -> None:
    """A hash is made anew if its costs differ from the pool's, and only then."""
    other = Argon2Parameters(time_cost=2, memory_kib=8, parallelism=1).hasher().hash("a text")

    assert pool.needs_rehash(other)
    assert not pool.needs_rehash(await pool.hash("a text"))


async def test_the_loop_goes_on_while_a_hash_runs(held_pool: HashingPool, hasher: HeldHasher) -> None:
    """The event loop continues while a hash runs: here the loop itself ends the hash."""
    hashing = await _begun(held_pool, "a text", 1)
    await _until(hasher.entered.is_set)

    was_pending = not hashing.done()
    hasher.released.set()
    hashed = await hashing

    assert was_pending
    assert hasher.was_released == [True]
    assert await held_pool.verify(hashed, "a text")


async def test_a_full_queue_refuses_at_once(held_pool: HashingPool, hasher: HeldHasher) -> None:
    """A full queue refuses at once while other hashes run, and hashes nothing for the refused caller."""
    begun = [await _begun(held_pool, "first", 1), await _begun(held_pool, "second", 2)]

    with pytest.raises(HashingQueueFull):
        await held_pool.hash("third")
    with pytest.raises(HashingQueueFull):
        await held_pool.verify("$argon2id$", "third")

    assert not any(task.done() for task in begun)
    hasher.released.set()
    await asyncio.gather(*begun)
    assert hasher.hashed == ["first", "second"]
    assert held_pool.depth == 0
    assert await held_pool.hash("third")


async def test_a_caller_that_hangs_up_leaves_its_place_taken_until_the_hash_ends(
    held_pool: HashingPool, hasher: HeldHasher
) -> None:
    """A running hash takes its place in the pool until it ends, and no longer."""
    running = await _begun(held_pool, "first", 1)
    waiting = await _begun(held_pool, "second", 2)

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert running.cancelled()
    assert held_pool.depth == 2
    with pytest.raises(HashingQueueFull):
        await held_pool.hash("third")
    hasher.released.set()
    await waiting
    await _until(lambda: held_pool.depth == 0)
    assert await held_pool.hash("third")
    assert held_pool.depth == 0


@pytest.mark.parametrize("is_urgent", [False, True])
async def test_a_hash_that_waits_is_never_begun_once_its_caller_is_gone(hasher: HeldHasher, is_urgent: bool) -> None:
    """Its place is free at once, and the person's other hashes go on."""
    pool = HashingPool(hasher, threads=1, queue_limit=4, name="held")
    party = Party(UUID(int=1), UUID(int=2))

    async def hashed(text: str) -> str:
        return await pool.hash(text, party=party, is_urgent=is_urgent)

    running = [asyncio.create_task(hashed(f"running {number}")) for number in range(2 if is_urgent else 1)]
    gone, staying = asyncio.create_task(hashed("gone")), asyncio.create_task(hashed("staying"))
    await _until(lambda: pool.depth == len(running) + 2)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    depth = pool.depth
    hasher.released.set()
    await asyncio.gather(*running, staying)
    pool.close()

    assert depth == len(running) + 1
    assert pool.depth == 0
    assert sorted(map(str, hasher.hashed)) == sorted([*(f"running {n}" for n in range(len(running))), "staying"])


async def test_a_hash_that_fails_gives_its_place_back() -> None:
    """An error in the thread reaches the caller, and the pool has as much room as before."""

    class BrokenHasher(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            raise MemoryError

    pool = HashingPool(BrokenHasher(), threads=1, queue_limit=1, name="broken")

    for _ in range(3):
        with pytest.raises(MemoryError):
            await pool.hash("a text")
        assert pool.depth == 0
    pool.close()


async def test_closing_drops_what_waits_and_refuses_what_comes(held_pool: HashingPool, hasher: HeldHasher) -> None:
    """After closing, the running hash ends, the waiting one never begins, and no other is accepted."""
    running = await _begun(held_pool, "running", 1)
    await _until(hasher.entered.is_set)
    waiting = await _begun(held_pool, "waiting", 2)

    held_pool.close()
    hasher.released.set()

    assert await running
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(RuntimeError):
        await held_pool.hash("late")
    assert hasher.hashed == ["running"]
    assert held_pool.depth == 0
