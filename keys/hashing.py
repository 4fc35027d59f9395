"""Owns argon2id: named parameters, and pools that hash off the event loop with a bounded queue."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

NICENESS = 10
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Argon2Parameters:
    """What a hash costs (RFC 9106)."""

    time_cost: int
    memory_kib: int
    parallelism: int

    def hasher(self) -> PasswordHasher:
        """argon2id with these parameters, a salt of 16 and a hash of 32 bytes."""
        return PasswordHasher(
            time_cost=self.time_cost, memory_cost=self.memory_kib, parallelism=self.parallelism, type=Type.ID
        )


KEY_PARAMETERS = Argon2Parameters(time_cost=2, memory_kib=19 * 1024, parallelism=1)
"""Secrets of API keys, which have 190 bits: OWASP's minimum, since a cold key waits for it."""
PASSWORD_PARAMETERS = Argon2Parameters(time_cost=3, memory_kib=64 * 1024, parallelism=4)
"""People's passwords, which may be weak: the second recommended option of RFC 9106, section 4."""


class HashingQueueFull(Exception):
    """More hashes are wanted than the pool's queue takes; nothing was hashed."""


class HashingPool:
    """
    Hashes in threads of its own, at most `queue_limit` waiting or running.

    The threads give way to the event loop where the system lets a thread be niced (Linux).
    """

    def __init__(self, hasher: PasswordHasher, *, threads: int, queue_limit: int, name: str) -> None:
        self._hasher = hasher
        self.name = name
        self.queue_limit = queue_limit
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=_give_way)
        self.depth = 0
        """Hashes that wait or run."""

    async def hash(self, text: str) -> str:
        """The encoded argon2id hash of the text. Raises HashingQueueFull."""
        return await self._run(lambda: self._hasher.hash(text))

    async def verify(self, hashed: str, text: str) -> bool:
        """Whether the text is what was hashed. Raises HashingQueueFull."""
        return await self._run(lambda: self._matches(hashed, text))

    def needs_rehash(self, hashed: str) -> bool:
        """Whether it was hashed with other parameters than this pool's."""
        return self._hasher.check_needs_rehash(hashed)

    def close(self) -> None:
        """Ends the threads; what waits is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _matches(self, hashed: str, text: str) -> bool:
        try:
            return self._hasher.verify(hashed, text)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self.depth >= self.queue_limit:
            raise HashingQueueFull
        future = asyncio.get_running_loop().run_in_executor(self._executor, work)
        self.depth += 1
        # Counted until the thread is done, not until the caller is: one that hung up leaves its work behind.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, future: asyncio.Future[Result]) -> None:
        self.depth -= 1
        if not future.cancelled():
            future.exception()  # asked for, so that a caller that hung up leaves no complaint


def _give_way() -> None:
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
