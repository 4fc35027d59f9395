"""Keys that tests present, issued by the operations themselves, and hashers that can be counted and paused."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import update

from keys.hashing import HashingPool
from keys.limits.limiter import Consumer
from keys.policy import Scope
from keys.token import SECRET_LENGTH, ServerKeys
from keys.verification.argon2_comparison import RESULTS_REMEMBERED, OfferDigest
from keys.verification.verdict import RequestedAgent, Verdict
from keys.verification.verifier import KeyVerifier
from models import Agent, ApiKey
from models.engine.database import Database, database_now
from models.key_lookup import DatabaseUnavailable, KeyReader, KeyState, key_reader
from resolvers.creation.create_api_key import create_api_key
from resolvers.services import Issued, KeyServices
from tests.conftest import SERVER_KEYS, CountingHasher
from tests.support.world import World

LONGEST_WAIT_SECONDS = 30
"""The time passes only if the tested code is broken."""
NO_AGENT = RequestedAgent()
NEVER_WAS = UUID("01a00000-0000-7000-8000-000000000000")


async def issue(services: KeyServices, world: World, agent: Agent | None = None) -> Issued:
    """A key of Acme, organization-level or for the agent, created by its admin."""
    return await create_api_key(
        services,
        world.actor("ada"),
        organization_id=world.acme.id,
        name="deploy",
        scope=Scope.ORGANIZATION if agent is None else Scope.AGENT,
        agent_id=None if agent is None else agent.id,
    )


async def check(verifier: KeyVerifier, issued: Issued, wanted: RequestedAgent = NO_AGENT) -> Verdict:
    """The verdict on the key's secret."""
    return await verifier.verify(issued.secret.reveal(), wanted)


async def forget_digests(database: Database) -> None:
    """Removes all digests: the keys are then as a version without digests has stored them."""
    async with database.transaction() as session:
        await session.execute(update(ApiKey).values(secret_digest=None, previous_secret_digest=None))


async def issue_without_digest(services: KeyServices, world: World) -> Issued:
    """A key as a version without digests has stored it."""
    issued = await issue(services, world)
    await forget_digests(services.database)
    return issued


async def end_overlap(database: Database, key_id: UUID, *, in_seconds: float) -> None:
    """Ends a key's overlap by the database's clock, so that no test has to wait."""
    async with database.transaction() as session:
        ends = await database_now(session) + timedelta(seconds=in_seconds)
        await session.execute(update(ApiKey).where(ApiKey.id == key_id).values(previous_works_until=ends))  # type: ignore[arg-type]


def altered(token: str) -> str:
    """The key with another character in its secret: well-formed, but never issued."""
    place = -20
    return token[:place] + ("a" if token[place] != "a" else "b") + token[place + 1 :]


class HeldHasher(CountingHasher):
    """Counts the concurrent comparisons, makes them wait until the test releases them, and records their order."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str | bytes] = []
        """The secrets, in the order in which they were compared with their first hash."""
        self.entered = threading.Event()
        self.released = threading.Event()
        self.at_once = 0
        self.at_once_at_most = 0
        self._lock = threading.Lock()

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        with self._lock:
            self.at_once += 1
            self.at_once_at_most = max(self.at_once_at_most, self.at_once)
            if password not in self.order:
                self.order.append(password)
        self.entered.set()
        self.released.wait(LONGEST_WAIT_SECONDS)
        with self._lock:
            self.at_once -= 1
        return super().verify(hash, password)

    def place_of(self, issued: Issued) -> int:
        """How many other secrets were compared before this key's."""
        return self.order.index(issued.secret.reveal().split("_")[2][:SECRET_LENGTH])


class SpyReader:
    """A reader that records the ids that it is asked for, in front of another reader or of none."""

    def __init__(self, reader: KeyReader | None = None) -> None:
        self._reader = reader
        self.asked: list[tuple[str, str | None]] = []

    async def start(self) -> None:
        """Does nothing."""

    async def read(self, public_id: str, agent_id: str | None, agent_external_id: str | None = None) -> KeyState | None:
        """Reads with the reader behind it; without one, the database is unavailable."""
        self.asked.append((public_id, agent_id))
        if self._reader is None:
            raise DatabaseUnavailable
        return await self._reader.read(public_id, agent_id)

    async def close(self) -> None:
        """Closes the reader behind it."""
        if self._reader is not None:
            await self._reader.close()


class Verifiers:
    """Makes key verifiers on a database, each as in a process of its own, and closes their threads and readers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pools: list[HashingPool] = []
        self._readers: list[KeyReader] = []

    def make(
        self,
        hasher: CountingHasher | None = None,
        *,
        reader: KeyReader | None = None,
        limiter: Consumer | None = None,
        server_keys: ServerKeys = SERVER_KEYS,
        prefixes: tuple[str, ...] = ("kd",),
        require_agent: bool = False,
        queue_limit: int = 500,
        threads: int = 2,
        results_remembered: int = RESULTS_REMEMBERED,
        offer_digest: OfferDigest | None = None,
    ) -> KeyVerifier:
        """A verifier as in a process that has just started. `hasher` counts its runs of argon2."""
        pool = HashingPool(hasher or CountingHasher(), threads=threads, queue_limit=queue_limit, name="test")
        reader = reader or key_reader(self._database)
        self._pools.append(pool)
        self._readers.append(reader)
        return KeyVerifier(
            server_keys=server_keys,
            prefixes=prefixes,
            reader=reader,
            pool=pool,
            limiter=limiter,
            require_agent=require_agent,
            results_remembered=results_remembered,
            offer_digest=offer_digest,
        )

    async def close(self) -> None:
        """Ends their threads and connections."""
        for pool in self._pools:
            pool.close()
        for reader in self._readers:
            await reader.close()


async def until(condition: Callable[[], bool]) -> None:
    """Waits until another thread makes the condition true."""
    async with asyncio.timeout(LONGEST_WAIT_SECONDS):
        while not condition():  # noqa: ASYNC110 - what another thread does sets no event of the loop's
            await asyncio.sleep(0.001)
