"""
Writes digests behind verification: a key that is older than digests gets its digest after its first verification.

Verification only puts the digest into a bounded queue, so a database that is slow, locked or read-only delays nobody.
A digest that gets lost costs one more run of argon2: as long as a key has none, each verification offers it again.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from keys.periodic import Periodic
from models.engine.outage_log import OutageLog, named
from models.secret_digests import DigestStore, MadeDigest

logger = logging.getLogger("keydesk.verification")

EVERY_SECONDS = 1.0
LAST_ROUND_SECONDS = 1.0
A_BATCH = 200
WAITING_AT_MOST = 10_000


class DigestWriter:
    """Collects digests and writes them every second, those of A_BATCH keys at once."""

    def __init__(self, store: DigestStore, *, waiting_at_most: int = WAITING_AT_MOST) -> None:
        self._store = store
        self._waiting_at_most = waiting_at_most
        self._waiting: dict[tuple[str, str], str] = {}
        self._outage = OutageLog(
            logger,
            began=lambda error: (
                f"The digests of keys can't be written ({named(error)}): until they can, each process hashes "
                "each key that has none once"
            ),
            ended="The digests of keys can be written again",
        )

    def __len__(self) -> int:
        """The number of digests that wait."""
        return len(self._waiting)

    def offer(self, key_id: str, secret_hash: str, digest: str) -> None:
        """Puts a digest into the queue, unless it waits already or the queue is full. `key_id` is hexadecimal."""
        if len(self._waiting) < self._waiting_at_most:
            self._waiting[key_id, secret_hash] = digest

    async def write(self) -> None:
        """Writes everything that waits. Raises the driver's exceptions; what was not written waits for the next try."""
        while self._waiting:
            taken = self._next_batch()
            await self._store.store({key_id: MadeDigest(hashed, made) for (key_id, hashed), made in taken.items()})
            for each in taken:
                self._waiting.pop(each, None)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the context is open, writes every second; when it closes, writes the rest."""
        rounds = Periodic(
            "writing of digests",
            self.write,
            every_seconds=EVERY_SECONDS,
            outage=self._outage,
            last_seconds=LAST_ROUND_SECONDS,
        )
        async with rounds.running():
            yield

    def _next_batch(self) -> dict[tuple[str, str], str]:
        """The oldest digests that wait, at most one for each key, because a statement changes a row only once."""
        batch: dict[tuple[str, str], str] = {}
        keys: set[str] = set()
        for (key_id, hashed), digest in self._waiting.items():
            if key_id not in keys:
                keys.add(key_id)
                batch[key_id, hashed] = digest
            if len(batch) >= A_BATCH:
                break
        return batch
