"""Hashes with argon2id, in pools of threads outside the event loop, each with a bounded and fair queue."""

import asyncio
import contextlib
import os
import secrets
import threading
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from keys.turns import NOBODY, Party, Turns

NICENESS = 10
URGENT_THREADS = 1
URGENT_OF_A_PERSON = 5
"""If one person already has this many urgent hashes waiting, their next ones wait with those that are not urgent."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Argon2Parameters:
    """The cost of a hash (RFC 9106): `time_cost` passes over `memory_kib` KiB in `parallelism` lanes."""

    time_cost: int
    memory_kib: int
    parallelism: int

    def hasher(self) -> PasswordHasher:
        """An argon2id hasher with these parameters, a 16-byte salt and a 32-byte hash."""
        return PasswordHasher(
            time_cost=self.time_cost, memory_cost=self.memory_kib, parallelism=self.parallelism, type=Type.ID
        )


KEY_PARAMETERS = Argon2Parameters(time_cost=2, memory_kib=19 * 1024, parallelism=1)
"""For secrets of API keys: OWASP's minimum, since they have 190 bits and a key's first request waits for the hash."""
PASSWORD_PARAMETERS = Argon2Parameters(time_cost=3, memory_kib=64 * 1024, parallelism=4)
"""For people's passwords, which may be weak: the second recommended option of RFC 9106, section 4."""


def unmatchable_hash(parameters: Argon2Parameters) -> str:
    """
    An encoded argon2id hash that no secret is known to match: its salt and its output are random.

    It takes the place of the hash of a secret that must not work any more.
    """
    salt, output = (b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    cost = f"m={parameters.memory_kib},t={parameters.time_cost},p={parameters.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${output}"


class HashingQueueFull(Exception):
    """The pool's queue is full; nothing was hashed."""


class HashingShareFull(HashingQueueFull):
    """One organization has more hashes waiting than the queue has room left; nothing was hashed."""


class HashingPool:
    """
    Hashes in its own threads. At most `queue_limit` hashes wait or run, apart from urgent ones.

    Organizations take turns in the queue, and so do the people within each; hashes for no party share one turn. Urgent
    hashes go before all others, and one thread runs nothing else. On Linux, where a thread can have its own nice value,
    the threads have lower priority than the event loop.
    """

    def __init__(self, hasher: PasswordHasher, *, threads: int, queue_limit: int, name: str) -> None:
        self._hasher = hasher
        self.name = name
        self.queue_limit = queue_limit
        self._threads = threads
        self._executor = ThreadPoolExecutor(threads + URGENT_THREADS, thread_name_prefix=name, initializer=_give_way)
        self._waiting = Turns[_Job]()
        self._urgent = Turns[_Job]()
        self._running = 0
        self._urgent_running = 0
        self._is_closed = False
        self.depth = 0
        """The number of hashes that wait or run."""

    async def hash(self, text: str, *, party: Party | None = None, is_urgent: bool = False) -> str:
        """
        Returns the encoded argon2id hash of the text. `party` is the organization and person that it is made for.

        A person may have URGENT_OF_A_PERSON urgent hashes waiting; further ones wait with those that are not urgent.
        Raises HashingQueueFull, or HashingShareFull if only the party's organization has too many waiting.
        """
        return await self._run(lambda: self._hasher.hash(text), party, is_urgent=is_urgent, has_share=True)

    async def verify(self, hashed: str, text: str, *, party: Party | None = None) -> bool:
        """Whether `hashed` is a hash of the text; False also if `hashed` is not valid. Raises HashingQueueFull."""
        return await self._run(lambda: self._matches(hashed, text), party, is_urgent=False, has_share=False)

    def needs_rehash(self, hashed: str) -> bool:
        """Whether the hash was made with other parameters than this pool's."""
        return self._hasher.check_needs_rehash(hashed)

    def close(self) -> None:
        """Stops the threads and cancels the hashes that wait."""
        self._is_closed = True
        for turns in (self._urgent, self._waiting):
            while (job := turns.take()) is not None:
                job.done.cancel()
                self.depth -= 1
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _matches(self, hashed: str, text: str) -> bool:
        try:
            return self._hasher.verify(hashed, text)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(
        self, work: Callable[[], Result], party: Party | None, *, is_urgent: bool, has_share: bool
    ) -> Result:
        if self._is_closed:
            raise RuntimeError("this pool is closed")
        job = _Job(work, asyncio.get_running_loop().create_future())
        if is_urgent and party is not None and self._urgent.of_person(party) < URGENT_OF_A_PERSON:
            turns = self._urgent  # accepted even if the queue is full
        else:
            self._check_room(party if has_share else None)
            turns = self._waiting
        turns.add(job, party or NOBODY)
        self.depth += 1
        self._start()
        try:
            # A running hash counts until its thread is done, even if its caller was cancelled.
            result: Result = await asyncio.shield(job.done)
        except asyncio.CancelledError:
            self._give_up(job, turns, party or NOBODY)
            raise
        return result

    def _give_up(self, job: "_Job", turns: "Turns[_Job]", party: Party) -> None:
        if turns.remove(job, party):
            job.done.cancel()
            self.depth -= 1

    def _check_room(self, party: Party | None) -> None:
        left = self.queue_limit - self.depth
        if left <= 0:
            raise HashingQueueFull
        # One organization can take half of the queue, the next half of what is left, and so on: room always remains.
        if party is not None and self._waiting.of_organization(party) > left:
            raise HashingShareFull

    def _start(self) -> None:
        """Starts the hashes for which there is a thread: urgent ones in any, others in all but one."""
        while self._running + self._urgent_running < self._threads + URGENT_THREADS:
            if (job := self._urgent.take()) is not None:
                self._urgent_running += 1
            elif self._running < self._threads and (job := self._waiting.take()) is not None:
                self._running += 1
                job.is_urgent = False
            else:
                return
            asyncio.get_running_loop().run_in_executor(self._executor, job.work).add_done_callback(
                partial(self._finished, job)
            )

    def _finished(self, job: "_Job", future: asyncio.Future[Any]) -> None:
        self.depth -= 1
        if job.is_urgent:
            self._urgent_running -= 1
        else:
            self._running -= 1
        if job.done.cancelled():
            pass
        elif future.cancelled():
            job.done.cancel()
        elif (failure := future.exception()) is not None:
            job.done.set_exception(failure)
            job.done.exception()  # marks it as retrieved: asyncio would log it if the caller was cancelled
        else:
            job.done.set_result(future.result())
        if not self._is_closed:
            self._start()


@dataclass(slots=True, eq=False)
class _Job:
    """A hash that waits or runs."""

    work: Callable[[], Any]
    done: asyncio.Future[Any]
    is_urgent: bool = True


def _give_way() -> None:
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
