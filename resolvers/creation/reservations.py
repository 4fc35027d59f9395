"""
Reserves capacity while a secret is hashed: one of the person's changes in a minute, and a slot of the organization.

A change counts when its audit event is written, which is after hashing. Without reservations, hundreds of changes at
the same time would all pass the rate limit and the key limit, and all be hashed. Reservations are counted in this
process only; the database makes the final decision.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from uuid import UUID

from keys.refusals import KeyLimitReached, TooManyRequests
from keys.windows import PersonalWindow


class Creations:
    """The creations of keys in one organization that are under way."""

    def __init__(self) -> None:
        self.known = 0
        self.ended = 0
        """The number of creations that were hashed and have ended. If it changes, read the organization again."""
        self._hashing = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def may_hash(self, free_slots: int) -> bool:
        """Whether there is a free slot that no other creation is being hashed for. The first one never waits."""
        return self._hashing < max(1, free_slots)

    @contextmanager
    def hashing(self) -> Iterator[None]:
        """Reserves a slot while the context is open. Afterwards, the next waiting creation checks again."""
        self._hashing += 1
        try:
            yield
        finally:
            self._hashing -= 1
            self.ended += 1
            self.wake_next()

    async def wait(self) -> None:
        """Waits until one of the creations before this one has ended."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.wake_next()
            raise

    def wake_next(self) -> None:
        """Lets the creation that has waited longest check again. If it finds no slot, it wakes the next one."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


class Reservations:
    """The reservations of this process."""

    def __init__(self) -> None:
        self._under_way: Counter[UUID] = Counter()
        self._failed = PersonalWindow()
        self._creating: dict[UUID, Creations] = {}

    def taken(self, person_id: UUID, now: datetime) -> int:
        """
        The number of the person's changes in the last minute that have no audit event yet, or will never have one.
        """
        return self._under_way[person_id] + len(self._failed.used(person_id, now))

    @contextmanager
    def place(self, person_id: UUID | None, now: datetime) -> Iterator[None]:
        """
        Counts one of the person's changes while the context is open. The operator's are not counted.

        If the change fails, its hash was wasted, so the change keeps counting for a minute. It does not if the key
        limit was reached, or if the queue had no room for the hash.
        """
        if person_id is None:
            yield
            return
        self._under_way[person_id] += 1
        try:
            yield
        except (KeyLimitReached, TooManyRequests):
            raise
        except BaseException:
            self._failed.add(person_id, now)
            raise
        finally:
            self._under_way[person_id] -= 1
            if not self._under_way[person_id]:
                del self._under_way[person_id]

    @asynccontextmanager
    async def creation(self, organization_id: UUID) -> AsyncIterator[Creations]:
        """Registers a creation in the organization while the context is open. It may wait for earlier ones."""
        creations = self._creating.setdefault(organization_id, Creations())
        creations.known += 1
        try:
            yield creations
        finally:
            creations.known -= 1
            if not creations.known:
                del self._creating[organization_id]
