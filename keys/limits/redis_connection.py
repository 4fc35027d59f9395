"""
Runs the script `limiter.lua` on a connection to Redis or Valkey, and keeps what all connections share about Redis.

Redis holds an epoch id, called the "name" of its memory. After an outage, the recovering process writes its usage to
the database and sets a new name. A process that sees another name than before sends the monthly counts from the
database to Redis again, each with the next request of its key.
"""

import secrets
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha1
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError

from keys.cache import TwoGenerationCache
from keys.limits.limiter import Decision, Exceeded
from keys.limits.local_limiter import KEYS_REMEMBERED
from keys.limits.redis_source import RedisSource
from keys.limits.sliding_window import Limits, LimitStatus, Month, month_of
from keys.outcomes import Outcome

SCRIPT = (Path(__file__).parent / "limiter.lua").read_text(encoding="utf-8")
SCRIPT_DIGEST = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
PREFIX = "keydesk:limits"
NAME_BYTES = 8
NAMELESS = bytes(NAME_BYTES)
PROBING = b"\xff" * NAME_BYTES
"""Sent instead of a name: the script does everything that it does for a new key, but stores nothing."""
NOT_KNOWN = 2**32 - 1
"""Sent instead of a monthly count: this process relies on the count that Redis has."""
_REQUEST = Struct(">16sIIIB")
_HEAD = Struct(f">{NAME_BYTES}sII")
_ANSWER = Struct(">BIIII")
PASSED, IS_NOT_KNOWN = 0, 3
_EXCEEDED: Mapping[int, Exceeded] = {1: Outcome.RATE_LIMITED, 2: Outcome.QUOTA_EXCEEDED}


class DataLost(Exception):
    """Redis has lost its data: it has no name."""


class Question(NamedTuple):
    key_id: str
    limits: Limits
    seeded: TwoGenerationCache[str, bool]
    """The keys whose monthly counts Redis had when the question was made: a new cache for each month and name."""
    written: int
    """The key's requests of that month that the database has counted, or NOT_KNOWN."""
    looks: bool
    """Whether nothing is to be counted."""


class RedisEpoch:
    """What all connections share about Redis: its month, the name of its memory, and the keys whose counts it has."""

    def __init__(self, month: Month) -> None:
        self.month = month
        self.name = NAMELESS
        self.seeded = TwoGenerationCache[str, bool](KEYS_REMEMBERED)

    def forget(self) -> None:
        """Forgets which keys Redis has counts of, so that each count is sent again."""
        self.seeded = TwoGenerationCache[str, bool](KEYS_REMEMBERED)

    def seen(self, name: bytes, at: int) -> None:
        """
        Stores the name and the month that Redis reported. `at` is its time, in milliseconds since 1970.

        If either is new, Redis has no counts of this process's keys yet.
        """
        is_same_month = self.month.start * 1000 <= at < self.month.end * 1000
        if name != self.name or not is_same_month:
            self.name = name
            self.month = self.month if is_same_month else month_of(at)
            self.seeded = TwoGenerationCache[str, bool](KEYS_REMEMBERED)


class LimiterConnection:
    """One connection to Redis, which opens when it is first used, and again in each era of its source."""

    def __init__(self, source: RedisSource, memory: RedisEpoch) -> None:
        self._source = source
        self._memory = memory
        self._connection: AbstractConnection | None = None
        self._era = source.era

    async def answers(self, questions: Sequence[Question]) -> list[Decision | None]:
        """
        Runs the script for a batch of questions and returns a decision for each, in the same order.

        A decision is None where the question has to be asked again, for example because Redis does not have the key's
        monthly count yet. Raises Emptied, RedisError and OSError.
        """
        self._source.check()
        is_from_before = self._is_open
        await self._opened()
        if not is_from_before:
            # Redis may have restarted from an older state on disk.
            self._memory.forget()
        month, seeded = self._memory.month, self._memory.seeded
        # Questions about another month or name have to be asked again, so the script must not count them.
        requests = b"".join(
            [
                _REQUEST.pack(bytes.fromhex(key_id), rate_limit, monthly_quota, written, looks)
                if its_seeded is seeded
                else _REQUEST.pack(bytes.fromhex(key_id), rate_limit, monthly_quota, NOT_KNOWN, True)
                for key_id, (rate_limit, monthly_quota), its_seeded, written, looks in questions
            ]
        )
        try:
            answer = await self._run(month, self._memory.name, requests)
        except (RedisConnectionError, OSError):
            if not is_from_before:
                raise
            # An idle connection may have been closed in the meantime, so try once more on a new one.
            await self.close()
            return [None] * len(questions)
        name, seconds, milliseconds = _HEAD.unpack_from(answer)
        if name == NAMELESS:
            raise DataLost
        at = seconds * 1000 + milliseconds
        self._memory.seen(name, at)
        if len(answer) == _HEAD.size:
            return [None] * len(questions)
        results = _ANSWER.iter_unpack(answer[_HEAD.size :])
        return [
            _decision(result, month, at) if each.seeded is seeded else None
            for each, result in zip(questions, results, strict=True)
        ]

    def is_out_of_order(self, error: Exception) -> bool:
        """True after any error: one that Redis answers also means that it does not count."""
        return True

    async def probe(self) -> None:
        """
        Checks that Redis can count, by running the script as for a new key without storing anything.

        A PING would not be enough, because the Redis user may not be allowed to run scripts. Raises RedisError or
        OSError.
        """
        month = self._memory.month
        while True:
            answer = await self._run(month, PROBING, _REQUEST.pack(bytes(16), 1, 1, 0, True))
            if len(answer) > _HEAD.size:
                return
            month = month_of(_HEAD.unpack_from(answer)[1] * 1000)

    async def probe_all(self) -> None:
        """
        Checks everything that a limiter needs: writing a name, loading the script, and running it.

        Raises RedisError or OSError.
        """
        await self._command("SET", f"{PREFIX}:probe", b"", "EX", 1)
        await self._command("EVAL", SCRIPT, 1, PREFIX, 0, 0, 0, PROBING, b"")
        await self.probe()

    async def name(self) -> None:
        """Gives Redis's memory a random name if it has none yet. Raises RedisError or OSError."""
        await self._command("SET", f"{PREFIX}:memory", secrets.token_bytes(NAME_BYTES), "NX")

    async def rename(self) -> None:
        """
        Gives Redis's memory a new name, so that every process sends the counts from the database again.

        Raises RedisError or OSError.
        """
        await self._command("SET", f"{PREFIX}:memory", secrets.token_bytes(NAME_BYTES))

    async def close(self) -> None:
        """Closes the connection; the next command opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    @property
    def _is_open(self) -> bool:
        connection = self._connection
        return connection is not None and connection.is_connected and self._era == self._source.era

    async def _opened(self) -> AbstractConnection:
        """The open connection, or a new one."""
        if self._connection is None or not self._is_open:
            await self.close()
            self._era = self._source.era
            self._connection = await self._source.open()
        return self._connection

    async def _run(self, month: Month, name: bytes, requests: bytes) -> bytes:
        """Runs the script and returns its answer; sends the script itself only if Redis does not have it."""
        try:
            return await self._sent(b"%b$%d\r\n%b\r\n" % (_beginning(month, name), len(requests), requests))
        except NoScriptError:
            before = month_of(month.start * 1000 - 1)
            return await self._command("EVAL", SCRIPT, 1, PREFIX, month.start, month.end, before.start, name, requests)

    async def _command(self, *words: str | int | bytes) -> bytes:
        connection = await self._opened()
        return await self._sent(b"".join(connection.pack_command(*words)))

    async def _sent(self, command: bytes) -> bytes:
        """Sends a command in the protocol of Redis, and returns the answer."""
        connection = await self._opened()
        await connection.send_packed_command(command, check_health=False)
        answer: bytes = await connection.read_response(disable_decoding=True)
        return answer


@lru_cache(maxsize=4)
def _beginning(month: Month, name: bytes) -> bytes:
    """The command that runs the script, without its last argument: only that differs from one batch to the next."""
    before = month_of(month.start * 1000 - 1)
    texts = ("EVALSHA", SCRIPT_DIGEST, 1, PREFIX, month.start, month.end, before.start)
    words = [*(str(text).encode() for text in texts), name]
    return b"*%d\r\n" % (len(words) + 1) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def _decision(answer: tuple[int, ...], month: Month, at: int) -> Decision | None:
    outcome, remaining, resets_in, wait, used = answer
    if outcome == PASSED:
        return Decision(None, LimitStatus(remaining, resets_in, used, month, at))
    if outcome == IS_NOT_KNOWN:
        return None
    exceeded = _EXCEEDED[outcome]
    retry_in = month.end * 1000 - at if exceeded is Outcome.QUOTA_EXCEEDED else wait
    return Decision(exceeded, LimitStatus(remaining, resets_in, used, month, at), retry_in)
