"""argon2id off the event loop: the parameters by name, and a pool of threads whose queue has an end."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError, VerifyMismatchError
from argon2.low_level import Type

KEY_PARAMETERS = Parameters(
    type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=2, memory_cost=19 * 1024, parallelism=1
)
"""For API keys: OWASP's minimum (19 MiB, two passes). A key's secret has 190 random bits, which nobody can guess at
any price of a guess; the hash is there so that a stolen database yields no keys, and a cold key must not take long."""

PASSWORD_PARAMETERS = Parameters(
    type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=3, memory_cost=64 * 1024, parallelism=4
)
"""For people's passwords, which can be guessed: RFC 9106's second recommended option (64 MiB, three passes)."""

_NICENESS = 10

T = TypeVar("T")


class HashingQueueFull(Exception):
    """As many runs wait as may wait: try again in a moment."""


class HashingFailed(Exception):
    """argon2 could not run: no memory, or what is stored is no hash it can read. Says nothing about the secret."""


def hasher_from(parameters: Parameters) -> PasswordHasher:
    return PasswordHasher.from_parameters(parameters)


class HashingPool:
    """Runs argon2 in `threads` threads; at most `queue_limit` runs wait for one, and the next is refused at once.

    The threads stand behind the event loop's for the processor, so that hashing delays hashing and nothing else.
    """

    def __init__(self, hasher: PasswordHasher, *, threads: int, queue_limit: int, name: str) -> None:
        self._hasher = hasher
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=_stand_back)
        self._places = threading.BoundedSemaphore(threads + queue_limit)

    async def hash(self, text: str) -> str:
        """Raises HashingQueueFull, HashingFailed."""
        return await self._run(lambda: _hash(self._hasher, text))

    async def verify(self, hashed: str, text: str) -> bool:
        """Whether `hashed` was made from `text`. Raises HashingQueueFull, HashingFailed."""
        return await self._run(lambda: _verify(self._hasher, hashed, text))

    def needs_rehash(self, hashed: str) -> bool:
        """Whether it was made with other parameters than this pool's."""
        return self._hasher.check_needs_rehash(hashed)

    def close(self) -> None:
        """Runs that wait are cancelled; those that run come to their end."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise HashingQueueFull
        try:
            future = self._executor.submit(work)
        except RuntimeError:  # closed
            self._places.release()
            raise
        # The place is given back when the run is over or was cancelled before it began, not when its caller stops
        # waiting: a run that goes on with nobody waiting for it still has its thread.
        future.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(future)


def _stand_back() -> None:
    if sys.platform == "linux":  # elsewhere niceness belongs to the process, not to a thread
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _hash(hasher: PasswordHasher, text: str) -> str:
    try:
        return hasher.hash(_as_bytes(text))
    except (Argon2Error, MemoryError) as error:
        raise HashingFailed(str(error)) from None


def _verify(hasher: PasswordHasher, hashed: str, text: str) -> bool:
    try:
        return hasher.verify(hashed, _as_bytes(text))
    except VerifyMismatchError:
        return False
    except (Argon2Error, InvalidHashError, MemoryError) as error:
        raise HashingFailed(str(error)) from None


def _as_bytes(text: str) -> bytes:
    # A lone surrogate is a possible character of a password that came through JSON, and no reason to fail.
    return text.encode("utf-8", "surrogatepass")
