"""
What is reserved while a secret is hashed: a place in the person's pace of changes, and a slot of the organization.

A change counts when its event is written, which is after the hash. Without this, hundreds of changes at once would all
pass the pace and the limit on keys, and all be hashed. Counted in this process; the database has the last word.
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
    """Those of one organization that are under way."""

    def __init__(self) -> None:
        self.known = 0
        self.ended = 0
        """How many were hashed and done with: what was read of the organization before the last of them is old."""
        self._hashing = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def may_hash(self, free_slots: int) -> bool:
        """Whether there is a slot that no other creation is being hashed for; the first one never waits."""
        return self._hashing < max(1, free_slots)

    @contextmanager
    def hashing(self) -> Iterator[None]:
        """While the block runs, a slot is reserved; afterwards, the next that waits looks again."""
        self._hashing += 1
        try:
            yield
        finally:
            self._hashing -= 1
            self.ended += 1
            self.wake_next()

    async def wait(self) -> None:
        """Waits until one of the creations before this one is done."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.wake_next()
            raise

    def wake_next(self) -> None:
        """Lets the one that waited longest look again. One that finds no slot passes this on."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


class Reservations:
    """Of one process."""

    def __init__(self) -> None:
        self._under_way: Counter[UUID] = Counter()
        self._failed = PersonalWindow()
        self._creating: dict[UUID, Creations] = {}

    def taken(self, person_id: UUID, now: datetime) -> int:
        """How many places of the person's pace are taken that have no event yet, or will never have one."""
        return self._under_way[person_id] + len(self._failed.used(person_id, now))

    @contextmanager
    def place(self, person_id: UUID | None, now: datetime) -> Iterator[None]:
        """
        Takes a place of the person's pace while the block runs; the operator needs none.

        Where the block fails, its hash was for nothing, and the place stays taken for a minute. But the limit on keys
        costs no place, nor does a queue with no room for the hash.
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
        """While the block runs, a creation in the organization is under way, which may wait for those before it."""
        creations = self._creating.setdefault(organization_id, Creations())
        creations.known += 1
        try:
            yield creations
        finally:
            creations.known -= 1
            if not creations.known:
                del self._creating[organization_id]
